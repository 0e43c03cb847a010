// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Compiled without BTF, which maps need. */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

BPFRB_RINGBUF(events, 4096);

SEC("syscall")
int make_event(void *context)
{
	__u64 *record = bpfrb_reserve(events, sizeof(*record));

	if (!record)
		return 0;
	*record = 1;
	bpfrb_submit(events, record);
	return 0;
}
