// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Programs whose sections do not say where to attach them, beside one that does;
 * not loaded unless told so, programs whose sections name what there is not.
 */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Whose system calls count. */
const volatile __u32 only_tgid = 0;

__u64 calls = 0;

SEC("raw_tp/sys_enter")
int on_enter(void *context)
{
	if (bpf_get_current_pid_tgid() >> 32 == only_tgid)
		__sync_fetch_and_add(&calls, 1);
	return 0;
}

#define PROGRAM(name, section, result) \
	SEC(section)                   \
	int name(void *context)        \
	{                              \
		return result;         \
	}

PROGRAM(cgroup_egress, "cgroup_skb/egress", 1)
PROGRAM(cgroup_connect, "cgroup/connect4", 1)
PROGRAM(parser, "sk_skb/stream_parser", 0)
PROGRAM(verdict, "sk_skb/stream_verdict", 1)
PROGRAM(message, "sk_msg", 1)
PROGRAM(device_map, "xdp/devmap", 2)
PROGRAM(cpu_map, "xdp/cpumap", 2)
PROGRAM(network_device, "xdp", 2)
PROGRAM(socket_operations, "sockops", 1)
PROGRAM(traffic_control, "tc", 0)
PROGRAM(socket_filter, "socket", 0)
PROGRAM(samples, "perf_event", 0)
PROGRAM(no_tracepoint, "raw_tp", 0)

PROGRAM(no_symbol, "?uprobe/libc.so.6:no_such_symbol", 0)
PROGRAM(no_library, "?uprobe/libno_such.so:getuid", 0)
PROGRAM(no_category, "?tp/no_category", 0)
PROGRAM(no_function, "?fentry", 0)

/* Leaves something in its context. */
SEC("?syscall")
int write_context(__u32 *context)
{
	*context = 7;
	return 0;
}
