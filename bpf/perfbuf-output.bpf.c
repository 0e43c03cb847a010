// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The event is put together in memory of this CPU, then copied into this CPU's
 * perf buffer: as before Linux 5.8. Where there is no room the work was for
 * nothing.
 */
#include "bpf-ringbuf.bpf.h"
#include <bpf/bpf_tracing.h>

#include "exec-event.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct linux_binprm {
	const char *filename;
} __attribute__((preserve_access_index));

BPFRB_PERFBUF(events);
BPFRB_RECORD_OF(events, struct exec_event);

/* Larger events do not fit on the stack of 512 bytes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_event);
} scratch SEC(".maps");

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, void *task, int old_pid, struct linux_binprm *binprm)
{
	struct exec_event *event;
	__u32 zero = 0;

	event = bpf_map_lookup_elem(&scratch, &zero);
	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_kernel_str(event->filename, sizeof(event->filename), binprm->filename);
	bpfrb_perf_output(ctx, events, event, sizeof(*event));
	return 0;
}
