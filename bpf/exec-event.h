/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The record of the small examples. */
#ifndef EXEC_EVENT_H
#define EXEC_EVENT_H

#include <linux/types.h>

struct exec_event {
	__u32 pid;
	char comm[16];
	char filename[256];
};

#endif /* EXEC_EVENT_H */
