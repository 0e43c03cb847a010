// Numbers of several runs, and the process that makes them.
import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { UsageError } from './options.js'
import { consumerCpu } from './records.js'

export interface Summary {
  median: number
  min: number
  max: number
  runs: number
}

export function summary(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  const lower = sorted[middle - 1] ?? NaN
  return {
    median: sorted.length % 2 === 1 ? upper : (lower + upper) / 2,
    min: sorted[0] ?? NaN,
    max: sorted.at(-1) ?? NaN,
    runs: sorted.length,
  }
}

/** Between two values in proportion. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = part * (sorted.length - 1)
  const lower = sorted[Math.floor(place)] ?? NaN
  const upper = sorted[Math.ceil(place)] ?? NaN
  return lower + (place - Math.floor(place)) * (upper - lower)
}

export function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`
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
