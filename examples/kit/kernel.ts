// What the kernel that runs has.
import { existsSync, readFileSync } from 'node:fs'

/** Whether tp_btf programs find this tracepoint: by its text, as reading all of BTF takes longer. */
export function hasTracepoint(name: string): boolean {
  const path = '/sys/kernel/btf/vmlinux'
  // Of a kernel without BTF load() says so.
  return existsSync(path) && readFileSync(path).includes(`\0btf_trace_${name}\0`)
}
