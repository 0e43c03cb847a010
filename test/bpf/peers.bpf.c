// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What every peer reads: an event for each getpgid() of bench/peers/producer.c,
 * whose second and third register are a path and a sequence number, which the
 * kernel ignores. A bench loads one of the programs.
 */
#include "bpf-ringbuf.bpf.h"
#include <asm/ptrace.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Whose calls produce. */
const volatile __u32 producer_tgid = 0;
/* Of getpgid() on this architecture. */
const volatile __u64 syscall_number = 0;

BPFRB_RINGBUF(events, 1 << 20);

/* One producer only: they need no atomic operations. */
__u64 made = 0;
__u64 submitted = 0;
/* Of the contents of what was submitted, as each peer sums them up. */
__u64 sum = 0;

struct record {
	__u32 sequence;
	__u32 cpu;
};

struct event {
	__u32 sequence;
	__u32 pid;
	__u32 uid;
	char comm[16];
	char filename[256];
};

static __always_inline int is_produced(struct bpf_raw_tracepoint_args *ctx)
{
	return bpf_get_current_pid_tgid() >> 32 == producer_tgid && ctx->args[1] == syscall_number;
}

/* Of the system call; its registers have the same layout in the kernel. */
#define parameter(ctx, number)                                                     \
	({                                                                         \
		struct pt_regs *registers = (void *)(ctx)->args[0];                \
		__u64 value = 0;                                                   \
		bpf_probe_read_kernel(&value, sizeof(value),                       \
				      &PT_REGS_PARM##number##_SYSCALL(registers)); \
		value;                                                             \
	})

SEC("?raw_tp/sys_enter")
int make_record(struct bpf_raw_tracepoint_args *ctx)
{
	struct record *record;

	if (!is_produced(ctx))
		return 0;
	made++;
	record = bpfrb_reserve(events, sizeof(*record));
	if (!record)
		return 0;
	record->sequence = parameter(ctx, 3);
	record->cpu = bpf_get_smp_processor_id();
	submitted++;
	sum += record->sequence + record->cpu;
	bpfrb_submit(events, record);
	return 0;
}

SEC("?raw_tp/sys_enter")
int make_event(struct bpf_raw_tracepoint_args *ctx)
{
	struct event *event;
	long length;

	if (!is_produced(ctx))
		return 0;
	made++;
	event = bpfrb_reserve(events, sizeof(*event));
	if (!event)
		return 0;
	event->sequence = parameter(ctx, 3);
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	length = bpf_probe_read_user_str(event->filename, sizeof(event->filename),
					 (void *)parameter(ctx, 2));
	submitted++;
	/* The length counts the NUL. That of comm the bench adds. */
	sum += (__u64)event->sequence + event->pid + event->uid + (length > 0 ? length - 1 : 0);
	bpfrb_submit(events, event);
	return 0;
}
