import type { ProducerCounts } from '../map/counters.js'
import type { BpfMap } from '../map/map.js'
import type { ReaderStats, SourceState } from './accounting.js'
import { checkMap } from './arguments.js'
import {
  type AwaitedCallback,
  callbacksAndOptions,
  checkCallbacks,
  type TagCallbacks,
  type Told,
} from './callbacks.js'
import type { AsSourced, SourcedRecord } from './decoding.js'
import { quietIntervalUs, Reader } from './reader.js'
import type { ReaderOptions } from './options.js'
import type { IntegerForm } from '../types/type.js'
import type { WithIntegers } from '../types/with-integers.js'
import type { Type } from '../types/struct.js'
import type { Tagged } from '../types/tagged.js'

/** How a reader of ring buffers works. */
export type RingBufferOptions<M extends IntegerForm = 'bigint'> = ReaderOptions<M>

/** One ring of a reader. Positions count bytes since the map was made. */
export interface RingStats {
  /** The map's name in C. */
  name: string
  /** In bytes. */
  sizeBytes: number
  /** Bytes that are queued, headers and records being written included. */
  availableBytes: number
  /** The most that was queued when the reader looked: how near it came to losing records. */
  peakBytes: number
  /** What the reader has taken, in bytes. */
  consumerPosition: number
  /** What the programs have reserved, in bytes. */
  producerPosition: number
  /** Records whose tag no case of `tagged()` has. */
  unknown: number
  /**
   * Records for which there was no room since the reader was made; nothing without
   * `BPFRB_RINGBUF()`. Of a ring that nobody had read before, all since it was made; after
   * a reader in this thread, all since that one ended.
   */
  lost: number | undefined
  /** Records that the program discarded, counted as `lost`; nothing without `BPFRB_RINGBUF()`. */
  discarded: number | undefined
}

/** What a reader of ring buffers has counted. */
export interface RingBufferStats extends ReaderStats {
  /** Records that the programs discarded, of all rings. */
  discarded: number | undefined
  /** Each ring that it reads. */
  rings: RingStats[]
}

/**
 * Reads BPF ring buffers, `BPF_MAP_TYPE_RINGBUF`, through libbpf's
 * `ring_buffer__*` on a thread of libuv. Needs Linux 5.8.
 *
 * With a callback, delivery begins at once: one call into JavaScript a batch,
 * one call of the callback a record, in the order of submission. A callback that
 * throws surfaces as an uncaught exception, and the rest of the batch is still
 * delivered. A callback may be `async`: the next record waits until its promise has
 * settled, one record of a reader at a time, and a rejection is what an exception is.
 * Without a callback, iterate with `records()` or `batches()`. A consumer that awaits,
 * such as a write to a slow stream, then stops reading, as an async callback does, and
 * what the ring has no room for is counted as lost.
 *
 * A ring has one reader. Where another process reads it, too, as it can when the ring is
 * pinned, the reader fails with `ERR_BUSY` as soon as it finds the ring read: what it had
 * received is delivered before, and some of it may have come to the other one as well.
 *
 * A running reader keeps the process alive until `close()`; see `unref()`.
 *
 * @example
 * ```ts
 * using ring = new RingBuffer(object.map('events'), ExecEvent, (event) => {
 *   console.log(event.pid, event.comm)
 * })
 * ```
 */
export class RingBuffer<T, M extends IntegerForm = 'bigint', B = never> extends Reader<
  WithIntegers<T, M>
> {
  /** As they stand in the maps. */
  #counts: (ProducerCounts | undefined)[] = []
  /** What of that belongs to readers before. */
  readonly #earlier: ProducerCounts[] = []
  #lastRings: SourceState[] = []

  /** For iterators: `records()` and `batches()`. */
  constructor(map: BpfMap, decoder: Type<T>, options?: RingBufferOptions<M>)
  /**
   * @param map A map of a loaded object.
   * @param decoder What a record is: a struct, another type, or one of several structs,
   *   see {@link tagged}.
   * @param onRecord Called for each record, with the name of the ring that it is from:
   *   the map's in C. The next record waits for its promise, if it returns one. Of
   *   tagged records also an object with a callback for each case.
   * @throws {BpfError} `ERR_MAP_TYPE` when the map is no ring buffer,
   *   `ERR_STATE` before load, `ERR_LAYOUT` when the decoder does not match the
   *   object's BTF, `ERR_KERNEL`.
   * @throws {TypeError} when a case has no callback, and for a callback that has no case.
   */
  constructor(
    map: BpfMap,
    decoder: Type<T> | Tagged<T, B>,
    onRecord:
      | AwaitedCallback<[record: WithIntegers<T, M>, source: string]>
      | TagCallbacks<Told<B>, M, string>
      | undefined,
    options?: RingBufferOptions<M>,
  )
  constructor(
    map: BpfMap,
    decoder: Type<T>,
    onRecordOrOptions?: unknown,
    options?: RingBufferOptions,
  ) {
    checkMap(map, 'ringbuf')
    const [onRecord, given] = callbacksAndOptions(decoder, onRecordOrOptions, options)
    super('ring', given, [])
    try {
      this.#attach(map, decoder, onRecord)
      this.followSignal()
    } catch (error) {
      this.close()
      throw error
    }
  }

  /**
   * Reads another ring with the same thread. Rings are drained in turn, each in
   * its own order. Callbacks are told the ring's name, so that one may serve all.
   *
   * A reader that is iterated over then yields `{ source, record }`, where `source`
   * is the name of the map, so rings are added before the iteration begins.
   *
   * @throws {BpfError} As the constructor; `ERR_CLOSED`; `ERR_STATE` when it has
   *   been iterated over, and while it is ending.
   */
  add<U>(map: BpfMap, decoder: Type<U>): RingBuffer<AsSourced<T> | SourcedRecord<U>, M>
  add<U, C = never>(
    map: BpfMap,
    decoder: Type<U> | Tagged<U, C>,
    onRecord:
      | AwaitedCallback<[record: WithIntegers<U, M>, source: string]>
      | TagCallbacks<Told<C>, M, string>,
  ): this
  add(map: BpfMap, decoder: Type, onRecord?: unknown): unknown {
    this.#attach(map, decoder, onRecord)
    return this
  }

  /** What the reader has done. After `close()` its last numbers. */
  stats(): RingBufferStats {
    this.refreshCounts()
    const counts = this.#counts.map((all, index) => without(all, this.#earlier[index]))
    const rings = this.maps.map((map, index): RingStats => {
      const { sizeBytes = 0, peakBytes = 0, buffers = [] } = this.#lastRings[index] ?? {}
      const { consumer = 0, producer = 0 } = buffers[0] ?? {}
      return {
        name: map.name,
        sizeBytes,
        availableBytes: producer - consumer,
        peakBytes,
        consumerPosition: consumer,
        producerPosition: producer,
        unknown: this.unknownOf(index),
        lost: counts[index]?.lost,
        discarded: counts[index]?.discarded,
      }
    })
    return {
      ...this.readerStats(sum(rings.map(({ lost }) => lost))),
      discarded: sum(rings.map(({ discarded }) => discarded)),
      rings,
    }
  }

  /** @internal */
  protected override rememberCounts(): void {
    this.maps.forEach((map, index) => {
      this.#lastRings[index] = this.sourceState(index)
      if (!map.kernel.isUsable) return
      const counts = map.producerCounts() ?? this.#counts[index]
      this.#counts[index] = counts
      const position = this.#lastRings[index].buffers[0]?.consumer
      if (counts && position !== undefined) map.kernel.leftAt = { position, counts }
    })
  }

  /**
   * A ring that nobody has read gives this reader all that was ever put into it, so that
   * all losses are this reader's. Else those are from where the reader before it ended, in
   * this thread, or from now on, when that is not known.
   */
  #startCounting({ kernel }: BpfMap, now: ProducerCounts | undefined): void {
    const index = this.maps.length - 1
    const { openedAt } = this.sourceState(index)
    const known = kernel.leftAt?.position === openedAt ? kernel.leftAt.counts : now
    this.#earlier[index] = (openedAt === 0 ? undefined : known) ?? none
  }

  #attach(map: BpfMap, decoder: Type, onRecord: unknown): void {
    checkMap(map, 'ringbuf')
    const callbacks = checkCallbacks(decoder, onRecord)
    const { wakeupBytes } = map
    const intervalUs = wakeupBytes === 0 ? 0 : quietIntervalUs
    const counts = map.kernel.isUsable ? map.producerCounts() : undefined
    this.attachSource(map, decoder, callbacks, intervalUs, (drainIntervalUs) =>
      this.native.addRing(map.fd, wakeupBytes, drainIntervalUs),
    )
    this.#startCounting(map, counts)
    this.expectOf(callbacks)
  }
}

const none: ProducerCounts = { lost: 0, discarded: 0 }

function without(
  counts: ProducerCounts | undefined,
  { lost, discarded } = none,
): ProducerCounts | undefined {
  return counts && { lost: counts.lost - lost, discarded: counts.discarded - discarded }
}

/** Nothing when one of them is not known. */
function sum(numbers: readonly (number | undefined)[]): number | undefined {
  let total = 0
  for (const number of numbers) {
    if (number === undefined) return undefined
    total += number
  }
  return total
}
