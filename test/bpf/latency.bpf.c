// SPDX-License-Identifier: GPL-2.0 OR MIT
/* One record a system call: the time at which it was made. */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Whose getpgid() calls produce. */
const volatile __u32 producer_tgid = 0;
/* Of getpgid() on this architecture. */
const volatile __u64 syscall_number = 0;

BPFRB_RINGBUF(events, 1 << 16);

SEC("raw_tp/sys_enter")
int on_sys_enter(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 *time_ns;

	if (bpf_get_current_pid_tgid() >> 32 != producer_tgid || ctx->args[1] != syscall_number)
		return 0;
	time_ns = bpfrb_reserve(events, sizeof(*time_ns));
	if (!time_ns)
		return 0;
	*time_ns = bpf_ktime_get_ns();
	bpfrb_submit(events, time_ns);
	return 0;
}
