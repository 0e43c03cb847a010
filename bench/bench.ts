// The kernel's ring-buffer benchmark with JavaScript in it: the same rows for
// consumers in C and for this library, on one machine in one run.
//
//   node build/bench/bench.js [--quick] [--json] [--row NAME]... [--rounds N]
//                             [--write] [--check DIVISOR]
//
// Prints tables, or JSON, and writes both with plots to bench/results/whole/ (or
// quick/, or rows/ of --row); --write writes docs/benchmarks.md and its plots.
// --check fails when a claim is missed by more than a factor DIVISOR.
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { type Claim, claims, meets } from './claims.js'
import type { ConsumerName } from './consumers.js'
import type { Window } from './load.js'
import { emptyNodeMiB } from './memory.js'
import { fail, parseOptions, UsageError } from './options.js'
import { decodeExec, drain } from './per-record.js'
import { buildDir, type Percentiles } from './processes.js'
import { plots } from './plots.js'
import { page, tables } from './report.js'
import { type Measurement, type Row, rows, rowsNamed } from './rows.js'
import { isPinned } from './summary.js'

/** One value a round. */
export interface MeasuredConsumer {
  values: number[]
  dropped: number[]
  cpuSeconds: number[]
  nsPerCall: number[]
  latencies: Percentiles[]
}

export interface MeasuredRow extends Omit<Row, 'run' | 'consumers'> {
  consumers: Partial<Record<ConsumerName, MeasuredConsumer>>
}

export interface PerRecord {
  title: string
  baseline: { label: string; values: number[] }
  library: { label: string; values: number[] }
  /** What library / baseline may be, by the baseline's median. */
  atMost: (baseline: number) => number
}

export interface Results {
  date: string
  quick: boolean
  rounds: number
  window: Window
  /** Of the last minute, before and after: others may work on this machine too. */
  load: [before: number, after: number]
  rows: MeasuredRow[]
  perRecord: PerRecord[]
  emptyNodeMiB: number
  claims: Claim[]
}

async function measureRow(row: Row, rounds: number, window: Window): Promise<MeasuredRow> {
  const { run, consumers: names, ...described } = row
  const consumers: MeasuredRow['consumers'] = {}
  for (const name of names) {
    consumers[name] = { values: [], dropped: [], cpuSeconds: [], nsPerCall: [], latencies: [] }
  }
  // In turns, so that a slow moment of the machine hits all, and in the reverse
  // order every other round, so that none always runs after the same other one.
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const { value, dropped, cpuSeconds, nsPerCall, latencies } = await runUntilMade(() =>
        run(name, window),
      )
      const measured = consumers[name] as MeasuredConsumer
      measured.values.push(value)
      if (dropped !== undefined) measured.dropped.push(dropped)
      if (cpuSeconds !== undefined) measured.cpuSeconds.push(cpuSeconds)
      if (nsPerCall !== undefined) measured.nsPerCall.push(nsPerCall)
      if (latencies !== undefined) measured.latencies.push(latencies)
    }
  }
  return { ...described, consumers }
}

/** Again when the producer did not get to run: a virtual machine stands still at times. */
async function runUntilMade(run: () => Promise<Measurement>): Promise<Measurement> {
  for (let attempt = 0; attempt < 3; attempt++) {
    const measurement = await run()
    if (Number.isFinite(measurement.nsPerCall ?? 0)) return measurement
  }
  throw new Error('three times in a row the producer made nothing')
}

async function measurePerRecord(rounds: number): Promise<PerRecord[]> {
  return [
    {
      title: 'drain of a full ring of 4 MiB, ns a record',
      baseline: { label: 'ring_buffer__consume()', values: await drain('c', rounds) },
      library: { label: 'consume()', values: await drain('node', rounds) },
      atMost: () => 5,
    },
    {
      title: 'decoding an exec event, ns',
      baseline: {
        label: 'the loop by hand, TextDecoder',
        values: decodeExec('TextDecoder', rounds),
      },
      library: { label: 'struct()', values: decodeExec('library', rounds) },
      // 150 ns, or 0.45 of what TextDecoder takes, which differs between Nodes.
      atMost: (ns) => Math.max(0.45, 150 / ns),
    },
  ]
}

async function measure(chosen: readonly Row[], quick: boolean, rounds: number): Promise<Results> {
  const window = quick ? { warmUpMs: 60, measuredMs: 100 } : { warmUpMs: 100, measuredMs: 250 }
  const before = loadavg()[0] ?? NaN
  const measured: MeasuredRow[] = []
  for (const row of chosen) {
    measured.push(await progress(row.name, () => measureRow(row, rounds, window)))
  }
  const isWhole = chosen.length > 1
  const perRecord = isWhole
    ? await progress('per record', () => measurePerRecord(Math.max(3, rounds)))
    : []
  return {
    date: new Date().toISOString().slice(0, 10),
    quick,
    rounds,
    window,
    load: [before, loadavg()[0] ?? NaN],
    rows: measured,
    perRecord,
    emptyNodeMiB: await emptyNodeMiB(),
    claims: claims(measured, perRecord),
  }
}

async function progress<T>(what: string, run: () => Promise<T>): Promise<T> {
  const start = performance.now()
  const result = await run()
  console.error(`  ${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
  return result
}

function integerOf(option: string, text: string, least: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least) return value
  throw new UsageError(`--${option}: expected an integer of at least ${least}`)
}

function write(results: Results, directory: string): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'benchmarks.md'), page(results))
  for (const [name, svg] of Object.entries(plots(results))) {
    writeFileSync(join(directory, `benchmarks-${name}.svg`), svg)
  }
}

async function main(): Promise<void> {
  const values = parseOptions({
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      row: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      write: { type: 'boolean', default: false },
      check: { type: 'string' },
    },
  })
  const { quick } = values
  const rounds = integerOf('rounds', values.rounds ?? (quick ? '3' : '5'), 1)
  const divisor = values.check === undefined ? undefined : integerOf('check', values.check, 1)
  const named = values.row.flatMap(rowsNamed)
  const chosen = named.length > 0 ? named : rows.filter(({ isQuick }) => isQuick || !quick)
  if (values.write && (quick || named.length > 0)) {
    throw new UsageError('--write: docs/benchmarks.md is of a whole run, without --quick and --row')
  }
  if (!isPinned()) return
  const limitMs = quick ? 3 * 60_000 : 25 * 60_000
  setTimeout(() => fail('bench', `not done within ${limitMs / 60_000} minutes`), limitMs).unref()

  const results = await measure(chosen, quick, rounds)
  const json = JSON.stringify(results, null, 2)
  console.log(values.json ? json : tables(results))
  const kind = named.length > 0 ? 'rows' : quick ? 'quick' : 'whole'
  const directory = join(buildDir, '../bench/results', kind)
  write(results, directory)
  writeFileSync(join(directory, 'benchmarks.json'), json)
  if (values.write) write(results, join(buildDir, '../docs'))
  if (divisor === undefined) return
  // Short runs on a busy machine lose records now and then.
  const compared = results.claims.filter(({ ratio }) => ratio !== undefined)
  const missed = compared.filter((claim) => !meets(claim, divisor))
  for (const { what, row, ratio = NaN } of missed) {
    console.error(`missed by more than a factor ${divisor}: ${what}, row ${row}: ${ratio}`)
  }
  if (compared.length < results.claims.length / 2) {
    throw new Error(`${compared.length} of ${results.claims.length} claims could be compared`)
  }
  if (missed.length > 0) process.exitCode = 1
}

main().catch((error: unknown) => fail('bench', error))
