// SPDX-License-Identifier: GPL-2.0 OR MIT
/* As syscount: how often a process called what, and for how long. */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Where the kernel keeps a system call's number. */
struct pt_regs___call {
#ifdef __TARGET_ARCH_arm64
	int syscallno;
#else
	unsigned long orig_ax;
#endif
} __attribute__((preserve_access_index));

const volatile __u32 only_tgid = 0;

struct calls {
	__u64 count;
	__u64 total_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct calls);
} counts SEC(".maps");

SEC("raw_tp/sys_enter")
int BPF_PROG(on_enter, struct pt_regs *regs, long number)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();
	__u32 thread = id;

	if (id >> 32 == only_tgid)
		bpf_map_update_elem(&starts, &thread, &now, BPF_ANY);
	return 0;
}

SEC("raw_tp/sys_exit")
int BPF_PROG(on_exit, struct pt_regs *regs, long result)
{
	struct pt_regs___call *call = (void *)regs;
	__u64 id = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();
	struct calls zero = {}, *calls;
	__u32 thread = id, number;
	__u64 *start;

	if (id >> 32 != only_tgid)
		return 0;
#ifdef __TARGET_ARCH_arm64
	number = BPF_CORE_READ(call, syscallno);
#else
	number = BPF_CORE_READ(call, orig_ax);
#endif
	bpf_map_update_elem(&counts, &number, &zero, BPF_NOEXIST);
	calls = bpf_map_lookup_elem(&counts, &number);
	if (!calls)
		return 0;
	__sync_fetch_and_add(&calls->count, 1);
	/* One that was under way when this was attached has no start. */
	start = bpf_map_lookup_elem(&starts, &thread);
	if (start)
		__sync_fetch_and_add(&calls->total_ns, now - *start);
	return 0;
}
