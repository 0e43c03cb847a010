/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What is remembered of each TCP socket while it lasts: since when, and whose it is. */
#ifndef TCP_KNOWN_H
#define TCP_KNOWN_H

#include <stdbool.h>

#include "tcp.h"

/* linux/net/tcp_states.h, which has never changed. */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_FIN_WAIT1 4
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define TCP_LAST_ACK 9
#define TCP_LISTEN 10

struct known {
	__u64 since_ns; /* CLOCK_MONOTONIC; 0 is unknown */
	__u32 pid;	/* 0: no process has connected, read or closed */
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 17);
	__type(key, __u64);
	__type(value, struct known);
} known_of SEC(".maps");

static __always_inline void set_owner(struct known *known)
{
	known->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(known->comm, sizeof(known->comm));
}

/* Whether a process makes this change: others happen whoever has the CPU. */
static __always_inline bool is_by_process(struct sock *socket, int from, int to)
{
	if (to == TCP_CLOSE)
		return !socket->sk_err && (from == TCP_ESTABLISHED || from == TCP_SYN_SENT ||
					   from == TCP_CLOSE_WAIT || from == TCP_LISTEN);
	return to == TCP_SYN_SENT || to == TCP_LISTEN || to == TCP_FIN_WAIT1 || to == TCP_LAST_ACK;
}

/* Of a socket that is read: whoever accepted a connection does that. */
static __always_inline void learn_owner(struct sock *socket)
{
	__u64 address = (__u64)socket;
	struct known *known = bpf_map_lookup_elem(&known_of, &address);

	if (known && !known->pid)
		set_owner(known);
}

#endif /* TCP_KNOWN_H */
