// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Maps that all who open this object share, by their names in /sys/fs/bpf. */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} shared_ring SEC(".maps");

BPFRB_RINGBUF_PINNED(kept, 4096);

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(int));
	__uint(value_size, sizeof(int));
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} shared_perf SEC(".maps");
