// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Counts passes of a USDT probe, and keeps its argument and its cookie. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u64 hits = 0;
__u64 cookie = 0;
__s64 argument = 0;

SEC("usdt")
int on_line(struct pt_regs *context)
{
	long value = 0;

	bpf_usdt_arg(context, 0, &value);
	argument = value;
	cookie = bpf_usdt_cookie(context);
	__sync_fetch_and_add(&hits, 1);
	return 0;
}

/* For a target of another kind: newer libbpf loads programs of "usdt" otherwise. */
SEC("?uprobe")
int on_call(struct pt_regs *context)
{
	return 0;
}
