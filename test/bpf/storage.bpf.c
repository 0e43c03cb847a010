// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Maps that came after Linux 5.10; a test creates those that its kernel has. */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Of headers that are older. */
enum {
	MAP_TYPE_BLOOM_FILTER = 30,
	MAP_TYPE_CGRP_STORAGE = 32
};

struct {
	__uint(type, MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 100);
	__type(value, __u32);
} bloom SEC(".maps");

#define STORAGE(map_type)                             \
	struct {                                      \
		__uint(type, map_type);               \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
		__type(key, int);                     \
		__type(value, __u64);                 \
	}

STORAGE(BPF_MAP_TYPE_SK_STORAGE) sockets SEC(".maps");
STORAGE(BPF_MAP_TYPE_TASK_STORAGE) tasks SEC(".maps");
STORAGE(MAP_TYPE_CGRP_STORAGE) groups SEC(".maps");
