/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The record of the small examples; examples/exec-event.ts declares the same. */
#ifndef EXEC_EVENT_H
#define EXEC_EVENT_H

#include <linux/types.h>

struct exec_event {
	__u32 pid;
	char comm[16];
	char filename[256];
};

/* clang writes BTF of what globals refer to: without it nothing could be checked. */
struct exec_event *unused_exec_event __attribute__((unused));

#endif /* EXEC_EVENT_H */
