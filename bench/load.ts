// One run of one consumer under load.
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { BpfObject } from 'bpf-ringbuf'
import {
  benchAddon,
  type ConsumerName,
  consumers,
  isNode,
  nativeArguments,
  openReader,
  startConsumer,
  Tally,
  type Workload,
} from './consumers.js'
import {
  buildDir,
  cpuTimeNs,
  NativeConsumer,
  type Percentiles,
  Producer,
  type ProducerOptions,
  type Received,
} from './processes.js'
import { checkSum, execCharacters, lostOf, producerCpu, syscallNumber } from './records.js'

/** How long a run warms up and is measured, in milliseconds. */
export interface Window {
  warmUpMs: number
  measuredMs: number
}

export interface Run {
  /** Millions of records received a second. */
  rate: number
  /** Of the records made, the part that found no room. */
  dropped: number
  /** Of the producer, of all its threads together. */
  nsPerCall: number
  /** CPU seconds of the consumer for a million records. */
  cpuSeconds: number
  /** Of timed records. */
  latencies: Percentiles | undefined
}

export const words: Workload = {
  program: 'reserve',
  recordsPerCall: 500,
  recordBytes: 8,
  timed: false,
  sampleRate: 0,
  ringBytes: 512 * 1024,
  perfPagesPerCpu: 128,
}

interface Counts {
  made: number
  submitted: number
  sum: number
}

/** At one moment. */
interface Snapshot extends Counts {
  ns: number
  cpuNs: number
}

const programs = {
  ring: { reserve: 'reserve_words', output: 'output_words', exec: 'reserve_exec' },
  perf: { reserve: 'perf_words', output: 'perf_words', exec: 'perf_exec' },
} as const

/** Loads the program that makes this workload; attached by the caller. */
export function openBench(name: ConsumerName, workload: Workload, producerPid: number): BpfObject {
  const { kind } = consumers[name]
  const { program, recordsPerCall, recordBytes, timed, sampleRate } = workload
  const object = BpfObject.open(join(buildDir, 'bpf/test/bench.bpf.o'))
  object.program(`${programs[kind][program]}_each`).autoload = true
  object.globals['producer_tgid'] = producerPid
  object.globals['syscall_number'] = syscallNumber()
  object.globals['records_per_call'] = recordsPerCall
  object.globals['record_bytes'] = recordBytes
  object.globals['timed'] = timed ? 1 : 0
  const ring = object.map('ring')
  ring.maxEntries = workload.ringBytes
  if (kind === 'ring' && sampleRate > 0) {
    ring.wakeupBytes = sampleRate * (8 + Math.ceil(recordBytes / 8) * 8)
  }
  return object.load()
}

function countsOf(object: BpfObject): Counts {
  const values = object.map('counts').lookup(new Uint8Array(4)) ?? new Uint8Array()
  const fields = new BigUint64Array(values.slice().buffer)
  const counts = { made: 0, submitted: 0, sum: 0 }
  for (let i = 0; i + 2 < fields.length; i += 3) {
    counts.made += Number(fields[i])
    counts.submitted += Number(fields[i + 1])
    counts.sum += Number(fields[i + 2])
  }
  return counts
}

/**
 * The bench checks itself: what was made was received or is counted as lost,
 * and the contents are what was written.
 */
function check(
  name: ConsumerName,
  object: BpfObject,
  workload: Workload,
  received: Received,
): void {
  const { made, submitted, sum } = countsOf(object)
  const lost = lostOf(object, consumers[name].kind)
  const text = workload.program === 'exec' ? submitted * execCharacters : 0
  checkSum(submitted, sum + text, received.records, received.sum)
  if (submitted + lost !== made) {
    throw new Error(
      `${name}: ${String(made)} records were made, ${String(submitted)} submitted and ` +
        `${String(lost)} lost`,
    )
  }
}

function runBetween(
  before: Snapshot,
  after: Snapshot,
  workload: Workload,
  latencies: Percentiles | undefined,
): Run {
  const ns = after.ns - before.ns
  const made = after.made - before.made
  const submitted = after.submitted - before.submitted
  return {
    rate: (submitted / ns) * 1e3,
    // A record may be counted between the two reads.
    dropped: made === 0 ? 0 : Math.max(0, 1 - submitted / made),
    nsPerCall: (ns / made) * workload.recordsPerCall,
    cpuSeconds: (after.cpuNs - before.cpuNs) / submitted / 1e3,
    latencies: workload.timed ? latencies : undefined,
  }
}

function snapshot(object: BpfObject, pid: number): Snapshot {
  const cpuNs = cpuTimeNs(pid)
  return { ns: Number(process.hrtime.bigint()), cpuNs, ...countsOf(object) }
}

/** Producer and consumer each go their way. */
export async function parallel(
  name: ConsumerName,
  workload: Workload,
  options: Omit<ProducerOptions, 'cpu'> & { cpu?: ProducerOptions['cpu'] },
  { warmUpMs, measuredMs }: Window,
): Promise<Run> {
  const producer = new Producer({ cpu: producerCpu, ...options })
  using object = openBench(name, workload, producer.pid)
  const consumer = await startConsumer(name, object, workload)
  object.attach()
  producer.start()
  await setTimeout(warmUpMs)
  consumer.warmedUp?.()
  const before = snapshot(object, consumer.pid)
  await setTimeout(measuredMs)
  const after = snapshot(object, consumer.pid)
  await producer.stop()
  object.detach()
  const received = await consumer.finish(countsOf(object).submitted)
  check(name, object, workload, received)
  return runBetween(before, after, workload, received.latencies)
}

/** The consumer's thread produces, consumes, produces …: two sides on one CPU that never overlap. */
export async function backToBack(
  name: ConsumerName,
  workload: Workload,
  window: Window,
): Promise<Run> {
  return isNode(name)
    ? backToBackHere(name, workload, window)
    : backToBackInC(name, workload, window)
}

async function backToBackInC(
  name: ConsumerName,
  workload: Workload,
  { warmUpMs, measuredMs }: Window,
): Promise<Run> {
  const { kind } = consumers[name]
  const args = [...nativeArguments(name, workload), '--back-to-back']
  using object = openBench(name, workload, 0)
  const child = await NativeConsumer.start(`${kind}_consumer`, object.map(kind), ...args)
  object.globals['producer_tgid'] = child.pid
  object.attach()
  await setTimeout(warmUpMs)
  const before = snapshot(object, child.pid)
  await setTimeout(measuredMs)
  const after = snapshot(object, child.pid)
  object.detach()
  const received = await child.finish()
  check(name, object, workload, received)
  return runBetween(before, after, workload, undefined)
}

function backToBackHere(
  name: ConsumerName,
  workload: Workload,
  { warmUpMs, measuredMs }: Window,
): Run {
  const { trigger } = benchAddon()
  const tally = new Tally()
  using object = openBench(name, workload, process.pid)
  using reader = openReader(name, object.map(consumers[name].kind), workload, tally, false)
  object.attach()
  const alternateFor = (ms: number): void => {
    for (const end = performance.now() + ms; performance.now() < end;) {
      for (let i = 0; i < 16; i++) {
        trigger()
        reader.consume()
      }
    }
  }
  alternateFor(warmUpMs)
  const before = snapshot(object, process.pid)
  alternateFor(measuredMs)
  const after = snapshot(object, process.pid)
  object.detach()
  reader.consume()
  check(name, object, workload, tally.received())
  return runBetween(before, after, workload, undefined)
}

/** Nanoseconds a system call that nobody traces. */
export async function untraced(
  options: Omit<ProducerOptions, 'cpu'>,
  { warmUpMs, measuredMs }: Window,
): Promise<number> {
  const seconds = (warmUpMs + measuredMs) / 1000
  const { calls, ns } = await new Producer({ cpu: producerCpu, seconds, ...options }).run()
  return ns / calls
}
