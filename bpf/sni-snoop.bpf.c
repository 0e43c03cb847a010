// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Reports what begins like a TLS ClientHello, of the packets of network devices. */
#include <stdbool.h>
#include <stddef.h>

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define DATA_SIZE 4096 /* at most in a record; a power of two */
#define NEXT -1	       /* TC_ACT_UNSPEC, TCX_NEXT: whatever comes after this program decides */
#define IPPROTO_TCP 6
#define FRAGMENT 0x1fff
#define HANDSHAKE 22 /* TLS */
#define CLIENT_HELLO 1

struct flow {
	/* IPv6's; those of IPv4 begin with ::ffff: */
	__u8 client[16];
	__u8 server[16];
	__u16 client_port;
	__u16 server_port;
};

/* A hello, or a part of one. */
struct piece {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	struct flow flow;
	__u32 interface;
	__u32 sequence;
	__u32 total; /* of the whole hello with its header, in its first piece; 0 in others */
	__u32 size;  /* of the data */
	__u32 reserved;
	__u8 data[];
};

/* What is still to come. */
struct rest {
	__u32 sequence;
	__u32 bytes;
};

const volatile __u16 only_port = 0;

BPFRB_RINGBUF_OF(pieces, 1 << 20, struct piece);

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct flow);
	__type(value, struct rest);
} rests SEC(".maps");

/* Where a record is put together, as its size is known only then. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct piece) + DATA_SIZE);
} scratch SEC(".maps");

#define load bpf_skb_load_bytes

/* Where the network header is: not all devices have one of Ethernet before it. */
static __always_inline __u32 network_offset(struct __sk_buff *packet)
{
	__u64 there, here = 0;

	if (bpf_skb_load_bytes_relative(packet, 0, &there, sizeof(there), BPF_HDR_START_NET) ||
	    load(packet, ETH_HLEN, &here, sizeof(here)))
		return 0;
	return here == there ? ETH_HLEN : 0;
}

static __always_inline void map_ipv4(__u8 *address, __be32 ipv4)
{
	address[10] = address[11] = 0xff;
	__builtin_memcpy(address + 12, &ipv4, sizeof(ipv4));
}

/* Gives where the TCP header is, and where the packet ends; 0 for others. */
static __always_inline __u32 find_tcp(struct __sk_buff *packet, struct flow *flow, __u32 *end)
{
	__u32 start = network_offset(packet);
	struct ipv6hdr ipv6;
	struct iphdr ipv4;

	if (packet->protocol == bpf_htons(ETH_P_IP)) {
		if (load(packet, start, &ipv4, sizeof(ipv4)) || ipv4.protocol != IPPROTO_TCP ||
		    ipv4.frag_off & bpf_htons(FRAGMENT))
			return 0;
		map_ipv4(flow->client, ipv4.saddr);
		map_ipv4(flow->server, ipv4.daddr);
		/* Packets that are put together may be longer than their header can say. */
		*end = start + (ipv4.tot_len ? bpf_ntohs(ipv4.tot_len) : 0xffff);
		return start + ipv4.ihl * 4;
	}
	if (packet->protocol == bpf_htons(ETH_P_IPV6)) {
		if (load(packet, start, &ipv6, sizeof(ipv6)) || ipv6.nexthdr != IPPROTO_TCP)
			return 0;
		__builtin_memcpy(flow->client, &ipv6.saddr, sizeof(flow->client));
		__builtin_memcpy(flow->server, &ipv6.daddr, sizeof(flow->server));
		*end = start + sizeof(ipv6) +
		       (ipv6.payload_len ? bpf_ntohs(ipv6.payload_len) : 0xffff);
		return start + sizeof(ipv6);
	}
	return 0;
}

/* Gives how long the hello is that begins there with its record's header; 0 for none. */
static __always_inline __u32 hello_at(struct __sk_buff *packet, __u32 offset)
{
	__u8 head[6];

	if (load(packet, offset, head, sizeof(head)) || head[0] != HANDSHAKE || head[1] != 3 ||
	    head[5] != CLIENT_HELLO)
		return 0;
	return 5 + (head[3] << 8 | head[4]);
}

static __always_inline void report(struct __sk_buff *packet, struct flow *flow, __u32 sequence,
				   __u32 total, __u32 offset, __u32 size)
{
	__u32 zero = 0;
	struct piece *piece = bpf_map_lookup_elem(&scratch, &zero);

	if (!piece || size == 0)
		return;
	if (size > DATA_SIZE)
		size = DATA_SIZE;
	/* What is above says the same, but not to every verifier. */
	size = ((size - 1) & (DATA_SIZE - 1)) + 1;
	barrier_var(size);
	if (size > DATA_SIZE || load(packet, offset, piece->data, size))
		return;
	piece->time_ns = bpf_ktime_get_ns();
	piece->flow = *flow;
	piece->interface = packet->ifindex;
	piece->sequence = sequence;
	piece->total = total;
	piece->size = size;
	bpfrb_output(pieces, piece, offsetof(struct piece, data) + size);
}

SEC("tc")
int on_packet(struct __sk_buff *packet)
{
	__u32 end = 0, offset, size, sequence, total;
	struct flow flow = {};
	struct tcphdr tcp;
	struct rest *rest, new;

	offset = find_tcp(packet, &flow, &end);
	if (!offset || load(packet, offset, &tcp, sizeof(tcp)))
		return NEXT;
	flow.client_port = bpf_ntohs(tcp.source);
	flow.server_port = bpf_ntohs(tcp.dest);
	if (only_port && flow.server_port != only_port)
		return NEXT;
	offset += tcp.doff * 4;
	if (end <= offset)
		return NEXT;
	size = end - offset;
	sequence = bpf_ntohl(tcp.seq);
	total = hello_at(packet, offset);
	if (total) {
		if (size > total)
			size = total;
		report(packet, &flow, sequence, total, offset, size);
		if (size < total) {
			new.sequence = sequence + size;
			new.bytes = total - size;
			bpf_map_update_elem(&rests, &flow, &new, BPF_ANY);
		}
		return NEXT;
	}
	rest = bpf_map_lookup_elem(&rests, &flow);
	if (!rest || rest->sequence != sequence)
		return NEXT;
	if (size > rest->bytes)
		size = rest->bytes;
	report(packet, &flow, sequence, 0, offset, size);
	rest->sequence += size;
	rest->bytes -= size;
	if (!rest->bytes)
		bpf_map_delete_elem(&rests, &flow);
	return NEXT;
}
