// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Sums up for how long threads were off the CPU, by the stacks in which they left it. */
#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define DEPTH 127
#define EEXIST 17

struct task_struct {
	int pid;
	int tgid;
	char comm[16];
} __attribute__((preserve_access_index));

struct stacks_of {
	__u32 pid;
	__s32 kernel_stack; /* or negative, as bpf_get_stackid() gives it */
	__s32 user_stack;
	char comm[16];
};

struct sum {
	__u64 total_ns;
	__u64 count;
};

struct start {
	__u64 time_ns;
	struct stacks_of stacks;
};

/* Only this process; 0 is any. */
const volatile __u32 only_pid = 0;
const volatile __u64 shortest_ns = 1000;

/* How often there was no room: for a thread, a sum, or a stack. */
__u64 missed = 0;
__u64 missed_stacks = 0;

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 1 << 14);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, DEPTH * sizeof(__u64));
} stacks SEC(".maps");

/* Nothing may be allocated where these are filled in. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 15);
	__type(key, __u32);
	__type(value, struct start);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 14);
	__type(key, struct stacks_of);
	__type(value, struct sum);
} sums SEC(".maps");

static __always_inline bool is_wanted(struct task_struct *task)
{
	/* The idle task is thread 0 of each CPU. */
	return task->pid && (!only_pid || task->tgid == only_pid);
}

static __always_inline __s32 stack_of(void *ctx, __u64 flags)
{
	__s32 stack = bpf_get_stackid(ctx, &stacks, flags);

	if (stack == -EEXIST)
		__sync_fetch_and_add(&missed_stacks, 1);
	return stack;
}

static __always_inline void leave(void *ctx, struct task_struct *task, __u64 now)
{
	struct start start = {.time_ns = now, .stacks.pid = task->tgid};
	__u32 thread = task->pid;

	start.stacks.kernel_stack = stack_of(ctx, 0);
	start.stacks.user_stack = stack_of(ctx, BPF_F_USER_STACK);
	bpf_probe_read_kernel(start.stacks.comm, sizeof(start.stacks.comm), task->comm);
	if (bpf_map_update_elem(&starts, &thread, &start, BPF_ANY))
		__sync_fetch_and_add(&missed, 1);
}

static __always_inline void add(struct stacks_of *stacks_of, __u64 ns)
{
	struct sum none = {}, *sum = bpf_map_lookup_elem(&sums, stacks_of);

	if (!sum) {
		bpf_map_update_elem(&sums, stacks_of, &none, BPF_NOEXIST);
		sum = bpf_map_lookup_elem(&sums, stacks_of);
	}
	if (!sum) {
		__sync_fetch_and_add(&missed, 1);
		return;
	}
	__sync_fetch_and_add(&sum->total_ns, ns);
	__sync_fetch_and_add(&sum->count, 1);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool is_preempted, struct task_struct *previous, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns();
	struct start *start;
	__u32 thread = next->pid;

	if (is_wanted(previous))
		leave(ctx, previous, now);
	if (!is_wanted(next))
		return 0;
	start = bpf_map_lookup_elem(&starts, &thread);
	if (!start)
		return 0;
	if (now - start->time_ns >= shortest_ns)
		add(&start->stacks, now - start->time_ns);
	bpf_map_delete_elem(&starts, &thread);
	return 0;
}
