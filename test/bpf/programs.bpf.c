// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Programs that can be attached, and, not loaded unless told so, programs that
 * cannot be for one reason each.
 */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Whose system calls count. */
const volatile __u32 only_tgid = 0;

__u64 calls = 0;

SEC("raw_tp/sys_enter")
int on_enter(void *context)
{
	if (bpf_get_current_pid_tgid() >> 32 == only_tgid)
		__sync_fetch_and_add(&calls, 1);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int on_exec(void *context)
{
	return 0;
}

/* The section names no place to attach to. */
SEC("socket")
int without_place(void *context)
{
	return 7;
}

SEC("?raw_tp/no_such_tracepoint")
int no_such_raw(void *context)
{
	return 0;
}

SEC("?tp/no_such/event")
int no_such_event(void *context)
{
	return 0;
}

SEC("?tp_btf/no_such_tracepoint")
int no_such_type(void *context)
{
	return 0;
}

SEC("?fentry/bpf_fentry_test1")
int trampoline(void *context)
{
	return 0;
}

SEC("?kprobe/no_such_function")
int no_such_function(void *context)
{
	return 0;
}
