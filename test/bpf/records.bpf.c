// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Records of known contents, made on the calling thread by BPF_PROG_TEST_RUN,
 * into two rings that count and one that does not.
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

/* What to make; the context of each program. */
struct request {
	__u32 count;
	__u32 first;	     /* sequence number */
	__u32 discard_every; /* 0: none */
	__u32 size;	     /* of a record, where the program does not know it */
};

BPF_RINGBUF(events, 4096);
BPF_RINGBUF(others, 4096);

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

static __always_inline bool is_discarded(__u32 index, const struct request *request)
{
	return request->discard_every && index % request->discard_every == 0;
}

static __always_inline void remember(__u32 key, __u32 sequence)
{
	struct sample sample;

	fill(&sample, sequence);
	bpf_map_update_elem(&latest, &key, &sample, BPF_ANY);
}

static long emit_event(__u32 index, struct request *request)
{
	struct sample *sample = ringbuf_reserve(events, sizeof(*sample));

	if (!sample)
		return 0;
	fill(sample, request->first + index);
	if (is_discarded(index, request))
		ringbuf_discard(events, sample);
	else
		ringbuf_submit(events, sample);
	return 0;
}

static long emit_other(__u32 index, struct request *request)
{
	struct sample *sample = ringbuf_reserve(others, sizeof(*sample));

	if (!sample)
		return 0;
	fill(sample, request->first + index);
	if (is_discarded(index, request))
		ringbuf_discard(others, sample);
	else
		ringbuf_submit(others, sample);
	return 0;
}

static long emit_plain(__u32 index, struct request *request)
{
	struct sample *sample = bpf_ringbuf_reserve(&plain, sizeof(*sample), 0);

	if (!sample)
		return 0;
	fill(sample, request->first + index);
	bpf_ringbuf_submit(sample, 0);
	return 0;
}

/*
 * Kernels that inline bpf_loop() compare all 64 bits of its first argument, of
 * which clang prepares only 32.
 */
static __always_inline __u64 zero_extended(__u32 count)
{
	__u64 wide = count;

	barrier_var(wide);
	return wide;
}

SEC("syscall")
int make_events(struct request *context)
{
	struct request request = *context;

	bpf_loop(zero_extended(request.count), emit_event, &request, 0);
	remember('e', request.first + request.count - 1);
	return request.count;
}

SEC("syscall")
int make_others(struct request *context)
{
	struct request request = *context;

	bpf_loop(zero_extended(request.count), emit_other, &request, 0);
	remember('o', request.first + request.count - 1);
	return request.count;
}

SEC("syscall")
int make_plain(struct request *context)
{
	struct request request = *context;

	bpf_loop(zero_extended(request.count), emit_plain, &request, 0);
	remember('p', request.first + request.count - 1);
	return request.count;
}

struct blob_words {
	__u64 *words;
	__u64 first;
};

static long fill_word(__u32 index, struct blob_words *blob)
{
	if (index < BLOB_SIZE / 8)
		blob->words[index] = blob->first + index;
	return 0;
}

/* One record of `size` bytes: 64-bit words that count from the sequence number. */
SEC("syscall")
int make_bytes(struct request *context)
{
	struct blob_words contents;
	__u32 size = context->size;
	__u32 zero = 0;

	contents.first = context->first;
	contents.words = bpf_map_lookup_elem(&blob, &zero);
	if (!contents.words || size > BLOB_SIZE)
		return 0;
	bpf_loop((size + 7) / 8, fill_word, &contents, 0);
	ringbuf_output(events, contents.words, size);
	return 1;
}
