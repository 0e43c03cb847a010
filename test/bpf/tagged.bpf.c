// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Records of several structs, told apart by their first field: by BPF_PROG_TEST_RUN
 * through a ring or a perf buffer and into a flight recorder, and by an iterator.
 */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum kind {
	KIND_STARTED = 1,
	KIND_ENDED = 2,
	KIND_OTHER = 9, /* what the tests have no case for */
};

struct started {
	enum kind kind;
	__u32 sequence;
	__u64 time_ns;
	char comm[16];
};

struct ended {
	enum kind kind;
	__u32 sequence;
	__u64 time_ns;
	__s64 code;
};

struct other {
	enum kind kind;
	__u32 sequence;
	__u64 time_ns;
};

/* This keeps it in BTF. */
struct other *unused_other __attribute__((unused));

/* The context, as many 64-bit words as raw_tp wants. */
struct request {
	__u32 count; /* at most RECORDS_PER_RUN */
	__u32 first; /* sequence number */
	__u32 discard_every;
	__u32 unused;
};

enum {
	RECORDS_PER_RUN = 500
};

BPFRB_EVENT_STREAM(events, 1 << 16, sizeof(struct started));
BPFRB_RECORD_TAGGED(events, kind, KIND_STARTED, struct started);
BPFRB_RECORD_TAGGED(events, kind, KIND_ENDED, struct ended);
BPFRB_FLIGHT_RECORDER(recorder, 1 << 16);

/* Of four sequence numbers the first and the third start, the second ends. */
static __always_inline enum kind kind_of(__u32 sequence)
{
	if (sequence % 2 == 0)
		return KIND_STARTED;
	return sequence % 4 == 1 ? KIND_ENDED : KIND_OTHER;
}

#define EMIT(ctx, type, discard, ...)                                               \
	do {                                                                        \
		struct type *_event = bpfrb_event_reserve(events, sizeof(*_event)); \
                                                                                    \
		if (!_event)                                                        \
			return 0;                                                   \
		*_event = (struct type){__VA_ARGS__};                               \
		if (discard)                                                        \
			bpfrb_event_discard(events, _event);                        \
		else                                                                \
			bpfrb_event_submit(ctx, events, _event, sizeof(*_event));   \
	} while (0)

/* Global functions, which the verifier looks at once, not each time around. */
__noinline int emit(struct bpf_raw_tracepoint_args *ctx, __u32 sequence, __u32 discard)
{
	enum kind kind = kind_of(sequence);
	__u64 now = bpf_ktime_get_ns();

	if (kind == KIND_STARTED)
		EMIT(ctx, started, discard, kind, sequence, now, "started");
	else if (kind == KIND_ENDED)
		EMIT(ctx, ended, discard, kind, sequence, now, -(__s64)sequence);
	else
		EMIT(ctx, other, discard, kind, sequence, now);
	return 0;
}

SEC("raw_tp")
int make_events(struct bpf_raw_tracepoint_args *ctx)
{
	struct request request = *(struct request *)ctx;

	for (__u32 i = 0; i < RECORDS_PER_RUN && i < request.count; i++) {
		__u32 sequence = request.first + i;
		__u32 every = request.discard_every;

		emit(ctx, sequence, every && sequence % every == 0);
	}
	return request.count;
}

__noinline int record(struct bpf_raw_tracepoint_args *ctx, __u32 sequence)
{
	enum kind kind = kind_of(sequence);
	__u64 now = bpf_ktime_get_ns();

	if (kind == KIND_STARTED) {
		struct started started = {kind, sequence, now, "started"};

		bpfrb_record(ctx, recorder, &started, sizeof(started));
	} else if (kind == KIND_ENDED) {
		struct ended ended = {kind, sequence, now, -(__s64)sequence};

		bpfrb_record(ctx, recorder, &ended, sizeof(ended));
	} else {
		struct other other = {kind, sequence, now};

		bpfrb_record(ctx, recorder, &other, sizeof(other));
	}
	return 0;
}

SEC("raw_tp")
int make_recorded(struct bpf_raw_tracepoint_args *ctx)
{
	struct request request = *(struct request *)ctx;

	for (__u32 i = 0; i < RECORDS_PER_RUN && i < request.count; i++)
		record(ctx, request.first + i);
	return request.count;
}

/* Of vmlinux.h, what is used here. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
#pragma clang attribute pop

/* As many records as write_count says, of these kinds in turn; at the end those of `others`. */
const volatile __u32 write_count = 0;
const volatile __u32 write_others = 0;
__u32 written = 0;

SEC("iter/task")
int write_records(struct bpf_iter__task *context)
{
	struct seq_file *seq = context->meta->seq;

	if (!context->task || written)
		return 0;
	for (__u32 i = 0; i < 500 && i < write_count; i++) {
		if (i % 3 == 0) {
			struct ended ended = {KIND_ENDED, i, 0, -(__s64)i};

			bpf_seq_write(seq, &ended, sizeof(ended));
		} else {
			struct started started = {KIND_STARTED, i, 0, "iterated"};

			bpf_seq_write(seq, &started, sizeof(started));
		}
		written++;
	}
	for (__u32 i = 0; i < 2 && i < write_others; i++) {
		struct other other = {KIND_OTHER, i, 0};

		bpf_seq_write(seq, &other, sizeof(other));
	}
	return 0;
}
