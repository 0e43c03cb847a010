/* SPDX-License-Identifier: MIT */
/*
 * For authors of BPF programs: ring buffers that count what they lose.
 *
 *	BPFRB_RINGBUF(events, 1 << 20);
 *
 *	SEC("tp_btf/sched_process_exec")
 *	int on_exec(void *ctx)
 *	{
 *		struct event *event = bpfrb_reserve(events, sizeof(*event));
 *
 *		if (!event)
 *			return 0;
 *		event->pid = bpf_get_current_pid_tgid() >> 32;
 *		bpfrb_submit(events, event);
 *		return 0;
 *	}
 *
 * The kernel does not count the records that find no room: only the program
 * knows that bpf_ringbuf_reserve() gave NULL. These macros count it per CPU,
 * and RingBuffer.stats() of the npm package bpf-ringbuf reads the counts.
 *
 * Include vmlinux.h or <linux/bpf.h> before, or nothing. Linux 5.8 or newer.
 */
#ifndef BPF_RINGBUF_BPF_H
#define BPF_RINGBUF_BPF_H

#ifndef __VMLINUX_H__
#include <linux/bpf.h>
#endif
#include <bpf/bpf_helpers.h>

/* What became of records that nobody receives. */
struct bpfrb_counters {
	__u64 lost;	 /* no room in the ring */
	__u64 discarded; /* reserved, then given up by the program */
};

/*
 * The last member of maps that are declared below, or nothing: those that have it
 * are pinned by their names when the object is loaded.
 */
#define __BPFRB_PINNED __uint(pinning, LIBBPF_PIN_BY_NAME);
#define __BPFRB_NOT_PINNED

/* What counts for a map. */
#define __BPFRB_COUNTERS(name, pinned)                   \
	struct {                                         \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); \
		__uint(max_entries, 1);                  \
		__type(key, __u32);                      \
		__type(value, struct bpfrb_counters);    \
		pinned                                   \
	} name##__counters SEC(".maps")

/* A ring, its counters and its wake-up control. */
#define __BPFRB_RING(name, size_bytes, pinned)      \
	struct {                                    \
		__uint(type, BPF_MAP_TYPE_RINGBUF); \
		__uint(max_entries, size_bytes);    \
		pinned                              \
	} name SEC(".maps");                        \
	__BPFRB_COUNTERS(name, pinned);             \
	const volatile __u64 name##__wakeup_bytes = 0

#define __BPFRB_PERF_EVENT_ARRAY(name)                       \
	struct {                                             \
		__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); \
		__uint(key_size, sizeof(int));               \
		__uint(value_size, sizeof(int));             \
	} name SEC(".maps")

/*
 * BPFRB_RINGBUF(name, size_bytes) - declare a ring, at file scope
 *
 * size_bytes is a power of two and a multiple of the page size; libbpf 1.0 and
 * newer rounds others up. From TypeScript it is object.map('name').maxEntries.
 *
 * Also declares what belongs to it:
 *   name__counters	struct bpfrb_counters per CPU
 *   name__wakeup_bytes	wake-up control, object.map('name').wakeupBytes: with 0,
 *			the default, the kernel wakes a consumer that has caught
 *			up; with N > 0 a record wakes it only when N bytes or
 *			more are queued.
 */
#define BPFRB_RINGBUF(name, size_bytes) __BPFRB_RING(name, size_bytes, __BPFRB_NOT_PINNED)

/*
 * BPFRB_RINGBUF_OF(name, size_bytes, type) - declare a ring whose records are of a
 * type, such as struct event, at file scope
 *
 * As BPFRB_RINGBUF(). Also declares:
 *   name__record	a pointer to the type, NULL: it keeps the type in the
 *			object's BTF, where clang would leave it out when nothing
 *			but a program's code uses it, and names it for
 *			"bpf-ringbuf tail" and others that read the object.
 */
#define BPFRB_RINGBUF_OF(name, size_bytes, type) \
	BPFRB_RINGBUF(name, size_bytes);         \
	BPFRB_RECORD_OF(name, type)

/*
 * BPFRB_RINGBUF_PINNED(name, size_bytes) - declare a ring that outlives its reader,
 * at file scope
 *
 * As BPFRB_RINGBUF(). The ring and its counters are pinned by their names when the
 * object is loaded, below /sys/fs/bpf or the pinRoot of BpfObject.open(), and who
 * loads it next takes both. BPFRB_RECORD_OF() names the type of its records.
 */
#define BPFRB_RINGBUF_PINNED(name, size_bytes) __BPFRB_RING(name, size_bytes, __BPFRB_PINNED)

/*
 * BPFRB_RECORD_OF(name, type) - say of which type the records of a ring or perf
 * buffer are that is declared otherwise, at file scope
 *
 * Of a BPFRB_RINGBUF_PINNED(), BPFRB_EVENT_STREAM(), BPFRB_FLIGHT_RECORDER(),
 * BPFRB_PERFBUF(), or a map that no macro of this header declares. It comes after the
 * declaration of the map: a misspelt name does not compile.
 */
#define BPFRB_RECORD_OF(name, type)                                      \
	_Static_assert(sizeof(name), "the map is declared before this"); \
	type *const volatile name##__record = 0

/*
 * BPFRB_RECORD_TAGGED(name, field, tag, type) - say of which type those records of a
 * ring or perf buffer are whose field has the value tag, at file scope
 *
 * Once for each type of record. field is the name of an integer or enum that all of
 * them have at one offset; tag is a number, or the name of a constant, from 0 on:
 *
 *	BPFRB_RECORD_TAGGED(events, type, EVENT_EXEC, struct exec_event);
 *	BPFRB_RECORD_TAGGED(events, type, EVENT_EXIT, struct exit_event);
 *
 * Also declares, for each, what says it in BTF and is NULL otherwise:
 *   name__record_tag	a pointer to an array of tag elements, by the field's name,
 *			and a pointer to an array of the type: of a plain pointer
 *			to a struct in a struct clang leaves the struct out
 */
#define BPFRB_RECORD_TAGGED(name, field, tag, type_of_record)            \
	_Static_assert(sizeof(name), "the map is declared before this"); \
	_Static_assert(sizeof(((type_of_record *)0)->field) <= 8,        \
		       "the tag of a record is an integer or an enum");  \
	const volatile struct {                                          \
		int (*field)[tag];                                       \
		type_of_record (*__record)[1];                           \
	} name##__record_##tag = {}

/*
 * bpfrb_reserve(ring, size) - reserve a record
 *
 * size is a constant, in bytes. Returns NULL, and counts a loss, when there is
 * no room. The record's contents are undefined. What was reserved must be given
 * to bpfrb_submit() or bpfrb_discard() on every path.
 */
#define bpfrb_reserve(ring, size) __bpfrb_reserve(&(ring), &(ring##__counters), size)

/* bpfrb_submit(ring, record) - publish a reserved record */
#define bpfrb_submit(ring, record) \
	bpf_ringbuf_submit(record, __bpfrb_flags(&(ring), ring##__wakeup_bytes))

/* bpfrb_discard(ring, record) - give up a reserved record, counted */
#define bpfrb_discard(ring, record) \
	__bpfrb_discard(&(ring##__counters), record, __bpfrb_flags(&(ring), ring##__wakeup_bytes))

/*
 * bpfrb_output(ring, data, size) - copy a record into the ring
 *
 * For records whose size is known only at run time. Returns 0, or a negative
 * error, and counts a loss, when there is no room.
 */
#define bpfrb_output(ring, data, size)                           \
	__bpfrb_output(&(ring), &(ring##__counters), data, size, \
		       __bpfrb_flags(&(ring), ring##__wakeup_bytes))

/*
 * BPFRB_PERFBUF(name) - declare a perf buffer, at file scope
 *
 * A buffer for each CPU, for kernels before 5.8; its size is the reader's to
 * choose. Also declares name__counters, as BPFRB_RINGBUF() does.
 */
#define BPFRB_PERFBUF(name)             \
	__BPFRB_PERF_EVENT_ARRAY(name); \
	__BPFRB_COUNTERS(name, __BPFRB_NOT_PINNED)

/*
 * bpfrb_perf_output(ctx, buffer, data, size) - copy a record into this CPU's buffer
 *
 * ctx is the program's context. Returns 0, or a negative error, and counts a
 * loss, when there is no room or the CPU has no buffer.
 */
#define bpfrb_perf_output(ctx, buffer, data, size) \
	__bpfrb_perf_output(ctx, &(buffer), &(buffer##__counters), data, size)

/*
 * BPFRB_EVENT_STREAM(name, size_bytes, record_bytes) - a ring buffer where the
 * kernel has them, a perf buffer otherwise, at file scope
 *
 * The same program serves both: openEventStream(object, 'name', ...) reads
 * whichever was chosen when the object was loaded. record_bytes is the size of
 * the largest record. Declares what BPFRB_RINGBUF(name, size_bytes) does, and:
 *   name__perf		the perf event array
 *   name__scratch	where a record is put together for the perf buffer
 *   name__use_perf	which one is used; the verifier drops the other's code
 *
 * With the perf buffer a CPU has one record in the making: a program that
 * interrupts another one on the same CPU must have a stream of its own.
 */
#define BPFRB_EVENT_STREAM(name, size_bytes, record_bytes) \
	BPFRB_RINGBUF(name, size_bytes);                   \
	__BPFRB_PERF_EVENT_ARRAY(name##__perf);            \
	struct {                                           \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);   \
		__uint(max_entries, 1);                    \
		__uint(key_size, sizeof(__u32));           \
		__uint(value_size, record_bytes);          \
	} name##__scratch SEC(".maps");                    \
	const volatile __u8 name##__use_perf = 0

/* bpfrb_event_reserve(stream, size) - as bpfrb_reserve() */
#define bpfrb_event_reserve(stream, size) \
	(stream##__use_perf ? __bpfrb_first(&(stream##__scratch)) : bpfrb_reserve(stream, size))

/* bpfrb_event_submit(ctx, stream, record, size) - publish the first bytes of a record */
#define bpfrb_event_submit(ctx, stream, record, size)                                              \
	do {                                                                                       \
		if (stream##__use_perf)                                                            \
			__bpfrb_perf_output(ctx, &(stream##__perf), &(stream##__counters), record, \
					    size);                                                 \
		else                                                                               \
			bpfrb_submit(stream, record);                                              \
	} while (0)

/* bpfrb_event_discard(stream, record) - give up a reserved record, counted */
#define bpfrb_event_discard(stream, record)                             \
	do {                                                            \
		if (stream##__use_perf)                                 \
			__bpfrb_count_discarded(&(stream##__counters)); \
		else                                                    \
			bpfrb_discard(stream, record);                  \
	} while (0)

/* bpfrb_event_output(ctx, stream, data, size) - as bpfrb_output() */
#define bpfrb_event_output(ctx, stream, data, size)                                               \
	(stream##__use_perf                                                                       \
		 ? __bpfrb_perf_output(ctx, &(stream##__perf), &(stream##__counters), data, size) \
		 : bpfrb_output(stream, data, size))

/*
 * BPFRB_FLIGHT_RECORDER(name, size_bytes) - a ring that overwrites its oldest
 * records where the kernel has such, a perf buffer that does so otherwise, at
 * file scope
 *
 * Nobody reads it until somebody asks what happened just before: new
 * FlightRecorder(object.map('name'), ...).snapshot() gives the newest records.
 * The ring is of Linux 6.19; load() chooses. size_bytes is as of BPFRB_RINGBUF();
 * the perf buffer divides it among the CPUs. Also declares:
 *   name__perf		the perf event array
 *   name__counters	struct bpfrb_counters per CPU
 *   name__use_perf	which one is used; the verifier drops the other's code
 */
#define BPFRB_FLIGHT_RECORDER(name, size_bytes)            \
	struct {                                           \
		__uint(type, BPF_MAP_TYPE_RINGBUF);        \
		__uint(map_flags, __BPFRB_F_RB_OVERWRITE); \
		__uint(max_entries, size_bytes);           \
	} name SEC(".maps");                               \
	__BPFRB_PERF_EVENT_ARRAY(name##__perf);            \
	__BPFRB_COUNTERS(name, __BPFRB_NOT_PINNED);        \
	const volatile __u8 name##__use_perf = 0

/* BPF_F_RB_OVERWRITE, which older headers do not have. */
#define __BPFRB_F_RB_OVERWRITE (1U << 19)

/*
 * bpfrb_record(ctx, recorder, data, size) - copy a record into a flight recorder
 *
 * ctx is the program's context. Wakes nobody. Returns 0, or a negative error, and
 * counts a loss: of a ring when the record that would be overwritten is still
 * being written, of a perf buffer when the CPU has none.
 */
#define bpfrb_record(ctx, recorder, data, size)                                                  \
	(recorder##__use_perf ? __bpfrb_perf_output(ctx, &(recorder##__perf),                    \
						    &(recorder##__counters), data, size)         \
			      : __bpfrb_output(&(recorder), &(recorder##__counters), data, size, \
					       BPF_RB_NO_WAKEUP))

/* The only value of an array map. */
static __always_inline void *__bpfrb_first(void *map)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(map, &zero);
}

/* Atomic: another program on this CPU may interrupt this one. */
static __always_inline void __bpfrb_count_lost(void *map)
{
	struct bpfrb_counters *counters = __bpfrb_first(map);

	if (counters)
		__sync_fetch_and_add(&counters->lost, 1);
}

static __always_inline void __bpfrb_count_discarded(void *map)
{
	struct bpfrb_counters *counters = __bpfrb_first(map);

	if (counters)
		__sync_fetch_and_add(&counters->discarded, 1);
}

static __always_inline void *__bpfrb_reserve(void *ring, void *counters, __u64 size)
{
	void *record = bpf_ringbuf_reserve(ring, size, 0);

	if (!record)
		__bpfrb_count_lost(counters);
	return record;
}

/*
 * Discarding wakes like submitting: the kernel wakes only for the record that
 * the consumer would read next, so leaving that one out would leave out the
 * wake-up for all that follow.
 */
static __always_inline void __bpfrb_discard(void *map, void *record, __u64 flags)
{
	__bpfrb_count_discarded(map);
	bpf_ringbuf_discard(record, flags);
}

/*
 * The verifier drops the query where wakeup_bytes is 0. Otherwise, without a
 * branch, which in a loop would double the verifier's work each time around:
 * BPF_RB_NO_WAKEUP is 1 and BPF_RB_FORCE_WAKEUP is 2.
 */
static __always_inline __u64 __bpfrb_flags(void *ring, __u64 wakeup_bytes)
{
	if (!wakeup_bytes)
		return 0;
	return BPF_RB_FORCE_WAKEUP -
	       ((bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) - wakeup_bytes) >> 63);
}

static __always_inline long __bpfrb_output(void *ring, void *counters, void *data, __u64 size,
					   __u64 flags)
{
	long error = bpf_ringbuf_output(ring, data, size, flags);

	if (error)
		__bpfrb_count_lost(counters);
	return error;
}

static __always_inline long __bpfrb_perf_output(void *ctx, void *buffer, void *counters, void *data,
						__u64 size)
{
	long error = bpf_perf_event_output(ctx, buffer, BPF_F_CURRENT_CPU, data, size);

	if (error)
		__bpfrb_count_lost(counters);
	return error;
}

#endif /* BPF_RINGBUF_BPF_H */
