// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Reports the system calls that mount and unmount, the newer ones of Linux 5.2 as well. */
#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_tracing.h>

#include "system-call.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ANY_UID 0xffffffffU
#define PATH_SIZE 1024
#define OPTIONS_SIZE 2048
/* Commands of fsconfig() whose value is a text: linux/mount.h */
#define TEXT_COMMANDS (1 << 1 | 1 << 3 | 1 << 4)

enum mount_call {
	MOUNT,
	UMOUNT2,
	PIVOT_ROOT,
	OPEN_TREE,
	MOVE_MOUNT,
	FSOPEN,
	FSCONFIG,
	FSMOUNT,
	FSPICK,
	MOUNT_SETATTR,
};

/* What is longer than its place is cut off. */
struct mount {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 flags;
	__u32 pid;
	__u32 uid;
	__u32 mount_namespace; /* as in /proc/PID/ns/mnt */
	enum mount_call call;
	__s32 result;
	char comm[16];
	char type[64]; /* fsconfig: the option's name */
	char source[PATH_SIZE];
	char target[PATH_SIZE];
	char options[OPTIONS_SIZE]; /* fsconfig: the option's value */
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct task_struct {
	struct nsproxy *nsproxy;
};

#pragma clang attribute pop

const volatile __u32 only_pid = 0; /* 0 is any */
const volatile __u32 only_uid = ANY_UID;
const volatile bool only_failed = false;

BPFRB_RINGBUF_OF(mounts, 1 << 20, struct mount);

/* The argument with this index, a text. */
#define READ(place, index)                                          \
	bpf_probe_read_user_str(mount->place, sizeof(mount->place), \
				(void *)call_argument(regs, index))

static __always_inline bool is_mount_call(long number)
{
	return number == CALL(165, 40) || number == CALL(166, 39) || number == CALL(155, 41) ||
	       (number >= 428 && number <= 433) || number == 442;
}

static __always_inline void read_arguments(struct mount *mount, struct pt_regs *regs, long number)
{
	if (number == CALL(165, 40)) {
		mount->call = MOUNT;
		READ(source, 0);
		READ(target, 1);
		READ(type, 2);
		mount->flags = call_argument(regs, 3);
		READ(options, 4);
	} else if (number == CALL(166, 39)) {
		mount->call = UMOUNT2;
		READ(target, 0);
		mount->flags = (__u32)call_argument(regs, 1);
	} else if (number == CALL(155, 41)) {
		mount->call = PIVOT_ROOT;
		READ(source, 0);
		READ(target, 1);
	} else if (number == 428) {
		mount->call = OPEN_TREE;
		READ(source, 1);
		mount->flags = (__u32)call_argument(regs, 2);
	} else if (number == 429) {
		mount->call = MOVE_MOUNT;
		READ(source, 1);
		READ(target, 3);
		mount->flags = (__u32)call_argument(regs, 4);
	} else if (number == 430) {
		mount->call = FSOPEN;
		READ(type, 0);
		mount->flags = (__u32)call_argument(regs, 1);
	} else if (number == 431) {
		mount->call = FSCONFIG;
		mount->flags = (__u32)call_argument(regs, 1);
		READ(type, 2);
		if (TEXT_COMMANDS >> (mount->flags & 31) & 1)
			READ(options, 3);
	} else if (number == 432) {
		mount->call = FSMOUNT;
		mount->flags = (__u32)call_argument(regs, 2);
	} else {
		mount->call = number == 433 ? FSPICK : MOUNT_SETATTR;
		READ(target, 1);
		mount->flags = (__u32)call_argument(regs, 2);
	}
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_exit, struct pt_regs *regs, long result)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32, uid = bpf_get_current_uid_gid();
	struct task_struct *task = (void *)bpf_get_current_task();
	long number = call_number(regs);
	struct mount *mount;

	if (!is_mount_call(number) || is_compat() || (only_pid && pid != only_pid) ||
	    (only_uid != ANY_UID && uid != only_uid) || (only_failed && result >= 0))
		return 0;
	mount = bpfrb_reserve(mounts, sizeof(*mount));
	if (!mount)
		return 0;
	mount->time_ns = bpf_ktime_get_ns();
	mount->flags = 0;
	mount->pid = pid;
	mount->uid = uid;
	mount->mount_namespace = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	mount->result = result;
	bpf_get_current_comm(mount->comm, sizeof(mount->comm));
	mount->type[0] = mount->source[0] = mount->target[0] = mount->options[0] = '\0';
	read_arguments(mount, regs, number);
	bpfrb_submit(mounts, mount);
	return 0;
}
