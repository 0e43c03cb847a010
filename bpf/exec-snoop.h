/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The records of exec-snoop, of which examples/exec-snoop.bpf.ts is made. */
#ifndef EXEC_SNOOP_H
#define EXEC_SNOOP_H

#include <linux/types.h>

#define COMM_SIZE 16
#define FILENAME_SIZE 256
#define ARGS_SIZE 512
#define EVENT_SIZE (sizeof(struct event) + FILENAME_SIZE + ARGS_SIZE) /* at most */

enum event_kind {
	EVENT_EXEC = 1,
	EVENT_EXIT = 2,
};

struct event {
	__u64 time_ns;	   /* CLOCK_MONOTONIC */
	__u64 duration_ns; /* exit: since the process began */
	enum event_kind kind;
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__u32 exit_status;  /* exit: as wait(2) gives it */
	__u32 args_size;    /* exec: of all arguments, even if fewer are in strings */
	__u32 strings_size; /* of what is in strings: perf buffers pad records */
	__u32 reserved;
	char comm[COMM_SIZE];
	/* exec: file name and arguments, each with its NUL */
	__u8 strings[];
};

#endif /* EXEC_SNOOP_H */
