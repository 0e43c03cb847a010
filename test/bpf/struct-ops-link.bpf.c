// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Two ways to be one congestion control of TCP, which count apart: a link has one of
 * them in the place of the other. Libbpf knows such sections since 1.2.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

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

SEC("struct_ops/ssthresh")
__u32 any_ssthresh(__u64 *context)
{
	return 16;
}

SEC("struct_ops/cong_avoid")
void any_cong_avoid(__u64 *context)
{
}

SEC("struct_ops/undo_cwnd")
__u32 any_undo_cwnd(__u64 *context)
{
	return 16;
}

/* Of the kernel's, the members that are set: libbpf finds them by their names. */
struct sock;
struct tcp_congestion_ops {
	void (*init)(struct sock *sk);
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
};

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
