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
import { quantile } from './figures.js'
import { buildDir, latencyParts, Lines, parseReceived, type Received } from './processes.js'
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
  'rb-custom': { kind: 'ring', mode: '--custom', label: 'C, a reader of its own' },
  'rb-libbpf-coalesced': { kind: 'ring', mode: '--coalesced', label: 'C, libbpf with our timer' },
  'rb-node': { kind: 'ring', label: 'RingBuffer' },
  'rb-node-view': { kind: 'ring', label: 'RingBuffer, a view' },
  'rb-node-raw': { kind: 'ring', label: 'RingBuffer, bytes()' },
  'rb-node-immediate': { kind: 'ring', label: 'RingBuffer, coalesceUs: 0' },
  'rb-node-naive': { kind: 'ring', label: 'Node, a call and a Buffer a record' },
  'pb-libbpf': { kind: 'perf', mode: '--poll', label: 'C, perf_buffer__poll()' },
  'pb-custom': { kind: 'perf', mode: '--custom', label: 'C, a reader of its own' },
  'pb-libbpf-watermark': { kind: 'perf', mode: '--watermark', label: 'C, watermark and 1 ms' },
  'pb-libbpf-timer': { kind: 'perf', mode: '--timer', label: 'C, each ms, never woken' },
  'pb-node': { kind: 'perf', label: 'PerfBuffer' },
  'pb-node-each': { kind: 'perf', label: 'PerfBuffer, wakeupEvents: 1' },
} as const satisfies Record<string, Definition>

export type ConsumerName = keyof typeof consumers

export function kindOf(name: string): 'ring' | 'perf' {
  return consumers[name as ConsumerName].kind
}

export function labelOf(name: string): string {
  return consumers[name as ConsumerName].label
}

export function isNode(name: string): boolean {
  return !('mode' in consumers[name as ConsumerName])
}

interface BenchAddon {
  trigger: () => void
  NaiveReader: new (mapFd: number, onRecord: (record: Buffer) => void) => { close: () => void }
}

/** bench/native/bench_addon.cc */
export function benchAddon(): BenchAddon {
  return createRequire(__filename)(join(buildDir, 'bench/native/bench_addon.node')) as BenchAddon
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

export type StartConsumer = (
  name: ConsumerName,
  object: BpfObject,
  workload: Workload,
) => Promise<Running>

/** Consumers in C: bench/native/ring_consumer.c and perf_consumer.c. */
export async function startNative(
  name: ConsumerName,
  map: BpfMap,
  { sampleRate, perfPagesPerCpu, program, timed }: Workload,
  ...more: string[]
): Promise<Running> {
  const { kind, mode = '' }: Definition = consumers[name]
  const args = [mode, ...more]
  if (kind === 'perf') args.push('--pages', String(perfPagesPerCpu))
  if (kind === 'perf' && sampleRate > 0) args.push('--wakeup-events', String(sampleRate))
  if (program === 'exec') args.push('--exec')
  if (timed) args.push('--times')
  const child = new Lines(`bench/native/${kind}_consumer`, args, map.fd)
  await child.next() // "ready"
  const finish = async (): Promise<Received> => {
    child.process.stdin?.end()
    const received = parseReceived(await child.numbers())
    await child.end()
    return received
  }
  return { pid: child.pid, finish }
}

export const startConsumer: StartConsumer = (name, object, workload) => {
  const map = object.map(consumers[name].kind)
  if (!isNode(name)) return startNative(name, map, workload)
  const start = name === 'rb-node-naive' ? startNaive : startReader
  return Promise.resolve(start(name, map, workload))
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
    const [a = 0, b = 0, c = 0, d = 0] = [record[0], record[1], record[2], record[3]]
    this.records++
    this.sum += (a | (b << 8) | (c << 16) | (d << 24)) >>> 0
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
    if (this.#timed === 0) return { records, sum, ns: 0 }
    const found = [...this.#latencies.subarray(0, this.#timed)]
    const at = (name: keyof typeof latencyParts): number => quantile(found, latencyParts[name])
    const latencies = { p50: at('p50'), p90: at('p90'), p99: at('p99'), p999: at('p999') }
    return { records, sum, ns: 0, latencies }
  }
}

/** A decoder and the callback for what it makes. */
function decoderFor(
  name: ConsumerName,
  { timed, program }: Workload,
  tally: Tally,
): [decoder: Type<never>, onRecord: (record: never) => void] {
  const isView = name === 'rb-node-view'
  let pair: [unknown, unknown]
  if (timed) pair = [u64.number, tally.onTime]
  else if (name === 'rb-node-raw') pair = [bytes(), tally.onBytes]
  else if (program === 'exec') pair = [isView ? ExecEvent.view() : ExecEvent, tally.onExec]
  else pair = [isView ? BenchRecord.view() : BenchRecord, tally.onWords]
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
  if (kindOf(name) === 'ring') {
    const options: RingBufferOptions = { pollThread }
    if (name === 'rb-node-immediate') options.coalesceUs = 0
    return new RingBuffer(map, decoder, onRecord, options)
  }
  const options: PerfBufferOptions = { pollThread, pagesPerCpu: workload.perfPagesPerCpu }
  const wakeupEvents = name === 'pb-node-each' ? 1 : workload.sampleRate
  if (wakeupEvents > 0) options.wakeupEvents = wakeupEvents
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

function startNaive(_: ConsumerName, map: BpfMap, { timed, program }: Workload): Running {
  const tally = new Tally()
  const text = (record: Buffer, start: number): string =>
    record.toString('utf8', start, record.indexOf(0, start))
  const onRecord = (record: Buffer): void => {
    if (timed) tally.onTime(Number(record.readBigUInt64LE(0)))
    else if (program !== 'exec') tally.onWords({ sequence: record.readUInt32LE(0) })
    else {
      const [comm, filename] = [text(record, 12), text(record, 40)]
      tally.onExec({ pid: record.readUInt32LE(0), comm, filename })
    }
  }
  const reader = new (benchAddon().NaiveReader)(map.fd, onRecord)
  const finish = async (submitted: number): Promise<Received> => {
    const end = performance.now() + 10_000
    while (tally.records < submitted && performance.now() < end) await setTimeout(1)
    reader.close()
    return tally.received()
  }
  return { pid: process.pid, warmedUp: tally.warmedUp, finish }
}
