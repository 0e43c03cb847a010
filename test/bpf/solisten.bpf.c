// SPDX-License-Identifier: GPL-2.0 OR MIT
/* As solisten: which sockets begin to listen. */
#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock_common {
	__be32 skc_rcv_saddr;
	__u16 skc_num;
	unsigned short skc_family;
};

struct sock {
	struct sock_common __sk_common;
};

struct socket {
	struct sock *sk;
};

#pragma clang attribute pop

const volatile __u32 only_tgid = 0;

struct listening {
	__u32 pid;
	__s32 result;
	__s32 backlog;
	__u16 family;
	__u16 port;
	unsigned char address[4];
	char comm[16];
};

/* Keeps its type. */
struct listening *unused __attribute__((unused));

BPFRB_RINGBUF(sockets, 1 << 16);

/* What it attaches to is said before it is loaded: inet_listen(). */
SEC("fexit")
int BPF_PROG(on_listen, struct socket *socket, int backlog, int result)
{
	__u32 process = bpf_get_current_pid_tgid() >> 32;
	struct listening *listening;
	__be32 address;

	if (process != only_tgid)
		return 0;
	listening = bpfrb_reserve(sockets, sizeof(*listening));
	if (!listening)
		return 0;
	listening->pid = process;
	listening->result = result;
	listening->backlog = backlog;
	listening->family = BPF_CORE_READ(socket, sk, __sk_common.skc_family);
	listening->port = BPF_CORE_READ(socket, sk, __sk_common.skc_num);
	address = BPF_CORE_READ(socket, sk, __sk_common.skc_rcv_saddr);
	__builtin_memcpy(listening->address, &address, sizeof(address));
	bpf_get_current_comm(listening->comm, sizeof(listening->comm));
	bpfrb_submit(sockets, listening);
	return 0;
}
