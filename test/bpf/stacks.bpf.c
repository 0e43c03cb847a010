// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Stacks of one process: at its system calls, and wherever the scheduler's tick
 * finds it.
 */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define DEPTH 48

struct stacks {
	__s32 kernel_bytes;
	__s32 user_bytes;
	__u64 kernel[DEPTH];
	__u64 user[DEPTH];
};

/* Keeps the type in BTF. */
struct stacks *unused_stacks __attribute__((unused));

/* Whose stacks, by what the first pid namespace calls it. */
const volatile __u32 only_tgid = 0;

BPFRB_RINGBUF(events, 1 << 20);

static __always_inline int report(void *context)
{
	struct stacks *stacks;

	if (bpf_get_current_pid_tgid() >> 32 != only_tgid)
		return 0;
	stacks = bpfrb_reserve(events, sizeof(*stacks));
	if (!stacks)
		return 0;
	__builtin_memset(stacks, 0, sizeof(*stacks));
	stacks->kernel_bytes = bpf_get_stack(context, stacks->kernel, sizeof(stacks->kernel), 0);
	stacks->user_bytes =
		bpf_get_stack(context, stacks->user, sizeof(stacks->user), BPF_F_USER_STACK);
	bpfrb_submit(events, stacks);
	return 0;
}

SEC("?raw_tp/sys_enter")
int on_call(void *context)
{
	return report(context);
}

SEC("?raw_tp/sched_stat_runtime")
int on_tick(void *context)
{
	return report(context);
}
