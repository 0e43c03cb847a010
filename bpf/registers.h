/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Arguments and results of functions as uprobes see them, on x86-64 and arm64 with one
 * object: the macros of bpf_tracing.h, such as BPF_UPROBE(), find them by CO-RE. Include it
 * instead of that header.
 */
#ifndef REGISTERS_H
#define REGISTERS_H

#include <linux/types.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs; /* the kernel's; what is below "___" is of one machine */

struct pt_regs___called_x86 {
	unsigned long di, si, dx, cx, r8, ax, sp, bp, ip;
};

struct pt_regs___called_arm64 {
	unsigned long regs[31], sp, pc;
};

#pragma clang attribute pop

#define __IN_X86(ctx, name) BPF_CORE_READ((struct pt_regs___called_x86 *)(ctx), name)
#define __IN_ARM64(ctx, name) BPF_CORE_READ((struct pt_regs___called_arm64 *)(ctx), name)
/* Loading decides it, and the verifier drops the other machine's code. */
#define __IN(ctx, x86, arm64)                                                        \
	(bpf_core_field_exists(struct pt_regs___called_x86, di) ? __IN_X86(ctx, x86) \
								: __IN_ARM64(ctx, arm64))

#undef PT_REGS_PARM1
#undef PT_REGS_PARM2
#undef PT_REGS_PARM3
#undef PT_REGS_PARM4
#undef PT_REGS_PARM5
#undef PT_REGS_RC
#undef PT_REGS_SP
#undef PT_REGS_FP
#undef PT_REGS_IP
#define PT_REGS_PARM1(ctx) __IN(ctx, di, regs[0])
#define PT_REGS_PARM2(ctx) __IN(ctx, si, regs[1])
#define PT_REGS_PARM3(ctx) __IN(ctx, dx, regs[2])
#define PT_REGS_PARM4(ctx) __IN(ctx, cx, regs[3])
#define PT_REGS_PARM5(ctx) __IN(ctx, r8, regs[4])
#define PT_REGS_RC(ctx) __IN(ctx, ax, regs[0])
#define PT_REGS_SP(ctx) __IN(ctx, sp, sp)
#define PT_REGS_FP(ctx) __IN(ctx, bp, regs[29])
#define PT_REGS_IP(ctx) __IN(ctx, ip, pc)

#endif /* REGISTERS_H */
