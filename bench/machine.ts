// What machine a bench ran on, and what of which version.
import { execFileSync } from 'node:child_process'
import { cpus, release } from 'node:os'

/** The first line that a program prints. */
export function command(name: string, ...args: string[]): string {
  try {
    const stdio = ['ignore', 'pipe', 'ignore'] as const
    const output = execFileSync(name, args, { encoding: 'utf8', stdio: [...stdio] })
    return output.split('\n', 1)[0] ?? ''
  } catch {
    return 'unknown'
  }
}

export function machine(): string {
  return (
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} CPUs, Linux ${release()}, ` +
    `Node ${process.versions.node}, libbpf ${command('pkg-config', '--modversion', 'libbpf')}`
  )
}
