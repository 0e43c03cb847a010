// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Reports each signal that is sent, by whom and to whom, and what became of it. */
#include <stdbool.h>

#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ANY_UID 0xffffffffU
#define COMM_SIZE 16
/* Instead of a pointer, of signals that come with nothing: linux/sched/signal.h. */
#define SEND_SIG_NOINFO 0
#define SEND_SIG_PRIV 1
#define SI_KERNEL 0x80

enum result { /* trace/events/signal.h */
	DELIVERED,
	IGNORED,
	ALREADY_PENDING,
	OVERFLOWED,
	LOST_INFO,
};

struct signal {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 pid;     /* who sends it, or runs where the kernel does */
	__u32 uid;
	__u32 target_pid;
	__u32 target_tid;
	__u32 number;
	__s32 code; /* as of siginfo_t: more than 0 is the kernel's */
	enum result result;
	bool to_process; /* not to a thread alone */
	char comm[COMM_SIZE];
	char target_comm[COMM_SIZE];
};

/* What is read of the kernel's structs. Loading finds where it is on this kernel. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct {
	int pid;
	int tgid;
	char comm[COMM_SIZE];
};

struct kernel_siginfo {
	int si_code;
};

#pragma clang attribute pop

const volatile __u32 only_pid = 0; /* as sender or receiver; 0 is any */
const volatile __u32 only_uid = ANY_UID;
const volatile __u32 only_signal = 0;

BPFRB_RINGBUF_OF(signals, 1 << 20, struct signal);

SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal, int number, struct kernel_siginfo *info, struct task_struct *task,
	     int to_process, int result)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32, uid = bpf_get_current_uid_gid();
	struct signal *signal;

	if (only_pid && only_pid != pid && only_pid != task->tgid)
		return 0;
	if (only_uid != ANY_UID && only_uid != uid)
		return 0;
	if (only_signal && only_signal != number)
		return 0;
	signal = bpfrb_reserve(signals, sizeof(*signal));
	if (!signal)
		return 0;
	signal->time_ns = bpf_ktime_get_ns();
	signal->pid = pid;
	signal->uid = uid;
	signal->target_pid = task->tgid;
	signal->target_tid = task->pid;
	signal->number = number;
	if ((unsigned long)info == SEND_SIG_NOINFO)
		signal->code = 0;
	else if ((unsigned long)info == SEND_SIG_PRIV)
		signal->code = SI_KERNEL;
	else
		signal->code = BPF_CORE_READ(info, si_code);
	signal->result = result;
	signal->to_process = to_process;
	bpf_get_current_comm(signal->comm, sizeof(signal->comm));
	bpf_probe_read_kernel_str(signal->target_comm, sizeof(signal->target_comm), task->comm);
	bpfrb_submit(signals, signal);
	return 0;
}
