// SPDX-License-Identifier: GPL-2.0 OR MIT
/* As funclatency: how long a function takes, as a histogram that is a global variable. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "histogram.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* As funclatency has it: an array of slots, in units of this many nanoseconds. */
const volatile __u64 unit_ns = 1;
__u32 slots[SLOTS] = {};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} starts SEC(".maps");

/* Without a symbol: where it is attached is said at run time. */
SEC("uprobe")
int on_entry(void *context)
{
	__u32 thread = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&starts, &thread, &now, BPF_ANY);
	return 0;
}

SEC("uretprobe")
int on_return(void *context)
{
	__u32 thread = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();
	__u64 *start = bpf_map_lookup_elem(&starts, &thread);

	if (!start)
		return 0;
	add_to_histogram((struct histogram *)slots, (now - *start) / unit_ns);
	bpf_map_delete_elem(&starts, &thread);
	return 0;
}
