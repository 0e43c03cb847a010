// What is measured: the rows of the kernel's own ring-buffer benchmark, by its
// names where it has them, and what that one lacks.
import { cpus } from 'node:os'
import type { ConsumerName, Workload } from './consumers.js'
import { backToBack, parallel, type Run, untraced, type Window, words } from './load.js'
import { residentMiB } from './memory.js'
import { UsageError } from './options.js'
import { consumerCpu, ExecEvent } from './records.js'

/** Rows of one group stand in one table. */
export const groups = {
  parallel: 'Single producer, parallel',
  'back-to-back': 'Single producer, back-to-back',
  'sample-rate': 'Back-to-back, by sample rate',
  output: 'Reserve and submit, or output',
  'one-cpu': 'Producer and consumer on one CPU',
  contention: 'Producers contending for one ring',
  size: 'Record sizes',
  exec: 'Exec events: typed fields and two strings',
  workload: 'Cost to the traced workload',
  latency: 'Latency',
  cpu: 'CPU time at 100,000 records a second',
  memory: 'Resident memory of the process',
} as const

export type Group = keyof typeof groups

/** What one run of a row gives. */
export interface Measurement extends Partial<Run> {
  value: number
}

export interface Row {
  name: string
  group: Group
  title: string
  unit: string
  better: 'more' | 'less'
  /** In the first place the one that the others are compared with, of each kind. */
  consumers: readonly ConsumerName[]
  /** Producer and consumer run at the same time, each with a CPU of its own. */
  isParallel: boolean
  /** More threads than CPUs: the scheduler is measured too. */
  isOversubscribed: boolean
  isQuick: boolean
  run: (consumer: ConsumerName, window: Window) => Promise<Measurement>
}

const ring = ['rb-libbpf', 'rb-custom', 'rb-node'] as const
const perf = ['pb-libbpf', 'pb-custom', 'pb-node'] as const
const coalescing = ['rb-libbpf', 'rb-custom', 'rb-libbpf-coalesced', 'rb-node'] as const
const allOfRing = [
  ...coalescing,
  'rb-node-view',
  'rb-node-raw',
  'rb-node-immediate',
  'rb-node-naive',
] as const
const allOfPerf = ['pb-libbpf', 'pb-custom', 'pb-libbpf-watermark', 'pb-node'] as const
const all = [...allOfRing, ...allOfPerf]

type Options = Partial<Pick<Row, 'isParallel' | 'isOversubscribed' | 'isQuick'>>

function throughput(
  group: Group,
  name: string,
  title: string,
  consumers: readonly ConsumerName[],
  run: (consumer: ConsumerName, window: Window) => Promise<Run>,
  options: Options = {},
): Row {
  return {
    name,
    group,
    title,
    unit: 'M records/s',
    better: 'more',
    consumers,
    isParallel: true,
    isOversubscribed: false,
    isQuick: false,
    ...options,
    run: async (consumer, window) => {
      const measured = await run(consumer, window)
      return { ...measured, value: measured.rate }
    },
  }
}

/** A row of producer and consumer in parallel. */
function inParallel(
  group: Group,
  name: string,
  title: string,
  consumers: readonly ConsumerName[],
  workload: Partial<Workload>,
  options: Options = {},
): Row {
  return throughput(
    group,
    name,
    title,
    consumers,
    (consumer, window) => parallel(consumer, { ...words, ...workload }, {}, window),
    options,
  )
}

function alternating(
  group: Group,
  name: string,
  title: string,
  consumers: readonly ConsumerName[],
  workload: Partial<Workload>,
  isQuick = false,
): Row {
  return throughput(
    group,
    name,
    title,
    consumers,
    (consumer, window) => backToBack(consumer, { ...words, ...workload }, window),
    { isParallel: false, isQuick },
  )
}

const sampled = 500

function sampleRateRow(rate: number): Row {
  return alternating(
    'sample-rate',
    `sample-rate-${rate}`,
    String(rate),
    [...ring, ...perf],
    { recordsPerCall: rate, sampleRate: rate },
    [1, 50, 1000].includes(rate),
  )
}

function contentionRow(threads: number): Row {
  // The consumer has one CPU as long as the producers have enough others.
  const others = cpus()
    .map((_, cpu) => cpu)
    .filter((cpu) => cpu !== consumerCpu)
  const cpu = threads <= others.length ? others : [...others, consumerCpu]
  return throughput(
    'contention',
    `contention-${threads}`,
    String(threads),
    coalescing,
    (consumer, window) =>
      parallel(consumer, { ...words, recordsPerCall: 50 }, { threads, cpu }, window),
    { isOversubscribed: threads > others.length, isQuick: threads === 2 },
  )
}

function sizeRow(recordBytes: number): Row {
  // A perf sample has 64 KiB with its header, and a program's record is written.
  const kinds = recordBytes < 1 << 16 ? (['pb-libbpf-watermark', 'pb-node'] as const) : []
  return inParallel(
    'size',
    `size-${recordBytes}`,
    String(recordBytes),
    [...coalescing, 'rb-node-raw', ...kinds],
    {
      program: 'output',
      recordBytes,
      recordsPerCall: Math.max(1, Math.min(500, (1 << 16) / recordBytes)),
      ringBytes: 4 << 20,
      perfPagesPerCpu: 1024,
    },
    { isQuick: recordBytes === 512 },
  )
}

function workloadRow(name: string, title: string, work: number, isQuick: boolean): Row {
  const workload = { ...words, recordsPerCall: 1 }
  return {
    name,
    group: 'workload',
    title,
    unit: 'ns more a system call',
    better: 'less',
    consumers: [
      'rb-libbpf',
      'rb-custom',
      'rb-libbpf-coalesced',
      'rb-node',
      'rb-node-immediate',
      ...allOfPerf,
    ],
    isParallel: false,
    isOversubscribed: false,
    isQuick,
    run: async (consumer, window) => {
      const base = await untraced({ work }, { ...window, warmUpMs: 0 })
      const measured = await parallel(consumer, workload, { work }, window)
      return { ...measured, value: measured.nsPerCall - base }
    },
  }
}

const halfIntervals: Partial<Record<'rb-libbpf' | 'pb-libbpf', number>> = {}

/** Between calls, for half of what libbpf's own loop can take of this kind. */
async function halfIntervalNs(consumer: ConsumerName, window: Window): Promise<number> {
  const stock = consumer.startsWith('rb') ? 'rb-libbpf' : 'pb-libbpf'
  const known = halfIntervals[stock]
  if (known !== undefined) return known
  const { nsPerCall } = await parallel(stock, { ...words, recordsPerCall: 1 }, {}, window)
  return (halfIntervals[stock] = Math.round(2 * nsPerCall))
}

function latencyRow(
  name: string,
  title: string,
  isQuick: boolean,
  pace: (consumer: ConsumerName, window: Window) => Promise<object>,
): Row {
  const workload = { ...words, recordsPerCall: 1, timed: true }
  return {
    name,
    group: 'latency',
    title,
    unit: 'µs, p99',
    better: 'less',
    consumers: [
      'rb-libbpf',
      'rb-custom',
      'rb-node',
      'rb-node-immediate',
      'rb-node-naive',
      'pb-libbpf',
      'pb-node',
    ],
    isParallel: false,
    isOversubscribed: false,
    isQuick,
    run: async (consumer, window) => {
      const longer = { ...window, measuredMs: 2 * window.measuredMs }
      const measured = await parallel(consumer, workload, await pace(consumer, window), longer)
      return { ...measured, value: (measured.latencies?.p99 ?? NaN) / 1e3 }
    },
  }
}

const cpuRow: Row = {
  name: 'cpu',
  group: 'cpu',
  title: '1 record a system call, a call each 10 µs',
  unit: 's a million records',
  better: 'less',
  consumers: all,
  isParallel: false,
  isOversubscribed: false,
  isQuick: false,
  run: async (consumer, window) => {
    const workload = { ...words, recordsPerCall: 1 }
    const measured = await parallel(consumer, workload, { intervalNs: 10_000 }, window)
    return { ...measured, value: measured.cpuSeconds }
  },
}

const memoryRow: Row = {
  name: 'memory',
  group: 'memory',
  title: 'after full speed, 500 records a system call',
  unit: 'MiB resident',
  better: 'less',
  consumers: ['rb-libbpf', 'rb-node', 'pb-libbpf', 'pb-node'],
  isParallel: false,
  isOversubscribed: false,
  isQuick: false,
  run: async (consumer, window) => ({ value: await residentMiB(consumer, words, window) }),
}

export const sampleRates = [1, 5, 10, 25, 50, 100, 250, 500, 1000, 2000, 3000] as const
export const recordSizes = [8, 64, 512, 4096, 32768, 65536] as const
const threadCounts = [1, 2, 3, 4, 8, 16].filter((count) => count <= Math.max(8, cpus().length))

export const rows: readonly Row[] = [
  inParallel('parallel', 'parallel', '500 records a system call', all, {}, { isQuick: true }),
  inParallel(
    'parallel',
    'parallel-1',
    '1 record a system call',
    all,
    { recordsPerCall: 1 },
    { isQuick: true },
  ),
  inParallel('parallel', 'parallel-sampled', '500 a call, a wake-up for 500', all, {
    sampleRate: sampled,
  }),
  alternating(
    'back-to-back',
    'back-to-back',
    '500 records, then as many read',
    [...ring, 'rb-node-view', 'rb-node-raw', ...perf],
    {},
    true,
  ),
  alternating(
    'back-to-back',
    'back-to-back-sampled',
    'the same, a wake-up for 500',
    [...ring, 'rb-node-view', 'rb-node-raw', ...perf],
    { sampleRate: sampled },
  ),
  ...sampleRates.map(sampleRateRow),
  inParallel('output', 'output', 'parallel, output', coalescing, { program: 'output' }),
  inParallel('output', 'output-sampled', 'parallel, output, sampled', coalescing, {
    program: 'output',
    sampleRate: sampled,
  }),
  alternating('output', 'output-back-to-back', 'back-to-back, output', ring, { program: 'output' }),
  alternating('output', 'output-back-to-back-sampled', 'back-to-back, output, sampled', ring, {
    program: 'output',
    sampleRate: sampled,
  }),
  throughput(
    'one-cpu',
    'one-cpu',
    '1 record a system call',
    all,
    (consumer, window) =>
      parallel(consumer, { ...words, recordsPerCall: 1 }, { cpu: consumerCpu }, window),
    { isParallel: false },
  ),
  ...threadCounts.map(contentionRow),
  ...recordSizes.map(sizeRow),
  ...([1, 50] as const).map((recordsPerCall) =>
    inParallel(
      'exec',
      `exec-${recordsPerCall}`,
      `${recordsPerCall} of ${ExecEvent.size} bytes a system call`,
      [
        ...coalescing,
        'rb-node-view',
        'rb-node-naive',
        'pb-libbpf',
        'pb-libbpf-watermark',
        'pb-node',
      ],
      { program: 'exec', recordsPerCall, ringBytes: 4 << 20, perfPagesPerCpu: 1024 },
      { isQuick: recordsPerCall === 50 },
    ),
  ),
  workloadRow('workload', 'system calls without pause', 0, true),
  workloadRow('workload-busy', 'some microseconds of work between calls', 10_000, false),
  latencyRow('latency-idle', 'idle: an event each ms', true, () =>
    Promise.resolve({ pauseUs: 1000 }),
  ),
  latencyRow(
    'latency-half',
    'half of what libbpf’s own loop can take',
    false,
    async (consumer, window) => ({
      intervalNs: await halfIntervalNs(consumer, window),
    }),
  ),
  cpuRow,
  memoryRow,
]

/** The rows of this name, or of this group. */
export function rowsNamed(name: string): Row[] {
  const found = rows.filter((row) => row.name === name || row.group === name)
  if (found.length > 0) return found
  const known = [...Object.keys(groups), ...rows.map((row) => row.name)]
  throw new UsageError(`--row: no row is called that; rows: ${[...new Set(known)].join(', ')}`)
}
