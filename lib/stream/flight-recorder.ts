import { addon } from '../addon/addon.js'
import type { NativeFlightRecorder } from '../addon/flight-recorder.js'
import {
  BpfError,
  checkInteger,
  checkOptions,
  closed,
  invalidType,
  outOfRange,
} from '../errors/errors.js'
import { onlineCpus } from '../machine/cpus.js'
import { failure } from '../machine/failure.js'
import { BpfMap } from '../map/map.js'
import { checkLayout } from '../types/layout.js'
import { type IntegerForm } from '../types/type.js'
import { type WithIntegers, withIntegers } from '../types/with-integers.js'
import { checkType, isLent, type Type } from '../types/type.js'
import { Arena } from './batch.js'
import { checkIntegers } from './options.js'
import type { Tally } from './record.js'
import { compile, type Cursor, type Walk } from './walk.js'

/** How a flight recorder is opened. */
export interface FlightRecorderOptions<M extends IntegerForm = 'bigint'> {
  /**
   * Of perf buffers, the size of each CPU's in bytes, rounded up to a power of two
   * and to four pages. By default a recorder that was declared with
   * `BPFRB_FLIGHT_RECORDER()` divides its size among the CPUs; another perf event
   * array has 256 KiB for each.
   */
  bytesPerCpu?: number | undefined
  /**
   * Of perf buffers, by which field records of different CPUs are merged: a 64-bit one
   * of the struct with a time, such as of `bpf_ktime_get_ns()`. Without it the kernel
   * stamps each record with the time besides, which costs the programs about as much
   * as asking for the time does. A ring keeps the order by itself.
   */
  orderBy?: string | undefined
  /** What the 64-bit integers of records are: as `integers` of readers. */
  integers?: M | undefined
}

/** The records of a {@link FlightRecorder}, and what became of the others. */
export interface Snapshot<T> extends Array<T> {
  /**
   * How many records were overwritten since the last snapshot, or for the first one
   * since the buffers were made; they may have been in that snapshot. The kernel
   * counts bytes, so this is known when all records seen so far have one size, as
   * those of a struct do, and nothing otherwise.
   */
  overwritten: number | undefined
  /** The same in bytes of the kernel's buffers, headers included: always known. */
  overwrittenBytes: number
  /**
   * How many records found no room since then; nothing when the map was not
   * declared with a macro that counts them. A ring has no room while the record
   * that would be overwritten is still being written.
   */
  lost: number | undefined
  /**
   * How many records had a tag that no case of `tagged()` has: those that were left out
   * with `unknown: 'skip'`, and those that are here as bytes.
   */
  unknown: number
}

// The order of enum Taken in native/binding/flight_recorder.cc.
const BEGIN_BYTES = 0
const END_BYTES = 1
const OVERWRITTEN_BYTES = 2
const RECORD_BYTES = 3
const TAKEN_FIELDS = 4

const EBUSY = 16
const EMEDIUMTYPE = 124

/** The kernel's buffers have so much at least, of which a quarter may be left out. */
const fewestPages = 4
const defaultBytesPerCpu = 256 * 1024
/** Of all buffers: the largest ring. */
const mostBytes = 2 ** 31

/**
 * What happened just before: buffers whose oldest records the programs overwrite,
 * and that nobody reads until somebody asks. There is no thread and nobody is
 * woken, so the programs pay for writing a record and for nothing else.
 *
 * Declare it with `BPFRB_FLIGHT_RECORDER()` and write with `bpfrb_record()`. It is a
 * ring of `BPF_F_RB_OVERWRITE` since Linux 6.19, and before, since Linux 4.7, a perf
 * buffer that is written backward; `object.map(name).usePerfBuffer` says which. A
 * ring of one's own with that flag does as well, and so does any perf event array.
 * Perf buffers pad records to a multiple of 8 bytes, and CPUs that come online after
 * the recorder was made have none.
 *
 * @example
 * ```ts
 * using recorder = new FlightRecorder(object.map('recorder'), SystemCall)
 * // … and when something has gone wrong:
 * for (const call of recorder.snapshot()) console.log(call)
 * ```
 */
export class FlightRecorder<T, M extends IntegerForm = 'bigint'> {
  /** Of all its buffers in the kernel, in bytes. */
  readonly sizeBytes: number
  readonly #native: NativeFlightRecorder
  readonly #map: BpfMap
  readonly #walk: Walk
  readonly #tally: Tally = { unknown: 0 }
  // Of its own, as BatchTaker's.
  readonly #taken = new Float64Array(new ArrayBuffer(8 * TAKEN_FIELDS))
  #arena: Arena | undefined
  #overwrittenBytes = 0
  /** What every record takes in the kernel's buffer; -1 when they differ. */
  #recordBytes = 0
  #lost: number | undefined
  #closed = false

  /**
   * From then on a perf buffer records; a ring does since the object was loaded.
   *
   * @param map A map of a loaded object.
   * @param decoder What a record is: a struct, or another type; no view, as a
   *   snapshot's records outlive it.
   * @throws {BpfError} `ERR_MAP_TYPE` when the map is of neither kind, and of a ring
   *   that does not overwrite; `ERR_STATE` before load; `ERR_LAYOUT`; `ERR_BUSY`
   *   when a reader has the perf buffer; `ERR_PERMISSION`; `ERR_KERNEL`.
   */
  constructor(map: BpfMap, decoder: Type<T>, options: FlightRecorderOptions<M> = {}) {
    const half = checkRecorder(map)
    checkType(decoder, 'decoder')
    if (isLent(decoder)) {
      throw invalidType('a decoder that copies', 'a snapshot, which outlives a view', decoder.name)
    }
    checkOptions(options, ['bytesPerCpu', 'orderBy', 'integers'])
    const integers = checkIntegers(options.integers)
    const timeOffset = options.orderBy === undefined ? -1 : offsetOf(decoder, options.orderBy)
    const pages = half.type === 'ringbuf' ? 0 : pagesPerCpu(half, options.bytesPerCpu)
    checkLayout(decoder, map.described)
    this.#map = half
    const type = withIntegers(decoder, integers)
    this.#walk = compile(type, 'ring', undefined, undefined, this.#tally)
    this.#native = new (addon().FlightRecorder)()
    const { fd } = half
    const result =
      pages === 0
        ? this.#native.openRing(fd)
        : this.#native.openPerf(fd, pages, Int32Array.from(onlineCpus()), timeOffset)
    if (result < 0) throw this.#refused(result)
    this.sizeBytes = this.#native.sizeBytes()
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * The newest records, oldest first, as many as the buffer holds; the same ones
   * again when nothing was written since. Programs go on writing meanwhile. A record
   * is there as a whole or not at all, and none is there twice; what is being
   * written at that moment is left out, and so is what was overwritten while it was
   * copied. Records of perf buffers are in the order of each CPU, and merged by the
   * time, see `orderBy`. Of each of these buffers a sixteenth is left out, 4 KiB at
   * least and room for four of the largest records, as its oldest part may just be
   * overwritten.
   *
   * Blocks while it copies, about a millisecond for each MiB, and decodes, some tenths
   * of a microsecond for each record: 4 to 9 ms for a MiB of records of 24 bytes. Needs
   * as much memory as the buffers have, for perf buffers twice that.
   *
   * @throws {BpfError} `ERR_CLOSED`, `ERR_KERNEL` without memory.
   * @throws {RecordTooShortError} when a record is shorter than its type.
   * @throws {UnknownTagError} when no case of `tagged()` has its tag, unless that says
   *   what becomes of it.
   */
  snapshot(): Snapshot<WithIntegers<T, M>> {
    if (this.#closed) throw closed('take a snapshot of', this.#target())
    this.#arena ??= new Arena(new ArrayBuffer(this.sizeBytes), 0)
    const result = this.#native.snapshot(this.#arena.u8, this.#taken)
    if (result < 0) throw failure('take a snapshot of', this.#target(), result)
    const field = (index: number): number => this.#taken[index] as number
    const records: WithIntegers<T, M>[] = []
    this.#tally.unknown = 0
    const cursor: Cursor = {
      position: field(BEGIN_BYTES),
      end: field(END_BYTES),
      records: 0,
      limit: Infinity,
      raise: (error) => {
        throw error
      },
      returned: () => undefined,
    }
    this.#walk(this.#arena, cursor, 0, (record: WithIntegers<T, M>) => {
      records.push(record)
    })
    const counts = this.#counts(field(OVERWRITTEN_BYTES), field(RECORD_BYTES))
    return Object.assign(records, counts, { unknown: this.#tally.unknown })
  }

  /**
   * Lets go of the buffers; those of a perf buffer are gone then, and programs write
   * no more. Idempotent, never throws.
   */
  close(): void {
    this.#closed = true
    this.#arena = undefined
    this.#native.close()
  }

  /** As `close()`: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** What became of the records that are not in a snapshot, since the last one. */
  #counts(totalBytes: number, recordBytes: number) {
    const overwrittenBytes = Math.max(0, totalBytes - this.#overwrittenBytes)
    this.#overwrittenBytes += overwrittenBytes
    if (this.#recordBytes === 0) this.#recordBytes = recordBytes
    else if (recordBytes !== 0 && recordBytes !== this.#recordBytes) this.#recordBytes = -1
    const overwritten = overwrittenBytes === 0 ? 0 : overwrittenBytes / this.#recordBytes
    const before = this.#lost
    this.#lost = this.#countLost()
    return {
      // It was of one size only so far as it was seen.
      overwritten: overwritten >= 0 && Number.isInteger(overwritten) ? overwritten : undefined,
      overwrittenBytes,
      lost: this.#lost === undefined ? undefined : this.#lost - (before ?? 0),
    }
  }

  /** After the object was closed, what it was then. */
  #countLost(): number | undefined {
    if (!this.#map.kernel.isUsable) return this.#lost
    return this.#map.producerCounts()?.lost ?? this.#lost
  }

  #refused(errno: number): BpfError {
    const details = { operation: 'record', target: this.#target(), errno }
    if (errno === -EMEDIUMTYPE) return notOverwriting(details)
    if (errno === -EBUSY) {
      return new BpfError('ERR_BUSY', 'another reader has it already', {
        ...details,
        hint: 'A perf buffer has one reader in a process: close the other one first',
      })
    }
    return failure('record', details.target, errno)
  }

  #target(): string {
    return `map "${this.#map.name}"`
  }
}

/** Of a recorder that has two maps, the one that load() created. */
function checkRecorder(map: unknown): BpfMap {
  if (!(map instanceof BpfMap)) throw invalidType('a map of a BpfObject', 'map', map)
  const { recorder } = map
  if (recorder === map && map.usePerfBuffer) return map.perfHalf ?? map
  const details = { operation: 'record', target: `map "${map.name}"` }
  if (map.type !== 'ringbuf' && map.type !== 'perf_event_array') {
    const problem = 'it is neither a BPF_MAP_TYPE_RINGBUF nor a BPF_MAP_TYPE_PERF_EVENT_ARRAY'
    throw new BpfError('ERR_MAP_TYPE', problem, details)
  }
  return map
}

function notOverwriting(details: { operation: string; target: string }): BpfError {
  const problem = 'it keeps its oldest records, and refuses new ones while it is full'
  return new BpfError('ERR_MAP_TYPE', problem, {
    ...details,
    hint: 'Declare it with BPFRB_FLIGHT_RECORDER() of bpf-ringbuf.bpf.h, or read it with RingBuffer',
  })
}

function offsetOf({ shape }: Type, field: string): number {
  if (shape.kind === 'tagged') {
    const offsets = new Set(shape.cases.map(({ type }) => offsetOf(type, field)))
    const [first] = offsets
    if (offsets.size === 1 && first !== undefined) return first
    throw invalidType('a field at the same place in all cases', 'orderBy', field)
  }
  const fields = shape.kind === 'struct' ? shape.fields : []
  const found = fields.find(({ name }) => name === field)
  const time = found?.type.shape
  if (time?.kind === 'int' && time.size === 8 && !time.isBigEndian) return found?.offset ?? 0
  throw invalidType('a field of 64 bits of the struct', 'orderBy', field)
}

/** As many as the size needs, which must be a power of two. */
function pagesPerCpu({ recorder }: BpfMap, bytesPerCpu: number | undefined): number {
  if (bytesPerCpu !== undefined) checkInteger(bytesPerCpu, 'bytesPerCpu', 1, mostBytes)
  const cpus = onlineCpus().length
  const shared = recorder === undefined ? undefined : recorder.maxEntries / cpus
  const bytes = bytesPerCpu ?? shared ?? defaultBytesPerCpu
  const pages = Math.max(fewestPages, Math.ceil(bytes / addon().pageBytes))
  const rounded = 2 ** Math.ceil(Math.log2(pages))
  if (rounded * addon().pageBytes * cpus > mostBytes) {
    const expected = `at most ${String(mostBytes)} bytes on all ${String(cpus)} CPUs`
    throw outOfRange(expected, 'bytesPerCpu', bytes)
  }
  return rounded
}
