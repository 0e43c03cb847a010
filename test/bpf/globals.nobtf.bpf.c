// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Compiled without BTF, which global variables need only to be found by name. */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u32 counter = 40;

SEC("raw_tp/sys_enter")
int count(void *context)
{
	return counter += 2;
}
