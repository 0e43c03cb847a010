// Which structs are the kernel's.
import { readFileSync } from 'node:fs'
import { Btf } from '../btf/btf.js'

let kernelNames: Set<string> | undefined

/** The names of the kernel's structs; none when it does not say them. */
export function kernelStructs(): ReadonlySet<string> {
  if (kernelNames === undefined) {
    try {
      const btf = new Btf(readFileSync('/sys/kernel/btf/vmlinux'))
      kernelNames = new Set(btf.namedStructs().keys())
    } catch {
      kernelNames = new Set()
    }
  }
  return kernelNames
}
