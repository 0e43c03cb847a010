/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * System calls as "tp_btf/sys_exit" sees them, on x86-64 and arm64 with one
 * object. When a call ends, its arguments are still in the registers, and what
 * they point to is in memory, as the kernel has just read it.
 */
#ifndef SYSTEM_CALL_H
#define SYSTEM_CALL_H

#include <stdbool.h>

#include <linux/types.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs; /* the kernel's; what is below "___" is of one machine */

struct pt_regs___call_x86 {
	unsigned long di, si, dx, r10, r8, r9, orig_ax;
};

struct pt_regs___call_arm64 {
	unsigned long regs[31];
	unsigned long orig_x0;
	int syscallno;
};

struct thread_info___x86 {
	unsigned int status;
};

struct task_struct___x86 {
	struct thread_info___x86 thread_info;
};

struct thread_info___arm64 {
	unsigned long flags;
};

struct task_struct___arm64 {
	struct thread_info___arm64 thread_info;
};

#pragma clang attribute pop

/* Loading decides it, and the verifier drops the other machine's code. */
#define IS_X86 bpf_core_field_exists(struct pt_regs___call_x86, orig_ax)

/* A call's number on x86-64, and in the table that arm64 shares with later machines. */
#define CALL(x86, generic) (IS_X86 ? (x86) : (generic))
#define NO_CALL (-2)

/* open(), openat(), openat2() or creat() */
static __always_inline bool is_open_call(long number)
{
	return number == CALL(257, 56) || number == 437 || number == CALL(2, NO_CALL) ||
	       number == CALL(85, NO_CALL);
}

static __always_inline long call_number(struct pt_regs *regs)
{
	if (IS_X86)
		return ((struct pt_regs___call_x86 *)regs)->orig_ax;
	return ((struct pt_regs___call_arm64 *)regs)->syscallno;
}

/* The one with this index, a constant from 0 to 5. */
static __always_inline unsigned long call_argument(struct pt_regs *regs, int index)
{
	struct pt_regs___call_x86 *x86 = (void *)regs;
	struct pt_regs___call_arm64 *arm64 = (void *)regs;

	if (IS_X86)
		return index == 0   ? x86->di
		       : index == 1 ? x86->si
		       : index == 2 ? x86->dx
		       : index == 3 ? x86->r10
		       : index == 4 ? x86->r8
				    : x86->r9;
	/* The result has taken the place of the first one. */
	return index == 0 ? arm64->orig_x0 : arm64->regs[index];
}

/* Whether the call is one of a 32-bit program, whose calls have other numbers. */
static __always_inline bool is_compat(void)
{
	void *task = (void *)bpf_get_current_task();
	struct task_struct___x86 *x86 = task;
	struct task_struct___arm64 *arm64 = task;

	if (IS_X86)
		return BPF_CORE_READ(x86, thread_info.status) & 2; /* TS_COMPAT */
	return BPF_CORE_READ(arm64, thread_info.flags) >> 22 & 1;  /* TIF_32BIT */
}

#endif /* SYSTEM_CALL_H */
