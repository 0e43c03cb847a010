// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * System calls of some processes, through one ring for all, through one for each
 * CPU, or through one of a pool. The rings of the last two are made at run time.
 */
#include <stdbool.h>

#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct event {
	__u64 time_ns;
	__u32 tgid;
	__u32 cpu;
};
struct event *unused_event __attribute__((unused));

const volatile __u32 pool_size = 1;

/* Attempts, whether or not there was room. */
__u64 produced = 0;

/* Whose system calls, by tgid. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u8);
} producers SEC(".maps");

BPFRB_RINGBUF(shared, 64 << 10);

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

/* As many as there are CPUs, which maxEntries says before the load. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct ring);
} cpu_rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 16);
	__type(key, __u32);
	__array(values, struct ring);
} pool SEC(".maps");

/* Of each ring of the pool, and of each of cpu_rings, by the same key. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct bpfrb_counters);
} counters SEC(".maps");

static void fill(struct event *event)
{
	event->time_ns = bpf_ktime_get_ns();
	event->tgid = bpf_get_current_pid_tgid() >> 32;
	event->cpu = bpf_get_smp_processor_id();
}

static bool is_wanted(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (!bpf_map_lookup_elem(&producers, &tgid))
		return false;
	__sync_fetch_and_add(&produced, 1);
	return true;
}

/* Into a ring of a map of rings. */
static int send(void *rings, __u32 key)
{
	void *ring = bpf_map_lookup_elem(rings, &key);
	struct event *event = ring ? bpf_ringbuf_reserve(ring, sizeof(*event), 0) : 0;
	struct bpfrb_counters *counts;

	if (event) {
		fill(event);
		bpf_ringbuf_submit(event, 0);
		return 0;
	}
	counts = bpf_map_lookup_elem(&counters, &key);
	if (counts)
		__sync_fetch_and_add(&counts->lost, 1);
	return 0;
}

SEC("raw_tp/sys_enter")
int to_shared(void *context)
{
	struct event *event;

	if (!is_wanted())
		return 0;
	event = bpfrb_reserve(shared, sizeof(*event));
	if (!event)
		return 0;
	fill(event);
	bpfrb_submit(shared, event);
	return 0;
}

SEC("raw_tp/sys_enter")
int to_cpu(void *context)
{
	return is_wanted() ? send(&cpu_rings, bpf_get_smp_processor_id()) : 0;
}

SEC("raw_tp/sys_enter")
int to_pool(void *context)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	return is_wanted() ? send(&pool, tgid * 2654435761u % pool_size) : 0;
}
