// Whether a flooded ring starves a quiet one of the same reader: how long an event a
// second is under way while another ring is written at full speed. Five runs.
//
//   node build/bench/quiet-ring.js [--seconds N]
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { BpfObject, RingBuffer, struct, u32, u64, u8 } from 'bpf-ringbuf'
import { buildDir, Producer } from './processes.js'
import { producerCpu } from './records.js'

const runs = 5
/** The promise, of the 99th percentile. */
const boundMs = 5

/** struct event of test/bpf/topologies.bpf.c */
const Event = struct('event', { time_ns: u64, tgid: u32, cpu: u32 })

/** What the program picks a ring by. */
const ringOf = (pid: number): number => (Math.imul(pid, 2654435761) >>> 0) % 2

/** Two producers whose process ids lead to different rings. */
async function makeProducers(): Promise<[flood: Producer, quiet: Producer]> {
  const flood = new Producer({ cpu: producerCpu })
  for (;;) {
    const quiet = new Producer({ cpu: producerCpu, pauseUs: 1e6 })
    if (ringOf(quiet.pid) !== ringOf(flood.pid)) return [flood, quiet]
    quiet.start()
    await quiet.stop()
  }
}

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN
}

/** Prints a row, and returns the delays in milliseconds. */
async function run(seconds: number): Promise<number[]> {
  using object = BpfObject.open(join(buildDir, 'bpf/test/topologies.bpf.o'))
  object.globals['pool_size'] = 2
  object.load()
  const pool = object.map('pool', { key: u32 })
  const rings = [0, 1].map((index) => {
    const ring = pool.createInner({ maxEntries: 1 << 19, name: `ring${String(index)}` })
    pool.set(index, ring)
    return ring
  }) as [first: ReturnType<typeof pool.createInner>, second: ReturnType<typeof pool.createInner>]
  const [flood, quiet] = await makeProducers()
  const producers = object.map('producers', { key: u32, value: u8 })
  producers.set(flood.pid, 1).set(quiet.pid, 1)
  const [flooded, other] = ringOf(flood.pid) === 0 ? rings : [rings[1], rings[0]]
  let records = 0
  const delaysMs: number[] = []
  // Not what the process calls when it starts and ends.
  let isMeasured = false
  using reader = new RingBuffer(flooded, Event, () => {
    records++
  })
  reader.add(other, Event, ({ time_ns: timeNs }) => {
    if (isMeasured) delaysMs.push(Number(process.hrtime.bigint() - timeNs) / 1e6)
  })
  object.program('to_pool').attach()
  flood.start()
  quiet.start()
  await setTimeout(500)
  const before = records
  isMeasured = true
  await setTimeout(1000 * seconds)
  isMeasured = false
  const rate = (records - before) / seconds / 1e6
  await Promise.all([flood.stop(), quiet.stop()])
  for (const ring of rings) ring.close()
  delaysMs.sort((a, b) => a - b)
  const shown = [0.5, 0.99, 1].map((part) => percentile(delaysMs, part).toFixed(2))
  console.log(
    `${rate.toFixed(2)} M/s beside ${String(delaysMs.length)} events: p50 ${shown[0] ?? ''}, ` +
      `p99 ${shown[1] ?? ''}, most ${shown[2] ?? ''} ms`,
  )
  return delaysMs
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '20' } } })
  const all: number[] = []
  for (let i = 0; i < runs; i++) all.push(...(await run(Number(values.seconds))))
  const p99 = percentile(
    all.sort((a, b) => a - b),
    0.99,
  )
  console.log(`p99 of all: ${p99.toFixed(2)} ms, promised ${String(boundMs)} ms`)
  if (p99 > boundMs) process.exitCode = 1
}

void main()
