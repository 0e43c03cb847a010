// Names of the numbers that the kernel has.
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'

const signals = new Map(
  Object.entries(constants.signals)
    .reverse() // the usual one of several names comes first
    .map(([name, number]) => [number, name]),
)

export function signalName(signal: number): string {
  return signals.get(signal) ?? `SIG${signal}`
}

const errors = new Map(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
)

/** Of a positive error number. */
export function errorName(error: number): string {
  return errors.get(error) ?? `error ${error}`
}

/** Of system calls, where the kernel's headers are installed. */
export function callNames(): Map<number, string> {
  const x64 = '/usr/include/x86_64-linux-gnu/asm/unistd_64.h'
  const paths = process.arch === 'x64' ? [x64, '/usr/include/asm/unistd_64.h'] : []
  for (const path of [...paths, '/usr/include/asm-generic/unistd.h']) {
    try {
      const lines = readFileSync(path, 'utf8').matchAll(/^#define __NR(?:3264)?_(\w+) (\d+)$/gm)
      return new Map([...lines].map(([, name = '', number]) => [Number(number), name]))
    } catch {
      // The next one, or none.
    }
  }
  return new Map()
}
