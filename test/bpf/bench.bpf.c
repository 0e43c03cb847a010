// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Produces a number of records of 8 bytes a system call, and counts them. */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Whose system calls produce. */
const volatile __u32 producer_tgid = 0;
const volatile __u32 records_per_call = 1;

BPF_RINGBUF(events, 1 << 20);

/* One producer only: they need no atomic operations. */
__u64 made = 0;
__u64 submitted = 0;
/* Of the sequence numbers submitted. */
__u64 sum = 0;

struct record {
	__u32 sequence;
	__u32 cpu;
};

SEC("raw_tp/sys_enter")
int on_sys_enter(void *ctx)
{
	if (bpf_get_current_pid_tgid() >> 32 != producer_tgid)
		return 0;
	for (__u32 i = 0; i < records_per_call; i++) {
		struct record *record = ringbuf_reserve(events, sizeof(*record));

		made++;
		/* Not continue: the verifier would follow both ways each time. */
		if (!record)
			break;
		record->sequence = made;
		record->cpu = 0;
		submitted++;
		sum += (__u32)made;
		ringbuf_submit(events, record);
	}
	return 0;
}
