/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The records of exec-snoop; examples/exec-snoop.ts declares the same. */
#ifndef EXEC_SNOOP_H
#define EXEC_SNOOP_H

#include <linux/types.h>

#define COMM_SIZE 16
#define FILENAME_SIZE 256
#define ARGS_SIZE 512

enum event_kind {
	EVENT_EXEC = 1,
	EVENT_EXIT = 2,
};

/* Sent without the part of strings that is not used; an exit has none. */
struct event {
	__u64 time_ns;	   /* CLOCK_MONOTONIC */
	__u64 duration_ns; /* exit: since the process began */
	__u32 kind;	   /* enum event_kind */
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__u32 exit_status;  /* exit: as wait(2) gives it */
	__u32 args_size;    /* exec: of all arguments, even if fewer are in strings */
	__u32 strings_size; /* of what is in strings: perf buffers pad records */
	__u32 reserved;
	char comm[COMM_SIZE];
	/* exec: file name and arguments, each with its NUL */
	char strings[FILENAME_SIZE + ARGS_SIZE];
};

#endif /* EXEC_SNOOP_H */
