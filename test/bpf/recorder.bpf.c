// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Records for a flight recorder: numbered, and filled with what a reader can check.
 * System calls make them, and interrupts that come while a system call is at it.
 */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Whose system calls produce. */
const volatile __u32 producer_tgid = 0;
const volatile __u32 records_per_call = 1;
/* Of different sizes instead of struct sample's. */
const volatile __u8 mixed = 0;

BPFRB_FLIGHT_RECORDER(recorder, 1 << 18);
BPFRB_RINGBUF(ordinary, 1 << 16);
BPFRB_PERFBUF(perf);

#define WORDS 16
#define LONGEST 256

/* The first 8 bytes of each record; word i is this + i. */
struct head {
	__u32 sequence;
	__u16 source; /* the CPU, and INTERRUPT */
	__u16 words;
};
#define INTERRUPT 0x8000

struct sample {
	struct head head;
	__u64 words[WORDS - 1];
};

struct sample *unused_sample __attribute__((unused)); /* keeps it in BTF */

/* Of each CPU: records of system calls, and of interrupts. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} produced SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, LONGEST * 8);
} scratch SEC(".maps");

/* A function of its own, so that the verifier follows it once. */
__noinline int produce(struct bpf_raw_tracepoint_args *ctx, __u32 interrupt)
{
	__u32 kind = interrupt ? 1 : 0;
	__u64 *count = bpf_map_lookup_elem(&produced, &kind);
	__u64 *record = bpf_map_lookup_elem(&scratch, &kind);
	struct head head = {};
	__u32 words = WORDS;
	__u64 word;

	if (!count || !record)
		return 1;
	head.sequence = (*count)++;
	head.source = bpf_get_smp_processor_id() | (interrupt ? INTERRUPT : 0);
	if (mixed)
		words = 1 + (head.sequence * 2654435761U >> 16 & (LONGEST - 1));
	if (words > LONGEST)
		return 1;
	head.words = words;
	__builtin_memcpy(&word, &head, sizeof(word));
	for (__u32 i = 0; i < LONGEST && i < words; i++)
		record[i] = word + i;
	bpfrb_record(ctx, recorder, record, words * 8);
	return 0;
}

static __always_inline int is_producer(void)
{
	return bpf_get_current_pid_tgid() >> 32 == producer_tgid;
}

SEC("raw_tp/sys_enter")
int on_sys_enter(struct bpf_raw_tracepoint_args *ctx)
{
	if (!is_producer())
		return 0;
	for (__u32 i = 0; i < records_per_call; i++)
		if (produce(ctx, 0))
			break;
	return 0;
}

SEC("raw_tp/hrtimer_expire_entry")
int on_timer(struct bpf_raw_tracepoint_args *ctx)
{
	if (is_producer())
		produce(ctx, 1);
	return 0;
}

/* What timed() writes to, and how long that took. */
enum target {
	RECORDER,
	ORDINARY,
	PERF
};
const volatile __u32 target = RECORDER;
__u64 timed_records = 0;
__u64 timed_ns = 0;

__noinline int write_timed(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 record[7] = {};

	if (target == ORDINARY)
		return __bpfrb_output(&ordinary, &ordinary__counters, record, sizeof(record),
				      BPF_RB_NO_WAKEUP);
	if (target == PERF)
		return bpfrb_perf_output(ctx, perf, record, sizeof(record));
	return bpfrb_record(ctx, recorder, record, sizeof(record));
}

SEC("?raw_tp/sys_enter")
int timed(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 start = bpf_ktime_get_ns();

	if (!is_producer())
		return 0;
	for (__u32 i = 0; i < records_per_call; i++) {
		if (write_timed(ctx))
			return 0;
	}
	timed_ns += bpf_ktime_get_ns() - start;
	timed_records += records_per_call;
	return 0;
}
