// SPDX-License-Identifier: GPL-2.0 OR MIT
/* As filetop: which files a process reads and writes most. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define S_IFMT 0170000
#define S_IFREG 0100000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct inode {
	__u16 i_mode;
	unsigned long i_ino;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
};

#pragma clang attribute pop

const volatile __u32 only_tgid = 0;

struct file_of {
	__u64 inode;
	__u32 thread;
	__u32 zero;
};

struct use {
	__u64 reads;
	__u64 read_bytes;
	__u64 writes;
	__u64 written_bytes;
	char comm[16];
	char name[32];
};

/* The files that were used last, however many there are. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct file_of);
	__type(value, struct use);
} uses SEC(".maps");

static struct use unused;

static __always_inline struct use *use_of(struct file *file)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct file_of key = {};
	struct use *use;

	if (id >> 32 != only_tgid || (BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFREG)
		return NULL;
	key.inode = BPF_CORE_READ(inode, i_ino);
	key.thread = id;
	use = bpf_map_lookup_elem(&uses, &key);
	if (use)
		return use;
	bpf_map_update_elem(&uses, &key, &unused, BPF_NOEXIST);
	use = bpf_map_lookup_elem(&uses, &key);
	if (!use)
		return NULL;
	bpf_get_current_comm(use->comm, sizeof(use->comm));
	bpf_probe_read_kernel_str(use->name, sizeof(use->name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	return use;
}

SEC("kprobe/vfs_read")
int BPF_KPROBE(on_read, struct file *file, char *buffer, unsigned long size)
{
	struct use *use = use_of(file);

	if (use) {
		__sync_fetch_and_add(&use->reads, 1);
		__sync_fetch_and_add(&use->read_bytes, size);
	}
	return 0;
}

SEC("kprobe/vfs_write")
int BPF_KPROBE(on_write, struct file *file, char *buffer, unsigned long size)
{
	struct use *use = use_of(file);

	if (use) {
		__sync_fetch_and_add(&use->writes, 1);
		__sync_fetch_and_add(&use->written_bytes, size);
	}
	return 0;
}
