// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Reports each time that the kernel asks whether a process has a capability: by
 * its tracepoint, of Linux 6.14, or else at the end of its function, for which it
 * must allow trampolines (arm64 does since 6.4).
 */
#include <stdbool.h>

#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ANY_UID 0xffffffffU

struct ask {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 pid;
	__u32 uid;
	__u32 capability;
	bool is_granted;
	char comm[16];
};

const volatile __u32 only_pid = 0; /* 0 is any */
const volatile __u32 only_uid = ANY_UID;
const volatile bool only_denied = false;

BPFRB_RINGBUF_OF(asks, 1 << 20, struct ask);

static __always_inline int report(int capability, int result)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32, uid = bpf_get_current_uid_gid();
	struct ask *ask;

	if ((only_pid && pid != only_pid) || (only_uid != ANY_UID && uid != only_uid) ||
	    (only_denied && !result))
		return 0;
	ask = bpfrb_reserve(asks, sizeof(*ask));
	if (!ask)
		return 0;
	ask->time_ns = bpf_ktime_get_ns();
	ask->pid = pid;
	ask->uid = uid;
	ask->capability = capability;
	ask->is_granted = !result;
	bpf_get_current_comm(ask->comm, sizeof(ask->comm));
	bpfrb_submit(asks, ask);
	return 0;
}

SEC("tp_btf/cap_capable")
int BPF_PROG(on_ask, const void *cred, void *target, const void *found, int capability, int result)
{
	return report(capability, result);
}

SEC("fexit/cap_capable")
int BPF_PROG(on_answer, const void *cred, void *target, int capability, unsigned int options,
	     int result)
{
	return report(capability, result);
}
