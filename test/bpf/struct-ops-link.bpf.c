// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Two ways to be one congestion control of TCP, which count apart: a link has one of
 * them in the place of the other. Libbpf knows such sections since 1.2.
 */
#include "struct-ops.h"

char LICENSE[] SEC("license") = "GPL";

__u64 hits = 0;

SEC("struct_ops/init")
void one_init(__u64 *context)
{
	__sync_fetch_and_add(&hits, 1);
}

SEC("struct_ops/init")
void other_init(__u64 *context)
{
	__sync_fetch_and_add(&hits, 1000000);
}

#define CONGESTION_CONTROL(ops, start, called)        \
	SEC(".struct_ops.link")                       \
	struct tcp_congestion_ops ops = {             \
		.init = (void *)start,                \
		.ssthresh = (void *)any_ssthresh,     \
		.cong_avoid = (void *)any_cong_avoid, \
		.undo_cwnd = (void *)any_undo_cwnd,   \
		.name = called,                       \
	}

CONGESTION_CONTROL(one, one_init, "bpfrb_linked");
CONGESTION_CONTROL(other, other_init, "bpfrb_linked");
/* The kernel knows it by another name, and does not put it in their place. */
CONGESTION_CONTROL(stranger, one_init, "bpfrb_stranger");
