/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The other end of a TCP socket, for the tools that look into Node. */
#ifndef NODE_PEER_H
#define NODE_PEER_H

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define AF_INET 2

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__u32 skc_daddr;
	__u16 skc_dport;
	__u16 skc_num;
	short skc_family;
	struct in6_addr skc_v6_daddr;
};

struct sock {
	struct sock_common __sk_common;
};

#pragma clang attribute pop

struct peer {
	__u8 address[16]; /* of IPv4 after ::ffff: */
	__u16 port;
	__u16 local_port;
	__u8 family; /* 0: not known */
	__u8 is_certain;
};

static __always_inline void read_peer(struct peer *peer, struct sock *sk)
{
	peer->family = sk->__sk_common.skc_family;
	peer->port = bpf_ntohs(sk->__sk_common.skc_dport);
	peer->local_port = sk->__sk_common.skc_num;
	if (peer->family == AF_INET) {
		peer->address[10] = 0xff;
		peer->address[11] = 0xff;
		bpf_probe_read_kernel(peer->address + 12, 4, &sk->__sk_common.skc_daddr);
	} else {
		bpf_probe_read_kernel(peer->address, 16, &sk->__sk_common.skc_v6_daddr);
	}
}

#endif /* NODE_PEER_H */
