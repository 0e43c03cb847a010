// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Records of known contents, made on the calling thread by BPF_PROG_TEST_RUN,
 * into two rings that count and one that does not. For Linux 5.10 and newer, so
 * without "syscall" programs and bpf_loop().
 */
#include <stdbool.h>

#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum kind {
	KIND_ODD,
	KIND_EVEN,
};

struct point {
	__s16 x;
	__s16 y;
};

/* Each field follows from the sequence number. */
struct sample {
	__u64 wide;
	__s64 negative;
	__u32 sequence;
	__s32 minus;
	__u16 half;
	__s8 small;
	bool even;
	char name[16];
	struct point points[2];
	__u8 raw[3];
	enum kind kind;
};

/* What to make; the context of each program, as many 64-bit words as raw_tp wants. */
struct request {
	__u32 count;	     /* at most RECORDS_PER_RUN */
	__u32 first;	     /* sequence number */
	__u32 discard_every; /* 0: none */
	__u32 index;	     /* of the first, in a request that takes several runs */
};

enum {
	RECORDS_PER_RUN = 500,
	WORDS_PER_RUN = 256
};

BPFRB_RINGBUF(events, 4096);
BPFRB_RINGBUF(others, 4096);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} plain SEC(".maps");

/* The last sample of each ring by the first character of its name. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct sample);
} latest SEC(".maps");

enum {
	BLOB_SIZE = 256 << 10
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64[BLOB_SIZE / 8]);
} blob SEC(".maps");

static __always_inline void fill(struct sample *sample, __u32 sequence)
{
	__builtin_memset(sample, 0, sizeof(*sample));
	sample->wide = ((__u64)sequence << 32) + sequence;
	sample->negative = -(__s64)sequence;
	sample->sequence = sequence;
	sample->minus = -(__s32)sequence;
	sample->half = sequence;
	sample->small = -(__s8)(sequence & 0x7f);
	sample->even = !(sequence & 1);
	sample->name[0] = 's';
	sample->name[1] = '-';
	sample->name[2] = '0' + sequence % 10;
	sample->points[0].x = sequence;
	sample->points[0].y = -sequence;
	sample->points[1].x = sequence + 1;
	sample->points[1].y = -sequence - 1;
	sample->raw[0] = sequence;
	sample->raw[1] = sequence >> 8;
	sample->raw[2] = sequence >> 16;
	sample->kind = sequence & 1 ? KIND_ODD : KIND_EVEN;
}

static __always_inline bool is_discarded(__u32 index, __u32 discard_every)
{
	return discard_every && index % discard_every == 0;
}

static __always_inline void remember(__u32 key, __u32 sequence)
{
	struct sample sample;

	fill(&sample, sequence);
	bpf_map_update_elem(&latest, &key, &sample, BPF_ANY);
}

/* Global functions, which the verifier looks at once, not each time around. */
__noinline int emit_event(__u32 sequence, __u32 index, __u32 discard_every)
{
	struct sample *sample = bpfrb_reserve(events, sizeof(*sample));

	if (!sample)
		return 0;
	fill(sample, sequence);
	if (is_discarded(index, discard_every))
		bpfrb_discard(events, sample);
	else
		bpfrb_submit(events, sample);
	return 0;
}

__noinline int emit_other(__u32 sequence, __u32 index, __u32 discard_every)
{
	struct sample *sample = bpfrb_reserve(others, sizeof(*sample));

	if (!sample)
		return 0;
	fill(sample, sequence);
	if (is_discarded(index, discard_every))
		bpfrb_discard(others, sample);
	else
		bpfrb_submit(others, sample);
	return 0;
}

__noinline int emit_plain(__u32 sequence)
{
	struct sample *sample = bpf_ringbuf_reserve(&plain, sizeof(*sample), 0);

	if (!sample)
		return 0;
	fill(sample, sequence);
	bpf_ringbuf_submit(sample, 0);
	return 0;
}

SEC("raw_tp")
int make_events(struct request *context)
{
	struct request request = *context;

	for (__u32 i = 0; i < RECORDS_PER_RUN && i < request.count; i++)
		emit_event(request.first + i, request.index + i, request.discard_every);
	remember('e', request.first + request.count - 1);
	return request.count;
}

SEC("raw_tp")
int make_others(struct request *context)
{
	struct request request = *context;

	for (__u32 i = 0; i < RECORDS_PER_RUN && i < request.count; i++)
		emit_other(request.first + i, request.index + i, request.discard_every);
	remember('o', request.first + request.count - 1);
	return request.count;
}

SEC("raw_tp")
int make_plain(struct request *context)
{
	struct request request = *context;

	for (__u32 i = 0; i < RECORDS_PER_RUN && i < request.count; i++)
		emit_plain(request.first + i);
	remember('p', request.first + request.count - 1);
	return request.count;
}

/* Writes WORDS_PER_RUN words from an index on: they count from the sequence number. */
SEC("raw_tp")
int fill_words(struct request *context)
{
	__u64 first = context->first;
	__u32 start = context->index;
	__u32 zero = 0;
	__u64 *words = bpf_map_lookup_elem(&blob, &zero);

	if (!words || start > BLOB_SIZE / 8 - WORDS_PER_RUN)
		return 0;
	for (__u32 i = 0; i < WORDS_PER_RUN; i++)
		words[start + i] = first + start + i;
	return WORDS_PER_RUN;
}

/* One record of the first `size` bytes of these words. */
SEC("raw_tp")
int make_bytes(__u32 *size)
{
	__u32 size_bytes = *size;
	__u32 zero = 0;
	__u64 *words = bpf_map_lookup_elem(&blob, &zero);

	if (!words || size_bytes > BLOB_SIZE)
		return 0;
	bpfrb_output(events, words, size_bytes);
	return 1;
}
