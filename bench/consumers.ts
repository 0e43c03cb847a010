// The consumers that a row compares: C programs, and this library in several ways.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import {
  type BpfMap,
  type BpfObject,
  bytes,
  PerfBuffer,
  type PerfBufferOptions,
  RingBuffer,
  type RingBufferOptions,
  type Type,
  u64,
} from 'bpf-ringbuf'
import { buildDir, NativeConsumer, type Percentiles, type Received } from './processes.js'
import { BenchRecord, ExecEvent } from './records.js'

/** What the BPF program makes of a system call. */
export interface Workload {
  /** Words reserved in place, words copied by `bpf_ringbuf_output()`, or exec events. */
  program: 'reserve' | 'output' | 'exec'
  recordsPerCall: number
  /** Of words: 8 or more. */
  recordBytes: number
  /** Words begin with their time, for latencies. */
  timed: boolean
  /** A wake-up for so many records; 0 leaves it to the kernel. */
  sampleRate: number
  ringBytes: number
  perfPagesPerCpu: number
}

interface Definition {
  kind: 'ring' | 'perf'
  /** Of the C programs, their mode; nothing in this process. */
  mode?: string
  label: string
}

export const consumers = {
  'rb-libbpf': { kind: 'ring', mode: '--poll', label: 'C, ring_buffer__poll()' },
  'rb-custom': {
    kind: 'ring',
    mode: '--custom',
    label: 'C, own reader, position moved in batches',
  },
  'rb-libbpf-coalesced': { kind: 'ring', mode: '--coalesced', label: 'C, libbpf with our timer' },
  'rb-node': { kind: 'ring', label: 'RingBuffer, typed objects' },
  'rb-node-view': { kind: 'ring', label: 'RingBuffer, a view' },
  'rb-node-raw': { kind: 'ring', label: 'RingBuffer, bytes()' },
  'rb-node-immediate': { kind: 'ring', label: 'RingBuffer, coalesceUs: 0' },
  'rb-node-naive': { kind: 'ring', label: 'Node, a call and a Buffer a record' },
  'pb-libbpf': { kind: 'perf', mode: '--poll', label: 'C, perf_buffer__new() and poll()' },
  'pb-custom': { kind: 'perf', mode: '--custom', label: 'C, own reader, tail moved in batches' },
  'pb-libbpf-watermark': {
    kind: 'perf',
    mode: '--watermark',
    label: 'C, watermark, drained each ms',
  },
  'pb-node': { kind: 'perf', label: 'PerfBuffer, typed objects' },
} as const satisfies Record<string, Definition>

export type ConsumerName = keyof typeof consumers

export function isNode(name: ConsumerName): boolean {
  return !('mode' in consumers[name])
}

interface BenchAddon {
  trigger: () => void
  NaiveReader: new (mapFd: number, onRecord: (record: Buffer) => void) => { close: () => void }
}

/** bench/native/bench_addon.cc */
export function benchAddon(): BenchAddon {
  const load = createRequire(__filename)
  return load(join(buildDir, 'bench/native/bench_addon.node')) as BenchAddon
}

/** One that consumes by itself until finish(). */
export interface Running {
  /** Whose CPU time it takes. */
  pid: number
  /** From now on latencies count. */
  warmedUp?: () => void
  /** Consumes what is left, of so many in all. */
  finish: (submitted: number) => Promise<Received>
}

/** The arguments of a consumer in C. */
export function nativeArguments(name: ConsumerName, workload: Workload): string[] {
  const definition: Definition = consumers[name]
  const args = [definition.mode ?? '']
  if (definition.kind === 'perf') {
    args.push('--pages', String(workload.perfPagesPerCpu))
    if (workload.sampleRate > 0) args.push('--wakeup-events', String(workload.sampleRate))
  }
  if (workload.program === 'exec') args.push('--exec')
  if (workload.timed) args.push('--times')
  return args
}

export async function startConsumer(
  name: ConsumerName,
  object: BpfObject,
  workload: Workload,
): Promise<Running> {
  const { kind } = consumers[name]
  const map = object.map(kind)
  if (name === 'rb-node-naive') return startNaive(map, workload)
  if (isNode(name)) return startReader(name, map, workload)
  const child = await NativeConsumer.start(
    `${kind}_consumer`,
    map,
    ...nativeArguments(name, workload),
  )
  return { pid: child.pid, finish: () => child.finish() }
}

/** Counts what callbacks get. */
export class Tally {
  records = 0
  sum = 0
  /** In nanoseconds. */
  readonly #latencies = new Float64Array(1 << 20)
  #timed = 0

  readonly onWords = (record: { sequence: number }): void => {
    this.records++
    this.sum += record.sequence
  }

  readonly onExec = (event: { pid: number; comm: string; filename: string }): void => {
    this.records++
    this.sum += event.pid + event.comm.length + event.filename.length
  }

  readonly onBytes = (record: Uint8Array): void => {
    this.records++
    this.sum += wordAt(record)
  }

  // bpf_ktime_get_ns() and hrtime are the same clock, CLOCK_MONOTONIC.
  readonly onTime = (time: number): void => {
    const now = Number(process.hrtime.bigint())
    this.#latencies[this.#timed++ % this.#latencies.length] = now - time
    this.records++
    this.sum += time % 2 ** 32
  }

  readonly warmedUp = (): void => {
    this.#timed = 0
  }

  received(): Received {
    const { records, sum } = this
    const timed = Math.min(this.#timed, this.#latencies.length)
    const latencies = this.#latencies.subarray(0, timed).sort()
    const at = (part: number): number => latencies[Math.floor(part * (latencies.length - 1))] ?? NaN
    const found: Percentiles = {
      p50: at(0.5),
      p90: at(0.9),
      p99: at(0.99),
      p999: at(0.999),
      most: at(1),
    }
    return { records, sum, ns: 0, latencies: found }
  }
}

function wordAt(record: Uint8Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = [record[0], record[1], record[2], record[3]]
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0
}

/** A decoder and the callback for what it makes. */
function decoderFor(
  name: ConsumerName,
  workload: Workload,
  tally: Tally,
): [decoder: Type<never>, onRecord: (record: never) => void] {
  const isView = name === 'rb-node-view'
  let pair: [unknown, unknown]
  if (workload.timed) pair = [u64.number, tally.onTime]
  else if (name === 'rb-node-raw') pair = [bytes(), tally.onBytes]
  else if (workload.program === 'exec') {
    pair = [isView ? ExecEvent.view() : ExecEvent, tally.onExec]
  } else pair = [isView ? BenchRecord.view() : BenchRecord, tally.onWords]
  return pair as [Type<never>, (record: never) => void]
}

/** This library's reader for one of its ways; without a poll thread for `consume()`. */
export function openReader(
  name: ConsumerName,
  map: BpfMap,
  workload: Workload,
  tally: Tally,
  pollThread = true,
): RingBuffer<never> | PerfBuffer<never> {
  const [decoder, onRecord] = decoderFor(name, workload, tally)
  if (consumers[name].kind === 'ring') {
    const options: RingBufferOptions = { pollThread }
    if (name === 'rb-node-immediate') options.coalesceUs = 0
    return new RingBuffer(map, decoder, onRecord, options)
  }
  const options: PerfBufferOptions = { pollThread, pagesPerCpu: workload.perfPagesPerCpu }
  if (workload.sampleRate > 0) options.wakeupEvents = workload.sampleRate
  return new PerfBuffer(map, decoder, onRecord, options)
}

function startReader(name: ConsumerName, map: BpfMap, workload: Workload): Running {
  const tally = new Tally()
  const reader = openReader(name, map, workload, tally)
  const finish = async (): Promise<Received> => {
    await reader.flush()
    reader.close()
    return tally.received()
  }
  return { pid: process.pid, warmedUp: tally.warmedUp, finish }
}

function startNaive(map: BpfMap, workload: Workload): Running {
  const tally = new Tally()
  const text = (record: Buffer, start: number): string =>
    record.toString('utf8', start, record.indexOf(0, start))
  const onExec = (record: Buffer): void => {
    const pid = record.readUInt32LE(0)
    tally.onExec({ pid, comm: text(record, 12), filename: text(record, 40) })
  }
  const onWords = (record: Buffer): void => tally.onWords({ sequence: record.readUInt32LE(0) })
  const onTime = (record: Buffer): void => tally.onTime(Number(record.readBigUInt64LE(0)))
  const onRecord = workload.timed ? onTime : workload.program === 'exec' ? onExec : onWords
  const reader = new (benchAddon().NaiveReader)(map.fd, onRecord)
  const finish = async (submitted: number): Promise<Received> => {
    const end = performance.now() + 10_000
    while (tally.records < submitted && performance.now() < end) await setTimeout(1)
    reader.close()
    return tally.received()
  }
  return { pid: process.pid, warmedUp: tally.warmedUp, finish }
}
