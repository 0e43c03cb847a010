// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Reports each program that is executed and, if loaded, each process that ends. */
#include <stdbool.h>
#include <stddef.h>

#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "exec-snoop.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ANY_UID 0xffffffffU
#define SIGNAL_GROUP_EXIT 4 /* linux/sched/signal.h */
#define EEXIST 17

/* What is read of the kernel's structs. Loading finds where it is on this kernel. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
};

struct task_struct {
	int exit_code;
	int tgid;
	__u64 start_time;
	struct mm_struct *mm;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct signal_struct *signal;
	char comm[COMM_SIZE];
};

struct linux_binprm {
	const char *filename;
};

#pragma clang attribute pop

/* Only this process; 0 is any. */
const volatile __u32 only_pid = 0;
const volatile __u32 only_uid = ANY_UID;

BPFRB_EVENT_STREAM(events, 1 << 20, EVENT_SIZE);
BPFRB_RECORD_OF(events, struct event);

/* Where an exec is put together, as its size is known only then. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, EVENT_SIZE);
} scratch SEC(".maps");

struct process {
	__u64 start_time;
	__u64 pid;
};

/* The processes that ended last. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct process);
	__type(value, __u8);
} ended SEC(".maps");

static __always_inline bool is_wanted(void)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u32 uid = bpf_get_current_uid_gid();

	return (!only_pid || pid == only_pid) && (only_uid == ANY_UID || uid == only_uid);
}

/* Fills in what both kinds have. The task is the current one. */
static __always_inline void describe(struct event *event, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;

	event->time_ns = bpf_ktime_get_ns();
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->ppid = leader->real_parent->tgid;
	event->uid = bpf_get_current_uid_gid();
	/* A thread may have a name of its own, the leader has the process's. */
	bpf_probe_read_kernel_str(event->comm, sizeof(event->comm), leader->comm);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *binprm)
{
	struct mm_struct *mm = task->mm;
	__u64 args_size = mm->arg_end - mm->arg_start;
	struct event *event;
	long filename_size;
	__u32 zero = 0;

	if (!is_wanted())
		return 0;
	event = bpf_map_lookup_elem(&scratch, &zero);
	if (!event)
		return 0;
	describe(event, task);
	event->kind = EVENT_EXEC;
	event->args_size = args_size;
	filename_size = bpf_probe_read_kernel_str(event->strings, FILENAME_SIZE, binprm->filename);
	if (filename_size <= 0 || filename_size > FILENAME_SIZE) {
		event->strings[0] = '\0';
		filename_size = 1;
	}
	if (args_size > ARGS_SIZE)
		args_size = ARGS_SIZE;
	/* Fails when the arguments were swapped out. */
	if (bpf_probe_read_user(event->strings + filename_size, args_size, (void *)mm->arg_start))
		args_size = 0;
	event->strings_size = filename_size + args_size;
	bpfrb_event_output(ctx, events, event,
			   offsetof(struct event, strings) + event->strings_size);
	return 0;
}

/*
 * The last threads of a process may end at the same time on several CPUs, and
 * then each of them finds that none is left.
 */
static __always_inline bool is_first_to_tell(struct task_struct *leader)
{
	struct process process = {
		.start_time = leader->start_time,
		.pid = leader->tgid,
	};
	__u8 value = 0;

	return bpf_map_update_elem(&ended, &process, &value, BPF_NOEXIST) != -EEXIST;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;
	struct signal_struct *signal = task->signal;
	struct event *event;

	if (signal->live.counter > 0 || !is_wanted() || !is_first_to_tell(leader))
		return 0;
	event = bpfrb_event_reserve(events, offsetof(struct event, strings));
	if (!event)
		return 0;
	describe(event, task);
	event->kind = EVENT_EXIT;
	event->duration_ns = event->time_ns - leader->start_time;
	if (signal->flags & SIGNAL_GROUP_EXIT)
		event->exit_status = signal->group_exit_code;
	else
		event->exit_status = leader->exit_code;
	bpfrb_event_submit(ctx, events, event, offsetof(struct event, strings));
	return 0;
}
