// SPDX-License-Identifier: GPL-2.0 OR MIT
/* As softirqs: how many software interrupts of each kind there were, and for how long. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* There are ten; a power of two is what the verifier understands. */
#define KINDS 16

struct softirq {
	__u64 count;
	__u64 total_ns;
};

/* Of each CPU its own, as each is counted where it is served. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KINDS);
	__type(key, __u32);
	__type(value, struct softirq);
} per_cpu SEC(".maps");

/* The same of all CPUs. */
struct softirq of_all[KINDS] = {};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} starts SEC(".maps");

SEC("tp_btf/softirq_entry")
int BPF_PROG(on_entry, unsigned int kind)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 zero = 0;

	bpf_map_update_elem(&starts, &zero, &now, BPF_ANY);
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(on_exit, unsigned int kind)
{
	__u64 now = bpf_ktime_get_ns(), duration;
	struct softirq *softirq, *all;
	__u32 zero = 0;
	__u64 *start = bpf_map_lookup_elem(&starts, &zero);

	if (!start || !*start)
		return 0;
	duration = now - *start;
	*start = 0;
	softirq = bpf_map_lookup_elem(&per_cpu, &kind);
	if (!softirq)
		return 0;
	softirq->count++;
	softirq->total_ns += duration;
	all = &of_all[kind & (KINDS - 1)];
	__sync_fetch_and_add(&all->count, 1);
	__sync_fetch_and_add(&all->total_ns, duration);
	return 0;
}
