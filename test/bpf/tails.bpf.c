// SPDX-License-Identifier: GPL-2.0 OR MIT
/* A program that goes on in another. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Is called by the one after it, by its place in the map. */
SEC("raw_tp")
int tail(void *context)
{
	return 77;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} tails SEC(".maps") = {
	.values = {[1] = (void *)&tail},
};

SEC("raw_tp")
int calls_tail(void *context)
{
	bpf_tail_call(context, &tails, 1);
	return 0;
}
