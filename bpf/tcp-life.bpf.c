// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Reports each TCP session that ends: whose it was, between whom, how long and how much. */
#include "bpf-ringbuf.bpf.h"

#include "tcp-known.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* linux/sock.h, which has never changed: the other side has sent its FIN. */
#define SOCK_DONE 1

struct tcp_sock {
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u64 bytes_received;
} __attribute__((preserve_access_index));

struct session {
	__u64 end_ns;	   /* CLOCK_MONOTONIC */
	__u64 duration_ns; /* 0 when it began before this program */
	__u64 sent;	   /* bytes, without what was sent once more */
	__u64 received;
	struct ends ends;
	__u32 pid; /* 0: no process has connected, read or closed */
	char comm[16];
};

const volatile __u32 only_pid = 0;

BPFRB_RINGBUF_OF(sessions, 1 << 20, struct session);

static __always_inline void report(struct sock *socket, struct known *known, __u64 now)
{
	struct tcp_sock *tcp = (struct tcp_sock *)socket;
	struct session *session = bpfrb_reserve(sessions, sizeof(*session));

	if (!session)
		return;
	session->end_ns = now;
	session->duration_ns = known->since_ns ? now - known->since_ns : 0;
	session->sent = BPF_CORE_READ(tcp, bytes_sent) - BPF_CORE_READ(tcp, bytes_retrans);
	session->received = BPF_CORE_READ(tcp, bytes_received);
	/* The kernel counts a FIN as a byte. */
	if (socket->__sk_common.skc_flags >> SOCK_DONE & 1)
		session->received--;
	session->pid = known->pid;
	__builtin_memcpy(session->comm, known->comm, sizeof(session->comm));
	fill_ends(&session->ends, socket);
	bpfrb_submit(sessions, session);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_change, struct sock *socket, int from, int to)
{
	__u64 now = bpf_ktime_get_ns(), address = (__u64)socket;
	struct known *known, unknown = {};

	if (socket->sk_protocol != IPPROTO_TCP || to == TCP_LISTEN)
		return 0;
	known = bpf_map_lookup_elem(&known_of, &address);
	if (!known)
		known = &unknown;
	if (is_by_process(socket, from, to))
		set_owner(known);
	if (to == TCP_ESTABLISHED)
		known->since_ns = now;
	if (to != TCP_CLOSE) {
		if (known == &unknown)
			bpf_map_update_elem(&known_of, &address, known, BPF_ANY);
		return 0;
	}
	/* Without one, no connection came about. */
	if (from != TCP_SYN_SENT && from != TCP_SYN_RECV && from != TCP_LISTEN &&
	    (!only_pid || known->pid == only_pid) && has_wanted_ports(socket))
		report(socket, known, now);
	bpf_map_delete_elem(&known_of, &address);
	return 0;
}

/* Whoever accepted a connection reads from it. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_read, struct sock *socket)
{
	learn_owner(socket);
	return 0;
}
