// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Samples what each CPU executes: a record has both stacks of the current thread. */
#include <stddef.h>

#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define DEPTH 127
#define COMM_SIZE 16

struct sample {
	__u64 time_ns;
	__u32 pid;
	__u32 tid;
	__u32 cpu;
	__u32 kernel_count;
	__u32 user_count;
	char comm[COMM_SIZE];
	__u32 reserved;
	/* Of the kernel, then of the process; the innermost first. */
	__u64 addresses[];
};

/* Only this process; 0 is any. */
const volatile __u32 only_pid = 0;
const volatile __u32 only_tid = 0;

BPFRB_RINGBUF(samples, 4 << 20);
BPFRB_RECORD_OF(samples, struct sample);

/* Where a sample is put together, as its size is known only then. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct sample) + 2 * DEPTH * sizeof(__u64));
} scratch SEC(".maps");

/* Gives how many addresses there are. */
static __always_inline __u32 take_stack(void *ctx, __u64 *addresses, __u64 flags)
{
	long bytes = bpf_get_stack(ctx, addresses, DEPTH * sizeof(__u64), flags);

	return bytes < 0 ? 0 : bytes / sizeof(__u64);
}

SEC("perf_event")
int on_sample(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct sample *sample;
	__u32 zero = 0;
	__u32 count;

	/* The idle loop is no thread's. */
	if (!id || (only_pid && id >> 32 != only_pid) || (only_tid && (__u32)id != only_tid))
		return 0;
	sample = bpf_map_lookup_elem(&scratch, &zero);
	if (!sample)
		return 0;
	sample->time_ns = bpf_ktime_get_ns();
	sample->pid = id >> 32;
	sample->tid = id;
	sample->cpu = bpf_get_smp_processor_id();
	bpf_get_current_comm(sample->comm, sizeof(sample->comm));
	count = take_stack(ctx, sample->addresses, 0);
	if (count > DEPTH)
		return 0;
	sample->kernel_count = count;
	sample->user_count = take_stack(ctx, sample->addresses + count, BPF_F_USER_STACK);
	count += sample->user_count;
	if (count > 2 * DEPTH)
		return 0;
	bpfrb_output(samples, sample, offsetof(struct sample, addresses) + count * sizeof(__u64));
	return 0;
}
