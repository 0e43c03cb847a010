// What a record costs by itself: nobody waits for anybody.
import { createRequire } from 'node:module'
import { setTimeout } from 'node:timers/promises'
import { RingBuffer } from 'bpf-ringbuf'
import type * as Batch from '../dist/stream/batch.js'
import type * as Walk from '../dist/stream/walk.js'
import { openBench, words } from './load.js'
import { Lines, Producer } from './processes.js'
import { BenchRecord, ExecEvent, producerCpu } from './records.js'

// Parts of the library that the package does not export; compiled, this file is
// one folder deeper than its source.
const load = createRequire(__filename)
const batch = load('../../dist/stream/batch.js') as typeof Batch
const { compile } = load('../../dist/stream/walk.js') as typeof Walk

/** Nanoseconds a record to drain a full ring. */
export async function drain(side: 'C' | 'library'): Promise<number> {
  const producer = new Producer({ cpu: producerCpu, pauseUs: 1 })
  // 4 MiB hold 262,144 records of 8 bytes with their headers.
  const ringBytes = 4 << 20
  using object = openBench('rb-libbpf', { ...words, ringBytes }, producer.pid)
  object.attach()
  const map = object.map('ring')
  let records = 0
  let sum = 0
  const onRecord = (record: { sequence: number }): void => {
    records++
    sum += record.sequence
  }
  using ring = new RingBuffer(map, BenchRecord, onRecord, { pollThread: false })
  const child =
    side === 'C' ? new Lines('bench/native/ring_consumer', ['--drain'], map.fd) : undefined
  await child?.next() // "ready"
  const drainOnce = async (): Promise<number> => {
    if (child !== undefined) {
      child.write('\n')
      const [drained = NaN, , ns = NaN] = await child.numbers()
      records = drained
      return ns
    }
    records = 0
    const start = process.hrtime.bigint()
    ring.consume()
    return Number(process.hrtime.bigint() - start)
  }
  producer.start()
  let nsPerRecord = NaN
  // All but the last one warm the compiled loop up.
  for (let run = 0; run < 4; run++) {
    while ((ring.stats().rings[0]?.availableBytes ?? 0) < ringBytes - 16) await setTimeout(1)
    producer.pause()
    const ns = await drainOnce()
    if (records < ringBytes / 16 - 1) throw new Error(`only ${records} records were drained`)
    nsPerRecord = ns / records
    producer.resume()
  }
  if (side === 'library' && sum === 0) throw new Error('nothing was decoded')
  await child?.end()
  await producer.end()
  return nsPerRecord
}

const count = 400
const frameBytes = 8 + ExecEvent.size
const arena = new batch.Arena(new ArrayBuffer(count * frameBytes), 1)
for (let i = 0; i < count; i++) {
  const at = i * frameBytes
  arena.u32.set([ExecEvent.size, 0, 1000 + i, 1, 0], at / 4)
  arena.buf.write(`worker-${i}`, at + 8 + 12, 'latin1')
  arena.buf.write(`/usr/lib/node_modules/tool-${i}/bin/run`, at + 8 + 40, 'latin1')
}
let length = 0

const walkExecEvents = compile(ExecEvent, 'ring')

function decodeWithLibrary(): void {
  const raise = (error: unknown): never => {
    throw error
  }
  const cursor = {
    position: 0,
    end: count * frameBytes,
    records: 0,
    limit: Infinity,
    raise,
    returned: () => undefined,
  }
  walkExecEvents(arena, cursor, 0, (event: { comm: string; filename: string }) => {
    length += event.comm.length + event.filename.length
  })
}

const utf8 = new TextDecoder()

/** As one writes it by hand. */
function decodeWithTextDecoder(): void {
  const { u8, u32, u64 } = arena
  const text = (start: number, size: number): string => {
    const field = u8.subarray(start, start + size)
    const stop = field.indexOf(0)
    return utf8.decode(stop < 0 ? field : field.subarray(0, stop))
  }
  for (let at = 8; at < count * frameBytes; at += frameBytes) {
    const event = {
      pid: u32[at >>> 2],
      ppid: u32[(at >>> 2) + 1],
      uid: u32[(at >>> 2) + 2],
      comm: text(at + 12, 16),
      time_ns: u64[(at + 32) >>> 3],
      filename: text(at + 40, 496),
    }
    length += event.comm.length + event.filename.length
  }
}

/** Nanoseconds to decode an exec event with two strings. */
export function decodeExec(side: 'TextDecoder' | 'library'): number {
  const decode = side === 'library' ? decodeWithLibrary : decodeWithTextDecoder
  const rounds = 100
  let ns = NaN
  for (let run = 0; run < 4; run++) {
    const start = process.hrtime.bigint()
    for (let round = 0; round < rounds; round++) decode()
    ns = Number(process.hrtime.bigint() - start) / rounds / count
  }
  if (length === 0) throw new Error('nothing was decoded')
  return ns
}
