// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Reports each file that is opened: open(), openat(), openat2() and creat(). */
#include <stddef.h>

#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_tracing.h>

#include "system-call.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ANY_UID 0xffffffffU
#define PATH_SIZE 4096
#define CREAT_FLAGS 01101 /* O_WRONLY | O_CREAT | O_TRUNC */

struct open {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 pid;
	__u32 uid;
	__u32 flags;
	__s32 result; /* a descriptor, or a negative error number */
	char comm[16];
	char path[]; /* as the program gave it */
};

const volatile __u32 only_pid = 0; /* 0 is any */
const volatile __u32 only_uid = ANY_UID;
const volatile bool only_failed = false;

BPFRB_RINGBUF_OF(opens, 1 << 20, struct open);

/* Where a record is put together, as its size is known only then. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct open) + PATH_SIZE);
} scratch SEC(".maps");

static __always_inline bool is_wanted(__u32 pid, __u32 uid, long result)
{
	return (!only_pid || pid == only_pid) && (only_uid == ANY_UID || uid == only_uid) &&
	       (!only_failed || result < 0) && !is_compat();
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_exit, struct pt_regs *regs, long result)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32, uid = bpf_get_current_uid_gid();
	long number = call_number(regs), path, size;
	__u32 flags, zero = 0;
	struct open *open;

	if (number == CALL(257, 56)) { /* openat */
		path = call_argument(regs, 1);
		flags = call_argument(regs, 2);
	} else if (number == 437) { /* openat2 */
		path = call_argument(regs, 1);
		bpf_probe_read_user(&flags, sizeof(flags), (void *)call_argument(regs, 2));
	} else if (number == CALL(2, NO_CALL)) { /* open */
		path = call_argument(regs, 0);
		flags = call_argument(regs, 1);
	} else if (number == CALL(85, NO_CALL)) { /* creat */
		path = call_argument(regs, 0);
		flags = CREAT_FLAGS;
	} else {
		return 0;
	}
	open = bpf_map_lookup_elem(&scratch, &zero);
	if (!open || !is_wanted(pid, uid, result))
		return 0;
	open->time_ns = bpf_ktime_get_ns();
	open->pid = pid;
	open->uid = uid;
	open->flags = flags;
	open->result = result;
	bpf_get_current_comm(open->comm, sizeof(open->comm));
	size = bpf_probe_read_user_str(open->path, PATH_SIZE, (void *)path);
	if (size <= 0 || size > PATH_SIZE) {
		open->path[0] = '\0';
		size = 1;
	}
	bpfrb_output(opens, open, offsetof(struct open, path) + size);
	return 0;
}
