// What ring and perf buffers have in common: the life of a stream's JavaScript half.
import { performance } from 'node:perf_hooks'
import { addon, type NativeReader } from '../addon/addon.js'
import { BpfError, checkInteger, checkOptions, closed, invalidType } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import { BpfMap, MapType } from '../map/map.js'
import { checkLayout } from '../types/layout.js'
import { checkType, type Type } from '../types/struct.js'
import { Delivery } from './delivery.js'
import { Iterations } from './iteration.js'
import {
  type CheckedOptions,
  checkReaderOptions,
  isAbortSignal,
  type ReaderOptions,
} from './options.js'
import { compile, type Flavour } from './walk.js'

/** What a reader has done since it was made. */
export interface ReaderStats {
  /** Records delivered to callbacks or iterators. */
  records: number
  /** Bytes of the records that were decoded, without headers. */
  bytes: number
  /** Batches that were handed to JavaScript. */
  batches: number
  /** Times that the poll thread was woken by the kernel or its interval. */
  wakeups: number
  /**
   * Times that the poll thread found all batches in use: JavaScript was slower
   * than the programs, and records waited in the kernel's buffer.
   */
  stalls: number
  /** Records taken from the kernel but not delivered yet; after close() they are gone. */
  undelivered: number
  /**
   * Records for which there was no room in the kernel's buffer. Nothing when
   * that is not known: rings count it when declared with `BPFRB_RINGBUF()`.
   */
  lost: number | undefined
}

/** What an iterator over several maps yields for a record: which map it came from, too. */
export interface SourcedRecord<T> {
  /** The map's name in C. */
  source: string
  record: T
}

/** A record as an iterator over several maps yields it. */
export type AsSourced<T> = T extends SourcedRecord<unknown> ? T : SourcedRecord<T>

/** How long `end()` waits. */
export interface EndOptions {
  /** Close after this time, in milliseconds, and reject with `ERR_TIMEOUT`. */
  timeoutMs?: number
  /** Close when it aborts, and reject with its reason. */
  signal?: AbortSignal
}

/**
 * How far a map's buffers were written and read, in bytes since they were made.
 *
 * @internal
 */
export interface SourceState {
  /** Of each buffer. */
  sizeBytes: number
  /** The most that was queued when it was drained; of rings. */
  peakBytes: number
  /** One; of a perf buffer one for each CPU. */
  buffers: { consumer: number; producer: number }[]
  /** Records that the kernel reported as lost; of perf buffers. */
  lostByCpu: number[]
}

/** Who waits until what was marked has been delivered. */
interface FlushWaiter {
  readonly mark: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** How long records are handed out before timers and I/O get their turn. */
const turnMs = 2
/** How long to wait for a record that is still being written. */
const retryMs = 1

const EBUSY = 16

/**
 * The common half of {@link RingBuffer} and `PerfBuffer`.
 *
 * The poll thread publishes batches and rings; records are then handed out for
 * 2 ms at most before the event loop turns. To callbacks while the batch is
 * lent; iterators decode a batch at once and give it back. When nobody takes
 * batches the poll thread stops draining. docs/architecture.md has the states.
 */
export abstract class Reader<T> {
  /** @internal */
  protected readonly native: NativeReader
  /** @internal */
  protected readonly maps: BpfMap[] = []
  readonly #delivery: Delivery
  readonly #iterations: Iterations<unknown>
  readonly #flavour: Flavour
  readonly #options: CheckedOptions
  readonly #atRelease: (() => void)[] = []
  #usesCallbacks: boolean | undefined
  #started = false
  /** end() was called; it settles when the kernel's side is done. */
  #ending: Promise<void> | undefined
  /** The kernel's side was let go. */
  #released = false
  #closed = false
  #referenced = true
  #turn: NodeJS.Immediate | undefined
  #retry: NodeJS.Timeout | undefined
  #waiters: FlushWaiter[] = []
  #toldOfPromise = false
  /** The last numbers of the native reader before it was let go. */
  #lastStats: number[] = []
  /** Decoded, and dropped by close(). */
  #droppedRecords = 0
  /** What is being decoded for an iterator. */
  #decoded: unknown[] = []
  #decodeError: Error | undefined

  /** @internal */
  protected constructor(flavour: Flavour, options: ReaderOptions, ownOptions: readonly string[]) {
    this.#options = checkReaderOptions(options, ownOptions)
    this.#flavour = flavour
    this.#delivery = new Delivery(
      (error) => this.#raise(error),
      (value) => this.#returned(value),
      throwUncaught,
    )
    this.#iterations = new Iterations(
      () => this.#decodeSome(performance.now() + turnMs),
      () => this.close(),
    )
    const { coalesceUs, batchBytes, batchCount } = this.#options
    this.native = new (addon().Reader)(coalesceUs, batchBytes, batchCount, this.#delivery.taken)
    this.#delivery.open(this.native)
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
    onRecord: ((record: never, cpu: number) => unknown) | undefined,
    defaultIntervalUs: number,
    open: (drainIntervalUs: number) => number,
  ): void {
    const target = `map "${map.name}"`
    this.#checkOpen('read', target)
    if (this.#ending !== undefined) throw this.#stateError('read', 'it is ending', target)
    checkType(decoder, 'decoder')
    if (onRecord !== undefined) checkCallback(onRecord, 'onRecord')
    const usesCallbacks = onRecord !== undefined
    if (this.#usesCallbacks !== undefined && this.#usesCallbacks !== usesCallbacks) {
      const problem = 'a reader delivers all its maps to callbacks, or all to an iterator'
      throw this.#stateError('add', problem, target)
    }
    if (!usesCallbacks && decoder.shape.kind === 'view') {
      throw invalidType('a decoder that copies', 'an iterator, which outlives a view', decoder.name)
    }
    if (this.#iterations.begun) {
      throw this.#stateError('add', 'it has been iterated over already', target)
    }
    if (map.owner.btf !== undefined) checkLayout(decoder, map.owner.btf)
    const walk = compile(decoder, this.#flavour)
    const { drainIntervalUs = defaultIntervalUs } = this.#options
    const result = open(drainIntervalUs)
    if (result === -EBUSY) {
      throw new BpfError('ERR_BUSY', 'another reader reads it already', {
        operation: 'read',
        target,
        errno: result,
        hint: 'A map has one reader in a process: close the other one first',
      })
    }
    if (result < 0) throw failure('read', target, result)
    this.#usesCallbacks = usesCallbacks
    this.maps.push(map)
    this.#delivery.handlers.push({ walk, onRecord: onRecord ?? this.#collector(map.name) })
    this.#atRelease.push(map.owner.beforeClose(() => this.#rememberCounts()))
    if (usesCallbacks) this.#start()
  }

  /** @internal Told what the kernel says that it dropped, in its place between the records. */
  protected set onLost(onLost: ((lost: number, cpu: number) => void) | undefined) {
    this.#delivery.onLost = onLost
  }

  /** @internal Remembers what stats() says of the maps; they may go away after it. */
  protected abstract rememberCounts(): void

  /** @internal Records that were decoded and are held back. */
  protected heldBack(): number {
    return 0
  }

  /** @internal Delivers what is held back, until the deadline; false when some is left. */
  protected releaseHeldBack(deadline: number): boolean {
    void deadline
    return true
  }

  /** @internal Calls user code for a record that was held back. */
  protected handOut(call: () => void): void {
    this.#delivery.handOut(call)
  }

  /** @internal */
  protected get options(): CheckedOptions {
    return this.#options
  }

  /** @internal Called at the end of a subclass's constructor. */
  protected followSignal(): void {
    const { signal } = this.#options
    if (signal === undefined) return
    const close = (): void => this.close()
    if (signal.aborted) {
      close()
    } else {
      signal.addEventListener('abort', close, { once: true })
      this.#atRelease.push(() => signal.removeEventListener('abort', close))
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
    this.#release()
    this.#closed = true
    clearImmediate(this.#turn)
    clearTimeout(this.#retry)
    this.#droppedRecords = this.#iterations.ahead
    this.#iterations.close()
    const waiters = this.#waiters
    this.#waiters = []
    for (const { resolve } of waiters) resolve()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** As `end()`, then `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
    this.close()
  }

  /** Lets the reader keep the process alive, as it does unless told otherwise. */
  ref(): this {
    return this.#setReferenced(true)
  }

  /** Lets the process end while the reader runs. */
  unref(): this {
    return this.#setReferenced(false)
  }

  /**
   * Drains on the calling thread and calls the callbacks before it returns: for
   * manual and busy polling, usually with `pollThread: false`. Delivers what was
   * committed when it was called, however long that takes, and does not wait for
   * more.
   *
   * @returns The number of records delivered.
   * @throws {BpfError} `ERR_CLOSED`, `ERR_STATE` inside a callback and on a
   *   reader without callbacks.
   */
  consume(): number {
    this.#checkOpen('consume')
    if (this.#delivery.active) throw this.#stateError('consume', 'a callback of it is running')
    if (this.#usesCallbacks !== true) throw this.#stateError('consume', 'it has no callbacks')
    const before = this.#delivered()
    const mark = this.native.mark()
    const enough = (): boolean => this.#isDelivered(mark)
    let more = false
    try {
      for (let progress = true; progress && !this.#closed && !enough();) {
        const { batches } = this.#delivery
        const drained = this.#drain()
        more = this.#delivery.run(Infinity, enough)
        // Without progress what is left is still being written.
        progress = drained > 0 || this.#delivery.drainedFull || this.#delivery.batches > batches
      }
    } finally {
      if (!this.#closed) this.native.unmark(mark)
      if (more || this.#waiters.length > 0) this.#scheduleTurn()
    }
    return this.#delivered() - before
  }

  /**
   * Resolves when all records that were committed before the call have been
   * delivered, without waiting for coalescing; the event loop turns meanwhile.
   * On a reader without callbacks it resolves when they are ready for the
   * iterator, as far as batches are free. Resolves too when the reader is closed
   * meanwhile.
   *
   * @throws {BpfError} `ERR_CLOSED`
   */
  async flush(): Promise<void> {
    this.#checkOpen('flush')
    if (this.#released) return
    if (this.#usesCallbacks !== true) {
      const mark = this.native.mark()
      while (this.native.markReached(mark) < 0) {
        if (this.#drain() === 0 && !this.#delivery.drainedFull) break
      }
      this.native.unmark(mark)
      this.#iterations.serve()
      return
    }
    await this.#deliverMarked()
  }

  /**
   * Delivers what was committed until now, then closes. Idempotent.
   *
   * An iterator that is in use gets it and then ends. The promise resolves after
   * that, unless the consumer is busy elsewhere, such as in the loop's body: then
   * it resolves as soon as all has been taken from the kernel, and the iterator
   * still hands out what is left, so that a loop may await `end()` itself. With a
   * bound it waits for the consumer too, up to that bound. With no iterator in use
   * there is nobody to deliver to. An iteration that breaks or fails meanwhile
   * leaves the rest to a new iterator, until `close()`.
   *
   * @throws {BpfError} `ERR_TIMEOUT` after `timeoutMs`; then it is closed, and what
   *   was not delivered is `stats().undelivered`.
   */
  async end(options: EndOptions = {}): Promise<void> {
    checkOptions(options, ['timeoutMs', 'signal'])
    const { timeoutMs, signal } = options
    if (timeoutMs !== undefined) checkInteger(timeoutMs, 'timeoutMs', 0, 2 ** 31 - 1)
    if (signal !== undefined && !isAbortSignal(signal)) {
      throw invalidType('an AbortSignal', 'signal', signal)
    }
    if (this.#closed) return
    this.#ending ??= this.#finish()
    if (timeoutMs === undefined && signal === undefined) {
      await this.#ending
      await this.#consumerOverOrBusy()
      return
    }
    const over = this.#ending.then(() => this.#iterations.over())
    await this.#orClose(over, timeoutMs, signal)
  }

  /**
   * Iterates over the records; over several maps, over `{ source, record }`.
   * `break` leaves the reader open, and the next iterator goes on after the last
   * record; `close()` ends the iteration. While the loop's body runs nothing is
   * read ahead but what batches hold.
   *
   * Costs a promise a record: `batches()` is the faster one.
   *
   * @throws {BpfError} `ERR_STATE` on a reader with callbacks and while another
   *   iterator is in use; from the iteration `ERR_RECORD_TOO_SHORT`, after which
   *   a new iterator goes on with the next record.
   */
  records(): AsyncIterableIterator<T, undefined> {
    return this.#iterate(false)
  }

  /**
   * Iterates over batches of records, each as large as the load makes it. As
   * `records()` otherwise.
   */
  batches(): AsyncIterableIterator<T[], undefined> {
    return this.#iterate(true)
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return this.records()
  }

  /** @internal */
  protected readerStats(lost: number | undefined): ReaderStats {
    const native = this.#released ? this.#lastStats : this.native.stats()
    const [received = 0, , batches = 0, wakeups = 0, dropped = 0, stalls = 0] = native
    const records = this.#delivered()
    return {
      records,
      bytes: this.#delivery.bytes,
      batches,
      wakeups,
      stalls,
      undelivered: received - records,
      lost: dropped === 0 ? lost : (lost ?? 0) + dropped,
    }
  }

  /** @internal Before stats() speaks of the maps. */
  protected refreshCounts(): void {
    this.#rememberCounts()
  }

  /** @internal */
  protected sourceState(index: number): SourceState {
    const fields = this.native.sourceState(index)
    const [sizeBytes = 0, peakBytes = 0, count = 0] = fields
    const buffers = Array.from({ length: count }, (_, i) => ({
      consumer: fields[3 + 2 * i] as number,
      producer: fields[4 + 2 * i] as number,
    }))
    return { sizeBytes, peakBytes, buffers, lostByCpu: fields.slice(3 + 2 * count) }
  }

  #start(): void {
    if (this.#started || this.#released || !this.#options.pollThread) return
    // Bun ends the process at the first use of libuv's threads.
    const libuvThreads = process.versions['bun'] === undefined
    const result = this.native.start(() => this.#onBell(), libuvThreads)
    if (result < 0) throw failure('start', 'the poll thread', result)
    this.#started = true
    if (!this.#referenced) this.native.setRef(false)
  }

  /** There are published batches, or the poll thread has failed. */
  #onBell(): void {
    if (this.#usesCallbacks !== true) this.#iterations.serve()
    // A turn that is due delivers them; a callback that runs a nested event loop is not interrupted.
    else if (this.#turn === undefined) this.#deliver()
  }

  /** Hands records to the callbacks for one turn of the event loop. */
  #deliver(): void {
    if (this.#closed || this.#delivery.active) return
    clearTimeout(this.#retry)
    this.#retry = undefined
    const deadline = performance.now() + turnMs
    const more = this.#delivery.run(deadline)
    if (this.#closed) return
    const settled = this.#settleWaiters(deadline)
    if (more || !settled) {
      this.#scheduleTurn()
    } else if (this.#delivery.errno !== 0) {
      this.#fail(this.#threadError())
    } else if (this.#waiters.length > 0) {
      this.#drainForWaiters()
    }
  }

  #drainForWaiters(): void {
    try {
      const drained = this.#drain()
      if (
        drained > 0 ||
        this.#delivery.drainedFull ||
        this.#waiters.some(({ mark }) => this.#isDelivered(mark))
      ) {
        this.#scheduleTurn()
        return
      }
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    // A record before the mark is still being written.
    this.#retry = setTimeout(() => this.#deliver(), retryMs)
  }

  #scheduleTurn(): void {
    if (this.#turn !== undefined || this.#closed) return
    this.#turn = setImmediate(() => {
      this.#turn = undefined
      this.#deliver()
    })
    if (!this.#referenced && this.#waiters.length === 0) this.#turn.unref()
  }

  /** Resolves those whose records were delivered; false when some of it is held back still. */
  #settleWaiters(deadline: number): boolean {
    const reached = this.#waiters.filter(({ mark }) => this.#isDelivered(mark))
    if (reached.length === 0) return true
    if (!this.releaseHeldBack(deadline)) return false
    if (this.#closed) return true
    this.#waiters = this.#waiters.filter((waiter) => !reached.includes(waiter))
    for (const { mark, resolve } of reached) {
      this.native.unmark(mark)
      resolve()
    }
    return true
  }

  /** Whether the callbacks got all that had been committed at a mark. */
  #isDelivered(mark: number): boolean {
    if (this.#released) return true
    const batches = this.native.markReached(mark)
    return batches >= 0 && this.#delivery.batches >= batches
  }

  async #deliverMarked(): Promise<void> {
    const mark = this.native.mark()
    const inTurn = !this.#delivery.active && this.#turn === undefined
    if (inTurn) this.#drain()
    const delivered = new Promise<void>((resolve, reject) => {
      this.#waiters.push({ mark, resolve, reject })
    })
    if (inTurn) this.#deliver()
    else this.#scheduleTurn()
    this.#turn?.ref()
    await delivered
  }

  /** end(), as far as the kernel's side goes. */
  async #finish(): Promise<void> {
    if (this.#usesCallbacks === true) {
      // Without the thread nothing more is taken than is delivered.
      this.native.stop()
      await this.#deliverMarked()
      this.close()
      return
    }
    if (!this.#iterations.inUse) {
      this.close()
      return
    }
    this.native.stop()
    const mark = this.native.mark()
    while (!this.#released) {
      const drained = this.#drain()
      const more = this.#decodeSome(performance.now() + turnMs)
      this.#iterations.serve()
      if (!more && this.#isDelivered(mark)) break
      const wait = drained === 0 && !more && !this.#delivery.drainedFull
      await new Promise((resolve) => (wait ? setTimeout(resolve, retryMs) : setImmediate(resolve)))
    }
    if (this.#closed) return
    this.#release()
    this.#iterations.finish()
  }

  /** A consumer that waits for nothing else takes what is there turn by turn. */
  async #consumerOverOrBusy(): Promise<void> {
    for (let busy = false; this.#iterations.inUse && !busy;) {
      const before = this.#iterations.ahead
      await new Promise((resolve) => setImmediate(resolve))
      busy = this.#iterations.consumerIsBusy && this.#iterations.ahead === before
    }
  }

  /** Waits for `over`, but closes after the time-out or when the signal aborts. */
  async #orClose(
    over: Promise<void>,
    timeoutMs: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    let abort: (() => void) | undefined
    const bound = new Promise<void>((_, reject) => {
      if (timeoutMs !== undefined) {
        timer = setTimeout(() => {
          const problem = `it had not delivered everything after ${String(timeoutMs)} ms`
          reject(new BpfError('ERR_TIMEOUT', problem, { operation: 'end', target: this.#target() }))
        }, timeoutMs)
      }
      abort = () => reject(signal?.reason as Error)
      if (signal?.aborted === true) abort()
      else signal?.addEventListener('abort', abort, { once: true })
    })
    try {
      await Promise.race([over, bound])
    } catch (error) {
      this.close()
      throw error
    } finally {
      clearTimeout(timer)
      if (abort !== undefined) signal?.removeEventListener('abort', abort)
    }
  }

  /** Lets go of the thread and the kernel's buffers; the counts are final. */
  #release(): void {
    if (this.#released) return
    // Until its thread has ended, records go on from the ring into batches.
    this.native.stop()
    this.#rememberCounts()
    this.#lastStats = this.native.stats()
    this.#released = true
    this.#delivery.close()
    this.native.close()
    for (const callback of this.#atRelease) callback()
  }

  /** What cannot be read any more keeps its last value. */
  #rememberCounts(): void {
    if (this.#released) return
    try {
      this.rememberCounts()
    } catch {
      // The maps are gone, or there is no descriptor left to ask with.
    }
  }

  /** The whole reader has failed. */
  #fail(error: Error): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const { reject } of waiters) reject(error)
    if (waiters.length === 0) throwUncaught(error)
    this.close()
  }

  /** Decodes a batch for the iterator; false when there was none. */
  #decodeSome(deadline: number): boolean {
    if (this.#released || this.#delivery.active) return false
    let more: boolean
    do {
      this.#decoded = []
      this.#decodeError = undefined
      more = this.#delivery.run(deadline, () => true)
      this.#iterations.push(this.#decoded, this.#decodeError)
    } while (
      more &&
      this.#decoded.length === 0 &&
      this.#decodeError === undefined &&
      !this.#released
    )
    if (!more && this.#decoded.length === 0 && this.#delivery.errno !== 0) {
      const error = this.#threadError()
      if (this.#iterations.fail(error)) this.close()
    }
    return more || this.#decoded.length > 0
  }

  /** What takes a map's records when they are iterated over. */
  #collector(source: string): (record: never) => void {
    return (record) => {
      this.#decoded.push(this.maps.length > 1 ? { source, record } : record)
    }
  }

  /** Takes what a callback or a decoder threw. */
  #raise(error: unknown): void {
    if (this.#usesCallbacks === true) {
      throwUncaught(error)
    } else {
      this.#decodeError = error as Error
      this.#delivery.cursor.limit = 0
    }
  }

  /** Refuses promises of callbacks, as nothing would wait for them. */
  #returned(value: object): void {
    if (this.#toldOfPromise || typeof (value as { then?: unknown }).then !== 'function') return
    this.#toldOfPromise = true
    throwUncaught(invalidType(synchronous, 'onRecord', value))
  }

  #iterate<V>(whole: boolean): AsyncIterableIterator<V, undefined> {
    if (this.#usesCallbacks === true) {
      throw this.#stateError('iterate over', 'it delivers to callbacks')
    }
    if (this.#iterations.inUse) {
      throw this.#stateError('iterate over', 'another iterator is in use')
    }
    this.#start()
    const iterator = this.#iterations.begin<V>(whole)
    if (this.#closed) void iterator.return?.()
    return iterator
  }

  /** Records that callbacks or iterators got. */
  #delivered(): number {
    const ahead = this.#iterations.ahead + this.#droppedRecords
    return this.#delivery.records - ahead - this.heldBack()
  }

  #drain(): number {
    const result = this.native.drain()
    if (result < 0) throw failure('read', this.#target(), result)
    return result
  }

  #setReferenced(referenced: boolean): this {
    this.#referenced = referenced
    if (this.#started && !this.#released) this.native.setRef(referenced)
    if (referenced) this.#turn?.ref()
    else if (this.#waiters.length === 0) this.#turn?.unref()
    return this
  }

  #target(): string {
    return `map "${this.maps.map(({ name }) => name).join('", "')}"`
  }

  #checkOpen(operation: string, target = this.#target()): void {
    if (this.#closed) throw closed(operation, target)
  }

  #stateError(operation: string, problem: string, target = this.#target()): BpfError {
    return new BpfError('ERR_STATE', problem, { operation, target })
  }

  #threadError(): BpfError {
    return failure('read', this.#target(), -this.#delivery.errno)
  }
}

const synchronous =
  'a synchronous function (records() and batches() wait for what is done with a record)'

/** How often buffers are drained whose programs do not wake the poll thread for each record. */
export const quietIntervalUs = 100_000

/**
 * Refuses what cannot be called, and functions that are asynchronous on their face.
 *
 * @internal
 */
export function checkCallback(callback: unknown, what: string): void {
  if (typeof callback !== 'function') throw invalidType('a function', what, callback)
  if (Object.prototype.toString.call(callback) === '[object AsyncFunction]') {
    throw invalidType(synchronous, what, callback)
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

/** Refuses what is no map, or one of another type than the reader reads. */
export function checkMap(map: unknown, type: keyof typeof MapType): void {
  if (!(map instanceof BpfMap)) throw invalidType('a map of a BpfObject', 'map', map)
  if (map.type === MapType[type]) return
  throw new BpfError('ERR_MAP_TYPE', `it is no BPF_MAP_TYPE_${type}`, {
    operation: 'read',
    target: `map "${map.name}"`,
  })
}

/** The arguments of a reader's constructor that follow the decoder: a callback, options, or both. */
export function callbackAndOptions<C, O extends object>(
  onRecordOrOptions: C | O | undefined,
  options: O | undefined,
): [C | undefined, O | Record<string, never>] {
  const first = onRecordOrOptions
  // undefined for the callback, and options behind it.
  if (typeof first === 'function' || first === undefined) {
    return [first as C | undefined, options ?? {}]
  }
  if (options !== undefined) throw invalidType('a function', 'onRecord', first)
  return [undefined, first as O]
}
