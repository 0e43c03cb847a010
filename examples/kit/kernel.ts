// What the kernel that runs has.
import { readFileSync } from 'node:fs'

/** Whether tp_btf programs find this tracepoint: by its text, as reading all of BTF takes longer. */
export function hasTracepoint(name: string): boolean {
  return readFileSync('/sys/kernel/btf/vmlinux').includes(`\0btf_trace_${name}\0`)
}
