// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Reports each program that is executed. */
#include "vmlinux.h"
#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct exec_event {
	u32 pid;
	u32 parent_pid;
	u32 uid;
	char comm[16];
	char filename[256];
};

BPFRB_RINGBUF_OF(events, 1 << 18, struct exec_event);

/* Set before load: nothing of users below it is reported. */
const volatile u32 min_uid = 0;

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	u32 uid = bpf_get_current_uid_gid();
	struct exec_event *event;

	if (uid < min_uid)
		return 0;
	event = bpfrb_reserve(events, sizeof(*event));
	if (!event)
		return 0; /* counted as lost */
	event->pid = task->tgid;
	event->parent_pid = BPF_CORE_READ(task, real_parent, tgid);
	event->uid = uid;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_kernel_str(event->filename, sizeof(event->filename), bprm->filename);
	bpfrb_submit(events, event);
	return 0;
}
