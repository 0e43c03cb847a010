// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Maps that the kernel refuses; the first one can be mended before load. */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u64);
} without_entries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
	__type(value, __u64);
} with_value SEC(".maps");

/* No kernel has so many types. */
struct {
	__uint(type, 4242);
	__uint(max_entries, 1);
} of_no_type SEC(".maps");

SEC("raw_tp/sys_enter")
int on_enter(void *context)
{
	return 0;
}
