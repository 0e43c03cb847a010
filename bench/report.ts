// The benchmark's tables, and docs/benchmarks.md.
import type { MeasuredConsumer, MeasuredRow, Results } from './bench.js'
import { type Claim, comparableDrop, isComparable, meets, namesOf } from './claims.js'
import { type ConsumerName, consumers } from './consumers.js'
import { machine } from './machine.js'
import { type Group, groups, recordSizes } from './rows.js'
import { percent, summary } from './summary.js'
import { figure, markdownTable, spread, type Table } from './table.js'

function measuredOf(row: MeasuredRow, name: ConsumerName): MeasuredConsumer {
  return row.consumers[name] as MeasuredConsumer
}

function stockOf(name: ConsumerName, row: MeasuredRow): ConsumerName | undefined {
  const { kind } = consumers[name]
  return namesOf(row).find((other) => consumers[other].kind === kind)
}

/** To the first consumer of the kind; nothing where one of both lost records. */
function ratioText(row: MeasuredRow, name: ConsumerName): string {
  const stock = stockOf(name, row)
  if (stock === undefined || stock === name) return '1'
  if (!isComparable(row, name) || !isComparable(row, stock)) return 'not compared'
  const median = (of: ConsumerName): number => summary(measuredOf(row, of).values).median
  return figure(median(name) / median(stock))
}

function droppedText({ dropped }: MeasuredConsumer): string {
  return dropped.length === 0 ? '' : percent(summary(dropped).median)
}

function medianText(values: readonly number[], scale = 1): string {
  return values.length === 0 ? '' : figure(summary(values).median * scale)
}

/** A consumer a line. */
function rowTable(row: MeasuredRow): Table {
  const isLatency = row.group === 'latency'
  const hasDetails = row.group !== 'memory'
  return {
    head: [
      'consumer',
      '',
      row.unit,
      'ratio',
      ...(isLatency ? ['p50, µs', 'p90, µs', 'p99.9, µs'] : []),
      ...(hasDetails ? ['dropped', 'CPU s a million', 'ns a call'] : []),
    ],
    rows: namesOf(row).map((name) => {
      const measured = measuredOf(row, name)
      const latency = (part: 'p50' | 'p90' | 'p999'): string =>
        medianText(
          measured.latencies.map((found) => found[part]),
          1e-3,
        )
      return [
        name,
        consumers[name].label,
        spread(summary(measured.values)),
        ratioText(row, name),
        ...(isLatency ? [latency('p50'), latency('p90'), latency('p999')] : []),
        ...(hasDetails
          ? [droppedText(measured), medianText(measured.cpuSeconds), medianText(measured.nsPerCall)]
          : []),
      ]
    }),
  }
}

const pivotGroups: Partial<Record<Group, string>> = {
  'sample-rate': 'records a call and a wake-up',
  output: 'row',
  contention: 'producers',
  size: 'bytes a record',
}

/** A row a line, a consumer a column. */
function pivotTable(rows: readonly MeasuredRow[], first: string): Table {
  const names = [...new Set(rows.flatMap(namesOf))]
  return {
    head: [first, ...names],
    rows: rows.map((row) => [
      row.title + (row.isOversubscribed ? ' (oversubscribed)' : ''),
      ...names.map((name) => {
        const measured = row.consumers[name]
        if (measured === undefined) return ''
        const dropped = isComparable(row, name) ? '' : `, ${droppedText(measured)} dropped`
        return spread(summary(measured.values)) + dropped
      }),
    ]),
  }
}

function sections(results: Results, withPlots: boolean): string {
  return (Object.keys(groups) as Group[])
    .map((group): string => {
      const rows = results.rows.filter((row) => row.group === group)
      if (rows.length === 0) return ''
      const pivot = pivotGroups[group]
      const body =
        pivot === undefined
          ? rows.map((row) => `**${row.name}**: ${row.title}.\n\n${markdownTable(rowTable(row))}`)
          : [`${rows[0]?.unit ?? ''}.\n\n${markdownTable(pivotTable(rows, pivot))}`]
      return `## ${groups[group]}\n\n${notes[group] ?? ''}${withPlots ? plotOf(group) : ''}${body.join('\n\n')}\n`
    })
    .filter((section) => section !== '')
    .join('\n')
}

/** By group, the names of its plots. */
export const plotNames: Partial<Record<Group, readonly string[]>> = {
  parallel: ['parallel'],
  'sample-rate': ['sample-rate-ring', 'sample-rate-perf'],
  size: ['size'],
  workload: ['workload'],
  latency: ['latency'],
}

function plotOf(group: Group): string {
  const names = plotNames[group] ?? []
  return names.map((name) => `![${groups[group]}](benchmarks-${name}.svg)\n\n`).join('')
}

const notes: Partial<Record<Group, string>> = {
  parallel: `The producer makes system calls without pause on its CPU; the program puts records of 8 bytes into the buffer.

`,
  'back-to-back': `The consumer's own thread makes the system call that produces, then consumes, in turn: nobody runs at the same time, nobody is woken. rb-custom
and pb-custom look at once; libbpf's go through epoll; the library's are \`consume()\` with \`pollThread: false\`.

`,
  'sample-rate': `As many records a call as a wake-up is for. With few of them the call of \`consume()\` itself is what counts.

`,
  'one-cpu': `Both on the consumer's CPU, one record a call: each wake-up is a switch between processes, for this library also one between its threads.

`,
  contention: `50 records a system call. Where producers and consumer are more than the CPUs, it is said: the scheduler is measured with them.

`,
  size: `Records copied by \`bpf_ringbuf_output()\`. The consumers look at the first 8 bytes only; the library has copied the whole record by then, and rb-node-raw
copies it once more, to keep. A perf sample cannot have 64 KiB. libbpf's consumers in C read where the record lies.

`,
  workload: `What a traced \`getpgid()\` takes longer than an untraced one.

`,
  latency: `From \`bpf_ktime_get_ns()\` in the program to the callback. Coalescing trades latency under load for the workload's time: at most \`coalesceUs\`.

`,
  cpu: `Of the consumer, all threads.

`,
}

function metText(claim: Claim): string {
  if (meets(claim)) return 'yes'
  if (claim.ratio === undefined) return '–'
  return claim.isWithinSpread ? 'no, within the spread' : 'no'
}

function claimsTable(claims: readonly Claim[]): Table {
  return {
    head: ['claim', 'row', 'against', 'ratio', 'target', 'met'],
    rows: claims.map((claim) => [
      claim.what,
      claim.row,
      claim.against,
      claim.ratio === undefined ? 'not compared' : figure(claim.ratio),
      'atLeast' in claim.target
        ? `≥ ${figure(claim.target.atLeast)}`
        : `≤ ${figure(claim.target.atMost)}`,
      metText(claim),
    ]),
  }
}

function perRecordTable({ perRecord }: Results): Table {
  return {
    head: ['nobody waits for anybody', 'baseline', '', 'bpf-ringbuf', '', 'ratio'],
    rows: perRecord.map(({ title, baseline, library }) => [
      title,
      baseline.label,
      spread(summary(baseline.values)),
      library.label,
      spread(summary(library.values)),
      figure(summary(library.values).median / summary(baseline.values).median),
    ]),
  }
}

/** For the terminal. */
export function tables(results: Results): string {
  const { perRecord, emptyNodeMiB } = results
  return [
    `${machine()}; ${results.rounds} rounds, median (minimum – maximum)\n`,
    sections(results, false),
    ...(perRecord.length > 0 ? [markdownTable(perRecordTable(results)), ''] : []),
    `A Node that runs nothing has ${figure(emptyNodeMiB)} MiB resident.\n`,
    ...(results.claims.length > 0 ? [markdownTable(claimsTable(results.claims))] : []),
  ].join('\n')
}

/** docs/benchmarks.md. */
export function page(results: Results): string {
  const { rounds, window, claims, load } = results
  const missed = claims.filter((claim) => !meets(claim))
  return `# Benchmarks

Written by \`make bench ARGS=--write\` on ${results.date}: ${machine()}; ${rounds} rounds, each run measured
for ${window.measuredMs} ms after ${window.warmUpMs} ms of warm-up; load average ${figure(load[0])} before and ${figure(load[1])} after.

The rows are those of the kernel's own ring-buffer benchmark, and some that it lacks. Each row has the same BPF program for all consumers, which
take turns in one run on one machine. The producer is pinned to one CPU, the consumer with all its threads to another. The buffer has 512 KiB, a
perf buffer 512 KiB for each CPU, unless said. Figures are medians (minimum – maximum); the ratio is to libbpf's own loop of the same kind. A call that finds no
room gives up; what it tried to put is _dropped_, and a consumer that dropped more than ${percent(comparableDrop)} is not compared. After each run the records and the sum
of their contents are compared with what the BPF program counted.

Machines are shared and noisy, and absolute figures mean little: read the ratios, and run it on yours. \`make bench ARGS='--row parallel'\` measures one row.

## What it comes to

${claims.length - missed.length} of ${claims.length} claims are met here${missed.length === 0 ? '' : `; what bounds the others is in [performance](performance.md)`}.

${markdownTable(claimsTable(claims))}

${sections(results, true)}
## Per record

${markdownTable(perRecordTable(results))}

A Node that runs nothing has ${figure(results.emptyNodeMiB)} MiB resident. Sizes of records measured: ${recordSizes.join(', ')} bytes.
`
}
