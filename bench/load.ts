// One run of one consumer under load.
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { BpfObject } from 'bpf-ringbuf'
import {
  benchAddon,
  type ConsumerName,
  isNode,
  kindOf,
  openReader,
  startConsumer,
  startNative,
  Tally,
  type Workload,
} from './consumers.js'
import { buildDir, cpuTimeNs, Producer, type ProducerOptions, type Received } from './processes.js'
import {
  checkCounts,
  checkSum,
  execCharacters,
  lostOf,
  producerCpu,
  syscallNumber,
} from './records.js'
import type { Measurement, Window } from './types.js'

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

const programs = {
  ring: { reserve: 'reserve_words', output: 'output_words', exec: 'reserve_exec' },
  perf: { reserve: 'perf_words', output: 'perf_words', exec: 'perf_exec' },
} as const

/** Loads the program that makes this workload; attached by the caller. */
export function openBench(name: ConsumerName, workload: Workload, producerPid: number): BpfObject {
  const kind = kindOf(name)
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
  const values = object.map('counts').bytes.get(new Uint8Array(4)) ?? new Uint8Array()
  const fields = new BigUint64Array(values.slice().buffer)
  const counts = { made: 0, submitted: 0, sum: 0 }
  for (let i = 0; i + 2 < fields.length; i += 3) {
    counts.made += Number(fields[i])
    counts.submitted += Number(fields[i + 1])
    counts.sum += Number(fields[i + 2])
  }
  return counts
}

/** What was made was received or is counted as lost, and the contents are what was written. */
function check(name: ConsumerName, object: BpfObject, workload: Workload, got: Received): void {
  const { made, submitted, sum } = countsOf(object)
  const text = workload.program === 'exec' ? submitted * execCharacters : 0
  checkSum(submitted, sum + text, got.records, got.sum)
  checkCounts(name, made, submitted, lostOf(object, kindOf(name)))
}

/** At two moments, the window between them. */
class Meter {
  readonly #object: BpfObject
  readonly #pid: number
  readonly #before: Counts & { ns: number; cpuNs: number }

  constructor(object: BpfObject, pid: number) {
    this.#object = object
    this.#pid = pid
    this.#before = this.#now()
  }

  #now(): Counts & { ns: number; cpuNs: number } {
    const cpuNs = cpuTimeNs(this.#pid)
    return { ns: Number(process.hrtime.bigint()), cpuNs, ...countsOf(this.#object) }
  }

  /** `value` is millions of records a second. */
  read({ recordsPerCall }: Workload): Measurement {
    const after = this.#now()
    const ns = after.ns - this.#before.ns
    const made = after.made - this.#before.made
    const submitted = after.submitted - this.#before.submitted
    return {
      value: (submitted / ns) * 1e3,
      // A record may be counted between the two reads.
      dropped: made === 0 ? 0 : Math.max(0, 1 - submitted / made),
      nsPerCall: (ns / made) * recordsPerCall,
      cpuSeconds: (after.cpuNs - this.#before.cpuNs) / submitted / 1e3,
    }
  }
}

/** Producer and consumer each go their way. */
export async function parallel(
  name: ConsumerName,
  workload: Workload,
  options: Partial<ProducerOptions>,
  { warmUpMs, measuredMs }: Window,
  start = startConsumer,
): Promise<Measurement> {
  const producer = new Producer({ cpu: producerCpu, ...options })
  using object = openBench(name, workload, producer.pid)
  const consumer = await start(name, object, workload)
  object.attach()
  producer.start()
  await setTimeout(warmUpMs)
  consumer.warmedUp?.()
  const meter = new Meter(object, consumer.pid)
  await setTimeout(measuredMs)
  const measured = meter.read(workload)
  await producer.stop()
  object.detach()
  const received = await consumer.finish(countsOf(object).submitted)
  check(name, object, workload, received)
  return { ...measured, ...received.latencies }
}

/** The consumer's thread produces, consumes, produces …: two sides on one CPU that never overlap. */
export async function backToBack(
  name: ConsumerName,
  workload: Workload,
  { warmUpMs, measuredMs }: Window,
): Promise<Measurement> {
  using object = openBench(name, workload, isNode(name) ? process.pid : 0)
  const map = object.map(kindOf(name))
  if (!isNode(name)) {
    const child = await startNative(name, map, workload, '--back-to-back')
    object.globals['producer_tgid'] = child.pid
    object.attach()
    await setTimeout(warmUpMs)
    const meter = new Meter(object, child.pid)
    await setTimeout(measuredMs)
    const measured = meter.read(workload)
    object.detach()
    check(name, object, workload, await child.finish(0))
    return measured
  }
  const { trigger } = benchAddon()
  const tally = new Tally()
  using reader = openReader(name, map, workload, tally, false)
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
  const meter = new Meter(object, process.pid)
  alternateFor(measuredMs)
  const measured = meter.read(workload)
  object.detach()
  reader.consume()
  check(name, object, workload, tally.received())
  return measured
}

/** Nanoseconds a system call that nobody traces. */
export async function untraced(options: Partial<ProducerOptions>, ms: number): Promise<number> {
  const producer = new Producer({ cpu: producerCpu, seconds: ms / 1000, ...options })
  const { calls, ns } = await producer.run()
  return ns / calls
}

/** Nanoseconds that a traced call takes longer, one record each. */
export async function addedCost(
  name: ConsumerName,
  workload: Partial<Workload>,
  work: number,
  window: Window,
): Promise<Measurement> {
  const base = await untraced({ work }, window.measuredMs)
  const measured = await parallel(
    name,
    { ...words, recordsPerCall: 1, ...workload },
    { work },
    window,
  )
  return { ...measured, rate: measured.value, value: (measured['nsPerCall'] ?? NaN) - base, base }
}
