// SPDX-License-Identifier: GPL-2.0 OR MIT
/* One program that the verifier accepts and one that it rejects. */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile __u32 limit = 3;
__u32 step = 4;

BPFRB_RINGBUF(events, 4096);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} values SEC(".maps");

SEC("raw_tp/sys_enter")
int accepted(void *context)
{
	return limit + step;
}

/* Uses a value without asking whether there is one. */
SEC("raw_tp/sys_exit")
int unchecked(void *context)
{
	__u32 zero = 0;
	volatile __u64 *value = bpf_map_lookup_elem(&values, &zero);

	return *value;
}
