// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Counts system calls by process and number: how often, how long, how many fail.
 * Those that began before are left out, and so is the end of fork() in the child.
 */
#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_tracing.h>

#include "system-call.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ANY_UID 0xffffffffU
#define MAX_ERRNO 4095
#define COMPAT (1 << 30)

struct start {
	__u64 time_ns; /* 0: there is none */
	__u32 number;
};

/* By thread. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, __u32);
	__type(value, struct start);
} starts SEC(".maps");

struct caller {
	__u32 pid;
	__u32 number; /* with COMPAT when it is of a 32-bit program */
	char comm[16];
};

struct calls {
	__u64 count;
	__u64 errors;
	__u64 total_ns;
	__u64 max_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, struct caller);
	__type(value, struct calls);
} counts SEC(".maps");

/* Those for which there was no room in counts. */
__u64 uncounted = 0;

const volatile __u32 only_pid = 0; /* 0 is any */
const volatile __u32 only_uid = ANY_UID;
const volatile __u32 ignored_pid = 0; /* who asks, whose own calls are of no interest */

SEC("tp_btf/sys_enter")
int BPF_PROG(on_enter, struct pt_regs *regs, long number)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 pid = id >> 32, thread = id, uid = bpf_get_current_uid_gid();
	struct start start = {.time_ns = bpf_ktime_get_ns(), .number = number}, *last;

	if (pid == ignored_pid || (only_pid && pid != only_pid) ||
	    (only_uid != ANY_UID && uid != only_uid))
		return 0;
	if (is_compat())
		start.number |= COMPAT;
	last = bpf_map_lookup_elem(&starts, &thread);
	if (last)
		*last = start;
	else
		bpf_map_update_elem(&starts, &thread, &start, BPF_ANY);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_exit, struct pt_regs *regs, long result)
{
	__u64 id = bpf_get_current_pid_tgid(), ns;
	struct caller caller = {.pid = id >> 32};
	struct calls none = {}, *calls;
	__u32 thread = id;
	struct start *start = bpf_map_lookup_elem(&starts, &thread);

	if (!start || !start->time_ns)
		return 0;
	ns = bpf_ktime_get_ns() - start->time_ns;
	start->time_ns = 0;
	caller.number = start->number;
	bpf_get_current_comm(caller.comm, sizeof(caller.comm));
	calls = bpf_map_lookup_elem(&counts, &caller);
	if (!calls) {
		bpf_map_update_elem(&counts, &caller, &none, BPF_NOEXIST);
		calls = bpf_map_lookup_elem(&counts, &caller);
	}
	if (!calls) {
		__sync_fetch_and_add(&uncounted, 1);
		return 0;
	}
	__sync_fetch_and_add(&calls->count, 1);
	__sync_fetch_and_add(&calls->total_ns, ns);
	if (result < 0 && result >= -MAX_ERRNO)
		__sync_fetch_and_add(&calls->errors, 1);
	/* Of two threads at the same time one may be lost, here alone. */
	if (ns > calls->max_ns)
		calls->max_ns = ns;
	return 0;
}
