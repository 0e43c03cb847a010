// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Reports each process that is killed because memory is short, of the machine or
 * of a cgroup. Before Linux 6.8, and long-term versions of early 2024, the kernel
 * says no more of it than its number.
 */
#include <stdbool.h>

#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct kill {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 total_pages;
	__u64 resident_pages;
	__u32 pid; /* who is killed */
	__u32 uid;
	__u32 trigger_pid; /* who asked for memory */
	bool is_known;	   /* whether more than the number is */
	char comm[16];
	char trigger_comm[16];
	char cgroup[128]; /* the last part of its path, of the one that limits its memory */
};

/* What is read of the kernel's structs. Loading finds where it is on this kernel. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct percpu_counter {
	__s64 count;
};

struct mm_struct {
	unsigned long total_vm;
	struct percpu_counter rss_stat[4];
};

/* Until Linux 6.1. */
typedef struct {
	__s64 counter;
} atomic64_t;

typedef atomic64_t atomic_long_t;

struct mm_rss_stat {
	atomic_long_t count[4];
};

struct mm_struct___atomic {
	struct mm_rss_stat rss_stat;
};

struct kernfs_node {
	const char *name;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct css_set {
	struct cgroup_subsys_state *subsys[1];
};

struct task_struct {
	int tgid;
	struct mm_struct *mm;
	struct css_set *cgroups;
	char comm[16];
};

/* Of the tracepoint when it hands over the task. */
struct trace_event_raw_mark_victim {
	unsigned int uid;
};

#pragma clang attribute pop

enum cgroup_subsys_id {
	memory_cgrp_id = 1, /* not this */
};

BPFRB_RINGBUF_OF(kills, 1 << 16, struct kill);

/* What CPUs have not added yet may make one negative, which the kernel shows as none. */
static __always_inline __u64 sum(__s64 file, __s64 anonymous, __s64 shared)
{
	return (file > 0 ? file : 0) + (anonymous > 0 ? anonymous : 0) + (shared > 0 ? shared : 0);
}

static __always_inline __u64 resident_pages(struct mm_struct *mm)
{
	struct mm_struct___atomic *atomic = (void *)mm;

	/* Constants, as loading has to know which. */
	if (bpf_core_field_exists(struct mm_struct___atomic, rss_stat.count))
		return sum(BPF_CORE_READ(atomic, rss_stat.count[0].counter),
			   BPF_CORE_READ(atomic, rss_stat.count[1].counter),
			   BPF_CORE_READ(atomic, rss_stat.count[3].counter));
	return sum(BPF_CORE_READ(mm, rss_stat[0].count), BPF_CORE_READ(mm, rss_stat[1].count),
		   BPF_CORE_READ(mm, rss_stat[3].count));
}

static __always_inline void describe(struct kill *kill, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct css_set *groups = BPF_CORE_READ(task, cgroups);
	struct cgroup_subsys_state *group = NULL;
	int index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);

	kill->is_known = true;
	kill->pid = BPF_CORE_READ(task, tgid);
	BPF_CORE_READ_STR_INTO(&kill->comm, task, comm);
	kill->total_pages = BPF_CORE_READ(mm, total_vm);
	kill->resident_pages = resident_pages(mm);
	bpf_core_read(&group, sizeof(group), &groups->subsys[index]);
	bpf_probe_read_kernel_str(kill->cgroup, sizeof(kill->cgroup),
				  BPF_CORE_READ(group, cgroup, kn, name));
}

SEC("raw_tp/mark_victim")
int on_victim(struct bpf_raw_tracepoint_args *ctx)
{
	struct kill *kill = bpfrb_reserve(kills, sizeof(*kill));

	if (!kill)
		return 0;
	__builtin_memset(kill, 0, sizeof(*kill));
	kill->time_ns = bpf_ktime_get_ns();
	kill->trigger_pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(kill->trigger_comm, sizeof(kill->trigger_comm));
	if (bpf_core_field_exists(struct trace_event_raw_mark_victim, uid)) {
		describe(kill, (void *)ctx->args[0]);
		kill->uid = ctx->args[1];
	} else {
		kill->pid = ctx->args[0];
	}
	bpfrb_submit(kills, kill);
	return 0;
}
