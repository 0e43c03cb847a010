// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Programs that send packets and data elsewhere, by maps of devices, of CPUs and
 * of sockets. None is loaded unless told so.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* The entry that is used, of each map. */
__u32 entry = 0;

/* How often a program ran, how often it sent elsewhere, and what came there. */
__u64 hits = 0;
__u64 sent = 0;
__u64 arrived = 0;
__u32 sent_on_cpu = -1;
__u32 arrived_on_cpu = -1;

#define ENTRIES(map_type, value_type)            \
	struct {                                 \
		__uint(type, map_type);          \
		__uint(max_entries, 8);          \
		__uint(key_size, sizeof(__u32)); \
		__uint(value_size, value_type);  \
	}

ENTRIES(BPF_MAP_TYPE_DEVMAP, 4) devices SEC(".maps");
ENTRIES(BPF_MAP_TYPE_DEVMAP_HASH, 4) devices_hash SEC(".maps");
ENTRIES(BPF_MAP_TYPE_CPUMAP, 8) cpus SEC(".maps");
ENTRIES(BPF_MAP_TYPE_XSKMAP, 4) xsks SEC(".maps");
ENTRIES(BPF_MAP_TYPE_SOCKMAP, 8) sockets SEC(".maps");
ENTRIES(BPF_MAP_TYPE_SOCKHASH, 8) sockets_hash SEC(".maps");
ENTRIES(BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, 8) sharing SEC(".maps");

/* Packets of an Ethernet type for experiments: nobody else sends such. */
static __always_inline int is_ours(struct xdp_md *context)
{
	struct ethhdr *header = (void *)(long)context->data;

	if ((void *)(header + 1) > (void *)(long)context->data_end)
		return 0;
	return header->h_proto == bpf_htons(0x88b5);
}

static __always_inline int count(int action, int elsewhere)
{
	__sync_fetch_and_add(&hits, 1);
	if (action == elsewhere) {
		__sync_fetch_and_add(&sent, 1);
		sent_on_cpu = bpf_get_smp_processor_id();
	}
	return action;
}

/* Where the map has no such entry the packet goes on. */
#define REDIRECT(name, map)                                                          \
	SEC("?xdp")                                                                  \
	int name(struct xdp_md *context)                                             \
	{                                                                            \
		if (!is_ours(context))                                               \
			return XDP_PASS;                                             \
		return count(bpf_redirect_map(&map, entry, XDP_PASS), XDP_REDIRECT); \
	}

REDIRECT(to_device, devices)
REDIRECT(to_device_hash, devices_hash)
REDIRECT(to_cpu, cpus)
REDIRECT(to_xsk, xsks)

static __always_inline int arrive(struct xdp_md *context)
{
	if (!is_ours(context))
		return XDP_PASS;
	arrived_on_cpu = bpf_get_smp_processor_id();
	__sync_fetch_and_add(&arrived, 1);
	return XDP_DROP;
}

SEC("?xdp")
int at_device(struct xdp_md *context)
{
	return arrive(context);
}

SEC("?xdp/cpumap")
int at_cpu(struct xdp_md *context)
{
	return arrive(context);
}

/* What came to one socket leaves by another. */
SEC("?sk_skb/stream_verdict")
int to_socket(struct __sk_buff *context)
{
	return count(bpf_sk_redirect_map(context, &sockets, entry, 0), SK_PASS);
}

/* What is sent is received by another socket than it is for. */
SEC("?sk_msg")
int to_socket_hash(struct sk_msg_md *context)
{
	return count(bpf_msg_redirect_hash(context, &sockets_hash, &entry, BPF_F_INGRESS), SK_PASS);
}

SEC("?sk_reuseport")
int to_sharing(struct sk_reuseport_md *context)
{
	if (bpf_sk_select_reuseport(context, &sharing, &entry, 0))
		return count(SK_DROP, SK_PASS);
	return count(SK_PASS, SK_PASS);
}

/* Has sockets share their port, which Node cannot. */
SEC("?cgroup/bind4")
int share_port(struct bpf_sock_addr *context)
{
	int one = 1;

	bpf_setsockopt(context, 1 /* SOL_SOCKET */, 15 /* SO_REUSEPORT */, &one, sizeof(one));
	return 1;
}
