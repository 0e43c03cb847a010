// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A program for each place that programs can be attached to, loaded one at a
 * time. Each makes a record when the process to watch comes by.
 */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Who makes events. */
const volatile __u32 only_tgid = 0;

BPFRB_RINGBUF(events, 1 << 16);

static __always_inline int report(void)
{
	__u32 *record;

	if (bpf_get_current_pid_tgid() >> 32 != only_tgid)
		return 0;
	record = bpfrb_reserve(events, sizeof(*record));
	if (!record)
		return 0;
	*record = only_tgid;
	bpfrb_submit(events, record);
	return 0;
}

#define PROGRAM(name, section)   \
	SEC("?" section)         \
	int name(void *context)  \
	{                        \
		return report(); \
	}

PROGRAM(tracepoint, "tp/syscalls/sys_enter_openat")
PROGRAM(raw_tracepoint, "raw_tp/sys_enter")
PROGRAM(typed_tracepoint, "tp_btf/sys_enter")
PROGRAM(kprobe, "kprobe/vfs_read")
PROGRAM(kretprobe, "kretprobe/vfs_read")
PROGRAM(kprobe_multi, "kprobe.multi/vfs_rea*")
PROGRAM(kretprobe_multi, "kretprobe.multi/vfs_rea*")
PROGRAM(ksyscall, "ksyscall/openat")
PROGRAM(kretsyscall, "kretsyscall/openat")
PROGRAM(fentry, "fentry/vfs_read")
PROGRAM(fexit, "fexit/vfs_read")
PROGRAM(fmod_ret, "fmod_ret/security_file_open")
PROGRAM(lsm, "lsm/file_open")
PROGRAM(lsm_sleepable, "lsm.s/file_open")
PROGRAM(uprobe, "uprobe/libc.so.6:getuid")
PROGRAM(uretprobe, "uretprobe/libc.so.6:getuid")

/* Of vmlinux.h, what the program below uses. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct task_struct {
	int pid;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
#pragma clang attribute pop

/* Runs when somebody reads what it writes. */
SEC("?iter/task")
int iter(struct bpf_iter__task *context)
{
	static const char format[] = "%d\n";
	struct task_struct *task = context->task;
	__u64 pid;

	if (!task)
		return 0;
	pid = task->pid;
	bpf_seq_printf(context->meta->seq, format, sizeof(format), &pid, sizeof(pid));
	return 0;
}

SEC("?syscall")
int run_only(void *context)
{
	return report();
}

static long count_one(__u32 index, __u32 *count)
{
	++*count;
	return 0;
}

SEC("?raw_tp")
int loop(void *context)
{
	__u32 count = 0;

	bpf_loop(10, count_one, &count, 0);
	return count;
}
