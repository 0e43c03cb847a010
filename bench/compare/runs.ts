// The comparison's own runs on the events of test/bpf/compare.bpf.c: each
// function makes one run of one kind of buffer.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { BpfObject, PerfBuffer, RingBuffer, struct, u32, u64 } from 'bpf-ringbuf'
import { type ConsumerName, kindOf, openReader, Tally } from '../consumers.js'
import { openBench, parallel, untraced, words } from '../load.js'
import { buildDir, pageBytes, Producer } from '../processes.js'
import { checkCounts, producerCpu, syscallNumber } from '../records.js'
import type { Measurement, Window } from '../types.js'

export type Kind = 'ring' | 'perf'

/** Of two CPUs together both kinds have the same: 64 pages are libbpf's usual size. */
export const perfPagesPerCpu = 64
export const sameSize = { perfPagesPerCpu, ringBytes: 2 * perfPagesPerCpu * pageBytes }

/** Opens the object with one of its programs for one or two producers. */
function openCompare(
  program: string,
  producers: readonly Producer[],
  recordsPerCall: number,
  ringBytes: number,
): BpfObject {
  const object = BpfObject.open(join(buildDir, 'bpf/test/compare.bpf.o'))
  object.program(program).autoload = true
  object.globals['producer_tgid'] = producers[0]?.pid ?? 0
  object.globals['second_tgid'] = producers[1]?.pid ?? 0
  object.globals['syscall_number'] = syscallNumber()
  object.globals['records_per_call'] = recordsPerCall
  object.map('ring').maxEntries = ringBytes
  return object.load()
}

/** A reader that takes nothing until `consume()`. */
function openUndrained(
  object: BpfObject,
  kind: Kind,
  pagesPerCpu: number,
  onRecord: () => void,
  cpus?: readonly number[],
): RingBuffer<number> | PerfBuffer<number> {
  const map = object.map(kind)
  const options = { pollThread: false }
  if (kind === 'ring') return new RingBuffer(map, u64.number, onRecord, options)
  const perfOptions = { ...options, pagesPerCpu, cpus }
  return new PerfBuffer(map, u64.number, onRecord, perfOptions)
}

// How much memory a burst needs: searched for on this machine, computed beyond.

/** struct event of test/bpf/compare.bpf.c. */
export const eventBytes = 128
/** With its header of 8 bytes. */
export const ringRecordBytes = 8 + eventBytes
/** With perf_event_header and the size, padded. */
export const perfRecordBytes = 8 + Math.ceil((4 + eventBytes) / 8) * 8
export const burstEvents = 4000

/** Bytes for records: the next power of two, as the last byte stays free. */
function roomFor(bytes: number): number {
  return Math.max(pageBytes, 2 ** (Math.floor(Math.log2(bytes)) + 1))
}

/** How a burst of events spreads over the CPUs. */
export type Spread = 'one' | 'split' | 'each'

/** The buffers' bytes for a burst without loss while nobody drains. */
export function computedBytes(kind: Kind, cpus: number, spread: Spread): number {
  const total = spread === 'each' ? burstEvents * cpus : burstEvents
  if (kind === 'ring') return roomFor(total * ringRecordBytes)
  // Which CPU it will be is not known before.
  const perCpu = spread === 'split' ? Math.ceil(burstEvents / cpus) : burstEvents
  return cpus * roomFor(perCpu * perfRecordBytes)
}

/** Halves the exponents of sizes until a burst is held without loss and half of it has lost. */
export async function leastBytes(kind: Kind, cpus: number, spread: Spread): Promise<Measurement> {
  // What was computed is no input.
  let tooFew = -1
  let enough = 14
  while (enough - tooFew > 1) {
    const middle = (tooFew + enough) >> 1
    if (await holdsBurst(kind, 2 ** middle, cpus, spread)) enough = middle
    else tooFew = middle
  }
  return { value: 2 ** enough * pageBytes * (kind === 'perf' ? cpus : 1) }
}

async function holdsBurst(
  kind: Kind,
  pages: number,
  cpus: number,
  spread: Spread,
): Promise<boolean> {
  const calls = spread === 'split' ? burstEvents / cpus : burstEvents
  const allCpus = [0, 1].slice(0, cpus)
  const producers = (spread === 'one' ? [producerCpu] : allCpus).map(
    (cpu) => new Producer({ cpu, calls }),
  )
  using object = openCompare(`event_to_${kind}`, producers, 1, pages * pageBytes)
  let received = 0
  using reader = openUndrained(object, kind, pages, () => received++, allCpus)
  object.attach()
  const runs = await Promise.all(producers.map((producer) => producer.run()))
  object.detach()
  const { lost = 0 } = reader.stats()
  reader.consume()
  const made = runs.reduce((sum, run) => sum + run.calls, 0)
  checkCounts(`a burst to a ${kind} buffer`, made, received, lost)
  return lost === 0
}

// What an event costs when two CPUs produce at once: they share a ring and its
// lock, each has a perf buffer of its own. Into buffers that hold everything.

/** Nanoseconds an event more than untraced; `value` of two CPUs. */
export async function together(kind: Kind, calls: number): Promise<Measurement> {
  const both = [0, 1]
  const base = { alone: await nsPerCall([0], calls), both: await nsPerCall(both, calls) }
  return {
    alone: (await nsPerCall([0], calls, kind)) - base.alone,
    value: (await nsPerCall(both, calls, kind)) - base.both,
  }
}

/** Of the producers on these CPUs at once, by default untraced. */
async function nsPerCall(cpus: readonly number[], calls: number, kind?: Kind): Promise<number> {
  const producers = cpus.map((cpu) => new Producer({ cpu, calls }))
  const run = async (): Promise<number> => {
    const runs = await Promise.all(producers.map((producer) => producer.run()))
    return runs.reduce((sum, { ns }) => sum + ns / calls, 0) / runs.length
  }
  if (kind === undefined) return run()
  const made = calls * producers.length
  const ringBytes = kind === 'ring' ? roomFor(made * ringRecordBytes) : pageBytes
  using object = openCompare(`event_to_${kind}`, producers, 1, ringBytes)
  let received = 0
  const pages = roomFor(calls * perfRecordBytes) / pageBytes
  using reader = openUndrained(object, kind, pages, () => received++)
  object.attach()
  const ns = await run()
  object.detach()
  reader.consume()
  checkCounts(`events of ${producers.length} CPUs, ${kind}`, made, received, 0)
  return ns
}

// What it costs to be told that there is no room.

/** How many events of a call are dropped, so that the call itself hardly counts. */
const dropsPerCall = 16

export const dropPrograms = {
  prepare_for_perf: { kind: 'perf', label: 'prepare, bpf_perf_event_output()' },
  prepare_for_ring: { kind: 'ring', label: 'prepare, bpf_ringbuf_output()' },
  reserve_in_ring: { kind: 'ring', label: 'bpf_ringbuf_reserve() first' },
} as const

export type DropProgram = keyof typeof dropPrograms

/** Nanoseconds of a traced call, per event of 512 bytes that the full buffer refuses. */
export async function drop(program: DropProgram, { measuredMs }: Window): Promise<Measurement> {
  const { kind, label } = dropPrograms[program]
  const base = await untraced({}, measuredMs / 2)
  const producer = new Producer({ cpu: producerCpu, seconds: measuredMs / 2000 })
  using object = openCompare(program, [producer], dropsPerCall, pageBytes)
  let received = 0
  using reader = openUndrained(object, kind, 1, () => received++)
  object.attach()
  const { calls, ns } = await producer.run()
  object.detach()
  reader.consume()
  const { lost = 0 } = reader.stats()
  checkCounts(label, Number(object.globals['made']), received, lost)
  if (received > 16 || lost < 0.99 * calls * dropsPerCall) {
    throw new Error(`${label}: the buffer was not full, ${received} records were received`)
  }
  return { value: (ns / calls - base) / dropsPerCall }
}

/** Latency of events that come one by one, and what a reader does when there are none. */
export async function idle(side: ConsumerName, window: Window): Promise<Measurement> {
  const workload = { ...words, ...sameSize, recordsPerCall: 1, timed: true }
  const { p50 = NaN, p99 = NaN } = await parallel(side, workload, { pauseUs: 2000 }, window)
  using object = openBench(side, workload, 0)
  using reader = openReader(side, object.map(kindOf(side)), workload, new Tally())
  const { wakeups } = reader.stats()
  const cpuBefore = process.cpuUsage()
  await setTimeout(window.measuredMs)
  const { user, system } = process.cpuUsage(cpuBefore)
  const seconds = window.measuredMs / 1e3
  return {
    value: p50 / 1e3,
    p99: p99 / 1e3,
    wakeups: (reader.stats().wakeups - wakeups) / seconds,
    cpuMs: (user + system) / 1e3 / seconds,
  }
}

// In which order the forks, execs and exits of this machine arrive.

const LifeEvent = struct('life_event', { time_ns: u64.number, pid: u32, cpu: u32 })

class OrderCheck {
  #newest = 0
  #events = 0
  /** Delivered after one with a later time, of any process. */
  #late = 0
  #latestNs = 0
  readonly #processes = new Map<
    number,
    { newest: number; cpu: number; hasMoved: boolean; isBroken: boolean }
  >()

  readonly take = ({ time_ns: time, pid, cpu }: { time_ns: number; pid: number; cpu: number }) => {
    this.#events++
    if (time < this.#newest) this.#late++
    this.#latestNs = Math.max(this.#latestNs, this.#newest - time)
    this.#newest = Math.max(this.#newest, time)
    const known = this.#processes.get(pid)
    if (known === undefined) {
      this.#processes.set(pid, { newest: time, cpu, hasMoved: false, isBroken: false })
      return
    }
    known.hasMoved ||= cpu !== known.cpu
    known.isBroken ||= time < known.newest
    known.newest = Math.max(known.newest, time)
  }

  /** In percent; `value`: of the processes with an event that came after a later one of theirs. */
  result(): Measurement {
    const all = [...this.#processes.values()]
    const percentOf = (found: typeof all): number => (100 * found.length) / all.length
    return {
      value: percentOf(all.filter(({ isBroken }) => isBroken)),
      events: this.#events,
      late: (100 * this.#late) / this.#events,
      latestUs: this.#latestNs / 1e3,
      moved: percentOf(all.filter(({ hasMoved }) => hasMoved)),
    }
  }
}

export const orderSides = ['rb-node', 'pb-node', 'pb-node-each'] as const

/**
 * One run: each event goes to both kinds.
 *
 * @param processes How many short ones each of two CPUs starts on the other.
 */
export async function order(side: string, processes: number): Promise<Measurement> {
  using object = BpfObject.open(join(buildDir, 'bpf/test/compare-order.bpf.o')).load()
  const [ring, perf] = [new OrderCheck(), new OrderCheck()]
  using ringReader = new RingBuffer(object.map('ring'), LifeEvent, ring.take)
  using perfReader = new PerfBuffer(object.map('perf'), LifeEvent, perf.take, {
    pagesPerCpu: perfPagesPerCpu,
    ...(side === 'pb-node-each' ? { wakeupEvents: 1 } : {}),
  })
  object.attach()
  await Promise.all([spawnAcross(0, 1, processes), spawnAcross(1, 0, processes)])
  object.detach()
  // Others start processes, too.
  await object.detached()
  await ringReader.flush()
  await perfReader.flush()
  const made = Number(object.globals['made'])
  const [ofRing, ofPerf] = [ring.result(), perf.result()]
  checkCounts('life events, ring', made, ofRing['events'] ?? 0, ringReader.stats().lost ?? 0)
  checkCounts('life events, perf', made, ofPerf['events'] ?? 0, perfReader.stats().lost ?? 0)
  return side === 'rb-node' ? ofRing : ofPerf
}

/** A shell on one CPU that starts processes which move to the other one and end there. */
async function spawnAcross(from: number, to: number, processes: number): Promise<void> {
  const script = `i=0; while [ $i -lt ${processes} ]; do taskset -c ${to} /bin/true; i=$((i + 1)); done`
  // It ends by itself, should the bench be killed.
  const args = ['60', 'taskset', '-c', String(from), 'sh', '-c', script]
  const [code] = (await once(spawn('timeout', args, { stdio: 'ignore' }), 'exit')) as [unknown]
  if (code !== 0) throw new Error(`the shell ended with ${String(code)}`)
}
