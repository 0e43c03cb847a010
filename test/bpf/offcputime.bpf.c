// SPDX-License-Identifier: GPL-2.0 OR MIT
/* As offcputime: in which stacks the threads of a process were off the CPU, and for how long. */
#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct task_struct {
	int pid;
	int tgid;
} __attribute__((preserve_access_index));

const volatile __u32 only_tgid = 0;
const volatile __u64 shortest_ns = 1000;

struct start {
	__u64 time_ns;
	__s32 kernel_stack;
	__s32 user_stack;
};

struct stacks_of {
	__u32 pid;
	__s32 kernel_stack;
	__s32 user_stack;
};

/* Its value's size is set before it is loaded: the depth. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 8 * sizeof(__u64));
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct start);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct stacks_of);
	__type(value, __u64);
} off_cpu_ns SEC(".maps");

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *previous, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns(), zero = 0, *total;
	__u32 thread = previous->pid;
	struct stacks_of key = {};
	struct start *start;

	if (previous->tgid == only_tgid) {
		struct start new = {
			.time_ns = now,
			.kernel_stack = bpf_get_stackid(ctx, &stacks, 0),
			.user_stack = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK),
		};
		bpf_map_update_elem(&starts, &thread, &new, BPF_ANY);
	}
	if (next->tgid != only_tgid)
		return 0;
	thread = next->pid;
	start = bpf_map_lookup_elem(&starts, &thread);
	if (!start)
		return 0;
	if (now - start->time_ns >= shortest_ns) {
		key.pid = thread;
		key.kernel_stack = start->kernel_stack;
		key.user_stack = start->user_stack;
		bpf_map_update_elem(&off_cpu_ns, &key, &zero, BPF_NOEXIST);
		total = bpf_map_lookup_elem(&off_cpu_ns, &key);
		if (total)
			__sync_fetch_and_add(total, now - start->time_ns);
	}
	bpf_map_delete_elem(&starts, &thread);
	return 0;
}
