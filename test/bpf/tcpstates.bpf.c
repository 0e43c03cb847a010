// SPDX-License-Identifier: GPL-2.0 OR MIT
/* As tcpstates: how the states of TCP connections change, of chosen local ports. */
#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define AF_INET 2
#define IPPROTO_TCP 6
#define TCP_CLOSE 7

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	unsigned short skc_family;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
};

struct inet_sock {
	__be16 inet_sport;
};

#pragma clang attribute pop

struct change {
	__u64 socket;
	/* In the state before. */
	__u64 duration_ns;
	__u32 pid;
	__u16 local_port;
	__u16 remote_port;
	unsigned char local_address[4];
	unsigned char remote_address[4];
	__u8 from;
	__u8 to;
	char comm[16];
};

/* Keeps its type. */
struct change *unused __attribute__((unused));

BPFRB_RINGBUF(changes, 1 << 16);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u16);
	__type(value, __u8);
} local_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} starts SEC(".maps");

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_change, struct sock *socket, int from, int to)
{
	struct sock_common *common = &socket->__sk_common;
	__u64 now = bpf_ktime_get_ns(), address = (__u64)socket;
	__u64 *start;
	__u16 local_port;
	struct change *change;

	if (common->skc_family != AF_INET || socket->sk_protocol != IPPROTO_TCP)
		return 0;
	/* skc_num is 0 when the socket closes. */
	local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)socket, inet_sport));
	if (!bpf_map_lookup_elem(&local_ports, &local_port))
		return 0;
	start = bpf_map_lookup_elem(&starts, &address);
	change = bpfrb_reserve(changes, sizeof(*change));
	if (change) {
		change->socket = address;
		change->duration_ns = start ? now - *start : 0;
		change->pid = bpf_get_current_pid_tgid() >> 32;
		change->local_port = local_port;
		change->remote_port = bpf_ntohs(common->skc_dport);
		__builtin_memcpy(change->local_address, &common->skc_rcv_saddr, 4);
		__builtin_memcpy(change->remote_address, &common->skc_daddr, 4);
		change->from = from;
		change->to = to;
		bpf_get_current_comm(change->comm, sizeof(change->comm));
		bpfrb_submit(changes, change);
	}
	if (to == TCP_CLOSE)
		bpf_map_delete_elem(&starts, &address);
	else
		bpf_map_update_elem(&starts, &address, &now, BPF_ANY);
	return 0;
}
