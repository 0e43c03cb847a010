// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Reports how long V8's garbage collector held a thread, and what it did: a collection is
 * Heap::CollectGarbage() from its call to its return, and its kind is which of V8's
 * collectors was called within it. Of the arguments only that text is read that tells
 * Heap::PerformGarbageCollection() why.
 */
#include "bpf-ringbuf.bpf.h"

#include "registers.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum kind {
	SCAVENGE = 1,
	MARK_COMPACT = 2,
	MINOR_MARK = 3,
	INCREMENTAL_STEP = 4,
};

struct event {
	__u64 start_ns;
	__u64 end_ns;
	__u32 pid;
	__u32 tid;
	enum kind kind;
	char reason[64];
};

/* Only this process; 0 is any. */
const volatile __u32 only_pid = 0;
/* Who asks. */
const volatile __u32 ignored_pid = 0;
/* Shorter pauses are not reported. */
const volatile __u64 least_ns = 0;

BPFRB_RINGBUF_OF(events, 1 << 20, struct event);

struct pause {
	__u64 start_ns;
	__u64 reason; /* where the text is */
	enum kind kind;
	__u32 depth; /* of calls within calls */
};

/* Of threads: an isolate is collected by the thread that runs it. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct pause);
} collections SEC(".maps"), steps SEC(".maps");

static __always_inline int enter(void *map, enum kind kind)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct pause pause = {.start_ns = bpf_ktime_get_ns(), .kind = kind, .depth = 1};
	__u32 pid = id >> 32;
	__u32 tid = id;
	struct pause *outer;

	if (pid == ignored_pid || (only_pid && pid != only_pid))
		return 0;
	outer = bpf_map_lookup_elem(map, &tid);
	if (outer && outer->depth)
		outer->depth++;
	else
		bpf_map_update_elem(map, &tid, &pause, BPF_ANY);
	return 0;
}

static __always_inline struct pause *collection(void)
{
	__u32 tid = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&collections, &tid);
}

static __always_inline int be(enum kind kind)
{
	struct pause *pause = collection();

	if (pause)
		pause->kind = kind;
	return 0;
}

static __always_inline int leave(void *map)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();
	__u32 tid = id;
	struct pause *pause = bpf_map_lookup_elem(map, &tid);
	struct event *event;

	if (!pause || !pause->depth || --pause->depth)
		return 0;
	/* Without a kind nothing was collected. */
	if (!pause->kind || now - pause->start_ns < least_ns)
		return 0;
	event = bpfrb_reserve(events, sizeof(*event));
	if (!event)
		return 0;
	event->start_ns = pause->start_ns;
	event->end_ns = now;
	event->pid = id >> 32;
	event->tid = tid;
	event->kind = pause->kind;
	if (!pause->reason || bpf_probe_read_user_str(event->reason, sizeof(event->reason),
						      (void *)pause->reason) < 0)
		event->reason[0] = '\0';
	bpfrb_submit(events, event);
	return 0;
}

SEC("uprobe")
int on_collect(void *ctx)
{
	return enter(&collections, 0);
}

SEC("uprobe")
int on_scavenge(void *ctx)
{
	return be(SCAVENGE);
}

SEC("uprobe")
int on_mark_compact(void *ctx)
{
	return be(MARK_COMPACT);
}

SEC("uprobe")
int on_minor_mark(void *ctx)
{
	return be(MINOR_MARK);
}

SEC("uprobe")
int BPF_KPROBE(on_perform, void *heap, int collector, int reason_number, __u64 reason)
{
	struct pause *pause = collection();

	if (pause)
		pause->reason = reason;
	return 0;
}

SEC("uretprobe")
int on_collected(void *ctx)
{
	return leave(&collections);
}

SEC("uprobe")
int on_step(void *ctx)
{
	return enter(&steps, INCREMENTAL_STEP);
}

SEC("uretprobe")
int on_step_end(void *ctx)
{
	return leave(&steps);
}
