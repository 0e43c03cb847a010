// SPDX-License-Identifier: GPL-2.0 OR MIT
/* As cpudist -O: how long the threads of a process were off the CPU, as histograms. */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "histogram.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct task_struct {
	int pid;
	int tgid;
} __attribute__((preserve_access_index));

const volatile __u32 only_tgid = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct histogram);
} histograms SEC(".maps");

/* Zeros are too many for the stack. */
static struct histogram empty;

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *previous, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns(), *start;
	struct histogram *histogram;
	__u32 thread = previous->pid, process = next->tgid;

	if (previous->tgid == only_tgid)
		bpf_map_update_elem(&starts, &thread, &now, BPF_ANY);
	if (process != only_tgid)
		return 0;
	thread = next->pid;
	start = bpf_map_lookup_elem(&starts, &thread);
	if (!start)
		return 0;
	bpf_map_update_elem(&histograms, &process, &empty, BPF_NOEXIST);
	histogram = bpf_map_lookup_elem(&histograms, &process);
	if (histogram)
		add_to_histogram(histogram, (now - *start) / 1000);
	bpf_map_delete_elem(&starts, &thread);
	return 0;
}
