// docs/comparison.md, written from the figures of one run.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Comparison } from './compare.js'
import { computedBytes, eventBytes, perfRecordBytes, ringRecordBytes } from './memory.js'
import type { Order } from './order.js'
import { defaultRingBytes, dropPrograms, pagesPerCpu, sides } from './rows.js'
import { answer, clearPart, clearRatio, perfTargets, verdicts } from './verdict.js'
import { command, machine } from '../machine.js'
import { buildDir, pageBytes } from '../processes.js'
import { percent, summary } from '../summary.js'
import { figure, kibibytes, markdownTable, spread, type Table } from '../table.js'

export const cpuCounts = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const

interface Section {
  title: string
  before: string
  tables: readonly Table[]
  plot?: { name: string; alt: string }
  after?: string
}

function describe({ rounds, seconds, loadBefore }: Comparison): string {
  const { version } = JSON.parse(readFileSync(join(buildDir, '../package.json'), 'utf8')) as {
    version: string
  }
  const date = new Date().toISOString().slice(0, 10)
  return (
    `${date}: ${machine()}, ` +
    `${command('clang', '--version')}, bpf-ringbuf ${version}; ${rounds} rounds, ` +
    `throughput ${seconds} s each; load average before it ${loadBefore.toFixed(1)}.`
  )
}

const spreads = { one: 'on one CPU', split: 'split over both CPUs', each: 'on each CPU' } as const

function memory(result: Comparison): Section {
  const { burstEvents } = result
  const measured = result.memory.map(({ kind, cpus: count, spread: how, bytes, computed }) => [
    `${kind} buffer, ${count} CPU${count === 1 ? '' : 's'}, burst ${spreads[how]}`,
    kibibytes(bytes),
    kibibytes(computed),
  ])
  const computed = cpuCounts.map((count) => [
    String(count),
    ...(['one', 'split', 'each'] as const).flatMap((how) =>
      (['ring', 'perf'] as const).map((kind) =>
        kibibytes(computedBytes(kind, burstEvents, count, how)),
      ),
    ),
  ])
  return {
    title: 'Memory for the same burst',
    before:
      `${burstEvents.toLocaleString('en')} events of ${eventBytes} bytes while nobody drains, and none lost. ` +
      'The least size was searched for on this machine by halving, each size tried with a real burst:',
    tables: [
      { head: ['measured', 'least size', 'formula'], rows: measured },
      {
        head: [
          'CPUs, computed',
          'one: ring',
          'one: perf',
          'split: ring',
          'split: perf',
          'each: ring',
          'each: perf',
        ],
        rows: computed,
      },
    ],
    plot: { name: 'memory', alt: 'Memory for the same burst by number of CPUs' },
    after:
      `The formula, with pow2 the next power of two of at least a page (${kibibytes(pageBytes)}):\n\n` +
      `- ring buffer: pow2(N × ${ringRecordBytes}), with N the events on all CPUs together;\n` +
      `- perf buffer: CPUs × pow2(n × ${perfRecordBytes}), with n the most events on one CPU.\n\n` +
      'One: the burst happens on any one CPU, so every CPU needs the room for it. Split: it is spread evenly over all CPUs, ' +
      'always. Each: every CPU has such a burst at the same moment. Pages for positions come on top: ' +
      'three of a ring, one of each CPU of a perf buffer.',
  }
}

function orderRow(label: string, runs: readonly Order[]): string[] {
  const part = (value: (run: Order) => number): string => spread(summary(runs.map(value)))
  return [
    label,
    part(({ events }) => events),
    part(({ late, events }) => (100 * late) / events),
    part(({ latestUs }) => latestUs),
    part(({ invertedProcesses, processes }) => (100 * invertedProcesses) / processes),
  ]
}

function order(result: Comparison): Section {
  const { perf, perfEach } = result.order
  const rings = [...perf, ...perfEach].map(({ ring }) => ring)
  const moved = summary(
    rings.map(({ movedProcesses, processes }) => (100 * movedProcesses) / processes),
  )
  return {
    title: 'Order of fork, exec and exit across CPUs',
    before:
      'Shells on two CPUs start short processes that move to the other CPU. One program reports each fork, exec and exit ' +
      'of this machine to both kinds of buffer, so it is the same events. ' +
      `The events of ${figure(moved.median)} % of the processes came from more than one CPU. ` +
      '“Late” came after an event with a later time. “Out of order” are processes of which a later event came before an ' +
      'earlier one, such as the exit before the exec.',
    tables: [
      {
        head: ['order of delivery', 'events', 'late, %', 'late by at most, µs', 'out of order, %'],
        rows: [
          orderRow(sides.ring.label, rings),
          orderRow(
            sides.perf.label,
            perf.map((run) => run.perf),
          ),
          orderRow(
            sides.perfEach.label,
            perfEach.map((run) => run.perf),
          ),
        ],
      },
    ],
    after:
      'A ring has the order in which records were reserved. The time is read just after that, so two CPUs that ' +
      'report at the same moment can be late by less than that moment, while what caused what stays in order.',
  }
}

function drops(result: Comparison): Section {
  return {
    title: 'Work for events that are then dropped',
    before:
      'Events of 512 bytes (time, ids, comm and a copied text) while the buffer is full and nobody drains: nanoseconds of ' +
      'the producer per dropped event, of getpgid() calls with 16 events each, less the untraced call.',
    tables: [
      {
        head: ['program', 'ns a dropped event'],
        rows: Object.entries(dropPrograms).map(([program, { label }]) => [
          label,
          spread(summary(result.drops[program as keyof typeof dropPrograms])),
        ]),
      },
    ],
    plot: { name: 'drops', alt: 'Nanoseconds for an event that is dropped' },
  }
}

const librarySides = ['ring', 'ringImmediate', 'perf', 'perfEach'] as const

function cost(result: Comparison): Section {
  const untracedNs = summary(result.untracedNs).median
  const rows = librarySides.map((side) => {
    const ns = summary(result.speed[1][side].map(({ nsPerCall }) => nsPerCall)).median
    return [
      sides[side].label,
      figure(1e3 / ns),
      spread(summary(result.addedNs[side])),
      percent(summary(result.speed[1][side].map(({ dropped }) => dropped)).median),
    ]
  })
  return {
    title: 'Cost to the traced workload',
    before: 'A loop of getpgid(), one event of 8 bytes a call, the consumer on another CPU.',
    tables: [
      {
        head: ['consumer', 'M calls/s', 'ns an event more than untraced', 'dropped'],
        rows: [['untraced', figure(1e3 / untracedNs), '', ''], ...rows],
      },
    ],
    plot: { name: 'cost', alt: 'Nanoseconds that an event costs the traced workload' },
  }
}

function together(result: Comparison): Section {
  const growth = (kind: 'ring' | 'perf'): string => {
    const runs = result.together[kind]
    const alone = summary(runs.map((run) => run.alone)).median
    return (summary(runs.map((run) => run.together)).median / alone).toFixed(2)
  }
  return {
    title: 'Two CPUs produce at once',
    before:
      'The same loop with events of 128 bytes, on one CPU and on both at once, into buffers that hold everything, ' +
      'so without a consumer. The CPUs share a ring and its lock; each has a perf buffer of its own.',
    tables: [
      {
        head: ['ns an event more than untraced', 'one CPU', 'two CPUs at once'],
        rows: (['ring', 'perf'] as const).map((kind) => [
          `${kind} buffer`,
          spread(summary(result.together[kind].map((run) => run.alone))),
          spread(summary(result.together[kind].map((run) => run.together))),
        ]),
      },
    ],
    after:
      `With the second CPU an event costs ${growth('ring')} times as much with the ring buffer, ${growth('perf')} times with the ` +
      'perf buffers. What more CPUs than two do to one ring was not measured; where its lock is the limit, several rings, each ' +
      'for a group of CPUs, share the load.',
  }
}

const allSides = Object.keys(sides) as (keyof typeof sides)[]

function throughput(result: Comparison): Section {
  const tables = ([1, 500] as const).map((records): Table => ({
    head: [`${records} a system call`, 'M records/s', 'dropped'],
    rows: allSides.map((side) => {
      const runs = result.speed[records][side]
      return [
        sides[side].label,
        spread(summary(runs.map(({ rate }) => rate))),
        percent(summary(runs.map(({ dropped }) => dropped)).median),
      ]
    }),
  }))
  const targets = perfTargets(result)
  return {
    title: 'Throughput at full speed',
    before:
      'Records of 8 bytes as fast as the producer goes, received a second; dropped is what found no room. ' +
      `Both kinds have ${kibibytes(defaultRingBytes())}: one ring, or ${pagesPerCpu} pages for each of two CPUs.`,
    tables: [
      ...tables,
      {
        head: ['requirement, median of the rounds’ ratios', 'ratio', 'target', ''],
        rows: targets.map(({ what, ratio, atLeast }) => [
          what,
          ratio.toFixed(2),
          `≥ ${atLeast}`,
          ratio >= atLeast ? 'met' : 'MISSED',
        ]),
      },
    ],
    plot: { name: 'throughput', alt: 'Millions of records received a second' },
  }
}

function idle(result: Comparison): Section {
  return {
    title: 'Latency and work when idle',
    before:
      `From the BPF program to the callback, ${result.latency.ring.events} events a round, 2 ms apart, so that the consumer ` +
      'sleeps in between; and what the reader does while there are no events at all. ' +
      'By default a PerfBuffer is woken at half of a buffer and drains every 500 µs besides.',
    tables: [
      {
        head: ['consumer', 'median, µs', 'p99, µs', 'wake-ups/s, no events', 'CPU, ms/s'],
        rows: (['ring', 'perf', 'perfEach'] as const).map((side) => [
          sides[side].label,
          spread(summary(result.latency[side].medians)),
          spread(summary(result.latency[side].p99s)),
          figure(summary(result.idle[side].wakeups).median),
          spread(summary(result.idle[side].cpuMs)),
        ]),
      },
    ],
    plot: { name: 'latency', alt: 'Latency when idle' },
  }
}

/** The document, and its tables as the terminal shows them. */
export function report(result: Comparison): { markdown: string; tables: string } {
  const all = verdicts(result)
  const sections = [memory, order, drops, cost, together, throughput, idle].map((make) =>
    make(result),
  )
  const list = all.map(({ question, sentence }) => `- ${question}. ${sentence}`).join('\n')
  const body = sections.flatMap(({ title, before, tables, plot, after }, index) => [
    `## ${index + 1}. ${title}`,
    before,
    ...tables.map(markdownTable),
    ...(plot === undefined ? [] : [`![${plot.alt}](comparison-${plot.name}.svg)`]),
    ...(after === undefined ? [] : [after]),
  ])
  const markdown = [
    '# Ring buffer or perf buffer?',
    'Written by `make compare`, which measures both kinds on the same events in one run. The sentences come from the figures.',
    answer(all),
    ...all
      .map(({ question, sentence }) => `- ${question}. ${sentence}`)
      .join('\n')
      .split('\n\n'),
    describe(result),
    'Figures are medians of the rounds, with the least and the most in parentheses. The sides take turns in each round, in the reverse order every other round. ' +
      `A side is called better when its median is, by ${Math.round(100 * (clearRatio - 1))} % or more, it was so in at least ` +
      `${100 * clearPart} % of the rounds, and the middle halves of both lie apart. ` +
      'The producer has CPU 0, consumers have CPU 1. In every run received + lost = produced was checked.',
    ...body,
  ].join('\n\n')
  const tables = [
    describe(result),
    ...sections.flatMap(({ title, tables }) => [`# ${title}`, ...tables.map(markdownTable)]),
    list,
    answer(all),
  ].join('\n\n')
  return { markdown: `${markdown}\n`, tables }
}
