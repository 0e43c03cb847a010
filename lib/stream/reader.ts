// What ring and perf buffers have in common: the JavaScript half of a stream.
import { performance } from 'node:perf_hooks'
import {
  type Arena,
  BatchTaker,
  frameHeaderBytes,
  type LentBatch,
  lostFrame,
  recordBytesBetween,
} from './batch.js'
import { compile, type Cursor, type Flavour, type Walk } from './walk.js'
import { BpfError, invalidType } from '../errors/errors.js'
import { closed, failure } from '../machine/failure.js'
import { type RecordIterator, serialIterator } from './iteration.js'
import { checkLayout } from '../types/layout.js'
import { BpfMap, MapType } from '../map/map.js'
import { addon, type NativeReader } from '../addon/addon.js'
import { checkReaderOptions, type ReaderOptions } from './options.js'
import { checkType, type Type } from '../types/struct.js'

/** What a reader has done since it was made. */
export interface ReaderStats {
  /** Records delivered to callbacks or iterators. */
  records: number
  /** Bytes of these records, without headers. */
  bytes: number
  /** Batches that were handed to JavaScript. */
  batches: number
  /** Times that the poll thread was woken by the kernel or its interval. */
  wakeups: number
  /** Records taken from the kernel but not delivered yet; after close() they are gone. */
  undelivered: number
  /**
   * Records for which there was no room in the kernel's buffer. Nothing when
   * that is not known: rings count it when declared with `BPFRB_RINGBUF()`.
   */
  lost: number | undefined
}

/**
 * How far a map's buffers were written and read, in bytes since they were made.
 *
 * @internal
 */
export interface SourceState {
  /** Of each buffer. */
  sizeBytes: number
  /** One; of a perf buffer one for each CPU. */
  buffers: { consumer: number; producer: number }[]
  /** Records that the kernel reported as lost; of perf buffers. */
  lostByCpu: number[]
}

/** One map that a reader reads. */
interface Handler {
  readonly map: BpfMap
  readonly walk: Walk
  readonly onRecord: ((record: never, cpu: number) => void) | undefined
}

/** How long callbacks run before timers and I/O get their turn. */
const turnMs = 2

/**
 * The common half of {@link RingBuffer} and `PerfBuffer`.
 *
 * The poll thread publishes batches and rings; one call of #pump delivers all
 * that are there. Callbacks are called with the batch still lent; iterators
 * decode a batch at once and give it back. When nobody takes batches the poll
 * thread stops draining.
 */
export abstract class Reader<T> {
  /** @internal */
  protected readonly native: NativeReader
  /** @internal */
  protected readonly handlers: Handler[] = []
  /** @internal Told what the kernel says that it dropped, in its place between the records. */
  protected onLost: ((lost: number, cpu: number) => void) | undefined
  readonly #taker = new BatchTaker()
  readonly #cursor: Cursor
  readonly #flavour: Flavour
  readonly #pollThread: boolean
  readonly #batchBytes: number
  readonly #signal: AbortSignal | undefined
  readonly #atClose: (() => void)[] = []
  #usesCallbacks: boolean | undefined
  #started = false
  #closed = false
  #delivering = false
  #referenced = true
  #scheduled: NodeJS.Immediate | undefined
  #records = 0
  #bytes = 0
  /** The last numbers of the native reader before it was closed. */
  #lastStats: number[] = []
  // Of iterators: the batch that a decoding error interrupted, and the error;
  // records that were decoded but not handed out; who waits for more.
  #interrupted: LentBatch | undefined
  #error: Error | undefined
  #decoded: T[] = []
  #decodedIndex = 0
  #waiters: (() => void)[] = []
  #iterating = false
  /** Positions up to which end() delivers. */
  #endTargets: number[] | undefined

  /** @internal */
  protected constructor(
    flavour: Flavour,
    options: ReaderOptions,
    ownOptions: readonly string[],
    drainIntervalUs: (coalesceUs: number) => number,
  ) {
    const { coalesceUs, batchBytes, batchCount, ...checked } = checkReaderOptions(
      options,
      ownOptions,
      drainIntervalUs,
    )
    this.#flavour = flavour
    this.#pollThread = checked.pollThread
    this.#batchBytes = batchBytes
    this.#signal = checked.signal
    this.#cursor = {
      position: 0,
      end: 0,
      records: 0,
      limit: Infinity,
      raise: throwUncaught,
      returned: () => undefined,
    }
    this.native = new (addon().Reader)(
      coalesceUs,
      checked.drainIntervalUs,
      batchBytes,
      batchCount,
      this.#taker.taken,
    )
    const result = this.native.open()
    if (result < 0) {
      this.native.close()
      throw failure('open', 'a reader', result)
    }
  }

  /** @internal */
  protected attachSource(
    map: BpfMap,
    decoder: Type,
    onRecord: ((record: never, cpu: number) => void) | undefined,
    open: () => number,
  ): void {
    const target = `map "${map.name}"`
    if (this.#closed) throw closed('read', target)
    checkType(decoder, 'decoder')
    if (onRecord !== undefined && typeof onRecord !== 'function') {
      throw invalidType('a function', 'onRecord', onRecord)
    }
    const usesCallbacks = onRecord !== undefined
    if (this.#usesCallbacks !== undefined && this.#usesCallbacks !== usesCallbacks) {
      throw new BpfError(
        'ERR_STATE',
        'a reader delivers all its maps to callbacks, or all to an iterator',
        { operation: 'add', target },
      )
    }
    if (!usesCallbacks && decoder.shape.kind === 'view') {
      throw invalidType('a decoder that copies', 'an iterator, which outlives a view', decoder.name)
    }
    checkLayout(decoder, map.object)
    const walk = compile(decoder, this.#flavour)
    const release = map.claim()
    const result = open()
    if (result < 0) {
      release()
      throw failure('read', target, result)
    }
    this.#atClose.push(release)
    this.#usesCallbacks = usesCallbacks
    this.handlers.push({ map, walk, onRecord })
    this.#atClose.push(
      map.object.beforeClose(() => {
        this.rememberCounts()
      }),
    )
    if (usesCallbacks) this.#start()
  }

  /** @internal Called before the maps' objects close. */
  protected abstract rememberCounts(): void

  /** @internal Called at the end of a subclass's constructor. */
  protected followSignal(): void {
    const signal = this.#signal
    if (signal === undefined) return
    const close = (): void => {
      this.close()
    }
    if (signal.aborted) {
      close()
    } else {
      signal.addEventListener('abort', close, { once: true })
      this.#atClose.push(() => {
        signal.removeEventListener('abort', close)
      })
    }
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Ends delivery, stops the poll thread and releases everything. Idempotent,
   * never throws, legal inside a callback. Blocks until the thread has ended,
   * at most for the drain of one batch. Records in batches that were not
   * delivered yet are dropped, counted by `stats().undelivered`: `await flush()`
   * before, or `await using`, delivers them.
   */
  close(): void {
    if (this.#closed) return
    // Until its thread has ended, records go on from the ring into batches.
    this.native.stop()
    this.rememberCounts()
    this.#lastStats = this.native.stats()
    this.#closed = true
    this.#cursor.limit = 0
    this.native.close()
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled)
    for (const callback of this.#atClose) callback()
    this.#wakeWaiters()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** As `end()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }

  /** Lets the reader keep the process alive, as it does unless told otherwise. */
  ref(): this {
    this.#referenced = true
    if (this.#started && !this.#closed) this.native.setRef(true)
    this.#scheduled?.ref()
    return this
  }

  /** Lets the process end while the reader runs. */
  unref(): this {
    this.#referenced = false
    if (this.#started && !this.#closed) this.native.setRef(false)
    this.#scheduled?.unref()
    return this
  }

  /**
   * Drains on the calling thread and calls the callbacks before it returns: for
   * manual and busy polling, usually with `pollThread: false`. Does not wait for
   * records.
   *
   * @returns The number of records delivered.
   * @throws {BpfError} `ERR_CLOSED`, `ERR_STATE` inside a callback and on a
   *   reader without callbacks.
   */
  consume(): number {
    this.#checkOpen('consume')
    if (this.#delivering) throw this.#stateError('consume', 'a callback of it is running')
    if (this.#usesCallbacks !== true) throw this.#stateError('consume', 'it has no callbacks')
    const before = this.#records
    // As many batches as all rings together can fill, and some: a producer that
    // is faster than the callbacks does not hold the caller for ever.
    let passes = this.#batchesForAll()
    let more: boolean
    while (this.#deliverBatch());
    do {
      // A batch at a time stays in the cache.
      this.#drain()
      ;({ more } = this.#taker)
      while (this.#deliverBatch());
    } while (more && --passes > 0 && !this.#closed)
    return this.#records - before
  }

  /**
   * Resolves when all records that were committed before the call have been
   * delivered, without waiting for coalescing. On a reader without callbacks it
   * resolves when they are ready for the iterator, as far as batches are free.
   *
   * @throws {BpfError} `ERR_CLOSED`
   */
  async flush(): Promise<void> {
    this.#checkOpen('flush')
    const targets = this.#producerPositions()
    for (;;) {
      // Before the drain, which waits for a drain of the poll thread to end.
      const reached = this.#reached(targets)
      if (!this.#delivering) {
        this.#drain()
        if (this.#usesCallbacks === true) while (this.#deliverBatch());
        else this.#wakeWaiters()
        if (reached || this.#closed || this.#usesCallbacks !== true) return
      }
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#closed) return
    }
  }

  /**
   * Delivers what was committed until now, then closes. An iterator that is in
   * use gets it first and then ends, and the promise resolves after that; with
   * none in use there is nobody to deliver to. Idempotent.
   */
  async end(): Promise<void> {
    if (this.#closed) return
    if (this.#usesCallbacks === true) {
      await this.flush()
    } else if (this.#iterating) {
      this.#endTargets ??= this.#producerPositions()
      this.#wakeWaiters()
      await new Promise<void>((resolve) => this.#atClose.push(resolve))
    }
    this.close()
  }

  /**
   * Iterates over the records. `break` leaves the reader open, and the next
   * iterator goes on after the last record; `close()` ends the iteration. While
   * the loop's body runs nothing is read ahead but what batches hold.
   *
   * Costs a promise a record: `batches()` is the faster one.
   *
   * @throws {BpfError} `ERR_STATE` on a reader with callbacks and while another
   *   iterator is in use; from the iteration `ERR_RECORD_TOO_SHORT`, after which
   *   a new iterator goes on with the next record.
   */
  records(): RecordIterator<T> {
    return this.#iterate(async () => {
      if (this.#decodedIndex >= this.#decoded.length && !(await this.#decodeNext())) {
        return undefined
      }
      return { value: this.#decoded[this.#decodedIndex++] as T }
    })
  }

  /**
   * Iterates over batches of records, each as large as the load makes it. As
   * `records()` otherwise.
   */
  batches(): RecordIterator<T[]> {
    return this.#iterate(async () => {
      if (this.#decodedIndex >= this.#decoded.length && !(await this.#decodeNext())) {
        return undefined
      }
      const value =
        this.#decodedIndex === 0 ? this.#decoded : this.#decoded.slice(this.#decodedIndex)
      this.#decoded = []
      this.#decodedIndex = 0
      return { value }
    })
  }

  [Symbol.asyncIterator](): RecordIterator<T> {
    return this.records()
  }

  /** @internal */
  protected readerStats(lost: number | undefined): ReaderStats {
    const native = this.#closed ? this.#lastStats : this.native.stats()
    const [received = 0, , batches = 0, wakeups = 0, dropped = 0] = native
    const ahead = this.#decoded.length - this.#decodedIndex
    const records = this.#records + (this.#delivering ? this.#cursor.records : 0) - ahead
    return {
      records,
      bytes: this.#bytes,
      batches,
      wakeups,
      undelivered: received - records,
      lost: dropped === 0 ? lost : (lost ?? 0) + dropped,
    }
  }

  #start(): void {
    if (this.#started || this.#closed || !this.#pollThread) return
    const pump = (): void => {
      this.#pump()
    }
    // Bun ends the process at the first use of libuv's threads.
    const result = this.native.start(pump, process.versions['bun'] === undefined)
    if (result < 0) throw failure('start', 'the poll thread', result)
    this.#started = true
    if (!this.#referenced) this.native.setRef(false)
  }

  /** The bell: there are published batches. */
  #pump(): void {
    if (this.#usesCallbacks !== true) {
      this.#wakeWaiters()
      return
    }
    // A callback that runs a nested event loop is not interrupted.
    if (this.#delivering || this.#scheduled !== undefined) return
    const end = performance.now() + turnMs
    while (this.#deliverBatch()) {
      if (performance.now() < end) continue
      this.#scheduled = setImmediate(() => {
        this.#scheduled = undefined
        this.#pump()
      })
      if (!this.#referenced) this.#scheduled.unref()
      return
    }
    if (!this.#closed && this.#taker.errno !== 0) {
      throwUncaught(this.#threadError())
      this.close()
    }
  }

  /** Delivers the oldest batch to the callbacks; false when there is none. */
  #deliverBatch(): boolean {
    if (this.#closed) return false
    const batch = this.#taker.take(this.native)
    if (batch === undefined) return false
    this.#delivering = true
    this.#walk(batch, 0, undefined)
    this.#delivering = false
    return true
  }

  /**
   * Walks a batch from `start` on and gives it back, unless the cursor was
   * stopped within it and the reader is open.
   */
  #walk(batch: LentBatch, start: number, collect: ((record: never) => void) | undefined): void {
    const cursor = this.#cursor
    const { arena, sizeBytes } = batch
    cursor.position = start
    cursor.end = sizeBytes
    cursor.records = 0
    while (cursor.position < sizeBytes && cursor.records < cursor.limit) {
      const stream = streamAt(arena, cursor.position)
      const source = stream >>> 16
      if ((stream & lostFrame) !== 0) {
        this.#reportLost(arena, stream)
        continue
      }
      const handler = this.handlers[source] as Handler
      handler.walk(arena, cursor, source, (collect ?? handler.onRecord) as () => void)
    }
    const whole = start === 0 && cursor.position >= sizeBytes
    this.#bytes += whole ? batch.recordBytes : recordBytesBetween(arena, start, cursor.position)
    this.#records += cursor.records
    cursor.records = 0
    if (cursor.position >= sizeBytes || this.#closed) this.native.giveBack(batch.index)
  }

  /** Steps over the kernel's message that it had to drop records. */
  #reportLost(arena: Arena, stream: number): void {
    const cursor = this.#cursor
    const lost = Number(arena.u64[(cursor.position + frameHeaderBytes) >>> 3])
    cursor.position += frameHeaderBytes + 8
    try {
      this.onLost?.(lost, stream & 0xffff)
    } catch (error) {
      cursor.raise(error)
    }
  }

  /** Decodes a batch into #decoded, waiting for one; false when closed. */
  async #decodeNext(): Promise<boolean> {
    for (;;) {
      if (this.#closed) return false
      if (this.#error !== undefined) {
        const error = this.#error
        this.#error = undefined
        throw error
      }
      const start = this.#interrupted === undefined ? 0 : this.#cursor.position
      const batch = this.#interrupted ?? this.#taker.take(this.native)
      if (batch === undefined) {
        if (this.#taker.errno !== 0) {
          this.close()
          throw this.#threadError()
        }
        if (this.#endTargets === undefined) {
          await new Promise<void>((resolve) => this.#waiters.push(resolve))
        } else if (!(await this.#drainToEnd(this.#endTargets))) {
          return false
        }
        continue
      }
      this.#decodeBatch(batch, start)
      if (this.#decoded.length > 0) return true
    }
  }

  /** Looks for the last records; false, and closed, when there are none. */
  async #drainToEnd(targets: readonly number[]): Promise<boolean> {
    const reached = this.#reached(targets)
    if (this.#drain() > 0) return true
    if (reached && this.#undelivered() === 0) {
      this.close()
      return false
    }
    // A record before the target is still being written.
    await new Promise((resolve) => setImmediate(resolve))
    return true
  }

  #decodeBatch(batch: LentBatch, start: number): void {
    const cursor = this.#cursor
    const decoded: T[] = []
    cursor.raise = (error) => {
      cursor.limit = 0
      this.#error = error as Error
    }
    this.#walk(batch, start, (record) => {
      decoded.push(record)
    })
    this.#interrupted = cursor.position < batch.sizeBytes ? batch : undefined
    cursor.limit = Infinity
    this.#decoded = decoded
    this.#decodedIndex = 0
  }

  #iterate<V>(next: () => Promise<{ value: V } | undefined>): RecordIterator<V> {
    if (this.#usesCallbacks === true) {
      throw this.#stateError('iterate over', 'it delivers to callbacks')
    }
    if (this.#iterating) throw this.#stateError('iterate over', 'another iterator is in use')
    this.#start()
    this.#iterating = true
    return serialIterator(
      async () => (this.#closed ? undefined : next()),
      () => {
        this.#iterating = false
      },
    )
  }

  #wakeWaiters(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  #drain(): number {
    const result = this.native.drain()
    if (result < 0) throw failure('read', this.#target(), result)
    return result
  }

  #producerPositions(): number[] {
    return this.#buffers().map(({ producer }) => producer)
  }

  #reached(targets: readonly number[]): boolean {
    const buffers = this.#buffers()
    return targets.every((target, index) => (buffers[index]?.consumer ?? 0) >= target)
  }

  /** Records that were received but not walked yet. */
  #undelivered(): number {
    const [received = 0] = this.native.stats()
    return received - this.#records
  }

  #batchesForAll(): number {
    let bytes = 0
    for (let i = 0; i < this.handlers.length; i++) {
      const { sizeBytes, buffers } = this.sourceState(i)
      bytes += sizeBytes * buffers.length
    }
    return 2 + Math.ceil(bytes / this.#batchBytes)
  }

  /** @internal */
  protected sourceState(index: number): SourceState {
    const fields = this.native.sourceState(index)
    const [sizeBytes = 0, count = 0] = fields
    const buffers = Array.from({ length: count }, (_, i) => ({
      consumer: fields[2 + 2 * i] as number,
      producer: fields[3 + 2 * i] as number,
    }))
    return { sizeBytes, buffers, lostByCpu: fields.slice(2 + 2 * count) }
  }

  #buffers(): SourceState['buffers'] {
    return this.handlers.flatMap((_, index) => this.sourceState(index).buffers)
  }

  #target(): string {
    return `map "${this.handlers.map(({ map }) => map.name).join('", "')}"`
  }

  #checkOpen(operation: string): void {
    if (this.#closed) throw closed(operation, this.#target())
  }

  #stateError(operation: string, problem: string): BpfError {
    return new BpfError('ERR_STATE', problem, { operation, target: this.#target() })
  }

  #threadError(): BpfError {
    return failure('read', this.#target(), -this.#taker.errno)
  }
}

/**
 * Surfaces an error as an uncaught exception without ending the delivery of the
 * batch, as an EventEmitter's listener would.
 */
export function throwUncaught(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}

function streamAt(arena: Arena, position: number): number {
  return arena.u32[(position >>> 2) + 1] as number
}

/** Refuses what is no map, or one of another type than the reader reads. */
export function checkMap(map: unknown, type: keyof typeof MapType): void {
  if (!(map instanceof BpfMap)) throw invalidType('a map of a BpfObject', 'map', map)
  if (map.type === MapType[type]) return
  throw new BpfError('ERR_MAP_TYPE', `it is no BPF_MAP_TYPE_${type}`, {
    operation: 'read',
    target: `map "${map.name}"`,
  })
}
