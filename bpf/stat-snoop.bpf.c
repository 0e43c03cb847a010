// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Reports what is asked about files by their paths: stat() and its kin, statfs(), access(). */
#include <stddef.h>

#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_tracing.h>

#include "system-call.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ANY_UID 0xffffffffU
#define PATH_SIZE 4096

struct stat {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 pid;
	__u32 uid;
	__u32 call; /* its number */
	__s32 result;
	char comm[16];
	char path[]; /* as the program gave it; of a descriptor it is empty */
};

const volatile __u32 only_pid = 0; /* 0 is any */
const volatile __u32 only_uid = ANY_UID;
const volatile bool only_failed = false;

BPFRB_RINGBUF_OF(stats, 1 << 20, struct stat);

/* Where a record is put together, as its size is known only then. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct stat) + PATH_SIZE);
} scratch SEC(".maps");

SEC("tp_btf/sys_exit")
int BPF_PROG(on_exit, struct pt_regs *regs, long result)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32, uid = bpf_get_current_uid_gid(), zero = 0;
	long number = call_number(regs), size;
	struct stat *stat;
	/* stat, lstat, access, statfs; and behind a directory newfstatat, faccessat, faccessat2,
	 * statx */
	bool is_first = number == CALL(4, NO_CALL) || number == CALL(6, NO_CALL) ||
			number == CALL(21, NO_CALL) || number == CALL(137, 43);
	bool is_second = number == CALL(262, 79) || number == CALL(269, 48) || number == 439 ||
			 number == CALL(332, 291);

	if ((!is_first && !is_second) || (only_pid && pid != only_pid) ||
	    (only_uid != ANY_UID && uid != only_uid) || (only_failed && result >= 0) || is_compat())
		return 0;
	stat = bpf_map_lookup_elem(&scratch, &zero);
	if (!stat)
		return 0;
	stat->time_ns = bpf_ktime_get_ns();
	stat->pid = pid;
	stat->uid = uid;
	stat->call = number;
	stat->result = result;
	bpf_get_current_comm(stat->comm, sizeof(stat->comm));
	size = bpf_probe_read_user_str(stat->path, PATH_SIZE,
				       (void *)call_argument(regs, is_second));
	if (size <= 0 || size > PATH_SIZE) {
		stat->path[0] = '\0';
		size = 1;
	}
	bpfrb_output(stats, stat, offsetof(struct stat, path) + size);
	return 0;
}
