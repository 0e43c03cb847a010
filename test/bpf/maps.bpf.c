// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Maps of every kind that Linux 5.10 has, and programs that use them on the calling
 * thread, by BPF_PROG_TEST_RUN. What newer kernels have is in storage.bpf.c.
 */
#include <stdbool.h>

#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct histogram {
	__u64 hits;
	__u32 slots[4];
	char name[8];
};

struct path_key {
	char path[12];
	__u32 device;
};

/* Of an LPM trie. */
struct prefix {
	__u32 prefixlen;
	__u8 address[4];
};

#define ENTRIES(map_type, key_type, value_type, count) \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_##map_type); \
		__uint(max_entries, count);            \
		__type(key, key_type);                 \
		__type(value, value_type);             \
	}

ENTRIES(HASH, __u32, struct histogram, 1024) hash SEC(".maps");
ENTRIES(HASH, struct path_key, __u8, 16) paths SEC(".maps");
ENTRIES(LRU_HASH, __u32, __u64, 1024) lru SEC(".maps");
ENTRIES(ARRAY, __u32, __u64, 8) array SEC(".maps");
ENTRIES(PERCPU_HASH, __u32, __u32, 64) percpu_hash SEC(".maps");
ENTRIES(PERCPU_ARRAY, __u32, __u32, 4) percpu_array SEC(".maps");
ENTRIES(LRU_PERCPU_HASH, __u32, __u64, 64) lru_percpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 64);
	__type(key, struct prefix);
	__type(value, __u32);
} routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 3);
	__type(value, __u64);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 3);
	__type(value, __u64);
} stack SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 64);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 127 * sizeof(__u64));
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct histogram);
} shown SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u64);
	__array(values, struct inner);
} outer_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} cgroups SEC(".maps");

/* What a program is asked to do; as many 64-bit words as raw_tp wants. */
struct request {
	__u64 key;
	__u64 value;
};

SEC("raw_tp")
int add(struct request *request)
{
	__u32 key = request->key;
	__u64 value = request->value;
	struct histogram *in_hash = bpf_map_lookup_elem(&hash, &key);
	__u64 *in_array = bpf_map_lookup_elem(&array, &key);
	__u32 *in_percpu = bpf_map_lookup_elem(&percpu_array, &key);
	struct histogram *in_shown = bpf_map_lookup_elem(&shown, &key);

	if (in_hash)
		in_hash->hits += value;
	if (in_array)
		*in_array += value;
	if (in_percpu)
		*in_percpu += value;
	if (in_shown)
		in_shown->hits += value;
	return 0;
}

SEC("raw_tp")
int pass_on(struct request *request)
{
	__u64 value = 0;

	if (bpf_map_pop_elem(&queue, &value))
		return 0;
	bpf_map_push_elem(&stack, &value, BPF_ANY);
	return value;
}

SEC("raw_tp")
int keep_stack(void *context)
{
	return bpf_get_stackid(context, &stacks, 0);
}

SEC("raw_tp")
int add_inner(struct request *request)
{
	__u32 index = request->key;
	__u64 key = request->key;
	__u32 zero = 0;
	__u64 *value;
	void *map = bpf_map_lookup_elem(&outer, &index);

	if (!map)
		map = bpf_map_lookup_elem(&outer_hash, &key);
	if (!map)
		return 0;
	value = bpf_map_lookup_elem(map, &zero);
	if (!value)
		return 0;
	*value += request->value;
	return 1;
}

SEC("raw_tp")
int called(void *context)
{
	return 42;
}

SEC("raw_tp")
int call(void *context)
{
	bpf_tail_call(context, &calls, 1);
	return 7;
}

SEC("raw_tp")
int send(struct request *request)
{
	__u64 value = request->value;

	return bpf_perf_event_output(request, &events, BPF_F_CURRENT_CPU, &value, sizeof(value)) ==
	       0;
}

SEC("raw_tp")
int is_in_cgroup(void *context)
{
	return bpf_current_task_under_cgroup(&cgroups, 0) == 1;
}
