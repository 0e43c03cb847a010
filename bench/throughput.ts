// Measures this library against C on the same ring, in the same run.
//
//   node build/bench/throughput.js [--quick] [--json] [--check DIVISOR]
//
// Each row is a ratio of medians: of what the library does to what C does.
// --check compares it with the row's target, made looser by DIVISOR.
import { cpus, release } from 'node:os'
import { parseArgs } from 'node:util'
import { type Consumer, decodeExec, drain, latency, throughput } from './rows.js'
import { isPinned, percent, type Summary, summary } from './summary.js'

interface Measured {
  row: string
  unit: string
  baseline: Summary
  library: Summary
  /** library / baseline, or their difference where the target is one. */
  ratio: number
  /** Of the ratio. */
  target: { atLeast: number } | { atMost: number }
  /** The part of the records that found no room. */
  dropped?: { baseline: number; library: number }
}

async function measureThroughput(
  recordsPerCall: number,
  library: Consumer,
  atLeast: number,
  runs: number,
  seconds: number,
): Promise<Measured> {
  const results: Record<'c' | 'library', { rates: number[]; dropped: number[] }> = {
    c: { rates: [], dropped: [] },
    library: { rates: [], dropped: [] },
  }
  // In turns, so that a slow moment of the machine hits both; the first ones warm up.
  for (let run = -1; run < runs; run++) {
    for (const side of ['c', 'library'] as const) {
      const { rate, dropped } = await throughput(
        side === 'c' ? 'c' : library,
        recordsPerCall,
        seconds,
      )
      if (run < 0) continue
      results[side].rates.push(rate)
      results[side].dropped.push(dropped)
    }
  }
  const baseline = summary(results.c.rates)
  const measured = summary(results.library.rates)
  const mode = library === 'node' ? '' : ', coalesceUs 0'
  return {
    row: `${String(recordsPerCall)} a system call${mode}`,
    unit: 'M records/s',
    baseline,
    library: measured,
    ratio: measured.median / baseline.median,
    target: { atLeast },
    dropped: {
      baseline: summary(results.c.dropped).median,
      library: summary(results.library.dropped).median,
    },
  }
}

async function measureAll(quick: boolean): Promise<Measured[]> {
  const runs = quick ? 3 : 7
  const seconds = quick ? 0.3 : 1
  const rows: Measured[] = [
    await measureThroughput(500, 'node', 2.5, runs, seconds),
    await measureThroughput(1, 'node', 2.5, runs, seconds),
    await measureThroughput(500, 'node-immediate', 0.85, runs, seconds),
    await measureThroughput(1, 'node-immediate', 0.85, runs, seconds),
  ]
  const drained = { c: summary(await drain('c', runs)), node: summary(await drain('node', runs)) }
  rows.push({
    row: 'drain of a full ring',
    unit: 'ns/record',
    baseline: drained.c,
    library: drained.node,
    ratio: drained.node.median / drained.c.median,
    target: { atMost: 5 },
  })
  const decoded = {
    text: summary(decodeExec('TextDecoder', 2 * runs)),
    library: summary(decodeExec('library', 2 * runs)),
  }
  // 150 ns, or 0.45 of what TextDecoder takes, which differs between Nodes.
  rows.push({
    row: 'exec event decode (baseline: TextDecoder)',
    unit: 'ns/record',
    baseline: decoded.text,
    library: decoded.library,
    ratio: decoded.library.median / decoded.text.median,
    target: { atMost: Math.max(0.45, 150 / decoded.text.median) },
  })
  const events = quick ? 200 : 1000
  const delays = {
    c: summary(await latency('c', events)),
    node: summary(await latency('node', events)),
  }
  rows.push({
    row: 'latency when idle (difference)',
    unit: 'µs',
    baseline: delays.c,
    library: delays.node,
    ratio: delays.node.median - delays.c.median,
    target: { atMost: 50 },
  })
  return rows
}

function meets({ ratio, target }: Measured, divisor: number): boolean {
  return 'atLeast' in target ? ratio >= target.atLeast / divisor : ratio <= target.atMost * divisor
}

function print(rows: readonly Measured[]): void {
  const cell = ({ median, min, max }: Summary): string =>
    `${format(median)} (${format(min)} – ${format(max)})`
  console.log(
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${String(cpus().length)} CPUs, ` +
      `Linux ${release()}, Node ${process.versions.node}; median (min – max)`,
  )
  console.log(
    ['row'.padEnd(42), 'C'.padEnd(24), 'bpf-ringbuf'.padEnd(24), 'ratio', 'target'].join(' '),
  )
  for (const row of rows) {
    const target =
      'atLeast' in row.target
        ? `≥ ${row.target.atLeast.toFixed(2)}`
        : `≤ ${row.target.atMost.toFixed(2)}`
    const drops =
      row.dropped === undefined
        ? ''
        : `  dropped ${percent(row.dropped.baseline)} / ${percent(row.dropped.library)}`
    console.log(
      `${`${row.row}, ${row.unit}`.padEnd(42)} ${cell(row.baseline).padEnd(24)} ` +
        `${cell(row.library).padEnd(24)} ${row.ratio.toFixed(2).padStart(5)} ${target}` +
        `${meets(row, 1) ? '' : '  MISSED'}${drops}`,
    )
  }
}

function format(value: number): string {
  return value.toFixed(value < 100 ? 2 : 0)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      check: { type: 'string' },
    },
  })
  const divisor = values.check === undefined ? undefined : Number(values.check)
  if (divisor !== undefined && !(divisor >= 1)) {
    throw new RangeError('--check: expected a number of at least 1')
  }
  if (!isPinned()) return
  const rows = await measureAll(values.quick)
  if (values.json) console.log(JSON.stringify(rows, null, 2))
  else print(rows)
  if (divisor === undefined) return
  const missed = rows.filter((row) => !meets(row, divisor))
  for (const { row } of missed)
    console.error(`missed by more than a factor ${String(divisor)}: ${row}`)
  if (missed.length > 0) process.exitCode = 1
}

main().catch((error: unknown) => {
  console.error(`throughput: ${error instanceof Error ? error.message : String(error)}`)
  // The children would keep it alive.
  process.exit(1)
})
