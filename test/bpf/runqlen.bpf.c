// SPDX-License-Identifier: GPL-2.0 OR MIT
/* As runqlen: how many tasks wait for each CPU, by a sampling clock. */
#include <stdbool.h>

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define CPUS 128
#define SLOTS 32

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct cfs_rq {
	unsigned int nr_running;
};

/* As it is called since Linux 6.15. */
struct cfs_rq___queued {
	unsigned int nr_queued;
};

struct sched_entity {
	struct cfs_rq *cfs_rq;
};

struct task_struct {
	struct sched_entity se;
};

#pragma clang attribute pop

struct lengths {
	__u32 slots[SLOTS];
};

struct lengths lengths_of[CPUS] = {};

SEC("perf_event")
int on_sample(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cfs_rq *queue = BPF_CORE_READ(task, se.cfs_rq);
	__u32 cpu = bpf_get_smp_processor_id(), length, *slot;

	if (bpf_core_field_exists(queue->nr_running))
		length = BPF_CORE_READ(queue, nr_running);
	else
		length = BPF_CORE_READ((struct cfs_rq___queued *)queue, nr_queued);
	/* The one that runs does not wait. */
	if (length > 0)
		length--;
	if (length >= SLOTS)
		length = SLOTS - 1;
	/* For verifiers before Linux 6.12, which have lost the range by now. */
	barrier_var(length);
	slot = &lengths_of[cpu & (CPUS - 1)].slots[length & (SLOTS - 1)];
	__sync_fetch_and_add(slot, 1);
	return 0;
}
