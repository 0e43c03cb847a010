/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the programs about TCP read of the kernel's sockets, and the two ends of a connection. */
#ifndef TCP_H
#define TCP_H

#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6

/* Loading finds where these are on this kernel. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	__u8 bytes[16];
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	unsigned short skc_family;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	unsigned long skc_flags;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	int sk_err;
};

struct inet_sock {
	__be16 inet_sport;
};

#pragma clang attribute pop

struct ends {
	/* IPv6's; those of IPv4 begin with ::ffff: */
	__u8 local_address[16];
	__u8 remote_address[16];
	__u16 local_port;
	__u16 remote_port;
};

/* Only connections with these ports; 0 is any. */
const volatile __u16 only_local_port = 0;
const volatile __u16 only_remote_port = 0;

/* skc_num is 0 by the time that a socket closes. */
static __always_inline __u16 local_port_of(struct sock *socket)
{
	return bpf_ntohs(BPF_CORE_READ((struct inet_sock *)socket, inet_sport));
}

static __always_inline bool has_wanted_ports(struct sock *socket)
{
	__u16 remote_port = bpf_ntohs(socket->__sk_common.skc_dport);

	return (!only_local_port || local_port_of(socket) == only_local_port) &&
	       (!only_remote_port || remote_port == only_remote_port);
}

static __always_inline void map_ipv4(__u8 *address, __be32 *ipv4)
{
	__builtin_memset(address, 0, 10);
	__builtin_memset(address + 10, 0xff, 2);
	bpf_probe_read_kernel(address + 12, 4, ipv4);
}

static __always_inline void fill_ends(struct ends *ends, struct sock *socket)
{
	struct sock_common *common = &socket->__sk_common;

	ends->local_port = local_port_of(socket);
	ends->remote_port = bpf_ntohs(common->skc_dport);
	if (common->skc_family == AF_INET) {
		map_ipv4(ends->local_address, &common->skc_rcv_saddr);
		map_ipv4(ends->remote_address, &common->skc_daddr);
	} else if (bpf_core_field_exists(common->skc_v6_daddr)) { /* CONFIG_IPV6 */
		bpf_probe_read_kernel(ends->local_address, 16, &common->skc_v6_rcv_saddr);
		bpf_probe_read_kernel(ends->remote_address, 16, &common->skc_v6_daddr);
	}
}

#endif /* TCP_H */
