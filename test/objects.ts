// The objects of test/bpf/, and what their programs make.
import { join } from 'node:path'
import { BpfObject } from '../lib/index.js'
import {
  array,
  bool,
  bytes,
  cstring,
  i16,
  i32,
  i64,
  i8,
  struct,
  u16,
  u32,
  u64,
  type Value,
} from '../lib/index.js'

/** Where `make build-tests` puts an object. */
export function objectPath(name: string): string {
  return join(__dirname, '../build/bpf/test', `${name}.bpf.o`)
}

export function openObject(name: string): BpfObject {
  return BpfObject.open(objectPath(name))
}

/** struct sample of records.bpf.c */
export const Sample = struct('sample', {
  wide: u64,
  negative: i64,
  sequence: u32,
  minus: i32,
  half: u16,
  small: i8,
  even: bool,
  name: cstring(16),
  points: array(struct('point', { x: i16, y: i16 }), 2),
  raw: bytes(3),
  kind: u32,
})
export type Sample = Value<typeof Sample>

export const sampleBytes = 64
/** With the kernel's header. */
export const sampleRingBytes = 72

/** The fields that records.bpf.c makes of a sequence number below 100. */
export function sampleOf(sequence: number): Sample {
  return {
    wide: BigInt(sequence) * 0x100000001n,
    negative: -BigInt(sequence),
    sequence,
    minus: -sequence,
    half: sequence,
    small: -sequence,
    even: sequence % 2 === 0,
    name: `s-${String(sequence % 10)}`,
    points: [
      { x: sequence, y: -sequence },
      { x: sequence + 1, y: -sequence - 1 },
    ],
    raw: Uint8Array.of(sequence, 0, 0),
    kind: sequence % 2 === 0 ? 1 : 0,
  }
}

/** struct request of records.bpf.c */
interface Request {
  count: number
  /** The first record's sequence number. */
  first?: number
  discardEvery?: number
}

/** As records.bpf.c has them. */
const recordsPerRun = 500
const wordsPerRun = 256

/** Runs a program of records.bpf.c on this thread. */
export function make(
  object: BpfObject,
  ring: 'events' | 'others' | 'plain',
  { count, first = 1, discardEvery = 0 }: Request,
): void {
  for (let index = 0; index < count; index += recordsPerRun) {
    const part = Math.min(recordsPerRun, count - index)
    run(object, `make_${ring}`, part, [part, first + index, discardEvery, index])
  }
}

/** Makes one record of any size in the ring "events"; see `bytesOf()`. */
export function makeBytes(object: BpfObject, sizeBytes: number, sequence = 1): void {
  for (let index = 0; index < sizeBytes / 8; index += wordsPerRun) {
    run(object, 'fill_words', wordsPerRun, [0, sequence, 0, index])
  }
  run(object, 'make_bytes', 1, [sizeBytes, 0])
}

function run(object: BpfObject, program: string, count: number, request: number[]): void {
  const context = new Uint8Array(Uint32Array.from(request).buffer)
  const made = object.program(program).testRun({ context }).returnValue
  if (made !== count) throw new Error(`${String(made)} of ${String(count)} were made`)
}

/** What `makeBytes()` makes. */
export function bytesOf(sequence: number, sizeBytes: number): Uint8Array {
  const words = BigUint64Array.from({ length: Math.ceil(sizeBytes / 8) }, (_, i) =>
    BigInt(sequence + i),
  )
  return new Uint8Array(words.buffer, 0, sizeBytes)
}

/** The numbers from `first` on. */
export function numbers(count: number, first = 1): number[] {
  return Array.from({ length: count }, (_, i) => first + i)
}

/** struct sample of streams.bpf.c */
export const Numbered = struct('sample', { time_ns: u64, sequence: u32, cpu: u32 })
export type Numbered = Value<typeof Numbered>

/** An object of streams.bpf.c whose programs this thread runs, by `makeNumbered()`. */
export function loadStreams(): BpfObject {
  const object = openObject('streams')
  object.globals['producer_tgid'] = process.pid
  return object.load()
}

/**
 * Makes records in its ring "events" or its perf buffer "samples", numbered on each
 * CPU. Of those in the ring, every 16th is discarded.
 */
export function makeNumbered(object: BpfObject, map: 'events' | 'samples', count: number): void {
  const program = object.program(map === 'events' ? 'to_stream' : 'to_perf')
  for (let i = 0; i < count; i++) program.testRun({ context: new Uint8Array(16) })
}
