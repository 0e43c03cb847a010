// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The comparison's events, each kind once to a ring buffer and once to a perf
 * buffer. A bench loads one of the programs.
 */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Whose getpgid() calls produce; the second one may be nobody's. */
const volatile __u32 producer_tgid = 0;
const volatile __u32 second_tgid = 0;
/* Of getpgid() on this architecture. */
const volatile __u64 syscall_number = 0;
const volatile __u32 records_per_call = 1;

BPFRB_RINGBUF(ring, 1 << 20);
BPFRB_PERFBUF(perf);

/* One producer only, except of event_to_*(): they need no atomic operations. */
__u64 made = 0;
__u64 submitted = 0;
/* Of the sequence numbers submitted. */
__u64 sum = 0;

struct record {
	__u32 sequence;
	__u32 cpu;
};

struct record *unused_record __attribute__((unused)); /* keeps it in BTF */

struct event {
	__u64 time_ns;
	__u64 payload[15];
};

struct event *unused_event __attribute__((unused)); /* keeps it in BTF */

/* What a program that reports a path puts together. */
struct prepared {
	__u64 time_ns;
	__u32 pid;
	__u32 uid;
	char comm[16];
	char text[480];
};

static __always_inline int is_produced(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	return (tgid == producer_tgid || tgid == second_tgid) && ctx->args[1] == syscall_number;
}

/*
 * A record is a function of its own, not static: in a loop the verifier would
 * follow both ways, room and no room, each time around.
 */
__noinline int record_to_ring(void)
{
	struct record *record = bpfrb_reserve(ring, sizeof(*record));

	made++;
	if (!record)
		return 1;
	record->sequence = made;
	record->cpu = 0;
	submitted++;
	sum += (__u32)made;
	bpfrb_submit(ring, record);
	return 0;
}

__noinline int record_to_perf(struct bpf_raw_tracepoint_args *ctx)
{
	struct record record = {.sequence = ++made};

	if (bpfrb_perf_output(ctx, perf, &record, sizeof(record)))
		return 1;
	submitted++;
	sum += (__u32)made;
	return 0;
}

SEC("?raw_tp/sys_enter")
int records_to_ring(struct bpf_raw_tracepoint_args *ctx)
{
	if (!is_produced(ctx))
		return 0;
	for (__u32 i = 0; i < records_per_call; i++)
		record_to_ring();
	return 0;
}

SEC("?raw_tp/sys_enter")
int records_to_perf(struct bpf_raw_tracepoint_args *ctx)
{
	if (!is_produced(ctx))
		return 0;
	for (__u32 i = 0; i < records_per_call; i++)
		record_to_perf(ctx);
	return 0;
}

/* One event of 128 bytes a call. */
SEC("?raw_tp/sys_enter")
int event_to_ring(struct bpf_raw_tracepoint_args *ctx)
{
	struct event *event;

	if (!is_produced(ctx))
		return 0;
	event = bpfrb_reserve(ring, sizeof(*event));
	if (!event)
		return 0;
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = bpf_ktime_get_ns();
	bpfrb_submit(ring, event);
	return 0;
}

SEC("?raw_tp/sys_enter")
int event_to_perf(struct bpf_raw_tracepoint_args *ctx)
{
	struct event event = {};

	if (!is_produced(ctx))
		return 0;
	event.time_ns = bpf_ktime_get_ns();
	bpfrb_perf_output(ctx, perf, &event, sizeof(event));
	return 0;
}

/* Two, as the text is copied from somewhere. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct prepared);
} scratch SEC(".maps");

static __always_inline void *source_text(void)
{
	__u32 one = 1;
	struct prepared *source = bpf_map_lookup_elem(&scratch, &one);

	return source ? source->text : 0;
}

static __always_inline void prepare(struct prepared *event, void *text)
{
	event->time_ns = bpf_ktime_get_ns();
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_kernel(event->text, sizeof(event->text), text);
}

/* These three expect that there is no room. */
SEC("?raw_tp/sys_enter")
int prepare_for_perf(struct bpf_raw_tracepoint_args *ctx)
{
	struct prepared *event = __bpfrb_first(&scratch);
	void *text = source_text();

	if (!is_produced(ctx) || !event || !text)
		return 0;
	for (__u32 i = 0; i < records_per_call; i++) {
		made++;
		prepare(event, text);
		bpfrb_perf_output(ctx, perf, event, sizeof(*event));
	}
	return 0;
}

SEC("?raw_tp/sys_enter")
int prepare_for_ring(struct bpf_raw_tracepoint_args *ctx)
{
	struct prepared *event = __bpfrb_first(&scratch);
	void *text = source_text();

	if (!is_produced(ctx) || !event || !text)
		return 0;
	for (__u32 i = 0; i < records_per_call; i++) {
		made++;
		prepare(event, text);
		bpfrb_output(ring, event, sizeof(*event));
	}
	return 0;
}

SEC("?raw_tp/sys_enter")
int reserve_in_ring(struct bpf_raw_tracepoint_args *ctx)
{
	void *text = source_text();

	if (!is_produced(ctx) || !text)
		return 0;
	for (__u32 i = 0; i < records_per_call; i++) {
		struct prepared *event = bpfrb_reserve(ring, sizeof(*event));

		made++;
		if (!event)
			continue;
		prepare(event, text);
		bpfrb_submit(ring, event);
		break;
	}
	return 0;
}
