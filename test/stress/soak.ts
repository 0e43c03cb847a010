// Everything at once, for long: a ring and a perf reader at full speed, callbacks
// that throw and stall, worker threads that come and go, CPUs that others use. At
// the end each record is accounted for, memory flat, descriptors and threads as
// before.
//
//   node --expose-gc build/test/stress/soak.js [--duration SECONDS] [--leak]
//
// --leak keeps some memory on purpose: the check of memory must fail then.
import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { BpfObject, bytes, PerfBuffer, RingBuffer, struct, u32, u64 } from 'bpf-ringbuf'
import { fail, parseOptions, UsageError } from './options.js'
import { root, stall, startProducer } from './producer.js'
import { openDescriptors, type Usage, usage } from './usage.js'
import { producedBy, Verifier } from './verifier.js'

const MiB = 1024 * 1024
const sampleMs = 1000
/** Of the duration, after which memory is judged. */
const warmUp = 0.4
/**
 * Live memory may not rise faster, by linear regression. The readers alone rise by
 * 1 KiB/min at most; Node keeps a little of each worker, child and thrown error, and in
 * its first minute of what it compiles: 77 to 130 KiB/min were seen in one, 21 in ten.
 */
const steepestKiBPerMin = (durationSeconds: number): number => 128 * (1 + 60 / durationSeconds)
/** Resident memory may not rise above its peak of the warm-up by more. */
const mostRssGrowthMiB = 96

const leakBytesPerSecond = 32 * 1024

/** struct sample of streams.bpf.c */
const Sample = struct('sample', { time_ns: u64, sequence: u32, cpu: u32 })

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds))

function openObject(name: string, producerPid: number): BpfObject {
  const object = BpfObject.open(join(root, `build/bpf/test/${name}.bpf.o`))
  object.globals['producer_tgid'] = producerPid
  return object
}

// -- a worker thread: reads for a while, then ends by itself or is terminated --

interface Task {
  producerPid: number
  lifeMs: number
  /** Otherwise it goes on until it is terminated. */
  ends: boolean
}

interface Account {
  produced: number
  accounted: number
}

async function work({ producerPid, lifeMs, ends }: Task): Promise<void> {
  const object = openObject('flood', producerPid).load()
  const reading = new EventEmitter()
  const ring = new RingBuffer(object.map('events'), u64, () => reading.emit('record'))
  object.attach()
  // The producer may have no CPU for a while.
  await once(reading, 'record')
  await pause(lifeMs)
  if (!ends) {
    parentPort?.postMessage('streaming')
    return
  }
  object.detach()
  await object.detached()
  await ring.flush()
  const { records, lost = NaN } = ring.stats()
  const produced = Number(object.globals['produced'])
  parentPort?.postMessage({ produced, accounted: records + lost } satisfies Account)
  ring.close()
  object.close()
}

// -- what runs beside the two readers, each until it is told to stop --

class Disturbances {
  workersEnded = 0
  workersTerminated = 0
  busyPhases = 0
  readonly problems: string[] = []
  #stopped = false

  /** A method, as it is asked again after each wait. */
  isStopped(): boolean {
    return this.#stopped
  }

  stop(): void {
    this.#stopped = true
  }

  async workers(producerPid: number): Promise<void> {
    for (let i = 0; !this.isStopped(); i++) {
      const task: Task = { producerPid, lifeMs: 50 + (i % 5) * 100, ends: i % 2 === 0 }
      const worker = new Worker(__filename, { workerData: task })
      worker.on('error', (error) => this.problems.push(`a worker: ${error.message}`))
      const ended = once(worker, 'exit')
      const [message] = (await once(worker, 'message')) as [Account | 'streaming']
      if (message === 'streaming') {
        await worker.terminate()
        this.workersTerminated++
      } else {
        if (message.produced !== message.accounted || message.produced === 0) {
          this.problems.push(`a worker accounts for ${JSON.stringify(message)}`)
        }
        this.workersEnded++
      }
      await ended
    }
  }

  /** Children that use all CPUs, a third of the time. */
  async cpuHogs(): Promise<void> {
    while (!this.isStopped()) {
      const code = 'const end = Date.now() + 2000; while (Date.now() < end);'
      const hogs = Array.from({ length: availableParallelism() }, () =>
        spawn(process.execPath, ['-e', code], { stdio: 'ignore' }),
      )
      await Promise.all(hogs.map((hog) => once(hog, 'exit')))
      this.busyPhases++
      for (let i = 0; i < 40 && !this.isStopped(); i++) await pause(100)
    }
  }
}

// -- the checks --

let passed = 0
let failed = 0

function check(isOk: boolean, text: string): void {
  console.log(`${isOk ? 'ok' : 'not ok'} soak: ${text}`)
  if (isOk) passed++
  else failed++
}

function checkAll(problems: readonly string[], text: string): void {
  for (const problem of problems.slice(0, 10)) console.log(`  ${problem}`)
  check(problems.length === 0, text)
}

interface Sampled extends Usage {
  seconds: number
}

/** The rise in units a second, and its standard error, by linear regression. */
function slopeOf(points: readonly { x: number; y: number }[]): { slope: number; error: number } {
  const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length
  const x0 = mean(points.map(({ x }) => x))
  const y0 = mean(points.map(({ y }) => y))
  const sum = (of: (x: number, y: number) => number): number =>
    points.reduce((total, { x, y }) => total + of(x - x0, y - y0), 0)
  const xx = sum((x) => x * x)
  const slope = sum((x, y) => x * y) / xx
  const residual = sum((x, y) => (y - slope * x) ** 2)
  return { slope, error: Math.sqrt(residual / (points.length - 2) / xx) }
}

function checkMemory(samples: readonly Sampled[], duration: number): void {
  const early = samples.filter(({ seconds }) => seconds < warmUp * duration)
  const judged = samples.filter(({ seconds }) => seconds >= warmUp * duration)
  const points = judged.map(({ seconds, liveMiB }) => ({ x: seconds / 60, y: 1024 * liveMiB }))
  const { slope, error } = slopeOf(points)
  const last = judged.at(-1)?.liveMiB ?? NaN
  const steepest = steepestKiBPerMin(duration)
  check(
    slope <= steepest,
    `live memory rises by ${slope.toFixed(0)} KiB/min (standard error ${error.toFixed(0)}), ` +
      `at most ${steepest.toFixed(0)} (${judged.length} samples, ${last.toFixed(1)} MiB)`,
  )
  const peak = (of: readonly Sampled[]): number => Math.max(...of.map(({ rssMiB }) => rssMiB))
  check(
    peak(judged) <= peak(early) + mostRssGrowthMiB,
    `resident memory peaks at ${peak(judged).toFixed(0)} MiB, ` +
      `at most ${mostRssGrowthMiB} above the ${peak(early).toFixed(0)} MiB of the warm-up`,
  )
}

/** What was held before is held again, some time after all was closed. */
async function checkHeld(before: { descriptors: string[]; threads: number }): Promise<void> {
  let now = await usage()
  for (let i = 0; i < 50; i++) {
    if (openDescriptors().length <= before.descriptors.length && now.threads <= before.threads)
      break
    await pause(100)
    now = await usage()
  }
  const more = openDescriptors()
  for (const known of before.descriptors) {
    const at = more.indexOf(known)
    if (at >= 0) more.splice(at, 1)
  }
  checkAll(more, `${before.descriptors.length} descriptors, as at the start`)
  check(now.threads === before.threads, `${now.threads} threads, ${before.threads} at the start`)
}

let surfaced = 0
process.on('uncaughtException', (error) => {
  if (error.message !== 'thrown on purpose') throw error
  surfaced++
})

async function soak(duration: number, leaks: boolean): Promise<void> {
  const ringProducer = startProducer('--threads', '3')
  const perfProducer = startProducer('--threads', '2')
  const workersProducer = startProducer('--threads', '1', '--pause-us', '50')
  const producers = [ringProducer, perfProducer, workersProducer]
  // What Node makes at its first use is there from now on: pipes and threads.
  const first = new Disturbances()
  workersProducer.stdin?.write('\n')
  const warming = first.workers(workersProducer.pid as number)
  await pause(500)
  first.stop()
  await warming
  const before = { descriptors: openDescriptors(), threads: (await usage()).threads }

  const ringObject = openObject('stress', ringProducer.pid as number)
  ringObject.load().attach()
  const perfObject = openObject('streams', perfProducer.pid as number)
  perfObject.program('to_stream').autoload = false
  perfObject.load().attach()

  const verifier = new Verifier()
  let thrown = 0
  let stalls = 0
  let nextStall = performance.now() + 1000
  function disturb(count: number): void {
    if (performance.now() > nextStall) {
      stall(20 + (stalls % 4) * 40)
      stalls++
      nextStall = performance.now() + 1000
    }
    if (count % 100_000 !== 99_999) return
    thrown++
    throw new Error('thrown on purpose')
  }
  const ring = new RingBuffer(ringObject.map('events'), bytes(), (record) => {
    verifier.check(record)
    disturb(verifier.received)
  })

  const lastOfCpu = new Map<number, number>()
  const perfProblems: string[] = []
  let perfReceived = 0
  const perf = new PerfBuffer(perfObject.map('samples'), Sample, ({ sequence, cpu }, ofCpu) => {
    perfReceived++
    if (cpu !== ofCpu || sequence <= (lastOfCpu.get(cpu) ?? -1)) {
      perfProblems.push(`CPU ${ofCpu}: record ${sequence} of CPU ${cpu} out of order`)
    }
    lastOfCpu.set(cpu, sequence)
    disturb(perfReceived)
  })

  const disturbances = new Disturbances()
  const running = [disturbances.workers(workersProducer.pid as number), disturbances.cpuHogs()]
  for (const { stdin } of [ringProducer, perfProducer]) stdin?.write('\n')

  const samples: Sampled[] = []
  const leaked: Uint8Array[] = []
  const start = performance.now()
  for (let seconds = 0; seconds < duration;) {
    await pause(sampleMs)
    seconds = (performance.now() - start) / 1000
    if (leaks) leaked.push(new Uint8Array(Math.round((leakBytesPerSecond * sampleMs) / 1000)))
    const sample = { seconds, ...(await usage()) }
    samples.push(sample)
    if (samples.length % 30 === 0) {
      console.log(
        `  ${seconds.toFixed(0)} s: ${sample.liveMiB.toFixed(1)} MiB live, ` +
          `${sample.rssMiB.toFixed(0)} MiB resident, ${verifier.received + perfReceived} records`,
      )
    }
  }

  disturbances.stop()
  await Promise.all(running)
  const ended = producers.map((producer) => once(producer, 'exit'))
  for (const { stdin } of producers) stdin?.end()
  await Promise.all(ended)
  ringObject.detach()
  perfObject.detach()
  await Promise.all([ringObject.detached(), perfObject.detached()])
  await ring.flush()
  await perf.flush()
  await pause(0)

  const { records, discarded = NaN, lost = NaN, undelivered } = ring.stats()
  const produced = producedBy(ringObject)
  check(
    records + discarded + lost === produced && records === verifier.received && undelivered === 0,
    `ring: ${records} received + ${discarded} discarded + ${lost} lost = ${produced} produced`,
  )
  checkAll(verifier.problems, 'ring: contents and order, none twice')
  const perfStats = perf.stats()
  const perfProduced = producedBy(perfObject)
  check(
    perfStats.records + (perfStats.lost ?? NaN) === perfProduced &&
      perfStats.records === perfReceived &&
      perfStats.undelivered === 0,
    `perf: ${perfStats.records} received + ${perfStats.lost} lost = ${perfProduced} produced`,
  )
  checkAll(perfProblems, 'perf: order, none twice')
  check(thrown > 0 && thrown === surfaced, `${thrown} errors thrown, ${surfaced} surfaced`)
  const { workersEnded, workersTerminated, busyPhases } = disturbances
  checkAll(
    disturbances.problems,
    `${workersEnded} workers ended with each record accounted for, ${workersTerminated} terminated`,
  )
  check(
    workersEnded > 0 && workersTerminated > 0 && stalls > 0 && busyPhases > 0 && lost > 0,
    `all happened: workers, ${stalls} stalls, ${busyPhases} times that CPUs were busy, losses`,
  )
  checkMemory(samples, duration)

  ring.close()
  perf.close()
  ringObject.close()
  perfObject.close()
  await checkHeld(before)
  if (leaks) console.log(`  leaked on purpose: ${(leaked.length * leakBytesPerSecond) / MiB} MiB`)
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

async function main(): Promise<void> {
  const values = parseOptions({
    options: {
      duration: { type: 'string', default: '60' },
      leak: { type: 'boolean', default: false },
    },
  })
  const duration = Number(values.duration)
  if (!(duration >= 30 && duration <= 1e6)) {
    throw new UsageError('--duration: expected a number of seconds from 30 on')
  }
  await soak(duration, values.leak)
}

if (isMainThread) main().catch((error: unknown) => fail('soak', error))
else void work(workerData as Task)
