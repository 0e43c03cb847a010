// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Asks for the kernel's configuration, and is compiled without BTF. */
#include "bpf-ringbuf.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

extern unsigned long CONFIG_HZ __kconfig;

SEC("raw_tp/sys_enter")
int on_enter(void *context)
{
	return CONFIG_HZ;
}
