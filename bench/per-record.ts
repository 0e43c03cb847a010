// What a record costs by itself: nobody waits for anybody.
import { createRequire } from 'node:module'
import { setTimeout } from 'node:timers/promises'
import { type BpfMap, RingBuffer } from 'bpf-ringbuf'
import type * as Batch from '../dist/stream/batch.js'
import type * as Decoder from '../dist/stream/walk.js'
import { openBench, words } from './load.js'
import { NativeConsumer, Producer, type Received } from './processes.js'
import { BenchRecord, ExecEvent, producerCpu } from './records.js'

// Parts of the library that the package does not export; compiled, this file is
// one folder deeper than its source.
const load = createRequire(__filename)
const batch = load('../../dist/stream/batch.js') as typeof Batch
const { compile } = load('../../dist/stream/walk.js') as typeof Decoder

/** Nanoseconds a record to drain a full ring, several times. */
export async function drain(consumer: 'c' | 'node', runs: number): Promise<number[]> {
  const producer = new Producer({ cpu: producerCpu, pauseUs: 1 })
  // 4 MiB hold 262,144 records of 8 bytes with their headers.
  const ringBytes = 4 << 20
  using object = openBench('rb-libbpf', { ...words, ringBytes }, producer.pid)
  object.attach()
  const map = object.map('ring')
  const side = consumer === 'c' ? await drainWithC(map) : drainWithLibrary(map)
  producer.start()
  const results: number[] = []
  // The first runs warm the compiled loop up.
  for (let run = -3; run < runs; run++) {
    while ((side.ring.stats().rings[0]?.availableBytes ?? 0) < ringBytes - 16) await setTimeout(1)
    producer.pause()
    const { records, ns } = await side.drain()
    if (records < ringBytes / 16 - 1)
      throw new Error(`only ${String(records)} records were drained`)
    if (run >= 0) results.push(ns / records)
    producer.resume()
  }
  await side.close()
  await producer.end()
  return results
}

interface DrainSide {
  /** For its fill. */
  ring: RingBuffer<unknown>
  drain: () => Promise<Received> | Received
  close: () => Promise<void> | void
}

async function drainWithC(map: BpfMap): Promise<DrainSide> {
  const baseline = await NativeConsumer.start('ring_consumer', map, '--drain')
  const ring = new RingBuffer(map, BenchRecord, { pollThread: false })
  return {
    ring,
    drain: () => baseline.drain(),
    close: () => {
      ring.close()
      return baseline.close()
    },
  }
}

function drainWithLibrary(map: BpfMap): DrainSide {
  let records = 0
  let sum = 0
  const onRecord = (record: { sequence: number }): void => {
    records++
    sum += record.sequence
  }
  const ring = new RingBuffer(map, BenchRecord, onRecord, { pollThread: false })
  const drain = (): Received => {
    records = 0
    sum = 0
    const start = process.hrtime.bigint()
    ring.consume()
    return { records, sum, ns: Number(process.hrtime.bigint() - start) }
  }
  return {
    ring,
    drain,
    close: () => {
      ring.close()
    },
  }
}

/** Nanoseconds to decode an exec event with two strings, several times. */
export function decodeExec(decoder: 'library' | 'TextDecoder', runs: number): number[] {
  const count = 400
  const frameBytes = 8 + ExecEvent.size
  const memory = new ArrayBuffer(count * frameBytes)
  const arena = new batch.Arena(memory, 1)
  for (let i = 0; i < count; i++) {
    const at = i * frameBytes
    arena.u32.set([ExecEvent.size, 0, 1000 + i, 1, 0], at / 4)
    arena.buf.write(`worker-${String(i)}`, at + 8 + 12, 'latin1')
    arena.buf.write(`/usr/lib/node_modules/tool-${String(i)}/bin/run`, at + 8 + 40, 'latin1')
  }
  const decode = decoder === 'library' ? decodeWithLibrary : decodeWithTextDecoder
  const results: number[] = []
  let length = 0
  for (let run = -3; run < runs; run++) {
    const start = process.hrtime.bigint()
    const rounds = 100
    for (let round = 0; round < rounds; round++) length += decode(arena, count * frameBytes)
    const ns = Number(process.hrtime.bigint() - start)
    if (run >= 0) results.push(ns / rounds / count)
  }
  if (length === 0) throw new Error('nothing was decoded')
  return results
}

function decodeWithLibrary(arena: Batch.Arena, end: number): number {
  let length = 0
  const cursor: Decoder.Cursor = {
    position: 0,
    end,
    records: 0,
    limit: Infinity,
    raise: (error) => {
      throw error
    },
    returned: () => undefined,
  }
  walkExecEvents(arena, cursor, 0, (event: { comm: string; filename: string }) => {
    length += event.comm.length + event.filename.length
  })
  return length
}

const walkExecEvents = compile(ExecEvent, 'ring')

const utf8 = new TextDecoder()

/** As one writes it by hand. */
function decodeWithTextDecoder(arena: Batch.Arena, end: number): number {
  let length = 0
  const { u8, u32: words, u64: longs } = arena
  const text = (start: number, size: number): string => {
    const field = u8.subarray(start, start + size)
    const stop = field.indexOf(0)
    return utf8.decode(stop < 0 ? field : field.subarray(0, stop))
  }
  for (let at = 8; at < end; at += 8 + ExecEvent.size) {
    const event = {
      pid: words[at >>> 2],
      ppid: words[(at >>> 2) + 1],
      uid: words[(at >>> 2) + 2],
      comm: text(at + 12, 16),
      time_ns: longs[(at + 32) >>> 3],
      filename: text(at + 40, 496),
    }
    length += event.comm.length + event.filename.length
  }
  return length
}
