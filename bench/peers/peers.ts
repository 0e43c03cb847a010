// This library against other ways to read the same ring.
//
//   node build/bench/peers/peers.js [OPTION]...    (study.ts has the options)
import { claimRatio, figure, kibibytes, valuesOf } from '../figures.js'
import {
  bars,
  claimsTable,
  type Column,
  type PlotsOf,
  type Section,
  sectionBlocks,
} from '../report.js'
import { main } from '../study.js'
import type { Block, Claim, MeasuredRow, Results, Row, Tone } from '../types.js'
import { type Kind, missing, peers, type PeerName, ringBytes, versions } from './readers.js'
import { highestLossless, run, type Run, untraced } from './runs.js'

const sides = (Object.keys(peers) as PeerName[]).filter((name) => missing(name) === undefined)

const pacedRate = 20_000

/** `added`: what the workload pays more for a call than when nobody traces it. */
function columnsOf(done: Run, untracedNs: number) {
  return {
    lost: done.lost / done.made,
    cpuUs: done.cpuNsPerRecord / 1e3,
    added: done.nsPerCall - untracedNs,
    untold: done.untold,
  }
}

function fullSpeed(kind: Kind, title: string): Row {
  return {
    name: kind,
    group: 'full-speed',
    title,
    unit: 'M/s, nothing dropped',
    better: 'more',
    sides,
    isQuick: kind === 'event',
    run: async (side: PeerName, { measuredMs }) => {
      const load = { kind, seconds: measuredMs / 1e3 }
      const untracedNs = await untraced(load)
      const done = await run(peers[side], load)
      const halvings = measuredMs < 1000 ? 3 : 5
      const value = (await highestLossless(peers[side], kind, done, halvings)) / 1e6
      return { value, received: done.rate / 1e6, ...columnsOf(done, untracedNs) }
    },
  }
}

const rows: readonly Row[] = [
  fullSpeed('record', 'records of 8 bytes'),
  fullSpeed('event', 'events with two strings'),
  {
    name: 'paced',
    group: 'paced',
    title: `events with two strings, ${figure(pacedRate)} a second`,
    unit: 'CPU, µs each',
    better: 'less',
    sides,
    isQuick: true,
    run: async (side: PeerName, { measuredMs }) => {
      const load = { kind: 'event', seconds: measuredMs / 1e3, rate: pacedRate } as const
      const found = columnsOf(await run(peers[side], load), await untraced(load))
      return { ...found, value: found.cpuUs }
    },
  },
]

/** The goal: three times as much as each other way. */
function claims(measured: readonly MeasuredRow[]): Claim[] {
  const others = sides.filter((name) => name !== 'library' && name !== 'immediate')
  return measured
    .filter(({ group }) => group === 'full-speed')
    .flatMap((row) =>
      others.flatMap((name) =>
        claimRatio('made and not dropped', row, 'library', name, { atLeast: 3 }),
      ),
    )
    .map((claim) => ({ ...claim, against: labelOf(claim.against) }))
}

function labelOf(side: string): string {
  return peers[side as PeerName].label
}

function toneOf(side: string): Tone {
  return side === 'library' || side === 'immediate' ? 'ring' : 'other'
}

const costColumns: readonly Column[] = [
  { title: 'dropped', of: 'lost', as: 'percent' },
  { title: 'CPU, µs each', of: 'cpuUs' },
  { title: 'added to a call, ns', of: 'added' },
]

function plot(name: string, title: string, axis: string, unit: string): PlotsOf {
  return (measured) => {
    const groups = measured.map((row) => ({
      heading: row.title,
      bars: bars(row, toneOf, {}, labelOf),
    }))
    return [{ plot: 'bars', name, title, axis, unit, scale: 'linear', groups }]
  }
}

const sections: readonly Section[] = [
  {
    group: 'full-speed',
    title: 'At full speed',
    about: () =>
      'A reader that catches up lets the kernel wake it for every event, and that slows the workload down. At full speed a slow reader therefore meets a faster workload, and drops. What can be compared is the highest rate at which nothing is dropped: full speed where nothing is, and otherwise the highest pace that a search by halving finds. The other columns are of full speed. CPU is that of all threads of the reader, and with bpftrace that of Node too. What is added to a call is what the workload pays more than when nobody traces it.',
    columns: [
      {},
      { title: 'of C', ratioTo: () => 'c' },
      { title: 'received, M/s', of: 'received', as: 'median' },
      ...costColumns,
    ],
    plots: plot('rate', 'Most that was made and nothing dropped', 'M/s, more is better', 'M/s'),
  },
  {
    group: 'paced',
    title: 'At a moderate rate',
    about: () => 'Events come evenly spaced, and every event may find the reader asleep.',
    columns: costColumns,
    plots: plot('cpu', 'CPU for an event, at a moderate rate', 'µs, less is better', 'µs'),
  },
]

function untoldText(measured: readonly MeasuredRow[]): string[] {
  const sum = measured
    .flatMap((row) => valuesOf(row, 'bpftrace', 'untold'))
    .reduce((all, one) => all + one, 0)
  if (sum === 0) return []
  return [
    `${figure(sum)} of the events that bpftrace dropped were in none of its \`lost_events\` lines.`,
  ]
}

function document({
  date,
  machine,
  rounds,
  window,
  rows: measured,
  claims: found,
}: Results): Block[] {
  const absent = (Object.keys(peers) as PeerName[]).flatMap((name) => missing(name) ?? [])
  return [
    '# Peers',
    `Written by \`make bench-peers ARGS=--write\` on ${date}: ${machine}. Figures are medians of ${rounds} rounds, in which the readers take turns, with the least and the most in parentheses. A run takes ${figure(window.measuredMs / 1e3)} s.`,
    'Go, Rust, Python and bpftrace are those of Debian’s unstable release, the newest that Debian has, in a root directory of their own on the same kernel.',
    '## What is measured',
    `A workload makes \`getpgid()\` calls on one CPU. One BPF program at \`raw_tp/sys_enter\` makes an event of each call, in a ring of ${kibibytes(ringBytes.record)} for records and ${kibibytes(ringBytes.event)} for events. Every reader is given that same ring, loaded by the bench, and runs on another CPU with all its threads. For Go this means a \`GOMAXPROCS\` of 1.`,
    [
      '- **Records of 8 bytes**: a sequence number and the CPU.',
      '- **Events with two strings**: a sequence number, pid, uid, `comm[16]`, and a path of up to 256 bytes that is read from the workload’s memory; 284 bytes. Every reader makes typed values of them, strings included; C uses them in place.',
    ].join('\n'),
    'What each reader does:',
    Object.values(peers)
      .map(({ label, about }) => `- ${label}: ${about}.`)
      .join('\n'),
    'bpftrace cannot read a ring of others. It has a perf buffer of the same size for each CPU, and its program is at `tracepoint:raw_syscalls:sys_enter`, which costs the workload somewhat more than the raw tracepoint does. Its strings have 64 bytes at most.',
    'For each run the bench compares the number of records and the sum of their contents (numbers, and lengths of strings) with what the BPF program submitted, and the losses that were counted with the calls that the workload made. Nothing sums up what bpftrace submits: without losses the sum must be that of all calls, and with losses only the order is checked.',
    '## Results',
    ...(absent.length === 0 ? [] : [`Not installed: ${[...new Set(absent)].join(', ')}.`]),
    'The goal is three times as much, made and not dropped, as each other way.',
    ...(found.length === 0 ? [] : [claimsTable(found)]),
    ...sectionBlocks(measured, sections, labelOf),
    ...untoldText(measured),
    'What sets bpf-ringbuf apart from C here is [coalescing](coalescing.md), not its language. A loop that sleeps between drains could have some of that in any of them. With `coalesceUs: 0` it pays for wake-ups as they do, and for a second thread.',
    'Machines are shared and noisy, and absolute figures mean little: read how they compare, and run the bench on your machine.',
  ]
}

main({
  name: 'peers',
  rows,
  rounds: { quick: 2, whole: 5 },
  window: { quick: { warmUpMs: 0, measuredMs: 250 }, whole: { warmUpMs: 0, measuredMs: 1000 } },
  limitMinutes: { quick: 5, whole: 25 },
  versions,
  claims,
  document,
})
