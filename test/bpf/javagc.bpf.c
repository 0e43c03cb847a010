// SPDX-License-Identifier: GPL-2.0 OR MIT
/* As javagc: how long each garbage collection takes, by the probes of the Java machine. */
#include <stdbool.h>

#include <linux/ptrace.h>

#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct collection {
	__u64 duration_ns;
	__u32 pid;
	__u32 cpu;
};

/* Keeps its type. */
struct collection *unused __attribute__((unused));

BPFRB_RINGBUF(collections, 1 << 16);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} starts SEC(".maps");

SEC("usdt")
int BPF_USDT(on_begin)
{
	__u32 process = bpf_get_current_pid_tgid() >> 32;
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&starts, &process, &now, BPF_ANY);
	return 0;
}

SEC("usdt")
int BPF_USDT(on_end)
{
	__u32 process = bpf_get_current_pid_tgid() >> 32;
	__u64 now = bpf_ktime_get_ns();
	__u64 *start = bpf_map_lookup_elem(&starts, &process);
	struct collection *collection;

	if (!start)
		return 0;
	collection = bpfrb_reserve(collections, sizeof(*collection));
	if (collection) {
		collection->duration_ns = now - *start;
		collection->pid = process;
		collection->cpu = bpf_get_smp_processor_id();
		bpfrb_submit(collections, collection);
	}
	bpf_map_delete_elem(&starts, &process);
	return 0;
}
