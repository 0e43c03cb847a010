// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Reports each change of a TCP socket's state, with how long it was in the one before. */
#include "bpf-ringbuf.bpf.h"

#include "tcp-known.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct change {
	__u64 time_ns;	   /* CLOCK_MONOTONIC */
	__u64 duration_ns; /* in the state before; 0 when that began before this program */
	__u64 socket;	   /* its address */
	struct ends ends;
	__u32 pid;
	__u8 from;
	__u8 to;
	__u16 reserved;
	char comm[16];
};

const volatile __u32 only_pid = 0;

BPFRB_RINGBUF_OF(changes, 1 << 20, struct change);

static __always_inline void report(struct sock *socket, struct known *known, __u64 now, int from,
				   int to)
{
	struct change *change = bpfrb_reserve(changes, sizeof(*change));

	if (!change)
		return;
	change->time_ns = now;
	change->duration_ns = known->since_ns ? now - known->since_ns : 0;
	change->socket = (__u64)socket;
	change->pid = known->pid;
	change->from = from;
	change->to = to;
	__builtin_memcpy(change->comm, known->comm, sizeof(change->comm));
	fill_ends(&change->ends, socket);
	bpfrb_submit(changes, change);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_change, struct sock *socket, int from, int to)
{
	__u64 now = bpf_ktime_get_ns(), address = (__u64)socket;
	struct known *known, unknown = {};

	if (socket->sk_protocol != IPPROTO_TCP)
		return 0;
	known = bpf_map_lookup_elem(&known_of, &address);
	if (!known)
		known = &unknown;
	if (is_by_process(socket, from, to))
		set_owner(known);
	if ((!only_pid || known->pid == only_pid) && has_wanted_ports(socket))
		report(socket, known, now, from, to);
	known->since_ns = now;
	if (to == TCP_CLOSE)
		bpf_map_delete_elem(&known_of, &address);
	else if (known == &unknown)
		bpf_map_update_elem(&known_of, &address, known, BPF_ANY);
	return 0;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_read, struct sock *socket)
{
	learn_owner(socket);
	return 0;
}
