// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The same records through a perf buffer, and through a stream that may be either. */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Whose system calls produce. */
const volatile __u32 producer_tgid = 0;
const volatile __u32 records_per_call = 1;

BPFRB_PERFBUF(samples);

struct sample {
	__u64 time_ns;
	__u32 sequence;
	__u32 cpu;
};

struct sample *unused_sample __attribute__((unused)); /* keeps it in BTF */

BPFRB_EVENT_STREAM(events, 1 << 18, sizeof(struct sample));

/* Of each CPU, counted where the record is made. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} produced SEC(".maps");

static __always_inline void describe(struct sample *sample, __u64 *count)
{
	sample->time_ns = bpf_ktime_get_ns();
	sample->sequence = (*count)++;
	sample->cpu = bpf_get_smp_processor_id();
}

static __always_inline __u64 *count_of_producer(void)
{
	__u32 zero = 0;

	if (bpf_get_current_pid_tgid() >> 32 != producer_tgid)
		return 0;
	return bpf_map_lookup_elem(&produced, &zero);
}

SEC("raw_tp/sys_enter")
int to_perf(void *ctx)
{
	__u64 *count = count_of_producer();
	struct sample sample;

	if (!count)
		return 0;
	for (__u32 i = 0; i < records_per_call; i++) {
		describe(&sample, count);
		bpfrb_perf_output(ctx, samples, &sample, sizeof(sample));
	}
	return 0;
}

SEC("raw_tp/sys_enter")
int to_stream(void *ctx)
{
	__u64 *count = count_of_producer();
	struct sample *sample;

	if (!count)
		return 0;
	sample = bpfrb_event_reserve(events, sizeof(*sample));
	if (!sample) {
		(*count)++;
		return 0;
	}
	describe(sample, count);
	if (sample->sequence % 16 == 5)
		bpfrb_event_discard(events, sample);
	else
		bpfrb_event_submit(ctx, events, sample, sizeof(*sample));
	return 0;
}
