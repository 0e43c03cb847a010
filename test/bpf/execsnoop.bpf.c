// SPDX-License-Identifier: GPL-2.0 OR MIT
/* As execsnoop: the programs that the processes of a cgroup execute. */
#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
};

struct task_struct {
	int tgid;
	struct mm_struct *mm;
	struct task_struct *real_parent;
};

struct linux_binprm {
	const char *filename;
};

#pragma clang attribute pop

struct exec_event {
	__u32 pid;
	__u32 ppid;
	__u32 args_size;
	char comm[16];
	char filename[64];
	/* Each ends with NUL. */
	unsigned char args[256];
};

/* Keeps its type. */
struct exec_event *unused __attribute__((unused));

BPFRB_RINGBUF(execs, 1 << 16);

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} cgroups SEC(".maps");

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *binprm)
{
	struct mm_struct *mm = task->mm;
	__u64 size = mm->arg_end - mm->arg_start;
	struct exec_event *event;

	if (bpf_current_task_under_cgroup(&cgroups, 0) != 1)
		return 0;
	event = bpfrb_reserve(execs, sizeof(*event));
	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->ppid = task->real_parent->tgid;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_kernel_str(event->filename, sizeof(event->filename), binprm->filename);
	if (size > sizeof(event->args))
		size = sizeof(event->args);
	if (bpf_probe_read_user(event->args, size, (void *)mm->arg_start))
		size = 0;
	event->args_size = size;
	bpfrb_submit(execs, event);
	return 0;
}
