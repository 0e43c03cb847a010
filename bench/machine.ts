// The machine that a bench runs on, and the process that it runs as.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpus, release } from 'node:os'
import { UsageError } from '../test/stress/options.js'
import { consumerCpu } from './records.js'

/** The first line that a program prints. */
export function command(name: string, ...args: string[]): string {
  try {
    const output = execFileSync(name, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return output.split('\n', 1)[0] ?? ''
  } catch {
    return 'unknown'
  }
}

export function machine(...versions: readonly string[]): string {
  return [
    cpus()[0]?.model ?? 'unknown CPU',
    `${cpus().length} CPUs`,
    `Linux ${release()}`,
    `Node ${process.versions.node}`,
    `libbpf ${command('pkg-config', '--modversion', 'libbpf')}`,
    ...versions,
  ].join(', ')
}

/**
 * Runs the bench again on another CPU than the producer, all threads of it.
 *
 * @returns Whether this process is that one already.
 */
export function isPinned(): boolean {
  if (cpus().length < 2) throw new UsageError('two CPUs are needed, one for the producer')
  if (process.env['BPF_RINGBUF_BENCH_PINNED'] !== undefined) return true
  // Before whatever else runs on the machine.
  const { status, error } = spawnSync(
    'nice',
    ['-n', '-20', 'taskset', '-c', String(consumerCpu), process.execPath, ...process.argv.slice(1)],
    { stdio: 'inherit', env: { ...process.env, BPF_RINGBUF_BENCH_PINNED: '1' } },
  )
  if (error !== undefined) throw new UsageError(`cannot run nice: ${error.message}`)
  process.exitCode = status ?? 1
  return false
}
