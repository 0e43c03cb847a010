// What is measured: the rows of the kernel's own ring-buffer benchmark, by its
// names where it has them, and what that one lacks.
import { cpus } from 'node:os'
import { type ConsumerName, kindOf, type Workload } from './consumers.js'
import { loopDelay } from './fairness.js'
import { addedCost, backToBack, parallel, words } from './load.js'
import { dumpMap, getOne, setOne, setSome } from './maps.js'
import { residentMiB } from './memory.js'
import { objects, openAndLoad, openLoadAndAttach } from './open-load.js'
import { decodeExec, drain } from './per-record.js'
import type { ProducerOptions } from './processes.js'
import { consumerCpu } from './records.js'
import type { Measurement, Row, Window } from './types.js'

const ring: ConsumerName[] = ['rb-libbpf', 'rb-custom', 'rb-node']
const perf: ConsumerName[] = ['pb-libbpf', 'pb-custom', 'pb-node']
const coalescing: ConsumerName[] = ['rb-libbpf', 'rb-custom', 'rb-libbpf-coalesced', 'rb-node']
const allOfPerf: ConsumerName[] = ['pb-libbpf', 'pb-custom', 'pb-libbpf-watermark', 'pb-node']
const all: ConsumerName[] = [
  ...coalescing,
  'rb-node-view',
  'rb-node-raw',
  'rb-node-immediate',
  'rb-node-naive',
  ...allOfPerf,
]

type Described = Partial<Row> & Pick<Row, 'name' | 'title'>

/** Producer and consumer in parallel. */
function inParallel(
  group: string,
  sides: readonly ConsumerName[],
  workload: Partial<Workload>,
  described: Described,
  options: Partial<ProducerOptions> = {},
): Row {
  return {
    group,
    sides,
    unit: 'M records/s',
    better: 'more',
    isParallel: true,
    ...described,
    run: (side: ConsumerName, window) => parallel(side, { ...words, ...workload }, options, window),
  }
}

function alternating(
  group: string,
  sides: readonly ConsumerName[],
  workload: Partial<Workload>,
  described: Described,
): Row {
  return {
    ...inParallel(group, sides, workload, { isParallel: false, ...described }),
    run: (side: ConsumerName, window) => backToBack(side, { ...words, ...workload }, window),
  }
}

const one = { recordsPerCall: 1 }
const sampled = { sampleRate: 500 }

function contentionRow(threads: number): Row {
  // The consumer has one CPU as long as the producers have enough others.
  const others = [...cpus().keys()].filter((cpu) => cpu !== consumerCpu)
  const isOversubscribed = threads > others.length
  const described = {
    name: `contention-${threads}`,
    title: String(threads),
    isOversubscribed,
    isQuick: threads === 2,
  }
  const cpu = isOversubscribed ? [...others, consumerCpu] : others
  return inParallel('contention', coalescing, { recordsPerCall: 50 }, described, { threads, cpu })
}

function sizeRow(recordBytes: number): Row {
  // A perf sample has 64 KiB with its header, and a program's record is written.
  const ofPerf: ConsumerName[] = recordBytes < 1 << 16 ? ['pb-libbpf-watermark', 'pb-node'] : []
  const recordsPerCall = Math.max(1, Math.min(500, (1 << 16) / recordBytes))
  return inParallel(
    'size',
    [...coalescing, 'rb-node-raw', ...ofPerf],
    { program: 'output', recordBytes, recordsPerCall, ringBytes: 4 << 20, perfPagesPerCpu: 1024 },
    { name: `size-${recordBytes}`, title: String(recordBytes), isQuick: recordBytes === 512 },
  )
}

function workloadRow(name: string, title: string, work: number): Row {
  return {
    name,
    group: 'workload',
    title,
    unit: 'ns more a system call',
    better: 'less',
    sides: [...coalescing, 'rb-node-immediate', ...allOfPerf],
    isQuick: work === 0,
    run: (side: ConsumerName, window) => addedCost(side, {}, work, window),
  }
}

const halfIntervals: Partial<Record<'ring' | 'perf', number>> = {}

/** Between calls, for half of what libbpf's own loop can take of this kind. */
async function halfIntervalNs(side: ConsumerName, window: Window): Promise<number> {
  const kind = kindOf(side)
  const known = halfIntervals[kind]
  if (known !== undefined) return known
  const stock = kind === 'ring' ? 'rb-libbpf' : 'pb-libbpf'
  const { nsPerCall = NaN } = await parallel(stock, { ...words, ...one }, {}, window)
  return (halfIntervals[kind] = Math.round(2 * nsPerCall))
}

function latencyRow(
  name: string,
  title: string,
  pace: (side: ConsumerName, window: Window) => Promise<Partial<ProducerOptions>>,
): Row {
  return {
    name,
    group: 'latency',
    title,
    unit: 'µs, p99',
    better: 'less',
    sides: [...ring, 'rb-node-immediate', 'rb-node-naive', 'pb-libbpf', 'pb-node'],
    isQuick: name === 'latency-idle',
    run: async (side: ConsumerName, window) => {
      const longer = { ...window, measuredMs: 2 * window.measuredMs }
      const timed = { ...words, ...one, timed: true }
      const measured = await parallel(side, timed, await pace(side, window), longer)
      return { ...measured, value: (measured['p99'] ?? NaN) / 1e3 }
    },
  }
}

/** In the callback, in µs. */
const callbackTimes = [0, 5, 50]

export const rows: readonly Row[] = [
  inParallel(
    'parallel',
    all,
    {},
    {
      name: 'parallel',
      title: '500 records a system call',
      isQuick: true,
    },
  ),
  inParallel('parallel', all, one, {
    name: 'parallel-1',
    title: '1 record a system call',
    isQuick: true,
  }),
  inParallel('parallel', all, sampled, {
    name: 'parallel-sampled',
    title: '500 records a system call, a wake-up for 500',
  }),
  alternating(
    'back-to-back',
    [...ring, 'rb-node-view', 'rb-node-raw', ...perf],
    {},
    {
      name: 'back-to-back',
      title: '500 records, then as many read',
      isQuick: true,
    },
  ),
  alternating('back-to-back', [...ring, 'rb-node-view', 'rb-node-raw', ...perf], sampled, {
    name: 'back-to-back-sampled',
    title: 'the same, a wake-up for 500',
  }),
  ...[1, 5, 10, 25, 50, 100, 250, 500, 1000, 2000, 3000].map((rate) =>
    alternating(
      'sample-rate',
      [...ring, ...perf],
      { recordsPerCall: rate, sampleRate: rate },
      {
        name: `sample-rate-${rate}`,
        title: String(rate),
        isQuick: [1, 1000].includes(rate),
      },
    ),
  ),
  inParallel('output', coalescing, { program: 'output' }, { name: 'output', title: 'parallel' }),
  inParallel(
    'output',
    coalescing,
    { program: 'output', ...sampled },
    {
      name: 'output-sampled',
      title: 'parallel, sampled',
    },
  ),
  alternating(
    'output',
    ring,
    { program: 'output' },
    {
      name: 'output-back-to-back',
      title: 'back-to-back',
    },
  ),
  alternating(
    'output',
    ring,
    { program: 'output', ...sampled },
    {
      name: 'output-back-to-back-sampled',
      title: 'back-to-back, sampled',
    },
  ),
  inParallel(
    'one-cpu',
    all,
    one,
    { name: 'one-cpu', title: '1 record a system call', isParallel: false },
    { cpu: consumerCpu },
  ),
  ...[1, 2, 3, 4, 8, 16].filter((count) => count <= Math.max(8, cpus().length)).map(contentionRow),
  ...[8, 64, 512, 4096, 32768, 65536].map(sizeRow),
  ...[1, 50].map((recordsPerCall) =>
    inParallel(
      'exec',
      [...coalescing, 'rb-node-view', 'rb-node-naive', 'pb-libbpf-watermark', 'pb-node'],
      { program: 'exec', recordsPerCall, ringBytes: 4 << 20, perfPagesPerCpu: 1024 },
      {
        name: `exec-${recordsPerCall}`,
        title: `${recordsPerCall} a system call`,
        isQuick: recordsPerCall === 50,
      },
    ),
  ),
  workloadRow('workload', 'system calls without pause', 0),
  workloadRow('workload-busy', 'some microseconds of work between calls', 10_000),
  latencyRow('latency-idle', 'idle: an event each ms', () => Promise.resolve({ pauseUs: 1000 })),
  latencyRow('latency-half', 'half of what libbpf’s own loop can take', async (side, window) => ({
    intervalNs: await halfIntervalNs(side, window),
  })),
  ...callbackTimes.map((callbackUs): Row => ({
    name: `fair-${callbackUs}`,
    group: 'fair',
    title: callbackUs === 0 ? 'a callback that only counts' : `a callback of ${callbackUs} µs`,
    unit: 'ms, p99',
    better: 'less',
    sides: ['rb-node', 'pb-node'],
    isQuick: callbackUs === 5,
    run: (side: ConsumerName, window) => loopDelay(side, callbackUs, window),
  })),
  {
    name: 'cpu',
    group: 'cpu',
    title: '1 record a system call, a call each 10 µs',
    unit: 's a million records',
    better: 'less',
    sides: all,
    run: async (side: ConsumerName, window) => {
      const measured = await parallel(side, { ...words, ...one }, { intervalNs: 10_000 }, window)
      return { ...measured, value: measured['cpuSeconds'] ?? NaN }
    },
  },
  {
    name: 'memory',
    group: 'memory',
    title: 'after full speed, 500 records a system call',
    unit: 'MiB resident',
    better: 'less',
    sides: ['rb-libbpf', 'rb-node', 'pb-libbpf', 'pb-node', 'empty Node'],
    run: async (side: ConsumerName | 'empty Node', { warmUpMs, measuredMs }) => ({
      value: await residentMiB(side, warmUpMs + measuredMs),
    }),
  },
  perRecord('drain', 'the drain of a full ring of 4 MiB', ['C', 'library'], drain),
  perRecord('decode', 'the decoding of an exec event', ['TextDecoder', 'library'], decodeExec),
  ofMaps('map-dump', 'a dump of 100,000 entries as objects', ['C', 'BpfMap'], dumpMap),
  ofMaps('map-get', 'get()', ['C', 'BpfMap'], getOne),
  // A system call as get() is, which the short form has.
  { ...ofMaps('map-set', 'set()', ['C', 'BpfMap'], setOne), isQuick: false },
  ...(['array', 'hash'] as const).map((type) => ({
    ...ofMaps(
      `map-batch-${type}`,
      `50,000 entries are stored in a map of type ${type}`,
      ['C', 'C, batches', 'set', 'setMany'],
      (side) => setSome(side, type),
    ),
    isQuick: type === 'array',
  })),
  ...(['small', 'large'] as const).map((object): Row => ({
    name: `open-${object}`,
    group: 'open',
    title: objects[object].title,
    unit: 'ms, open and load',
    better: 'less',
    sides: ['C', 'BpfObject'],
    isQuick: true,
    run: (side: 'C' | 'BpfObject') => openAndLoad(side, object),
  })),
  {
    name: 'open-attach',
    group: 'open',
    title: 'exec-snoop, attached, the first in its process',
    unit: 'ms, open, load and attach',
    better: 'less',
    sides: ['C', 'module'],
    isQuick: true,
    run: (side: string) => openLoadAndAttach(side as 'C' | 'module'),
  },
]

function ofMaps<S extends string>(
  name: string,
  title: string,
  sides: readonly S[],
  run: (side: S) => Promise<number>,
): Row {
  return { ...perRecord(name, title, sides, run), group: 'maps', unit: 'ns an entry' }
}

function perRecord<S extends string>(
  name: string,
  title: string,
  sides: readonly S[],
  run: (side: S) => number | Promise<number>,
): Row {
  const group = 'per-record'
  const measure = async (side: string): Promise<Measurement> => ({ value: await run(side as S) })
  return { name, group, title, unit: 'ns', better: 'less', sides, isQuick: true, run: measure }
}
