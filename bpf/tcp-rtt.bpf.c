// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Counts the smoothed round-trip times of TCP connections, at each packet that arrives. */
#include <stdbool.h>

#include <linux/bpf.h>

#include "histogram.h"
#include "tcp.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct tcp_sock {
	__u32 srtt_us; /* eight times as much */
} __attribute__((preserve_access_index));

struct peer {
	__u8 address[16]; /* all zeros: all of them in one */
};

const volatile bool by_address = true;

/* How often there was no room for another address. */
__u64 missed = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 12);
	__type(key, struct peer);
	__type(value, struct histogram);
} histograms SEC(".maps");

SEC("tp_btf/tcp_probe")
int BPF_PROG(on_packet, struct sock *socket)
{
	__u32 srtt_us = BPF_CORE_READ((struct tcp_sock *)socket, srtt_us) >> 3;
	struct peer peer = {};
	struct ends ends = {};

	/* Nothing was measured yet. */
	if (!srtt_us || !has_wanted_ports(socket))
		return 0;
	if (by_address) {
		fill_ends(&ends, socket);
		__builtin_memcpy(peer.address, ends.remote_address, sizeof(peer.address));
	}
	add_to_histogram(&histograms, &peer, srtt_us * 1000ULL, missed);
	return 0;
}
