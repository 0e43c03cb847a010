// SPDX-License-Identifier: MIT
/*
 * What `bpf-ringbuf doctor` loads to see whether a record arrives: whenever a
 * thread gets another name, the one that it had. Needs neither tracefs nor the
 * kernel's BTF.
 */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct rename_event {
	char comm[16];
};

/* Keeps the type in BTF. */
struct rename_event *unused_rename_event __attribute__((unused));

BPFRB_EVENT_STREAM(renames, 1 << 12, sizeof(struct rename_event));

SEC("raw_tp/task_rename")
int on_rename(void *ctx)
{
	struct rename_event *event = bpfrb_event_reserve(renames, sizeof(*event));

	if (!event)
		return 0;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpfrb_event_submit(ctx, renames, event, sizeof(*event));
	return 0;
}
