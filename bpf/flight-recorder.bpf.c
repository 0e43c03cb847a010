// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Records each system call of this machine where later ones overwrite it, and
 * reports the processes that crash.
 */
#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define COMM_SIZE 16
/* SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS */
#define CRASHES (1U << 4 | 1U << 5 | 1U << 6 | 1U << 7 | 1U << 8 | 1U << 11 | 1U << 31)

struct call {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 pid;
	__u32 tid;
	__u32 number;
};

struct crash {
	__u64 time_ns;
	__u64 start_ns; /* when the process began */
	__u32 pid;
	__u32 signal;
	char comm[COMM_SIZE];
};

/* What is read of the kernel's struct. Loading finds where it is on this kernel. */
struct task_struct {
	int exit_code;
	int pid;
	int tgid;
	__u64 start_time;
	char comm[COMM_SIZE];
} __attribute__((preserve_access_index));

/* The reader, whose own calls are of no interest. */
const volatile __u32 ignored_pid = 0;

BPFRB_FLIGHT_RECORDER(calls, 1 << 24);
BPFRB_RECORD_OF(calls, struct call);
BPFRB_EVENT_STREAM(crashes, 1 << 16, sizeof(struct crash));
BPFRB_RECORD_OF(crashes, struct crash);

SEC("raw_tp/sys_enter")
int on_call(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call call = {
		.time_ns = bpf_ktime_get_ns(),
		.pid = id >> 32,
		.tid = id,
		.number = ctx->args[1],
	};

	if (call.pid != ignored_pid)
		bpfrb_record(ctx, calls, &call, sizeof(call));
	return 0;
}

/* A signal ends all threads with the same status: the process's first one tells. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	__u32 signal = task->exit_code & 0x7f;
	struct crash *crash;

	if (signal > 31 || !(CRASHES >> signal & 1) || task->pid != task->tgid)
		return 0;
	crash = bpfrb_event_reserve(crashes, sizeof(*crash));
	if (!crash)
		return 0;
	crash->time_ns = bpf_ktime_get_ns();
	crash->start_ns = task->start_time;
	crash->pid = task->tgid;
	crash->signal = signal;
	bpf_probe_read_kernel_str(crash->comm, sizeof(crash->comm), task->comm);
	bpfrb_event_submit(ctx, crashes, crash, sizeof(*crash));
	return 0;
}
