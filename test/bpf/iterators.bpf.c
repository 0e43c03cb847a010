// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Iterators over tasks, the entries of a map, and cgroups. */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

/* Of vmlinux.h, what is used here. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct task_struct {
	int pid;
	int tgid;
	char comm[16];
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *key;
	void *value;
};
struct cgroup;
struct bpf_iter__cgroup {
	struct bpf_iter_meta *meta;
	struct cgroup *cgroup;
};
#pragma clang attribute pop

struct task {
	__u32 pid;
	__u32 tgid;
	char comm[16];
};
struct task *unused_task __attribute__((unused));

struct entry {
	__u32 key;
	__u64 value;
} __attribute__((packed));
struct entry *unused_entry __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 20000);
	__type(key, __u32);
	__type(value, __u64);
} entries SEC(".maps");

__u32 next_key = 0;

/* Adds 500 entries. */
SEC("raw_tp")
int fill(void *context)
{
	for (int i = 0; i < 500; i++) {
		__u32 key = next_key++;
		__u64 value = 3 * (__u64)key;

		bpf_map_update_elem(&entries, &key, &value, BPF_ANY);
	}
	return 0;
}

SEC("iter/task")
int task_lines(struct bpf_iter__task *context)
{
	static const char format[] = "%d %d %s\n";
	struct task_struct *task = context->task;
	__u64 arguments[3];

	if (!task)
		return 0;
	arguments[0] = task->tgid;
	arguments[1] = task->pid;
	arguments[2] = (__u64)task->comm;
	bpf_seq_printf(context->meta->seq, format, sizeof(format), arguments, sizeof(arguments));
	return 0;
}

SEC("iter/task")
int task_records(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct task record = {};

	if (!task)
		return 0;
	record.pid = task->pid;
	record.tgid = task->tgid;
	bpf_probe_read_kernel_str(record.comm, sizeof(record.comm), task->comm);
	bpf_seq_write(context->meta->seq, &record, sizeof(record));
	return 0;
}

/* Of each task 100, with keys of their own: more than fits into one piece. */
SEC("iter/task")
int many_records(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct entry record;

	if (!task)
		return 0;
	for (int i = 0; i < 100; i++) {
		record.key = task->pid * 100 + i;
		record.value = 3 * (__u64)record.key;
		bpf_seq_write(context->meta->seq, &record, sizeof(record));
	}
	return 0;
}

bool torn = false;

/* One byte too few, in the end. */
SEC("iter/task")
int torn_records(struct bpf_iter__task *context)
{
	static const char bytes[7] = {};

	if (!context->task || torn)
		return 0;
	torn = true;
	bpf_seq_write(context->meta->seq, bytes, sizeof(bytes));
	return 0;
}

/* More than the kernel has room for. */
SEC("iter/task")
int too_much(struct bpf_iter__task *context)
{
	static const char bytes[128] = {};

	if (!context->task)
		return 0;
	for (int i = 0; i < 300; i++)
		bpf_seq_write(context->meta->seq, bytes, sizeof(bytes));
	return 0;
}

/* Some kernels refuse it. */
SEC("?iter/bpf_map_elem")
int map_records(struct bpf_iter__bpf_map_elem *context)
{
	struct entry record;
	__u32 *key = context->key;
	__u64 *value = context->value;

	if (!key || !value)
		return 0;
	record.key = *key;
	record.value = *value;
	bpf_seq_write(context->meta->seq, &record, sizeof(record));
	return 0;
}

SEC("?iter/cgroup")
int cgroup_lines(struct bpf_iter__cgroup *context)
{
	static const char format[] = "cgroup\n";

	if (context->cgroup)
		bpf_seq_printf(context->meta->seq, format, sizeof(format), 0, 0);
	return 0;
}
