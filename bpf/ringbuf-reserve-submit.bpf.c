// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The event is put together in the ring itself: nothing is copied, and where
 * there is no room no work is done.
 */
#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_tracing.h>

#include "exec-event.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct linux_binprm {
	const char *filename;
} __attribute__((preserve_access_index));

BPFRB_RINGBUF_OF(events, 1 << 18, struct exec_event);

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, void *task, int old_pid, struct linux_binprm *binprm)
{
	struct exec_event *event = bpfrb_reserve(events, sizeof(*event));

	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_kernel_str(event->filename, sizeof(event->filename), binprm->filename);
	bpfrb_submit(events, event);
	return 0;
}
