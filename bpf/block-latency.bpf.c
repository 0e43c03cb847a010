// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Counts how long block devices took for their requests, by device and operation. */
#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "histogram.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define DISK_NAME_SIZE 32
#define REQ_OP_MASK 0xff

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct gendisk {
	char disk_name[DISK_NAME_SIZE];
};

struct request_queue {
	struct gendisk *disk;
};

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int __data_len;
	__u64 start_time_ns;
};

/* As it is before Linux 5.17. */
struct request___before {
	struct gendisk *rq_disk;
};

#pragma clang attribute pop

struct operation {
	char disk[DISK_NAME_SIZE];
	__u32 number; /* REQ_OP_READ and so on */
};

/* Only this one; empty is any. */
const volatile char only_disk[DISK_NAME_SIZE] = "";
/* Since the request was made, rather than since the device has it. */
const volatile bool with_queue = false;

/* How often there was no room: for a request, or for a device. */
__u64 missed = 0;

/* When the device got a request. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 14);
	__type(key, __u64);
	__type(value, __u64);
} issued SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 10);
	__type(key, struct operation);
	__type(value, struct histogram);
} histograms SEC(".maps");

static __always_inline void issue(struct request *request)
{
	__u64 now = bpf_ktime_get_ns(), address = (__u64)request;

	if (bpf_map_update_elem(&issued, &address, &now, BPF_ANY))
		__sync_fetch_and_add(&missed, 1);
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(on_issue, struct request *request)
{
	issue(request);
	return 0;
}

/* As the tracepoint is before Linux 5.11, and 5.10.137. */
SEC("tp_btf/block_rq_issue")
int BPF_PROG(on_issue_of_queue, struct request_queue *queue, struct request *request)
{
	issue(request);
	return 0;
}

static __always_inline struct gendisk *disk_of(struct request *request)
{
	struct request___before *before = (void *)request;

	if (bpf_core_field_exists(before->rq_disk))
		return BPF_CORE_READ(before, rq_disk);
	return BPF_CORE_READ(request, q, disk);
}

static __always_inline bool is_wanted(const char *disk)
{
	if (!only_disk[0])
		return true;
	for (int i = 0; i < DISK_NAME_SIZE; i++) {
		if (disk[i] != only_disk[i])
			return false;
		if (!disk[i])
			break;
	}
	return true;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_complete, struct request *request, int error, unsigned int bytes)
{
	__u64 now = bpf_ktime_get_ns(), address = (__u64)request;
	struct operation operation = {};
	__u64 *since, start;

	/* A part of it. */
	if (bytes < request->__data_len)
		return 0;
	since = bpf_map_lookup_elem(&issued, &address);
	if (!since)
		return 0;
	start = *since;
	bpf_map_delete_elem(&issued, &address);
	/* The kernel has none where /sys/block/DISK/queue/iostats is off. */
	if (with_queue && request->start_time_ns)
		start = request->start_time_ns;
	BPF_CORE_READ_STR_INTO(&operation.disk, disk_of(request), disk_name);
	if (!is_wanted(operation.disk))
		return 0;
	operation.number = request->cmd_flags & REQ_OP_MASK;
	add_to_histogram(&histograms, &operation, now - start, missed);
	return 0;
}
