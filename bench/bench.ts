// The kernel's ring-buffer benchmark with JavaScript in it: the same rows for
// consumers in C and for this library, on one machine in one run.
//
//   node build/bench/bench.js [OPTION]...    (study.ts has the options)
import { claims } from './claims.js'
import { consumers, isNode, kindOf, labelOf } from './consumers.js'
import { comparableDrop, figure, meets, median, percent, valuesOf } from './figures.js'
import {
  bars,
  claimsTable,
  type Column,
  type PlotsOf,
  type Section,
  sectionBlocks,
} from './report.js'
import { rows } from './rows.js'
import { main } from './study.js'
import type { Block, MeasuredRow, Results, Series, Tone } from './types.js'

function toneOf(name: string): Tone {
  return isNode(name) ? kindOf(name) : 'other'
}

function dots(name: string, title: string, axis: string, unit: string): PlotsOf {
  return (rows) => {
    const groups = rows.map((row) => ({ heading: row.title, bars: bars(row, toneOf) }))
    return [{ plot: 'bars', name, title, axis: `${axis}, logarithmic`, unit, scale: 'log', groups }]
  }
}

/** A line for each consumer over the rows' titles, which are numbers. */
function lines(name: string, title: string, axis: string, sides: readonly string[]): PlotsOf {
  const seriesOf = (side: string, rows: readonly MeasuredRow[]): Series => {
    const points = rows.flatMap((row): [number, number][] => {
      const values = valuesOf(row, side)
      return values.length === 0 ? [] : [[Number(row.title), median(values)]]
    })
    const tone = side.endsWith('custom') ? 'other' : kindOf(side)
    const label = `${side}: ${labelOf(side)}`
    return { label, tone, isDashed: !isNode(side), points, measured: points }
  }
  return (rows) => {
    if (rows.length < 2) return []
    const series = sides.map((side) => seriesOf(side, rows))
    return [{ plot: 'lines', name, title, axis, series, label: (y) => `${figure(y)} M/s` }]
  }
}

/** The first consumer of the kind. */
function stockOf(side: string, row: MeasuredRow): string | undefined {
  return Object.keys(row.sides).find(
    (other) => !(side in consumers) || !(other in consumers) || kindOf(other) === kindOf(side),
  )
}

const columns: readonly Column[] = [
  {},
  { title: 'ratio', ratioTo: stockOf },
  { title: 'p50, µs', of: 'p50', as: 'median', scale: 1e-3 },
  { title: 'p90, µs', of: 'p90', as: 'median', scale: 1e-3 },
  { title: 'p99.9, µs', of: 'p999', as: 'median', scale: 1e-3 },
  { title: 'dropped', of: 'dropped', as: 'percent' },
  { title: 'CPU s a million', of: 'cpuSeconds', as: 'median' },
  { title: 'ns a call', of: 'nsPerCall', as: 'median' },
  { title: 'open', of: 'open', as: 'median' },
  { title: 'load', of: 'load', as: 'median' },
  { title: 'attach', of: 'attach', as: 'median' },
]

const fairColumns: readonly Column[] = [
  {},
  { title: 'median', of: 'p50', as: 'median' },
  { title: 'longest', of: 'most', as: 'spread' },
  { title: 'M records/s', of: 'rate', as: 'spread' },
  { title: 'dropped', of: 'lost', as: 'percent' },
]

const sections: readonly Section[] = [
  {
    group: 'parallel',
    title: 'A single producer, in parallel',
    about: () =>
      'The producer makes system calls without pause on its CPU. The program puts records of 8 bytes into the buffer.',
    plots: dots(
      'parallel',
      'Producer and consumer in parallel',
      'M records/s, more is better',
      'M/s',
    ),
  },
  {
    group: 'back-to-back',
    title: 'A single producer, back-to-back',
    about: () =>
      'The consumer’s own thread makes the system call that produces, then consumes, and so on: the two never run at the same time, and nobody is woken. rb-custom and pb-custom look at the buffer at once, the loops of libbpf go through epoll, and the library calls `consume()` with `pollThread: false`.',
  },
  {
    group: 'sample-rate',
    title: 'Back-to-back, by sample rate',
    about: () =>
      'A system call makes as many records as one wake-up is for. When these are few, it is the call of `consume()` itself that counts. The columns are the records a call; the figures are medians in millions of records a second.',
    pivot: 'M records/s',
    plots: (rows) => [
      ...lines(
        'sample-rate-ring',
        'Back-to-back, by sample rate: ring',
        'records a call and a wake-up',
        ['rb-node', 'rb-libbpf', 'rb-custom'],
      )(rows),
      ...lines(
        'sample-rate-perf',
        'Back-to-back, by sample rate: perf',
        'records a call and a wake-up',
        ['pb-node', 'pb-libbpf', 'pb-custom'],
      )(rows),
    ],
  },
  {
    group: 'output',
    title: 'Records copied by bpf_ringbuf_output()',
    about: () => 'All other rows reserve a record, fill it in and submit it.',
    pivot: 'M records/s',
  },
  {
    group: 'one-cpu',
    title: 'Producer and consumer on one CPU',
    about: () =>
      'Both run on the consumer’s CPU, with one record a call. Each wake-up is a switch between processes, and in this library also one between its threads.',
  },
  {
    group: 'contention',
    title: 'Several producers for one ring',
    about: () =>
      'Each system call makes 50 records; the columns are the number of producers. A star says that producers and consumer are more than the CPUs, so that the scheduler is measured with them.',
    pivot: 'M records/s',
  },
  {
    group: 'size',
    title: 'Records by size',
    about: () =>
      'The columns are the bytes of a record, which `bpf_ringbuf_output()` copies. The consumers look at the first 8 bytes only. The library has copied the whole record by then, and rb-node-raw copies it once more, to keep it; the consumers in C read it where it lies. A perf sample cannot have 64 KiB.',
    pivot: 'M records/s',
    plots: lines('size', 'Throughput by size of the records', 'bytes a record', [
      'rb-node',
      'rb-libbpf',
      'rb-custom',
      'pb-node',
      'pb-libbpf-watermark',
    ]),
  },
  {
    group: 'exec',
    title: 'Exec events',
    about: () => 'A record of 536 bytes with typed fields and two strings.',
  },
  {
    group: 'workload',
    title: 'The cost to the traced workload',
    about: () => 'What a traced `getpgid()` takes longer than one that nobody traces.',
    plots: dots('workload', 'Cost to the traced workload', 'ns more a call, less is better', 'ns'),
  },
  {
    group: 'latency',
    title: 'Latency',
    about: () =>
      'From `bpf_ktime_get_ns()` in the program to the callback. Coalescing trades latency under load for the workload’s time: it adds `coalesceUs` at most.',
    plots: dots('latency', 'Latency, 99th percentile', 'µs, less is better', 'µs'),
  },
  {
    group: 'fair',
    columns: fairColumns,
    title: 'The event loop under a flood',
    about: () =>
      'Records come as fast as one producer makes them, more than the callback can take. The figures are the time between two turns of the event loop, as `perf_hooks.monitorEventLoopDelay()` sees it with a timer of one millisecond, which is in each of them. The claim is 5 ms and one callback at the 99th percentile.',
  },
  {
    group: 'cpu',
    title: 'CPU time at 100,000 records a second',
    about: () => 'Of the consumer, all threads.',
  },
  {
    group: 'memory',
    title: 'Resident memory of the process',
    about: () => 'Of a process that only consumes.',
  },
  {
    group: 'per-record',
    title: 'The cost of a record by itself',
    about: () =>
      'Nobody waits for anybody. C drains by `ring_buffer__consume()`, the library by `consume()` into objects. An exec event is decoded by `struct()`, and by hand with `TextDecoder`.',
  },
  {
    group: 'maps',
    title: 'The entries of a hash map',
    about: () =>
      'From `__u32` to a struct of 32 bytes with six fields, which JavaScript has as an object. C makes the same system calls, of a dump with as many entries a call, and adds the fields up where they lie. What a batch saves is the system call and its copies: the kernel’s own work for an entry of a hash map is more than half of the rest, in C too, so that the claim is that of an array.',
  },
  {
    group: 'open',
    title: 'Opening and loading an object',
    about: () =>
      'Against a program in C that calls libbpf alone, the second time in each process; attached, the first time, through the typed module of exec-snoop.',
  },
]

function document({ date, machine, rounds, window, load, rows, claims }: Results): Block[] {
  const met = claims.filter((claim) => meets(claim)).length
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.sides)))]
  return [
    '# Benchmarks',
    `Written by \`make bench ARGS=--write\` on ${date}, on this machine: ${machine}. There were ${rounds} rounds; each run was measured for ${window.measuredMs} ms after ${window.warmUpMs} ms of warm-up. The load average was ${figure(load[0])} before and ${figure(load[1])} after.`,
    'The rows are those of the kernel’s own ring-buffer benchmark, and some that it lacks. In each row all consumers have the same BPF program and take turns, in one run on one machine. The producer is pinned to one CPU, the consumer with all its threads to another. A ring has 512 KiB, and a perf buffer 512 KiB for each CPU, unless the row says otherwise.',
    `Figures are medians, with the least and the most in parentheses. A ratio is to libbpf’s own loop of the same kind. When a system call finds no room, its records are _dropped_; a consumer that dropped more than ${percent(comparableDrop)} is not compared. After each run the number of records and the sum of their contents are compared with what the BPF program counted.`,
    "Machines are shared and noisy, and absolute figures mean little: read the ratios, and run the bench on your machine. `make bench ARGS='--row parallel'` measures one row.",
    'The consumers are:',
    names
      .filter((name) => name in consumers)
      .map((name) => `- ${name}: ${labelOf(name)}`)
      .join('\n'),
    '## What it comes to',
    `${met} of ${claims.length} claims are met in this run. [What bounds it](performance.md) explains the others.`,
    ...(claims.length > 0 ? [claimsTable(claims)] : []),
    ...sectionBlocks(
      rows,
      sections.map((section) => ({ columns, ...section })),
    ),
  ]
}

main({
  name: 'benchmarks',
  rows,
  rounds: { quick: 3, whole: 5 },
  window: {
    quick: { warmUpMs: 60, measuredMs: 100 },
    whole: { warmUpMs: 100, measuredMs: 250 },
  },
  limitMinutes: { quick: 4, whole: 30 },
  versions: () => [],
  claims,
  document,
})
