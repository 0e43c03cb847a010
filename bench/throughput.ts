// Measures this library against C on the same ring, in the same run.
//
//   node build/bench/throughput.js [--quick] [--json] [--write] [--check DIVISOR]
//
// Each row is a ratio of medians: of what the library does to what C does.
// --write makes docs/benchmarks.md of it. --check compares it with the row's target, made looser by DIVISOR.
import { writeFileSync } from 'node:fs'
import { cpus, loadavg, release } from 'node:os'
import { join } from 'node:path'
import { type Consumer, decodeExec, drain, latency, throughput } from './rows.js'
import { figure, markdownTable, spread } from './table.js'
import { fail, parseOptions, UsageError } from './options.js'
import { buildDir } from './processes.js'
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

function tableOf(rows: readonly Measured[]): string {
  return markdownTable({
    head: ['row', 'C', 'bpf-ringbuf', 'ratio', 'target', 'met', 'dropped, C / bpf-ringbuf'],
    rows: rows.map((row) => [
      `${row.row}, ${row.unit}`,
      spread(row.baseline),
      spread(row.library),
      figure(row.ratio),
      'atLeast' in row.target
        ? `≥ ${figure(row.target.atLeast)}`
        : `≤ ${figure(row.target.atMost)}`,
      meets(row, 1) ? 'yes' : 'no',
      row.dropped === undefined
        ? ''
        : `${percent(row.dropped.baseline)} / ${percent(row.dropped.library)}`,
    ]),
  })
}

function machine(): string {
  return (
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${String(cpus().length)} CPUs, Linux ${release()}, ` +
    `Node ${process.versions.node}`
  )
}

/** docs/benchmarks.md. */
function page(rows: readonly Measured[]): string {
  return `# Benchmarks

Written by \`make bench ARGS='--write'\`: ${machine()}, load average ${figure(loadavg()[0] ?? 0)} at its end.

The producer makes system calls on one CPU, and a BPF program puts 1 or 500 records of 8 bytes into a ring of 1 MiB for each. The
consumer has another CPU: a plain \`ring_buffer__poll()\` loop in C, or this library with a callback that takes typed objects, poll thread and
JavaScript together on that CPU. Both read the same ring in turns, in the same run. Figures are the median of ${String(rows[0]?.library.runs ?? 0)} runs (minimum –
maximum) after one that warms up; the ratio is that of the medians. The sum of the records' contents is compared with what the BPF
program wrote in each run.

${tableOf(rows)}

The drain reads a full ring of 4 MiB while the producer rests, \`consume()\` against \`ring_buffer__consume()\`. The exec event has 536 bytes, two of its fields
strings; its baseline is the same loop by hand with \`TextDecoder\`. The latency is from \`bpf_ktime_get_ns()\` in the program to the callback,
one event each 2 ms.

Machines are shared and noisy, and absolute figures mean little: read the ratios, and run it on yours. With \`coalesceUs: 0\` each
record costs a wake-up of the poll thread and one of JavaScript, as it costs C one; see [coalescing](coalescing.md).
Those two rows want a machine that is idle otherwise: where other processes share the consumer's CPU we have seen 0.5 to 0.8, as two threads
need it in turn where C has one.
`
}

async function main(): Promise<void> {
  const values = parseOptions({
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      check: { type: 'string' },
    },
  })
  const divisor = values.check === undefined ? undefined : Number(values.check)
  if (divisor !== undefined && !(divisor >= 1)) {
    throw new UsageError('--check: expected a number of at least 1')
  }
  if (!isPinned()) return
  const rows = await measureAll(values.quick)
  if (values.json) console.log(JSON.stringify(rows, null, 2))
  else console.log(`${machine()}; median (minimum – maximum)\n\n${tableOf(rows)}`)
  if (values.write) writeFileSync(join(buildDir, '../docs/benchmarks.md'), page(rows))
  if (divisor === undefined) return
  const missed = rows.filter((row) => !meets(row, divisor))
  for (const { row } of missed)
    console.error(`missed by more than a factor ${String(divisor)}: ${row}`)
  if (missed.length > 0) process.exitCode = 1
}

main().catch((error: unknown) => fail('throughput', error))
