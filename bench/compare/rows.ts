// The comparison's runs on the events of test/bpf/compare.bpf.c: each function
// makes one run of one side.
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { BpfObject, PerfBuffer, RingBuffer, type Type, u64 } from 'bpf-ringbuf'
import { buildDir, NativeConsumer, pageBytes, Producer } from '../processes.js'
import { BenchRecord, checkSum, lostOf, producerCpu, syscallNumber } from '../records.js'

/** Of all CPUs together both kinds have the same: 64 pages are libbpf's usual size. */
export const pagesPerCpu = 64

/** Ways to consume. */
export const sides = {
  ring: { kind: 'ring', label: 'RingBuffer' },
  ringImmediate: { kind: 'ring', label: 'RingBuffer, coalesceUs: 0' },
  perf: { kind: 'perf', label: 'PerfBuffer' },
  perfEach: { kind: 'perf', label: 'PerfBuffer, wakeupEvents: 1' },
  cRing: { kind: 'ring', label: 'C ring_buffer__poll()' },
  cPerf: { kind: 'perf', label: 'C perf_buffer__new() defaults' },
  cPerfWatermark: { kind: 'perf', label: 'C watermark, drained each ms' },
  cPerfTimer: { kind: 'perf', label: 'C 1 ms timer, never woken' },
} as const

export type Side = keyof typeof sides

const cModes = {
  cRing: ['ring_consumer', '--poll'],
  cPerf: ['perf_consumer', '--poll'],
  cPerfWatermark: ['perf_consumer', '--watermark'],
  cPerfTimer: ['perf_consumer', '--timer'],
} as const

const ringOptions = { ring: {}, ringImmediate: { coalesceUs: 0 } } as const
const perfOptions = { perf: { pagesPerCpu }, perfEach: { pagesPerCpu, wakeupEvents: 1 } } as const

export type LibrarySide = keyof typeof ringOptions | keyof typeof perfOptions

function openReader<T>(
  object: BpfObject,
  side: LibrarySide,
  decoder: Type<T>,
  onRecord: (record: T) => void,
): RingBuffer<T> | PerfBuffer<T> {
  if (side === 'ring' || side === 'ringImmediate') {
    return new RingBuffer(object.map('ring'), decoder, onRecord, ringOptions[side])
  }
  return new PerfBuffer(object.map('perf'), decoder, onRecord, perfOptions[side])
}

/** Opens the object with one of its programs for one or two producers, not loaded yet. */
export function openCompare(
  program: string,
  producers: readonly Producer[],
  recordsPerCall: number,
): BpfObject {
  const object = BpfObject.open(join(buildDir, 'bpf/test/compare.bpf.o'))
  object.program(program).autoload = true
  object.globals['producer_tgid'] = producers[0]?.pid ?? 0
  object.globals['second_tgid'] = producers[1]?.pid ?? 0
  object.globals['syscall_number'] = syscallNumber()
  object.globals['records_per_call'] = recordsPerCall
  return object
}

/** The same bytes in total as the perf buffers of two CPUs. */
export function defaultRingBytes(): number {
  return 2 * pagesPerCpu * pageBytes
}

/** Every record is received or counted as lost. */
export function checkCounts(what: string, made: number, received: number, lost: number): void {
  if (received + lost === made) return
  throw new Error(
    `${what}: ${String(made)} records were made, ${String(received)} received and ` +
      `${String(lost)} lost`,
  )
}

/** What a run of a producer at full speed gave. */
export interface SpeedRun {
  /** Millions of records received a second. */
  rate: number
  /** Of the records made, the part that found no room. */
  dropped: number
  /** Nanoseconds that the producer took for a call. */
  nsPerCall: number
}

/** Producer and consumer in parallel, each on its CPU. */
export async function speed(
  side: Side,
  recordsPerCall: number,
  seconds: number,
): Promise<SpeedRun> {
  const { kind, label } = sides[side]
  const producer = new Producer({ cpu: producerCpu, seconds })
  using object = openCompare(`records_to_${kind}`, [producer], recordsPerCall)
  object.map('ring').maxEntries = defaultRingBytes()
  object.load()
  let records = 0
  let sum = 0
  let run: { calls: number; ns: number }
  if (side in cModes) {
    const [program, mode] = cModes[side as keyof typeof cModes]
    const consumer = await NativeConsumer.start(program, object.map(kind), mode)
    object.attach()
    run = await producer.run()
    ;({ records, sum } = await consumer.finish())
  } else {
    const onRecord = (record: { sequence: number }): void => {
      records++
      sum += record.sequence
    }
    using reader = openReader(object, side as LibrarySide, BenchRecord, onRecord)
    object.attach()
    run = await producer.run()
    await reader.flush()
  }
  const made = Number(object.globals['made'])
  const submitted = Number(object.globals['submitted'])
  checkSum(submitted, Number(object.globals['sum']), records, sum)
  checkCounts(label, made, records, lostOf(object, kind))
  checkCounts(`${label}, calls`, run.calls * recordsPerCall, made, 0)
  return {
    rate: (records / run.ns) * 1e3,
    dropped: 1 - records / made,
    nsPerCall: run.ns / run.calls,
  }
}

/** Nanoseconds a getpgid() call that nobody traces. */
export async function untraced(seconds: number): Promise<number> {
  const { calls, ns } = await new Producer({ cpu: producerCpu, seconds }).run()
  return ns / calls
}

/** How many events of a call are dropped, so that the call itself hardly counts. */
const dropsPerCall = 16

export const dropPrograms = {
  prepare_for_perf: { kind: 'perf', label: 'prepare, bpf_perf_event_output()' },
  prepare_for_ring: { kind: 'ring', label: 'prepare, bpf_ringbuf_output()' },
  reserve_in_ring: { kind: 'ring', label: 'bpf_ringbuf_reserve() first' },
} as const

export type DropProgram = keyof typeof dropPrograms

/** Nanoseconds of a traced call, per event of 512 bytes that the full buffer refuses. */
export async function drop(
  program: DropProgram,
  seconds: number,
  untracedNs: number,
): Promise<number> {
  const { kind, label } = dropPrograms[program]
  const producer = new Producer({ cpu: producerCpu, seconds })
  using object = openCompare(program, [producer], dropsPerCall)
  object.map('ring').maxEntries = pageBytes
  object.load()
  let received = 0
  using reader = openUndrained(object, kind, 1, () => received++)
  object.attach()
  const { calls, ns } = await producer.run()
  object.detach()
  reader.consume()
  const { lost = 0 } = reader.stats()
  checkCounts(label, Number(object.globals['made']), received, lost)
  if (received > 16 || lost < 0.99 * calls * dropsPerCall) {
    throw new Error(`${label}: the buffer was not full, ${String(received)} records were received`)
  }
  return (ns / calls - untracedNs) / dropsPerCall
}

/** A reader that takes nothing until `consume()`. */
export function openUndrained(
  object: BpfObject,
  kind: 'ring' | 'perf',
  pages: number,
  onRecord: () => void,
  cpus?: readonly number[],
): RingBuffer<number> | PerfBuffer<number> {
  const map = object.map(kind)
  const options = { pollThread: false }
  return kind === 'ring'
    ? new RingBuffer(map, u64.number, onRecord, options)
    : new PerfBuffer(map, u64.number, onRecord, {
        ...options,
        pagesPerCpu: pages,
        ...(cpus === undefined ? {} : { cpus }),
      })
}

/** Microseconds from the BPF program to the callback, on a buffer that is idle in between. */
export async function idleLatency(side: LibrarySide, events: number): Promise<number[]> {
  const { kind, label } = sides[side]
  const producer = new Producer({ cpu: producerCpu, calls: events, pauseUs: 2000 })
  using object = openCompare(`event_to_${kind}`, [producer], 1)
  object.load()
  const latencies: number[] = []
  const onTime = (time: number): void => {
    latencies.push((Number(process.hrtime.bigint()) - time) / 1e3)
  }
  using reader = openReader(object, side, u64.number, onTime)
  object.attach()
  await producer.run()
  await reader.flush()
  checkCounts(label, events, latencies.length, reader.stats().lost ?? 0)
  return latencies
}

/** What a reader does a second when there are no events at all. */
export async function idleWork(
  side: LibrarySide,
  seconds: number,
): Promise<{ wakeups: number; cpuMs: number }> {
  const { kind } = sides[side]
  using object = openCompare(`event_to_${kind}`, [], 1)
  object.load()
  using reader = openReader(object, side, u64.number, () => undefined)
  const wakeupsBefore = reader.stats().wakeups
  const cpuBefore = process.cpuUsage()
  await setTimeout(1000 * seconds)
  const { user, system } = process.cpuUsage(cpuBefore)
  return {
    wakeups: (reader.stats().wakeups - wakeupsBefore) / seconds,
    cpuMs: (user + system) / 1e3 / seconds,
  }
}
