// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The benchmark's records, as many a system call as it says, and their counts. */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Whose getpgid() calls produce; may be told while the program runs. */
volatile __u32 producer_tgid = 0;
/* Of getpgid() on this architecture. */
const volatile __u64 syscall_number = 0;
const volatile __u32 records_per_call = 1;
/* Of words_*(): 8 or more. */
const volatile __u32 record_bytes = 8;
/* Records begin with the time instead of a number. */
const volatile __u8 timed = 0;

BPFRB_RINGBUF(ring, 1 << 20);
BPFRB_PERFBUF(perf);

/* On each CPU: a system call's tracepoint is not preempted. */
struct counts {
	__u64 made;
	__u64 submitted;
	/* Of the first 32-bit words of the records submitted. */
	__u64 sum;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counts);
} counts SEC(".maps");

struct event {
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	char comm[16];
	__u64 time_ns;
	char filename[496];
};

/* What the programs copy that do not write in place: of one producer only. */
struct event exec = {
	.ppid = 1,
	.uid = 1000,
	.comm = "worker-17",
	.filename = "/usr/lib/node_modules/tool-17/bin/run",
};
char words[1 << 16] __attribute__((aligned(8)));

static __always_inline void write_words(void *record, struct counts *count)
{
	if (timed)
		*(__u64 *)record = bpf_ktime_get_ns();
	else
		*(__u64 *)record = (__u32)count->made;
}

static __always_inline void count_submitted(__u32 word, struct counts *count)
{
	count->submitted++;
	count->sum += word;
}

/*
 * A record is a function of its own, not static: in a loop the verifier would
 * follow both ways, room and no room, each time around.
 */
__noinline int reserve_words(struct counts *count)
{
	void *record;

	if (!count)
		return 1;
	count->made++;
	record = bpfrb_reserve(ring, record_bytes);
	if (!record)
		return 1;
	write_words(record, count);
	count_submitted(*(__u32 *)record, count);
	bpfrb_submit(ring, record);
	return 0;
}

__noinline int output_words(struct counts *count)
{
	if (!count)
		return 1;
	count->made++;
	write_words(words, count);
	if (bpfrb_output(ring, words, record_bytes))
		return 1;
	count_submitted(*(__u32 *)words, count);
	return 0;
}

__noinline int perf_words(struct bpf_raw_tracepoint_args *ctx, struct counts *count)
{
	if (!count)
		return 1;
	count->made++;
	write_words(words, count);
	if (bpfrb_perf_output(ctx, perf, words, record_bytes))
		return 1;
	count_submitted(*(__u32 *)words, count);
	return 0;
}

__noinline int reserve_exec(struct counts *count)
{
	struct event *event;

	if (!count)
		return 1;
	count->made++;
	event = bpfrb_reserve(ring, sizeof(*event));
	if (!event)
		return 1;
	__builtin_memcpy(event, &exec, sizeof(*event));
	event->pid = count->made;
	count_submitted(event->pid, count);
	bpfrb_submit(ring, event);
	return 0;
}

__noinline int perf_exec(struct bpf_raw_tracepoint_args *ctx, struct counts *count)
{
	if (!count)
		return 1;
	count->made++;
	exec.pid = count->made;
	if (bpfrb_perf_output(ctx, perf, &exec, sizeof(exec)))
		return 1;
	count_submitted(exec.pid, count);
	return 0;
}

static __always_inline struct counts *counts_of_producer(struct bpf_raw_tracepoint_args *ctx)
{
	if (bpf_get_current_pid_tgid() >> 32 != producer_tgid || ctx->args[1] != syscall_number)
		return 0;
	return __bpfrb_first(&counts);
}

/* A call that finds no room gives up, as a program that fails returns. */
#define PROGRAM(name, ...)                                      \
	SEC("?raw_tp/sys_enter")                                \
	int name##_each(struct bpf_raw_tracepoint_args *ctx)    \
	{                                                       \
		struct counts *count = counts_of_producer(ctx); \
		if (!count)                                     \
			return 0;                               \
		for (__u32 i = 0; i < records_per_call; i++) {  \
			if (name(__VA_ARGS__))                  \
				break;                          \
		}                                               \
		return 0;                                       \
	}

PROGRAM(reserve_words, count)
PROGRAM(output_words, count)
PROGRAM(perf_words, ctx, count)
PROGRAM(reserve_exec, count)
PROGRAM(perf_exec, ctx, count)
