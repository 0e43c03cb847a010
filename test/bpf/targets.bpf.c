// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Programs whose sections say what they are and not where to attach them. Each
 * counts its runs, and says which cookie it was attached with. None is loaded
 * unless told so.
 */
#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Whose runs count; 0 for all. */
const volatile __u32 only_tgid = 0;

__u64 hits = 0;
__u64 cookie = 0;

/* Has those that decide refuse. */
bool refuse = false;

static __always_inline bool is_other(void)
{
	return only_tgid && bpf_get_current_pid_tgid() >> 32 != only_tgid;
}

static __always_inline void count(void)
{
	if (!is_other())
		__sync_fetch_and_add(&hits, 1);
}

static __always_inline int decide(void)
{
	count();
	return refuse && !is_other() ? -13 /* EACCES */ : 0;
}

/* bpf_get_attach_cookie() is of Linux 5.15, and not of all types. */
#define PROGRAM(name, section)                           \
	SEC("?" section)                                 \
	int name(void *context)                          \
	{                                                \
		count();                                 \
		return 0;                                \
	}                                                \
	SEC("?" section)                                 \
	int name##_cookie(void *context)                 \
	{                                                \
		if (is_other())                          \
			return 0;                        \
		cookie = bpf_get_attach_cookie(context); \
		__sync_fetch_and_add(&hits, 1);          \
		return 0;                                \
	}

PROGRAM(kprobe, "kprobe")
PROGRAM(kretprobe, "kretprobe")
PROGRAM(kprobe_multi, "kprobe.multi")
PROGRAM(kretprobe_multi, "kretprobe.multi")
PROGRAM(ksyscall, "ksyscall")
PROGRAM(kretsyscall, "kretsyscall")
PROGRAM(uprobe, "uprobe")
PROGRAM(uretprobe, "uretprobe")
PROGRAM(uprobe_multi, "uprobe.multi")
PROGRAM(tracepoint, "tp")
PROGRAM(raw_tracepoint, "raw_tp")
PROGRAM(typed_tracepoint, "tp_btf")
PROGRAM(fentry, "fentry")
PROGRAM(fexit, "fexit")
PROGRAM(perf_event, "perf_event")

SEC("?fmod_ret")
int fmod_ret(void *context)
{
	return decide();
}

SEC("?lsm")
int lsm_cookie(void *context)
{
	if (is_other())
		return 0;
	cookie = bpf_get_attach_cookie(context);
	__sync_fetch_and_add(&hits, 1);
	return 0;
}

SEC("?lsm")
int lsm(void *context)
{
	return decide();
}

/* The other one of the same type counts another way, to tell them apart. */
#define ALWAYS(name, section, result)                 \
	SEC("?" section)                              \
	int name(void *context)                       \
	{                                             \
		__sync_fetch_and_add(&hits, 1);       \
		return result;                        \
	}                                             \
	SEC("?" section)                              \
	int name##_other(void *context)               \
	{                                             \
		__sync_fetch_and_add(&hits, 1000000); \
		return result;                        \
	}

ALWAYS(cgroup_egress, "cgroup_skb/egress", 1)
ALWAYS(cgroup_ingress, "cgroup_skb/ingress", 1)
ALWAYS(cgroup_socket, "cgroup/sock_create", 1)
ALWAYS(cgroup_address, "cgroup/connect4", 1)
ALWAYS(cgroup_device, "cgroup/dev", 1)
ALWAYS(cgroup_sysctl, "cgroup/sysctl", 1)
ALWAYS(cgroup_sockopt, "cgroup/setsockopt", 1)
ALWAYS(socket_lookup, "sk_lookup", SK_PASS)
ALWAYS(flow_dissector, "flow_dissector", BPF_OK)
ALWAYS(network_device, "xdp", XDP_PASS)
ALWAYS(traffic_control, "tc", 0)
ALWAYS(netfilter, "netfilter", 1)
ALWAYS(socket_filter, "socket", -1)
ALWAYS(reuseport_select, "sk_reuseport", SK_PASS)
ALWAYS(message, "sk_msg", SK_PASS)

/* Has sockets share their port, which SO_ATTACH_REUSEPORT_EBPF needs. */
SEC("?cgroup/bind4")
int share_port(struct bpf_sock_addr *context)
{
	int one = 1;

	bpf_setsockopt(context, 1 /* SOL_SOCKET */, 15 /* SO_REUSEPORT */, &one, sizeof(one));
	return 1;
}

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} connections SEC(".maps");

/* Puts a connection of this machine's own into the map. */
SEC("?sockops")
int connected(struct bpf_sock_ops *context)
{
	__u32 key = 0;

	if (context->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
		bpf_sock_map_update(context, &connections, &key, BPF_ANY);
	return 1;
}

/* The last function, which a program of another object may take the place of. */
__attribute__((noinline)) int replaceable(int number)
{
	volatile int result = number;

	return result + 1;
}

SEC("?tc")
int replaced(struct __sk_buff *context)
{
	return replaceable(41);
}

SEC("?freplace")
int replacement(int number)
{
	return number + 1000;
}

/* Shortens its packet and marks its context. */
SEC("?tc")
int change_packet(struct __sk_buff *context)
{
	context->mark = context->mark + 1;
	bpf_skb_change_tail(context, 60, 0);
	bpf_skb_store_bytes(context, 0, "\x7f", 1, 0);
	return 9;
}

SEC("?raw_tp")
int which_cpu(__u64 *context)
{
	return bpf_get_smp_processor_id();
}
