// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What "bpf-ringbuf tail" prints: a record for each process or thread that takes a
 * name which begins as asked.
 */
#include <stdbool.h>

#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum {
	NAME_SIZE = 16
};

struct point {
	__s16 x;
	__s16 y;
};

struct rename {
	__u64 time_ns;
	__u32 pid;
	bool even;
	char name[NAME_SIZE];
	struct point point;
	__u32 parts[2];
	__u8 raw[3];
};

enum kind {
	KIND_FIRST,
	KIND_SECOND
};

/* What a struct by hand would rather not have. */
struct odd {
	enum kind kind;
	__u32 low : 3, high : 5;
	union {
		__u32 word;
		__u8 octets[4];
	} either;
	union {
		__u16 half;
		char letter;
	};
	void *pointer;
};

struct pair {
	__u32 first;
	__u64 second;
};

/* Told apart by their type; only BPFRB_RECORD_TAGGED() tells of them. */
#define STEP_BEGUN 0
struct begun {
	__u32 type;
	__u32 pid;
	char name[NAME_SIZE];
};

enum {
	STEP_DONE = 7
};
struct done {
	__u32 type;
	__s32 code;
	__u64 pid;
};

/* Not in a record: only the third argument of BPFRB_RINGBUF_OF() tells. */
struct other {
	__u32 nothing;
};

struct config {
	__u64 wide;
	__u32 list[2];
	bool on;
};

const volatile char prefix[NAME_SIZE] = "tail-";
const volatile struct config config = {};
const volatile struct other other = {};
/* Of a pair; fewer than 16 are fewer than it has. */
const volatile __u32 pair_bytes = 16;

BPFRB_RINGBUF_OF(renames, 64 << 10, struct rename);

BPFRB_PERFBUF(pairs);
BPFRB_RECORD_OF(pairs, struct pair);

/* Says so in the map, as programs for other loaders do. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 10);
	__type(value, struct pair);
} valued SEC(".maps");

BPFRB_RINGBUF_OF(odds, 64 << 10, struct odd);

BPFRB_RINGBUF(steps, 64 << 10);
BPFRB_RECORD_TAGGED(steps, type, STEP_BEGUN, struct begun);
BPFRB_RECORD_TAGGED(steps, type, STEP_DONE, struct done);

static __always_inline bool is_wanted(const char *name)
{
	for (int i = 0; i < NAME_SIZE && prefix[i]; i++)
		if (name[i] != prefix[i])
			return false;
	return true;
}

SEC("raw_tp/task_rename")
int on_rename(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct pair pair = {.first = id >> 32, .second = config.wide};
	struct odd odd = {.kind = KIND_SECOND, .low = 5, .high = 17, .half = 0x4142};
	char name[NAME_SIZE] = {};
	struct rename *record;

	bpf_probe_read_kernel_str(name, sizeof(name), (void *)ctx->args[1]);
	if (!is_wanted(name))
		return 0;
	bpfrb_perf_output(ctx, pairs, &pair, sizeof(pair));
	bpf_ringbuf_output(&valued, &pair, pair_bytes < sizeof(pair) ? 8 : sizeof(pair), 0);
	odd.either.word = 0x01020304;
	bpfrb_output(odds, &odd, sizeof(odd));
	record = bpfrb_reserve(renames, sizeof(*record));
	if (!record)
		return 0;
	__builtin_memset(record, 0, sizeof(*record));
	record->time_ns = config.wide;
	record->pid = id >> 32;
	record->even = config.on;
	__builtin_memcpy(record->name, name, NAME_SIZE);
	record->point.x = -1;
	record->point.y = 2;
	record->parts[0] = config.list[0];
	record->parts[1] = config.list[1];
	record->raw[0] = 0xab;
	bpfrb_submit(renames, record);
	return 0;
}

/* One of each, one that nobody declared, and one that is too short. */
SEC("?raw_tp/task_rename")
int on_steps(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct begun begun = {.type = STEP_BEGUN, .pid = pid};
	struct done done = {.type = STEP_DONE, .code = -3, .pid = pid};

	bpf_probe_read_kernel_str(begun.name, sizeof(begun.name), (void *)ctx->args[1]);
	if (!is_wanted(begun.name))
		return 0;
	bpfrb_output(steps, &begun, sizeof(begun));
	bpfrb_output(steps, &done, sizeof(done));
	begun.type = 9;
	bpfrb_output(steps, &begun, 8);
	bpfrb_output(steps, &done, 8);
	return 0;
}

const volatile __u32 producer_tgid = 0;
const volatile __u32 records_per_call = 1;

SEC("?raw_tp/sys_enter")
int flood(void *ctx)
{
	if (bpf_get_current_pid_tgid() >> 32 != producer_tgid)
		return 0;
	for (__u32 i = 0; i < records_per_call && i < 100; i++) {
		struct rename *record = bpfrb_reserve(renames, sizeof(*record));

		if (!record)
			break;
		__builtin_memset(record, 0, sizeof(*record));
		record->time_ns = bpf_ktime_get_ns();
		record->pid = i;
		record->name[0] = 'f';
		bpfrb_submit(renames, record);
	}
	return 0;
}
