// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Each process's fork, exec and exit, to a ring buffer and to a perf buffer. */
#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* What is read of the kernel's struct. */
struct task_struct {
	int pid;
	int tgid;
} __attribute__((preserve_access_index));

BPFRB_RINGBUF(ring, 1 << 20);
BPFRB_PERFBUF(perf);

struct life_event {
	__u64 time_ns;
	__u32 pid;
	__u32 cpu;
};

__u64 made = 0;

/* Each side has the time at which the event got its place, or just before. */
static __always_inline int report(void *ctx, struct task_struct *task)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct life_event event = {.pid = task->pid, .cpu = cpu};
	struct life_event *reserved;

	/* A thread of a process. */
	if (task->pid != task->tgid)
		return 0;
	__sync_fetch_and_add(&made, 1);
	reserved = bpfrb_reserve(ring, sizeof(*reserved));
	if (reserved) {
		reserved->time_ns = bpf_ktime_get_ns();
		reserved->pid = event.pid;
		reserved->cpu = cpu;
		bpfrb_submit(ring, reserved);
	}
	event.time_ns = bpf_ktime_get_ns();
	bpfrb_perf_output(ctx, perf, &event, sizeof(event));
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	return report(ctx, child);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	return report(ctx, task);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	return report(ctx, task);
}
