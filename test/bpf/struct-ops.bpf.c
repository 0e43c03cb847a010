// SPDX-License-Identifier: GPL-2.0 OR MIT
/* A congestion control of TCP that counts the connections that use it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

__u64 hits = 0;

SEC("struct_ops/init")
void counted_init(__u64 *context)
{
	__sync_fetch_and_add(&hits, 1);
}

SEC("struct_ops/ssthresh")
__u32 counted_ssthresh(__u64 *context)
{
	return 16;
}

SEC("struct_ops/cong_avoid")
void counted_cong_avoid(__u64 *context)
{
}

SEC("struct_ops/undo_cwnd")
__u32 counted_undo_cwnd(__u64 *context)
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

SEC(".struct_ops")
struct tcp_congestion_ops counted = {
	.init = (void *)counted_init,
	.ssthresh = (void *)counted_ssthresh,
	.cong_avoid = (void *)counted_cong_avoid,
	.undo_cwnd = (void *)counted_undo_cwnd,
	.name = "bpfrb_counted",
};
