// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Reports the system calls of one process, some records for each. */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile __u32 producer_tgid = 0;
const volatile __u32 records_per_call = 1;
const volatile __u32 discards = 0;

BPFRB_RINGBUF(events, 64 << 10);

/* Attempts, whether or not there was room. */
__u64 produced = 0;

SEC("raw_tp/sys_enter")
int on_enter(void *context)
{
	if (bpf_get_current_pid_tgid() >> 32 != producer_tgid)
		return 0;
	for (__u32 i = 0; i < records_per_call && i < 100; i++) {
		__u64 *record = bpfrb_reserve(events, sizeof(*record));

		/* A process has several threads. The old value is to be had since 5.12 only. */
		__sync_fetch_and_add(&produced, 1);
		/* Not continue: the verifier would follow both ways each time. */
		if (!record)
			break;
		*record = i;
		if (discards)
			bpfrb_discard(events, record);
		else
			bpfrb_submit(events, record);
	}
	return 0;
}
