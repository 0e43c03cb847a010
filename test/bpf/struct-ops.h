/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the congestion controls of TCP have in common that tests attach. */
#ifndef STRUCT_OPS_H
#define STRUCT_OPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

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

#endif
