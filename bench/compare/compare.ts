// Ring buffer or perf buffer: both on the same events, in one run.
//
//   node build/bench/compare/compare.js [OPTION]...    (study.ts has the options)
import { consumers, type ConsumerName, kindOf, labelOf } from '../consumers.js'
import { claimRatio, figure, kibibytes, median, valuesOf } from '../figures.js'
import { addedCost, parallel, words } from '../load.js'
import { command } from '../machine.js'
import { pageBytes } from '../processes.js'
import { bars, claimsTable, type PlotsOf, type Section, sectionBlocks } from '../report.js'
import { main } from '../study.js'
import type {
  Bars,
  Block,
  Claim,
  Lines,
  MeasuredRow,
  Results,
  Row,
  Series,
  Table,
} from '../types.js'
import {
  burstEvents,
  computedBytes,
  drop,
  dropPrograms,
  type DropProgram,
  eventBytes,
  idle,
  type Kind,
  leastBytes,
  order,
  orderSides,
  perfPagesPerCpu,
  perfRecordBytes,
  ringRecordBytes,
  sameSize,
  type Spread,
  together,
} from './runs.js'
import { answer, clearPart, clearRatio, verdicts } from './verdict.js'

const librarySides: ConsumerName[] = ['rb-node', 'rb-node-immediate', 'pb-node', 'pb-node-each']
const speedSides: ConsumerName[] = [
  ...librarySides,
  'rb-libbpf',
  'pb-libbpf',
  'pb-libbpf-watermark',
  'pb-libbpf-timer',
]

const bursts = { one: 'on one CPU', split: 'split over both CPUs', each: 'on each CPU' } as const

const memoryRows = (
  [
    [1, 'one'],
    [2, 'one'],
    [2, 'split'],
    [2, 'each'],
  ] as const
).map(([cpus, burst]) => ({
  name: `memory-${cpus}-${burst}`,
  title: `${cpus} CPU${cpus === 1 ? '' : 's'}, a burst ${bursts[burst]}`,
  cpus,
  burst,
}))

const less = { better: 'less', isQuick: true } as const

const rows: readonly Row[] = [
  ...memoryRows.map(({ name, title, cpus, burst }): Row => ({
    ...less,
    name,
    title,
    group: 'memory',
    unit: 'bytes',
    sides: ['ring', 'perf'],
    run: (side: Kind) => leastBytes(side, cpus, burst),
  })),
  {
    ...less,
    name: 'order',
    group: 'order',
    title: 'order of delivery',
    unit: 'out of order, %',
    sides: orderSides,
    run: (side, { measuredMs }) => order(side, measuredMs / 2),
  },
  {
    ...less,
    name: 'drop',
    group: 'drop',
    title: 'program',
    unit: 'ns a dropped event',
    sides: Object.keys(dropPrograms),
    run: (side: DropProgram, window) => drop(side, window),
  },
  {
    ...less,
    name: 'cost',
    group: 'cost',
    title: 'consumer',
    unit: 'ns an event more than untraced',
    sides: librarySides,
    run: (side: ConsumerName, window) => addedCost(side, sameSize, 0, window),
  },
  {
    ...less,
    name: 'together',
    group: 'together',
    title: 'buffer',
    unit: 'two CPUs at once, ns',
    sides: ['ring', 'perf'],
    run: (side: Kind, { measuredMs }) => together(side, 600 * measuredMs),
  },
  ...[1, 500].map((recordsPerCall): Row => ({
    name: `speed-${recordsPerCall}`,
    group: 'speed',
    title: `${recordsPerCall} a system call`,
    unit: 'M records/s',
    better: 'more',
    isQuick: true,
    sides: speedSides,
    run: (side: ConsumerName, window) =>
      parallel(side, { ...words, ...sameSize, recordsPerCall }, {}, window),
  })),
  {
    ...less,
    name: 'idle',
    group: 'idle',
    title: 'consumer',
    unit: 'median, µs',
    sides: ['rb-node', 'pb-node', 'pb-node-each'],
    run: (side: ConsumerName, window) => idle(side, window),
  },
]

/** What the library's perf buffer is to reach against C. */
function claims(measured: readonly MeasuredRow[]): Claim[] {
  const row = measured.find(({ name }) => name === 'speed-500')
  if (row === undefined) return []
  const [best] = ['pb-libbpf', 'pb-libbpf-watermark', 'pb-libbpf-timer'].sort(
    (a, b) => median(valuesOf(row, b)) - median(valuesOf(row, a)),
  )
  return [
    ...claimRatio('PerfBuffer / libbpf’s own loop', row, 'pb-node', 'pb-libbpf', { atLeast: 10 }),
    ...claimRatio('PerfBuffer / the best in C', row, 'pb-node', best, { atLeast: 0.9 }),
  ]
}

const cpuCounts = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const

function memoryPlot(measured: readonly MeasuredRow[]): Lines {
  const series = (kind: Kind, burst: Spread, label: string): Series => ({
    label,
    tone: kind,
    isDashed: burst === 'split',
    points: cpuCounts.map((cpus) => [cpus, computedBytes(kind, cpus, burst)]),
    measured: memoryRows.flatMap((row): [number, number][] => {
      const values = valuesOf(
        measured.find(({ name }) => name === row.name),
        kind,
      )
      return values.length === 0 || row.burst !== burst ? [] : [[row.cpus, median(values)]]
    }),
  })
  return {
    plot: 'lines',
    name: 'memory',
    title: `Memory to hold a burst of ${figure(burstEvents)} events without loss`,
    axis: 'CPUs (dots: measured, lines: computed)',
    series: [
      series('ring', 'one', 'ring buffer, either way'),
      series('perf', 'one', 'perf buffer, the burst may be on any one CPU'),
      series('perf', 'split', 'perf buffer, the burst always splits evenly over the CPUs'),
    ],
    label: kibibytes,
  }
}

function memoryTables(measured: readonly MeasuredRow[]): Table[] {
  const kinds: Kind[] = ['ring', 'perf']
  return [
    {
      head: ['measured', 'ring, least', 'ring, formula', 'perf, least', 'perf, formula'],
      rows: memoryRows.map((row) => [
        row.title,
        ...kinds.flatMap((kind) => {
          const found = measured.find(({ name }) => name === row.name)
          const sizes = [...new Set(valuesOf(found, kind))].map(kibibytes).join(' or ')
          return [sizes, kibibytes(computedBytes(kind, row.cpus, row.burst))]
        }),
      ]),
    },
    {
      head: [
        'CPUs, computed',
        ...Object.keys(bursts).flatMap((burst) => kinds.map((kind) => `${burst}: ${kind}`)),
      ],
      rows: cpuCounts.map((cpus) => [
        String(cpus),
        ...(Object.keys(bursts) as Spread[]).flatMap((burst) =>
          kinds.map((kind) => kibibytes(computedBytes(kind, cpus, burst))),
        ),
      ]),
    },
  ]
}

function toneOf(side: string): Kind {
  return side in dropPrograms ? dropPrograms[side as DropProgram].kind : kindOf(side)
}

function plot(
  name: string,
  title: string,
  axis: string,
  unit: string,
  scale: Bars['scale'] = 'log',
): PlotsOf {
  return (rows) => {
    const groups = rows.map((row) => ({
      heading: rows.length > 1 ? row.title : '',
      bars: bars(row, toneOf, {}, label),
    }))
    return [{ plot: 'bars', name, title, axis, unit, scale, groups }]
  }
}

function label(side: string): string {
  if (side in consumers) return labelOf(side)
  return side in dropPrograms ? dropPrograms[side as DropProgram].label : `${side} buffer`
}

const dropped = { title: 'dropped', of: 'dropped', as: 'percent' } as const

function growth(row: MeasuredRow, kind: Kind): string {
  return figure(median(valuesOf(row, kind)) / median(valuesOf(row, kind, 'alone')))
}

const sections = (claims: readonly Claim[]): Section[] => [
  {
    group: 'memory',
    title: '1. Memory for the same burst',
    about: () =>
      `${figure(burstEvents)} events of ${eventBytes} bytes come while nobody drains, and none may be lost. The least size was searched for on this machine by halving, and each size was tried with a real burst:`,
    plots: (rows) => [memoryPlot(rows)],
    tables: memoryTables,
    after: () => [
      `In the formula, pow2 is the next power of two of at least a page (${kibibytes(pageBytes)}):`,
      `- ring buffer: pow2(N × ${ringRecordBytes}), where N is the number of events on all CPUs together;\n- perf buffer: CPUs × pow2(n × ${perfRecordBytes}), where n is the largest number of events on one CPU.`,
      'One: the burst happens on any one CPU, so every CPU needs the room for it. Split: the burst is always spread evenly over all CPUs. Each: every CPU has such a burst at the same moment. Pages for positions come on top: three for a ring, one for each CPU of a perf buffer.',
    ],
  },
  {
    group: 'order',
    title: '2. The order of fork, exec and exit across CPUs',
    about: (row) =>
      `Shells on two CPUs start short processes that move to the other CPU. One program reports each fork, exec and exit of this machine to both kinds of buffer, so both get the same events. The events of ${figure(median(valuesOf(row, 'rb-node', 'moved')))} % of the processes came from more than one CPU. An event is late when one with a later time came before it. A process is out of order when a later event of it came before an earlier one, such as the exit before the exec.`,
    columns: [
      { title: 'events', of: 'events' },
      { title: 'late, %', of: 'late' },
      { title: 'late by at most, µs', of: 'latestUs' },
      {},
    ],
    after: () => [
      'A ring has the order in which records were reserved. The time is read just after that, so two CPUs that report at the same moment can be late by less than that moment, while what caused what stays in order.',
    ],
  },
  {
    group: 'drop',
    title: '3. Work for events that are then dropped',
    about: () =>
      'Events of 512 bytes (time, ids, comm and a copied text) come while the buffer is full and nobody drains. The figures are nanoseconds of the producer for each dropped event, of calls with 16 events each, less the untraced call.',
    plots: plot(
      'drops',
      'Work for an event that is then dropped',
      'ns, less is better',
      'ns',
      'linear',
    ),
  },
  {
    group: 'cost',
    title: '4. The cost to the traced workload',
    about: () =>
      'The workload is a loop of getpgid() with one event of 8 bytes a call, and the consumer is on another CPU.',
    columns: [{ title: 'untraced, ns a call', of: 'base', as: 'median' }, {}, dropped],
    plots: plot(
      'cost',
      'Cost of an event to the traced workload',
      'ns more than untraced, less is better',
      'ns',
    ),
  },
  {
    group: 'together',
    title: '5. Two CPUs produce at once',
    about: () =>
      'The same loop, with events of 128 bytes, runs on one CPU and on both at once. The buffers hold everything, so that no consumer takes part. The CPUs share a ring and its lock; each has a perf buffer of its own.',
    columns: [{ title: 'one CPU, ns', of: 'alone' }, {}],
    after: (row) => [
      `With the second CPU an event costs ${growth(row, 'ring')} times as much in the ring buffer, and ${growth(row, 'perf')} times as much in the perf buffers. What more than two CPUs do to one ring was not measured. Where its lock is the limit, several rings, each for a group of CPUs, share the load.`,
    ],
  },
  {
    group: 'speed',
    title: '6. Throughput at full speed',
    about: () =>
      `Records of 8 bytes come as fast as the producer goes. The figures are what is received; what found no room is dropped. Both kinds have ${kibibytes(sameSize.ringBytes)}: one ring, or ${perfPagesPerCpu} pages for each of two CPUs.`,
    columns: [{}, dropped],
    plots: plot('throughput', 'Throughput at full speed', 'M records/s, more is better', 'M/s'),
    after: () => (claims.length > 0 ? [claimsTable(claims)] : []),
  },
  {
    group: 'idle',
    title: '7. Latency and work when idle',
    about: () =>
      'Latency is from the BPF program to the callback, of events that come 2 ms apart, so that the consumer sleeps in between. The other columns are what the reader does while there are no events at all. By default a PerfBuffer is woken at half of a buffer, and besides it drains every 500 µs.',
    columns: [
      {},
      { title: 'p99, µs', of: 'p99' },
      { title: 'wake-ups/s, no events', of: 'wakeups', as: 'median' },
      { title: 'CPU, ms/s', of: 'cpuMs' },
    ],
    plots: plot('latency', 'Latency when idle', 'µs to the callback, less is better', 'µs'),
  },
]

function document({ date, machine, rounds, window, load, rows, claims }: Results): Block[] {
  const all = verdicts(rows)
  return [
    '# Ring buffer or perf buffer?',
    'Written by `make compare ARGS=--write`, which measures both kinds on the same events in one run. The sentences below come from the figures.',
    answer(all),
    all.map(({ question, sentence }) => `- ${question}. ${sentence}`).join('\n'),
    `Measured on ${date}: ${machine}. There were ${rounds} rounds, and each run was measured for ${window.measuredMs} ms; the load average before was ${figure(load[0])}.`,
    `Figures are medians of the rounds, with the least and the most in parentheses. The sides take turns in each round, and in the reverse order every other round. A side is called better when its median is, by ${Math.round(100 * (clearRatio - 1))} % or more, when it was so in at least ${100 * clearPart} % of the rounds, and when the middle halves of both lie apart. The producer has CPU 0, consumers have CPU 1. In every run it was checked that received and lost records together are those that were made.`,
    ...sectionBlocks(rows, sections(claims), label),
  ]
}

main({
  name: 'comparison',
  rows,
  rounds: { quick: 2, whole: 6 },
  window: {
    quick: { warmUpMs: 60, measuredMs: 150 },
    whole: { warmUpMs: 100, measuredMs: 500 },
  },
  limitMinutes: { quick: 3, whole: 15 },
  versions: () => [command('clang', '--version')],
  claims,
  document,
})
