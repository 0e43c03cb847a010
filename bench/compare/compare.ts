// Ring buffer or perf buffer: both on the same events, in one run.
//
//   node build/bench/compare/compare.js [--quick]
//
// Prints tables and writes docs/comparison.md with its plots; --quick writes to
// bench/results/ instead.
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { type MeasuredMemory, searchMemory } from './memory.js'
import { order, type OrderRun } from './order.js'
import { plots } from './plots.js'
import { report } from './report.js'
import {
  drop,
  type DropProgram,
  dropPrograms,
  idleLatency,
  idleWork,
  type LibrarySide,
  type Side,
  sides,
  speed,
  type SpeedRun,
  untraced,
} from './rows.js'
import { together, type TogetherRun } from './together.js'
import { fail, parseOptions } from '../options.js'
import { buildDir } from '../processes.js'
import { isPinned, summary } from '../summary.js'

/** The values of the rounds, in their order, so that sides can be compared round by round. */
export interface Comparison {
  rounds: number
  /** Of the last minute, before the run: others work on this machine too. */
  loadBefore: number
  seconds: number
  memory: MeasuredMemory[]
  burstEvents: number
  /** By what the perf buffer was told; each run has the ring's order too. */
  order: Record<'perf' | 'perfEach', OrderRun[]>
  drops: Record<DropProgram, number[]>
  untracedNs: number[]
  /** By records a call. */
  speed: Record<1 | 500, Record<Side, SpeedRun[]>>
  /** Nanoseconds that a call takes longer than untraced. */
  addedNs: Record<LibrarySide, number[]>
  together: Record<'ring' | 'perf', TogetherRun[]>
  latency: Record<LibrarySide, { medians: number[]; p99s: number[]; events: number }>
  idle: Record<LibrarySide, { wakeups: number[]; cpuMs: number[] }>
}

const librarySides = ['ring', 'ringImmediate', 'perf', 'perfEach'] as const
const idleSides = ['ring', 'perf', 'perfEach'] as const

function keysOf<K extends string>(object: Readonly<Record<K, unknown>>): K[] {
  return Object.keys(object) as K[]
}

function record<K extends string, V>(keys: readonly K[], value: () => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, value()])) as Record<K, V>
}

async function measureMemory(burstEvents: number, repeats: number): Promise<MeasuredMemory[]> {
  const found: MeasuredMemory[] = []
  for (const [cpus, spread] of [
    [1, 'one'],
    [2, 'one'],
    [2, 'split'],
    [2, 'each'],
  ] as const) {
    for (const kind of ['ring', 'perf'] as const) {
      const results: MeasuredMemory[] = []
      for (let i = 0; i < repeats; i++) {
        results.push(await searchMemory(kind, burstEvents, cpus, spread))
      }
      const [first] = results
      if (first === undefined || results.some(({ bytes }) => bytes !== first.bytes)) {
        const sizes = results.map(({ bytes }) => String(bytes)).join(', ')
        throw new Error(`the ${kind} buffer's least size differs between runs: ${sizes}`)
      }
      found.push(first)
    }
  }
  return found
}

async function measure(quick: boolean): Promise<Comparison> {
  const rounds = quick ? 2 : 6
  const seconds = quick ? 0.15 : 0.5
  const burstEvents = 4000
  const latencyEvents = quick ? 100 : 300
  const calls = quick ? 100_000 : 300_000
  const processes = quick ? 60 : 250
  const all = keysOf(sides)
  const result: Comparison = {
    rounds,
    loadBefore: loadavg()[0] ?? NaN,
    seconds,
    burstEvents,
    memory: await progress('memory', () => measureMemory(burstEvents, quick ? 1 : 5)),
    order: { perf: [], perfEach: [] },
    drops: record(keysOf(dropPrograms), () => []),
    untracedNs: [],
    speed: { 1: record(all, () => []), 500: record(all, () => []) },
    addedNs: record(librarySides, () => []),
    together: { ring: [], perf: [] },
    latency: record(librarySides, () => ({ medians: [], p99s: [], events: latencyEvents })),
    idle: record(librarySides, () => ({ wakeups: [], cpuMs: [] })),
  }
  // Round by round, so that a slow moment of the machine hits all sides; round
  // -1 warms up.
  for (let round = -1; round < rounds; round++) {
    await progress(`round ${round + 1} of ${rounds}`, () =>
      measureRound(result, round < 0, { seconds, latencyEvents, processes, calls }),
    )
  }
  return result
}

async function measureRound(
  result: Comparison,
  isWarmUp: boolean,
  scale: { seconds: number; latencyEvents: number; processes: number; calls: number },
): Promise<void> {
  const keep = <T>(values: T[], value: T): void => {
    if (!isWarmUp) values.push(value)
  }
  const seconds = isWarmUp ? 0.1 : scale.seconds
  // No side always runs after the same other one.
  const isReversed = result.untracedNs.length % 2 === 1
  const inTurn = <T>(all: readonly T[]): T[] => (isReversed ? all.toReversed() : [...all])
  const untracedNs = await untraced(seconds)
  keep(result.untracedNs, untracedNs)
  for (const recordsPerCall of [1, 500] as const) {
    for (const side of inTurn(keysOf(sides))) {
      const run = await speed(side, recordsPerCall, seconds)
      keep(result.speed[recordsPerCall][side], run)
      if (recordsPerCall === 1 && side in result.addedNs) {
        keep(result.addedNs[side as LibrarySide], run.nsPerCall - untracedNs)
      }
    }
  }
  for (const program of inTurn(keysOf(dropPrograms))) {
    keep(result.drops[program], await drop(program, seconds / 2, untracedNs))
  }
  const { ring, perf } = await together(isWarmUp ? 20_000 : scale.calls)
  keep(result.together.ring, ring)
  keep(result.together.perf, perf)
  for (const side of inTurn(['perf', 'perfEach'] as const)) {
    keep(result.order[side], await order(side, isWarmUp ? 10 : scale.processes))
  }
  for (const side of inTurn(idleSides)) {
    const latencies = await idleLatency(side, isWarmUp ? 20 : scale.latencyEvents)
    const sorted = latencies.sort((a, b) => a - b)
    keep(result.latency[side].medians, summary(sorted).median)
    keep(result.latency[side].p99s, sorted[Math.floor(0.99 * sorted.length)] ?? NaN)
    const { wakeups, cpuMs } = await idleWork(side, isWarmUp ? 0.05 : scale.seconds)
    keep(result.idle[side].wakeups, wakeups)
    keep(result.idle[side].cpuMs, cpuMs)
  }
}

async function progress<T>(what: string, run: () => Promise<T>): Promise<T> {
  const start = performance.now()
  const result = await run()
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.error(`  ${what}: ${seconds} s`)
  return result
}

async function main(): Promise<void> {
  const values = parseOptions({ options: { quick: { type: 'boolean', default: false } } })
  if (!isPinned()) return
  const limitMs = 1000 * (values.quick ? 120 : 600)
  setTimeout(() => fail('compare', `not done within ${limitMs / 1000} s`), limitMs).unref()
  const comparison = await measure(values.quick)
  const { markdown, tables } = report(comparison)
  console.log(tables)
  const directory = join(buildDir, '..', values.quick ? 'bench/results' : 'docs')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'comparison.md'), markdown)
  for (const [name, svg] of Object.entries(plots(comparison))) {
    writeFileSync(join(directory, `comparison-${name}.svg`), svg)
  }
  console.error(`written: ${join(directory, 'comparison.md')} and its plots`)
}

main().catch((error: unknown) => fail('compare', error))
