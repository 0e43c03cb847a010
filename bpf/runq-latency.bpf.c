// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Counts how long tasks that could run waited for a CPU. */
#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "histogram.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct {
	unsigned int __state;
	int pid;
	int tgid;
	struct task_struct *group_leader;
	char comm[16];
};

/* As it is called before Linux 5.14. */
struct task_struct___before {
	long state;
};

#pragma clang attribute pop

struct process {
	__u32 pid; /* 0 is all of them in one */
	char comm[16];
};

/* Only this process; 0 is any. */
const volatile __u32 only_pid = 0;
const volatile bool by_process = false;

/* How often there was no room: for a thread that waits, or for a process. */
__u64 missed = 0;

/* Since when a thread waits. Nothing may be allocated where it is filled in. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 15);
	__type(key, __u32);
	__type(value, __u64);
} waiting SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 12);
	__type(key, struct process);
	__type(value, struct histogram);
} histograms SEC(".maps");

static __always_inline void begin(struct task_struct *task)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 thread = task->pid;

	/* The idle task is thread 0 of each CPU. */
	if (thread == 0 || (only_pid && task->tgid != only_pid))
		return;
	if (bpf_map_update_elem(&waiting, &thread, &now, BPF_ANY))
		__sync_fetch_and_add(&missed, 1);
}

static __always_inline bool can_run(struct task_struct *task)
{
	struct task_struct___before *before = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return BPF_CORE_READ(task, __state) == 0;
	return BPF_CORE_READ(before, state) == 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task)
{
	begin(task);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_new, struct task_struct *task)
{
	begin(task);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool is_preempted, struct task_struct *previous, struct task_struct *next)
{
	struct process process = {};
	__u32 thread = next->pid;
	__u64 *since, waited;

	/* One that is preempted while it goes to sleep waits as well. */
	if (is_preempted || can_run(previous))
		begin(previous);
	since = bpf_map_lookup_elem(&waiting, &thread);
	if (!since)
		return 0;
	waited = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&waiting, &thread);
	if (by_process) {
		process.pid = next->tgid;
		bpf_probe_read_kernel(process.comm, sizeof(process.comm), next->group_leader->comm);
	}
	add_to_histogram(&histograms, &process, waited, missed);
	return 0;
}
