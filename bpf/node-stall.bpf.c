// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Reports when an event loop of libuv did not turn for long, and where the thread was.
 *
 * A loop turns when it gets to uv__io_poll(), which may wait; it is at work again when libuv
 * says so to its own clock, uv__metrics_update_idle_time(), before the first callback. While
 * it is at work for too long, a timer on each CPU takes the stack of the thread that runs
 * there. A thread that waits in a system call, or for a CPU, runs nowhere: its stack is taken
 * when it is stopped, and counts if that was for long.
 */
#include <stdbool.h>

#include "bpf-ringbuf.bpf.h"

#include "registers.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define STACK_DEPTH 64

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct {
	int pid;
	unsigned int __state;
};

/* Before Linux 5.14. */
struct task_struct___old {
	long state;
};

#pragma clang attribute pop

enum state {
	RUNNING,
	ASLEEP,	   /* in a system call, or for a page */
	PREEMPTED, /* the CPU was given to others */
};

/* Where it was: one of the samples of a stall, or the end of it, without a stack. */
struct event {
	__u64 since_ns; /* when the loop began to work: the same in all of one stall */
	__u64 time_ns;
	__u64 weight_ns; /* how long the stack held it */
	__u32 pid;
	__u32 tid;
	__u32 is_end;
	enum state state;
	__u64 stack[STACK_DEPTH];
};

/* Only this process; 0 is any. */
const volatile __u32 only_pid = 0;
/* Who asks. */
const volatile __u32 ignored_pid = 0;
/* What is too long. */
const volatile __u64 least_ns = 50000000;
/* Between two samples. */
const volatile __u64 period_ns = 10000000;

BPFRB_RINGBUF_OF(events, 1 << 22, struct event);

struct loop {
	__u64 id; /* uv_loop_t * */
	__u64 frame;
	__u64 since_ns; /* 0 while it may wait */
	__u64 stopped_ns;
	__u32 pid;
	enum state state;
	__u32 is_within; /* it has called another loop, which waits */
	__u32 reserved;
	__u64 stack[STACK_DEPTH]; /* of when it was stopped */
};

/* Of threads that run a loop. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct loop);
} loops SEC(".maps");

/* What a loop is when it is seen first; it would be too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct loop);
} first SEC(".maps");

static __always_inline struct event *reserve(struct loop *loop, __u32 tid, __u64 now)
{
	struct event *event = bpfrb_reserve(events, sizeof(*event));

	if (!event)
		return NULL;
	event->since_ns = loop->since_ns;
	event->time_ns = now;
	event->pid = loop->pid;
	event->tid = tid;
	event->weight_ns = period_ns;
	event->is_end = 0;
	event->state = RUNNING;
	return event;
}

/* A stack has so many bytes. */
static __always_inline void end_stack(__u64 *stack, long bytes)
{
	__u64 depth = bytes > 0 ? (__u64)bytes / sizeof(*stack) : 0;

	if (depth < STACK_DEPTH)
		stack[depth] = 0;
}

/*
 * A loop turns: its work is done. Not so when it is another loop that a callback runs, as
 * execSync() does: that is called further down the stack.
 */
SEC("uprobe")
int BPF_KPROBE(on_poll, __u64 id)
{
	__u64 task = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();
	__u64 frame = PT_REGS_SP(ctx);
	__u32 pid = task >> 32;
	__u32 tid = task;
	struct event *event;
	struct loop *loop;
	__u32 zero = 0;

	if (pid == ignored_pid || (only_pid && pid != only_pid))
		return 0;
	loop = bpf_map_lookup_elem(&loops, &tid);
	if (!loop) {
		loop = bpf_map_lookup_elem(&first, &zero);
		if (loop)
			bpf_map_update_elem(&loops, &tid, loop, BPF_ANY);
		loop = bpf_map_lookup_elem(&loops, &tid);
		if (!loop)
			return 0;
	}
	if (loop->id != id) {
		if (loop->since_ns && frame < loop->frame) {
			/* The C library's function that waits may end a walk of frames. */
			loop->is_within = 1;
			end_stack(loop->stack, bpf_get_stack(ctx, loop->stack, sizeof(loop->stack),
							     BPF_F_USER_STACK));
			return 0;
		}
		loop->id = id;
		loop->pid = pid;
		loop->since_ns = 0;
	}
	loop->frame = frame;
	loop->is_within = 0;
	if (loop->since_ns && now - loop->since_ns >= least_ns) {
		event = reserve(loop, tid, now);
		if (event) {
			event->is_end = 1;
			event->stack[0] = 0;
			bpfrb_submit(events, event);
		}
	}
	loop->since_ns = 0;
	loop->stopped_ns = 0;
	return 0;
}

/* It has waited, and begins to work. It is also told before each further callback. */
SEC("uprobe")
int BPF_KPROBE(on_work, __u64 id)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct loop *loop = bpf_map_lookup_elem(&loops, &tid);

	if (!loop)
		return 0;
	loop->is_within = 0;
	if (loop->id == id && !loop->since_ns)
		loop->since_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("perf_event")
int on_sample(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();
	__u32 tid = id;
	struct loop *loop = bpf_map_lookup_elem(&loops, &tid);
	struct event *event;

	if (!loop || !loop->since_ns || now - loop->since_ns < least_ns / 2)
		return 0;
	event = reserve(loop, tid, now);
	if (!event)
		return 0;
	end_stack(event->stack,
		  bpf_get_stack(ctx, event->stack, sizeof(event->stack), BPF_F_USER_STACK));
	bpfrb_submit(events, event);
	return 0;
}

/* In the context of the thread that is stopped, before the other one runs. */
SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool is_preempted, struct task_struct *from, struct task_struct *to)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 tid = bpf_get_current_pid_tgid();
	struct loop *loop = bpf_map_lookup_elem(&loops, &tid);
	struct event *event;
	__u64 state;

	if (loop && loop->since_ns) {
		if (bpf_core_field_exists(from->__state))
			state = from->__state;
		else
			state = BPF_CORE_READ((struct task_struct___old *)from, state);
		loop->state = state && !is_preempted ? ASLEEP : PREEMPTED;
		loop->stopped_ns = now;
		if (!loop->is_within)
			end_stack(loop->stack, bpf_get_stack(ctx, loop->stack, sizeof(loop->stack),
							     BPF_F_USER_STACK));
	}
	tid = to->pid;
	loop = bpf_map_lookup_elem(&loops, &tid);
	if (!loop || !loop->since_ns || !loop->stopped_ns)
		return 0;
	if (now - loop->stopped_ns >= period_ns) {
		event = reserve(loop, tid, now);
		if (event) {
			event->state = loop->state;
			event->weight_ns = now - loop->stopped_ns;
			__builtin_memcpy(event->stack, loop->stack, sizeof(event->stack));
			bpfrb_submit(events, event);
		}
	}
	loop->stopped_ns = 0;
	return 0;
}
