// SPDX-License-Identifier: GPL-2.0 OR MIT
/* As filelife: how long files lived, by functions of the kernel that are named at run time. */
#include <linux/ptrace.h>

#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

#pragma clang attribute pop

const volatile __u32 only_tgid = 0;

struct life {
	__u64 age_ns;
	__u32 pid;
	char comm[16];
	char name[32];
};

/* Keeps its type. */
struct life *unused __attribute__((unused));

BPFRB_RINGBUF(lives, 1 << 16);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} births SEC(".maps");

SEC("kprobe")
int BPF_KPROBE(on_create, void *directory, struct dentry *dentry)
{
	__u64 now = bpf_ktime_get_ns(), key = (__u64)dentry;

	if (bpf_get_current_pid_tgid() >> 32 == only_tgid)
		bpf_map_update_elem(&births, &key, &now, BPF_ANY);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(on_unlink, void *directory, struct dentry *dentry)
{
	__u64 now = bpf_ktime_get_ns(), key = (__u64)dentry;
	__u64 *birth = bpf_map_lookup_elem(&births, &key);
	struct life *life;

	if (!birth)
		return 0;
	life = bpfrb_reserve(lives, sizeof(*life));
	if (life) {
		life->age_ns = now - *birth;
		life->pid = bpf_get_current_pid_tgid() >> 32;
		bpf_get_current_comm(life->comm, sizeof(life->comm));
		bpf_probe_read_kernel_str(life->name, sizeof(life->name),
					  BPF_CORE_READ(dentry, d_name.name));
		bpfrb_submit(lives, life);
	}
	bpf_map_delete_elem(&births, &key);
	return 0;
}
