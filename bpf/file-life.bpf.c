// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Reports how long a file lived, from the call of open() that made it to the
 * unlink() that removed its name.
 *
 * It goes by system calls, which every kernel shows, and sees which name went by
 * the kernel's own entry for it, a dentry: once it has lost its file, or is not
 * to be found any more, it is removed. So paths may be relative, or through
 * links and other mounts. Not seen are files that were made before, by other
 * calls, such as mknod(), link() and those of io_uring, or without a name; those
 * that got another name or were replaced, by rename(); and those of which 8 of
 * the same name lived at the same time, or 16384 in all since then.
 */
#include <stddef.h>

#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_tracing.h>

#include "system-call.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ANY_UID 0xffffffffU
#define PATH_SIZE 4096
#define NAME_SIZE 256
#define SAME_NAMES 8
#define FMODE_CREATED (1 << 20) /* linux/fs.h: open() made it */

struct life {
	__u64 time_ns; /* CLOCK_MONOTONIC, of its end */
	__u64 age_ns;
	__u32 pid; /* who removed it */
	__u32 uid;
	__u32 creator_pid;
	char comm[16];
	char creator_comm[16];
	char path[]; /* as it was removed by */
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct inode;

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct qstr d_name;
	struct inode *d_inode;
};

struct path {
	struct dentry *dentry;
};

struct file {
	unsigned int f_mode;
	struct path f_path;
};

struct fdtable {
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	struct files_struct *files;
};

#pragma clang attribute pop

const volatile __u32 only_pid = 0; /* who removes it; 0 is any */
const volatile __u32 only_uid = ANY_UID;
const volatile __u64 max_ns = 0; /* how long it lived at most; 0 is any */

BPFRB_RINGBUF_OF(lives, 1 << 20, struct life);

/* Where a record is put together, as its size is known only then, and behind it a name. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct life) + PATH_SIZE + NAME_SIZE);
} scratch SEC(".maps");

struct name {
	__u64 hash;
	__u64 index; /* of those that have the same one */
};

struct birth {
	__u64 time_ns;
	struct dentry *dentry;
	struct inode *inode;
	__u32 pid;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct name);
	__type(value, struct birth);
} births SEC(".maps");

/* Of the last part of a path, given its size with the NUL. */
static __always_inline __u64 hash_name(struct life *life, __u64 size)
{
	__u64 hash = 0, start = size > NAME_SIZE ? size - NAME_SIZE : 0;
	char *name = life->path + PATH_SIZE;

	/* A place that the verifier knows. */
	bpf_probe_read_kernel(name, NAME_SIZE, life->path + start);
	for (int i = 0; i < NAME_SIZE && name[i]; i++)
		hash = name[i] == '/' ? 0 : (hash ^ name[i]) * 0x100000001b3; /* FNV */
	return hash;
}

/* What a descriptor is of, if open() has made it. */
static __always_inline struct dentry *created(int fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *file = NULL, **files = BPF_CORE_READ(task, files, fdt, fd);

	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return BPF_CORE_READ(file, f_mode) & FMODE_CREATED ? BPF_CORE_READ(file, f_path.dentry)
							   : NULL;
}

static __always_inline bool is_alive(struct birth *birth)
{
	struct dentry *dentry = birth->dentry;

	return BPF_CORE_READ(dentry, d_inode) == birth->inode &&
	       BPF_CORE_READ(dentry, d_hash.pprev);
}

static __always_inline void on_birth(struct dentry *dentry, __u64 hash)
{
	struct name name = {.hash = hash};
	struct birth birth = {
		.time_ns = bpf_ktime_get_ns(),
		.dentry = dentry,
		.inode = BPF_CORE_READ(dentry, d_inode),
		.pid = bpf_get_current_pid_tgid() >> 32,
	};

	bpf_get_current_comm(birth.comm, sizeof(birth.comm));
	for (int i = 0; i < SAME_NAMES; i++) {
		struct birth *known;

		name.index = i;
		known = bpf_map_lookup_elem(&births, &name);
		if (known && known->dentry != dentry && is_alive(known))
			continue;
		bpf_map_update_elem(&births, &name, &birth, BPF_ANY);
		return;
	}
}

/* size: of the path, with its NUL. */
static __always_inline void on_death(struct life *life, __u64 hash, __u64 size)
{
	__u64 now = bpf_ktime_get_ns();
	struct name name = {.hash = hash};
	struct birth *birth = NULL;

	for (int i = 0; i < SAME_NAMES; i++) {
		name.index = i;
		birth = bpf_map_lookup_elem(&births, &name);
		if (birth && !is_alive(birth))
			break;
		birth = NULL;
	}
	if (!birth)
		return;
	life->time_ns = now;
	life->age_ns = now - birth->time_ns;
	life->pid = bpf_get_current_pid_tgid() >> 32;
	life->uid = bpf_get_current_uid_gid();
	life->creator_pid = birth->pid;
	bpf_get_current_comm(life->comm, sizeof(life->comm));
	__builtin_memcpy(life->creator_comm, birth->comm, sizeof(life->creator_comm));
	bpf_map_delete_elem(&births, &name);
	if ((only_pid && only_pid != life->pid) || (only_uid != ANY_UID && only_uid != life->uid) ||
	    (max_ns && max_ns < life->age_ns))
		return;
	bpfrb_output(lives, life, offsetof(struct life, path) + size);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_exit, struct pt_regs *regs, long result)
{
	long number = call_number(regs), size;
	struct dentry *dentry = NULL;
	struct life *life;
	__u32 zero = 0;
	__u64 hash;

	if (result < 0)
		return 0;
	life = bpf_map_lookup_elem(&scratch, &zero);
	if (!life)
		return 0;
	if (is_open_call(number)) {
		dentry = created(result);
		if (!dentry)
			return 0;
		size = bpf_probe_read_kernel_str(life->path, PATH_SIZE,
						 BPF_CORE_READ(dentry, d_name.name));
	} else if (number == CALL(263, 35)) { /* unlinkat */
		size = bpf_probe_read_user_str(life->path, PATH_SIZE,
					       (void *)call_argument(regs, 1));
	} else if (number == CALL(87, NO_CALL)) { /* unlink */
		size = bpf_probe_read_user_str(life->path, PATH_SIZE,
					       (void *)call_argument(regs, 0));
	} else {
		return 0;
	}
	if (size <= 0 || size > PATH_SIZE || is_compat())
		return 0;
	hash = hash_name(life, size);
	if (dentry)
		on_birth(dentry, hash);
	else
		on_death(life, hash, size);
	return 0;
}
