// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The same event by each kind of tracepoint: they need different privileges. */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct fork_event {
	char comm[16];
};

BPFRB_RINGBUF(events, 1 << 16);

/* On the parent's thread. */
static __always_inline int report_fork(void)
{
	struct fork_event *event = bpfrb_reserve(events, sizeof(*event));

	if (!event)
		return 0;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpfrb_submit(events, event);
	return 0;
}

SEC("?tp/sched/sched_process_fork")
int tracepoint(void *context)
{
	return report_fork();
}

SEC("?raw_tp/sched_process_fork")
int raw_tp(void *context)
{
	return report_fork();
}

SEC("?tp_btf/sched_process_fork")
int tp_btf(void *context)
{
	return report_fork();
}
