// What was measured, as tables, a page and plots.
import type { Measured, RowName } from './measure.js'
import { rows } from './measure.js'
import { type Kind, type Peer, peers, type PeerName, ringBytes } from './readers.js'
import type { Run } from './runs.js'
import { command, machine } from '../machine.js'
import { percent, summary } from '../summary.js'
import { type Bar, bars } from '../svg.js'
import { figure, kibibytes, markdownTable, spread } from '../table.js'

const names = Object.keys(peers) as PeerName[]

function label(name: PeerName): string {
  const peer: Peer = peers[name]
  return peer.label
}

function values(runs: readonly Run[], value: (run: Run) => number): string {
  return spread(summary(runs.map(value)))
}

function droppedPart({ lost, made }: Run): number {
  return lost / made
}

/** What is shown as dropped is not compared. */
function drops(runs: readonly Run[]): boolean {
  return summary(runs.map(droppedPart)).max >= 0.0005
}

function dropText(runs: readonly Run[]): string {
  if (runs.every(({ lost }) => lost === 0)) return 'none'
  const { median, min, max } = summary(runs.map(droppedPart))
  return `${percent(median)} (${percent(min)} – ${percent(max)})`
}

function median(numbers: readonly number[]): number {
  return summary(numbers).median
}

function ratioText(runs: readonly Run[], baseline: readonly Run[]): string {
  if (drops(runs) || drops(baseline)) return 'not compared'
  return figure(median(runs.map(({ rate }) => rate)) / median(baseline.map(({ rate }) => rate)))
}

function rowTable(measured: Measured, row: RowName): string {
  const { untracedNs, runs } = measured.rows[row]
  const isPaced = row === 'paced'
  return markdownTable({
    head: [
      rows[row].title,
      ...(isPaced ? [] : ['received, M/s', 'of C']),
      'dropped',
      'CPU, µs each',
      'added to a call, ns',
    ],
    rows: names.map((name) => {
      const done = runs[name]
      if (done === undefined) return [label(name), 'not installed']
      return [
        label(name),
        ...(isPaced ? [] : [values(done, ({ rate }) => rate / 1e6), ratioText(done, runs.c ?? [])]),
        dropText(done),
        values(done, ({ cpuNsPerRecord }) => cpuNsPerRecord / 1e3),
        spread(summary(done.map(({ nsPerCall }, i) => nsPerCall - (untracedNs[i] ?? NaN)))),
      ]
    }),
  })
}

const searched: readonly Kind[] = ['record', 'event']

function losslessTable({ lossless, missing }: Measured): string {
  const kinds = searched.filter((kind) => lossless[kind].c !== undefined)
  const titles = { record: 'records of 8 bytes, M/s', event: 'events with two strings, M/s' }
  return markdownTable({
    head: [
      'most that was made and nothing dropped',
      ...kinds.flatMap((kind) => [titles[kind], 'of C']),
    ],
    rows: names.map((name) => [
      label(name),
      ...(missing[name] === undefined
        ? kinds.flatMap((kind) => {
            const rates = lossless[kind][name] ?? []
            const ratio = median(rates) / median(lossless[kind].c ?? [])
            return [spread(summary(rates.map((rate) => rate / 1e6))), figure(ratio)]
          })
        : ['not installed']),
    ]),
  })
}

/** The machine, and what of which version. */
export function describe({ missing }: Measured): string {
  const debian = (name: string): string => command('dpkg-query', '-W', '-f', '${Version}', name)
  const versions = [
    machine(),
    ...(missing.go === undefined
      ? [
          command('go', 'version').replace(/^go version go(\S+).*/, 'Go $1'),
          `cilium/ebpf ${debian('golang-github-cilium-ebpf-dev')}`,
        ]
      : []),
    ...(missing.bcc === undefined ? [`bcc ${debian('python3-bpfcc')}`] : []),
    ...(missing.bpftrace === undefined ? [command('bpftrace', '--version')] : []),
  ]
  return versions.join(', ')
}

/** For the terminal. */
export function tables(measured: Measured): string {
  const names = Object.keys(rows) as RowName[]
  const all = [losslessTable(measured), ...names.map((row) => rowTable(measured, row))]
  return [...all, ...missingText(measured)].join('\n\n')
}

function missingText({ missing }: Measured): string[] {
  const packages = new Set(Object.values(missing))
  return packages.size === 0 ? [] : [`Not installed: ${[...packages].join(', ')}.`]
}

function untoldText({ rows: measured }: Measured): string {
  const runs = Object.values(measured).flatMap(({ runs }) => runs.bpftrace ?? [])
  const sum = (value: (run: Run) => number): number =>
    runs.reduce((all, run) => all + value(run), 0)
  const lost = sum((run) => run.lost)
  if (lost === 0) return ''
  return (
    `\nOf the ${lost.toLocaleString('en')} events that bpftrace dropped in these runs, ` +
    `${sum((run) => run.untold).toLocaleString('en')} were in none of its \`lost_events\` lines.\n`
  )
}

/** docs/peers.md. */
export function page(measured: Measured): string {
  const { rounds, seconds } = measured
  return `# Peers

Written by \`make bench-peers ARGS='--write'\`: ${describe(measured)}. Medians of ${rounds} rounds in turns (minimum – maximum), after one that warms up;
full speed and the moderate rate for ${seconds} s each.

## What is measured

A workload makes \`getpgid()\` calls on one CPU. One BPF program at \`raw_tp/sys_enter\` makes an event of each call, in a ring of
${kibibytes(ringBytes.record)} for records and ${kibibytes(ringBytes.event)} for events, and every reader is given that same ring, loaded by the bench, on another CPU: all its threads, and for Go
\`GOMAXPROCS\` of 1 therefore.

- **Records of 8 bytes**: a sequence number and the CPU.
- **Events with two strings**: a sequence number, pid, uid, \`comm[16]\` and a path of up to 256 bytes read from the workload's memory, 284 bytes. Every
  reader makes typed values of them, strings included; C uses them in place.

What each reader does:

- C libbpf: \`ring_buffer__poll()\` in a loop; the callback casts to a struct.
- bpf-ringbuf: \`new RingBuffer(map, type, callback)\`; poll thread and JavaScript share that one CPU.
- Go cilium/ebpf, ReadInto by hand: \`ReadInto()\` one record that is used again, fields by \`binary.LittleEndian\`.
- Go cilium/ebpf, binary.Read: \`Read()\`, then \`binary.Read()\` into a struct, as its examples do.
- Python bcc: bcc's \`open_ring_buffer()\` and \`ring_buffer_poll()\`, given the loaded ring; fields through ctypes.
- bpftrace -f json, parsed in Node: a child process with a program of its own, \`print((…))\` of the same values, readline and \`JSON.parse()\`.

bpftrace cannot read a ring of others: it has a perf buffer of the same size for each CPU, and hangs on \`tracepoint:raw_syscalls:sys_enter\`, which
costs the workload somewhat more than the raw tracepoint does. Its strings have 64 bytes at most.

For each run the bench compares the number of records and the sum of their contents (numbers, and lengths of strings) with what the BPF
program submitted, and the losses that were counted with the calls that the workload made. Nothing sums up what bpftrace submits: without
losses the sum must be that of all calls, with losses the order alone is checked.

## Results
${missingText(measured)
  .map((text) => `\n${text}\n`)
  .join('')}
Readers that catch up let the kernel wake them for every event, and that slows the workload down: at full speed a slow reader
therefore meets a faster workload, and drops. Rows with drops are not compared. What can be compared is the highest rate at which nothing is
dropped: full speed where nothing is, else the highest pace of a search by halving.

![Most that was made and nothing dropped](peers-rate.svg)

${losslessTable(measured)}

At full speed. CPU is of all threads of the reader, with bpftrace that of Node too; “added to a call” is what the workload pays more than
when nobody traces it:

${rowTable(measured, 'record')}

${rowTable(measured, 'event')}

At a moderate rate, evenly spaced; every event may find the reader asleep:

![CPU for an event](peers-cpu.svg)

${rowTable(measured, 'paced')}
${untoldText(measured)}
What sets bpf-ringbuf apart from C here is [coalescing](coalescing.md), not its language, and a loop that sleeps between drains could have some of that
in any of them. With \`coalesceUs: 0\` it pays for wake-ups as they do, and for a second thread.

Machines are shared and noisy, and absolute figures mean little: read how they compare, and run it on yours.
`
}

function plotBars(
  measured: Measured,
  numbers: (name: PeerName) => readonly number[] | undefined,
  unit: string,
): Bar[] {
  return names.flatMap((name): Bar[] => {
    const found = numbers(name)
    if (found === undefined || name in measured.missing) return []
    const { median, min, max } = summary(found)
    const tone = name === 'library' || name === 'immediate' ? 'ring' : 'other'
    return [
      { label: label(name), tone, value: median, min, max, text: `${figure(median)} ${unit}` },
    ]
  })
}

/** By name, SVG. */
export function plots(measured: Measured): Record<string, string> {
  const { lossless } = measured
  const rate = (kind: Kind): Bar[] =>
    plotBars(measured, (name) => lossless[kind][name]?.map((value) => value / 1e6), 'M/s')
  const headings = { record: 'records of 8 bytes', event: 'events with two strings' }
  return {
    rate: bars(
      'Most that was made and nothing dropped',
      'M a second, more is better',
      searched
        .filter((kind) => lossless[kind].c !== undefined)
        .map((kind) => ({ heading: headings[kind], bars: rate(kind) })),
    ),
    cpu: bars('CPU for an event, at 20,000 a second', 'µs of all threads, less is better', [
      {
        heading: '',
        bars: plotBars(
          measured,
          (name) => measured.rows.paced.runs[name]?.map((run) => run.cpuNsPerRecord / 1e3),
          'µs',
        ),
      },
    ]),
  }
}
