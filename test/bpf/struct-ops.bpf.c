// SPDX-License-Identifier: GPL-2.0 OR MIT
/* A congestion control of TCP that counts the connections that use it. */
#include "struct-ops.h"

char LICENSE[] SEC("license") = "GPL";

__u64 hits = 0;

SEC("struct_ops/init")
void counted_init(__u64 *context)
{
	__sync_fetch_and_add(&hits, 1);
}

SEC(".struct_ops")
struct tcp_congestion_ops counted = {
	.init = (void *)counted_init,
	.ssthresh = (void *)any_ssthresh,
	.cong_avoid = (void *)any_cong_avoid,
	.undo_cwnd = (void *)any_undo_cwnd,
	.name = "bpfrb_counted",
};
