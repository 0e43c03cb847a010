// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Maps that came after Linux 5.10, and what reads and writes them; a test creates
 * and loads those that its kernel has.
 */
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
STORAGE(BPF_MAP_TYPE_INODE_STORAGE) inodes SEC(".maps");

/* Of headers that are older. */
static void *(*const group_storage)(void *map, void *group, void *value, __u64 flags) = (void *)210;

/* Of the kernel, by CO-RE. */
struct cgroup {
} __attribute__((preserve_access_index));

struct css_set {
	struct cgroup *dfl_cgrp;
} __attribute__((preserve_access_index));

struct task_struct {
	struct css_set *cgroups;
	int tgid;
} __attribute__((preserve_access_index));

struct inode {
	__u64 i_ino;
} __attribute__((preserve_access_index));

struct file {
	struct inode *f_inode;
} __attribute__((preserve_access_index));

const volatile __u32 only_tgid = 0;
const volatile __u64 only_call = 0;
const volatile __u64 only_inode = 0;

/* Of a socket: others of the cgroup send as well. */
__u32 only_port = 0;

/* What storage held, and 0 when this program made it. */
__u64 held = 0;
__u64 runs = 0;

/* Adds one to what is stored, from 100 on when there is nothing yet. */
static __always_inline void add(__u64 *stored)
{
	if (!stored)
		return;
	held = *stored;
	*stored += *stored ? 1 : 100;
	runs++;
}

SEC("?cgroup_skb/egress")
int add_of_socket(struct __sk_buff *context)
{
	struct bpf_sock *socket = context->sk;

	if (socket)
		socket = bpf_sk_fullsock(socket);
	if (socket && socket->src_port == only_port)
		add(bpf_sk_storage_get(&sockets, socket, 0, BPF_SK_STORAGE_GET_F_CREATE));
	return 1;
}

SEC("?tp_btf/sys_enter")
int add_of_task(__u64 *context)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (task->tgid == only_tgid && context[1] == only_call)
		add(bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE));
	return 0;
}

SEC("?tp_btf/sys_enter")
int add_of_group(__u64 *context)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (task->tgid == only_tgid && context[1] == only_call)
		add(group_storage(&groups, task->cgroups->dfl_cgrp, 0,
				  BPF_LOCAL_STORAGE_GET_F_CREATE));
	return 0;
}

SEC("?lsm/file_open")
int add_of_inode(__u64 *context)
{
	struct file *file = (struct file *)context[0];

	if (file->f_inode->i_ino == only_inode)
		add(bpf_inode_storage_get(&inodes, file->f_inode, 0,
					  BPF_LOCAL_STORAGE_GET_F_CREATE));
	return 0;
}
