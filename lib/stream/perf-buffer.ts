import { checkInteger, invalidType, outOfRange } from '../errors/errors.js'
import type { BpfMap } from '../map/map.js'
import { addon } from '../addon/addon.js'
import { onlineCpus } from '../machine/cpus.js'
import type { ReaderStats, SourceState } from './accounting.js'
import { checkMap } from './arguments.js'
import {
  type AwaitedCallback,
  callbacksAndOptions,
  checkCallback,
  checkCallbacks,
  type TagCallbacks,
  type Told,
} from './callbacks.js'
import type { AsSourced, SourcedRecord } from './decoding.js'
import type { OnLost } from './delivery.js'
import { quietIntervalUs, Reader } from './reader.js'
import type { ReaderOptions } from './options.js'
import type { OnRecord, OnRecords } from './record.js'
import type { IntegerForm } from '../types/type.js'
import type { WithIntegers } from '../types/with-integers.js'
import type { Type } from '../types/struct.js'
import type { Tagged } from '../types/tagged.js'

export interface PerfBufferOptions<M extends IntegerForm = 'bigint'> extends ReaderOptions<M> {
  /** Size of each CPU's buffer in pages, a power of two. Default 64. */
  pagesPerCpu?: number | undefined
  /**
   * Wake the poll thread when so many bytes are queued on a CPU; below that it
   * drains every `coalesceUs` (every 100 ms when that is 0), so it wakes up by itself even when
   * idle. Default
   * half of a buffer, unless `wakeupEvents` is given or `coalesceUs` is 0.
   */
  watermarkBytes?: number | undefined
  /**
   * Wake the poll thread for each so many events of a CPU instead, as libbpf
   * does with 1. With 1 an idle reader sleeps, and each event costs the traced
   * workload a wake-up.
   */
  wakeupEvents?: number | undefined
  /**
   * The CPUs to read, by default those that are online now. A CPU that comes
   * online later has no buffer: what programs send there is lost, and counted
   * when the map is declared with `BPFRB_PERFBUF()`. Make a new reader then. A
   * CPU that goes offline just stops sending.
   */
  cpus?: readonly number[] | undefined
  /**
   * Called where the kernel says that it dropped events of a CPU, in their place
   * between that CPU's records. The kernel says so with the next event that
   * finds room. Where records go to callbacks, the next one waits for its promise,
   * if it returns one.
   */
  onLost?: OnLost | undefined
  /**
   * Ordered delivery: the name of a 64-bit field with a time in nanoseconds, such
   * as of `bpf_ktime_get_ns()`. Records of all CPUs, and all maps of the reader,
   * are merged by it. For callbacks, and decoders that copy.
   */
  orderBy?: string | undefined
  /**
   * How long a record is held back for older ones of other CPUs, in
   * milliseconds; above `coalesceUs`. Records that come later still are
   * delivered at once and counted as `late`. Default 10.
   */
  orderWindowMs?: number | undefined
}

/** One perf event array of a reader. */
export interface PerfMapStats {
  /** The map's name in C. */
  name: string
  /** Size of each CPU's buffer in bytes. */
  bytesPerCpu: number
  /** How many CPUs have a buffer. */
  cpus: number
  /** Bytes that are queued on all CPUs, headers included. */
  availableBytes: number
  /** Records whose tag no case of `tagged()` has. */
  unknown: number
  /** Events that the kernel said it dropped, by CPU number. */
  lostByCpu: number[]
}

/** What a reader of perf buffers has counted. */
export interface PerfBufferStats extends ReaderStats {
  /** With `orderBy`: records that came after a younger one had been delivered. */
  late: number
  /** Each perf event array that it reads. */
  maps: PerfMapStats[]
}

/**
 * Reads perf buffers, `BPF_MAP_TYPE_PERF_EVENT_ARRAY`, through libbpf's
 * `perf_buffer__*`: a buffer for each CPU, filled by `bpf_perf_event_output()`.
 * For kernels before 5.8, and for comparison: ring buffers keep the order of
 * events across CPUs and share their memory.
 *
 * As {@link RingBuffer} otherwise; callbacks get the CPU too. Events are in
 * order on each CPU, not across. The kernel pads events to a multiple of 8 bytes
 * and does not say by how much: types that take the rest of a record see up to 7
 * bytes of padding at its end.
 *
 * @example
 * ```ts
 * using perf = new PerfBuffer(object.map('events'), ExecEvent, (event, cpu) => {
 *   console.log(cpu, event.pid, event.comm)
 * })
 * ```
 */
export class PerfBuffer<T, M extends IntegerForm = 'bigint', B = never> extends Reader<
  WithIntegers<T, M>
> {
  readonly #pages: number
  readonly #watermarkBytes: number
  readonly #wakeupEvents: number
  readonly #cpus: Int32Array
  #orderBy: string | undefined
  #lastStates: SourceState[] = []
  /** As they stand in the maps, and what of that belongs to readers of this thread before. */
  #counted: (number | undefined)[] = []
  readonly #earlier: number[] = []

  /** For iterators: `records()` and `batches()`. */
  constructor(map: BpfMap, decoder: Type<T>, options?: PerfBufferOptions<M>)
  /**
   * @param map A map of a loaded object.
   * @param decoder What a record is: a struct, or another type.
   * @param onRecord Called for each record, with its CPU. The next record waits for its
   *   promise, if it returns one. Of tagged records also an object with a callback for
   *   each case.
   * @throws {BpfError} `ERR_MAP_TYPE` when the map is no perf event array,
   *   `ERR_STATE` before load, `ERR_LAYOUT`, `ERR_PERMISSION`, `ERR_KERNEL`.
   * @throws {RangeError} when one of the CPUs is not online.
   */
  constructor(
    map: BpfMap,
    decoder: Type<T> | Tagged<T, B>,
    onRecord:
      | AwaitedCallback<[record: WithIntegers<T, M>, cpu: number]>
      | TagCallbacks<Told<B>, M, number>
      | undefined,
    options?: PerfBufferOptions<M>,
  )
  constructor(
    map: BpfMap,
    decoder: Type<T>,
    onRecordOrOptions?: unknown,
    options?: PerfBufferOptions,
  ) {
    checkMap(map, 'perf_event_array')
    const [onRecord, given] = callbacksAndOptions(decoder, onRecordOrOptions, options)
    super('perf', given, ownOptions)
    try {
      const { pagesPerCpu = 64, wakeupEvents, cpus = [], onLost } = given
      checkInteger(pagesPerCpu, 'pagesPerCpu', 1, 2 ** 20)
      if (!Number.isInteger(Math.log2(pagesPerCpu))) {
        throw outOfRange('a power of two', 'pagesPerCpu', pagesPerCpu)
      }
      const bufferBytes = pagesPerCpu * addon().pageBytes
      const byEvents = wakeupEvents !== undefined || given.coalesceUs === 0
      const { watermarkBytes = byEvents ? 0 : bufferBytes / 2 } = given
      if (given.watermarkBytes !== undefined) {
        checkInteger(watermarkBytes, 'watermarkBytes', 1, bufferBytes - 1)
        if (wakeupEvents !== undefined) {
          throw invalidType('one of watermarkBytes and wakeupEvents', 'options', 'both')
        }
      }
      if (onLost !== undefined) checkCallback(onLost, 'onLost')
      this.#pages = pagesPerCpu
      this.#watermarkBytes = watermarkBytes
      this.#wakeupEvents = checkInteger(wakeupEvents ?? 1, 'wakeupEvents', 1, 2 ** 31 - 1)
      this.#cpus = checkCpus(cpus)
      this.#setOrder(given)
      this.onLost = onLost
      this.#attach(map, decoder, onRecord)
      this.followSignal()
    } catch (error) {
      this.close()
      throw error
    }
  }

  /**
   * Reads another perf event array with the same thread and the same options.
   * As {@link RingBuffer.add} otherwise.
   *
   * @throws {BpfError} As the constructor; `ERR_CLOSED`, `ERR_STATE`.
   */
  add<U>(map: BpfMap, decoder: Type<U>): PerfBuffer<AsSourced<T> | SourcedRecord<U>, M>
  add<U, C = never>(
    map: BpfMap,
    decoder: Type<U> | Tagged<U, C>,
    onRecord:
      AwaitedCallback<[record: WithIntegers<U, M>, cpu: number]> | TagCallbacks<Told<C>, M, number>,
  ): this
  add(map: BpfMap, decoder: Type, onRecord?: unknown): unknown {
    this.#attach(map, decoder, onRecord)
    return this
  }

  #attach(map: BpfMap, decoder: Type, onRecord: unknown): void {
    checkMap(map, 'perf_event_array')
    const given = checkCallbacks(decoder, onRecord)
    const callbacks = this.#ordered(decoder, given)
    const { coalesceUs } = this.options
    const wakesForEach = this.#watermarkBytes === 0 && this.#wakeupEvents === 1
    const intervalUs = wakesForEach ? 0 : coalesceUs || quietIntervalUs
    const earlier = map.kernel.leftAt?.counts.lost ?? 0
    this.attachSource(map, decoder, callbacks, intervalUs, (drainIntervalUs) =>
      this.native.addPerf(
        map.fd,
        this.#pages,
        this.#watermarkBytes,
        this.#wakeupEvents,
        this.#cpus,
        drainIntervalUs,
      ),
    )
    this.#earlier.push(earlier)
    this.expectOf(given)
  }

  #setOrder({ orderBy, orderWindowMs = 10 }: PerfBufferOptions): void {
    checkInteger(orderWindowMs, 'orderWindowMs', 1, 60_000)
    if (orderBy === undefined) return
    if (typeof orderBy !== 'string') throw invalidType('the name of a field', 'orderBy', orderBy)
    const { coalesceUs } = this.options
    if (1000 * orderWindowMs <= coalesceUs) {
      const expected = `more than coalesceUs (${String(coalesceUs / 1000)} ms)`
      throw outOfRange(expected, 'orderWindowMs', orderWindowMs)
    }
    this.#orderBy = orderBy
    this.createMerge(BigInt(orderWindowMs) * 1_000_000n, mostHeldBack)
  }

  /** Callbacks that pass their records through the merge. */
  #ordered(decoder: Type, onRecord: OnRecords | undefined): OnRecords | undefined {
    const merge = this.merge
    const field = this.#orderBy
    if (merge === undefined || field === undefined) return onRecord
    if (onRecord === undefined || !hasTime(decoder, field)) {
      throw invalidType('a struct with this field of 64 bits, and a callback', 'orderBy', field)
    }
    const order = (callback: OnRecord): OnRecord => {
      const call = callback as (record: Timed, cpu: number) => unknown
      const push = (record: Timed, cpu: number): void => {
        merge.push(BigInt(record[field] as number), () => call(record, cpu))
      }
      return push
    }
    return typeof onRecord === 'function' ? order(onRecord) : onRecord.map(order)
  }

  /** What the reader has done. After `close()` its last numbers. */
  stats(): PerfBufferStats {
    this.refreshCounts()
    const maps = this.maps.map((map, index): PerfMapStats => {
      const { sizeBytes = 0, buffers = [], lostByCpu = [] } = this.#lastStates[index] ?? {}
      return {
        name: map.name,
        bytesPerCpu: sizeBytes,
        cpus: buffers.length,
        availableBytes: buffers.reduce(
          (sum, { consumer, producer }) => sum + producer - consumer,
          0,
        ),
        unknown: this.unknownOf(index),
        lostByCpu,
      }
    })
    const lost = maps.reduce(
      (sum, { lostByCpu }, index) =>
        // The program's count is exact; the kernel's lacks the latest ones.
        sum + (this.#lostOf(index) ?? lostByCpu.reduce((all, one) => all + one, 0)),
      0,
    )
    return { ...this.readerStats(lost), late: this.merge?.late ?? 0, maps }
  }

  #lostOf(index: number): number | undefined {
    const all = this.#counted[index]
    return all === undefined ? undefined : all - (this.#earlier[index] ?? 0)
  }

  /** @internal */
  protected override rememberCounts(): void {
    this.maps.forEach((map, index) => {
      this.#lastStates[index] = this.sourceState(index)
      if (!map.kernel.isUsable) return
      const counts = map.producerCounts()
      if (counts === undefined) return
      this.#counted[index] = counts.lost
      map.kernel.leftAt = { position: 0, counts }
    })
  }
}

type Timed = Readonly<Record<string, number | bigint | string>>

/** Whether all records have a field of 64 bits with this name. */
function hasTime({ shape }: Type, field: string): boolean {
  if (shape.kind === 'tagged') {
    // A record that is given as bytes has no fields.
    return shape.unknown !== 'bytes' && shape.cases.every(({ type }) => hasTime(type, field))
  }
  const fields = shape.kind === 'struct' ? shape.fields : []
  const found = fields.find(({ name }) => name === field)?.type.shape
  return found?.kind === 'int' && found.size === 8
}

const ownOptions = [
  'pagesPerCpu',
  'watermarkBytes',
  'wakeupEvents',
  'cpus',
  'onLost',
  'orderBy',
  'orderWindowMs',
] as const

/** Of ordered delivery, in records. */
const mostHeldBack = 2 ** 20

/** Refuses CPUs without the kernel's help, which says only that one of them failed. */
function checkCpus(cpus: unknown): Int32Array {
  if (!Array.isArray(cpus)) throw invalidType('an array of CPU numbers', 'cpus', cpus)
  const online = onlineCpus()
  for (const cpu of cpus as number[]) {
    checkInteger(cpu, 'a CPU of cpus', 0, 2 ** 16 - 1)
    if (!online.includes(cpu)) {
      throw outOfRange(`CPUs that are online (${online.join(', ')})`, 'cpus', cpu)
    }
  }
  if (new Set(cpus).size !== cpus.length) throw outOfRange('different CPUs', 'cpus', cpus)
  return Int32Array.from(cpus as number[])
}
