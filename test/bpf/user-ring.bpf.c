// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Takes what is written to a user ring buffer, and shows it. Linux 6.1. */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct request {
	__u32 sequence;
	char name[16];
	__u64 value;
};
/* Local variables alone would not bring it into BTF. */
struct request *unused_request __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} requests SEC(".maps");

BPFRB_RINGBUF(answers, 65536);

/* Flags of the drain, and how many samples it takes at most; 0: all. */
__u64 flags;
__u32 most;

/* What the last drain returned, and took. */
long drained;
__u32 taken;

static long take(struct bpf_dynptr *sample, void *context)
{
	struct request request;

	taken++;
	if (bpf_dynptr_read(&request, sizeof(request), sample, 0, 0) == 0)
		bpf_ringbuf_output(&answers, &request, sizeof(request), 0);
	return taken == most;
}

SEC("raw_tp")
int drain_requests(void *context)
{
	taken = 0;
	drained = bpf_user_ringbuf_drain(&requests, take, 0, flags);
	return 0;
}

/* The first word of a sample is its size: shows that and the last word. */
static long measure(struct bpf_dynptr *sample, void *context)
{
	struct request request = {};

	taken++;
	if (bpf_dynptr_read(&request.sequence, 4, sample, 0, 0) == 0)
		bpf_dynptr_read(&request.value, 8, sample, request.sequence - 8, 0);
	bpf_ringbuf_output(&answers, &request, sizeof(request), 0);
	return taken == most;
}

SEC("raw_tp")
int drain_sizes(void *context)
{
	taken = 0;
	drained = bpf_user_ringbuf_drain(&requests, measure, 0, flags);
	return 0;
}
