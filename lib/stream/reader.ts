// What ring and perf buffers have in common: the life of a stream's JavaScript half.
import { inspect, type InspectOptions } from 'node:util'
import { addon } from '../addon/addon.js'
import type { NativeReader } from '../addon/reader.js'
import { BpfError, closed, invalidType } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import type { BpfMap } from '../map/map.js'
import { checkType, isLent, type Type } from '../types/type.js'
import { readerStats, type ReaderStats, type SourceState, sourceState } from './accounting.js'
import { checkBounds, closeOnAbort, type EndOptions, withinBounds } from './arguments.js'
import { isAsync } from './callbacks.js'
import { Decoding } from './decoding.js'
import { Delivery, type OnLost, throwUncaught } from './delivery.js'
import { Ending } from './ending.js'
import { Iterations, type RecordIterator } from './iteration.js'
import { type CheckedOptions, checkReaderOptions, type ReaderOptions } from './options.js'
import { OrderedMerge } from './ordered-merge.js'
import type { OnRecords } from './record.js'
import { createHandler, readFailure, refusedSource } from './source.js'
import { Turns } from './turns.js'
import type { Flavour } from './walk.js'

/** How often buffers are drained whose programs do not wake the poll thread for each record. */
export const quietIntervalUs = 100_000

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
  /** @internal Records that were decoded and are held back for their order. */
  protected merge: OrderedMerge | undefined
  readonly #delivery: Delivery
  readonly #turns: Turns
  readonly #decoding: Decoding
  readonly #iterations: Iterations<unknown>
  readonly #ending: Ending
  readonly #flavour: Flavour
  readonly #options: CheckedOptions
  readonly #atRelease: (() => void)[] = []
  #usesCallbacks: boolean | undefined
  #started = false
  /** The kernel's side was let go. */
  #released = false
  #closed = false
  #referenced = true
  /** Stops listening to the signal of the options. */
  #unfollow: (() => void) | undefined
  /** The last numbers of the native reader before it was let go. */
  #lastStats: number[] = []
  /** Decoded, and dropped by close(). */
  #droppedRecords = 0

  /** @internal */
  protected constructor(flavour: Flavour, options: ReaderOptions, ownOptions: readonly string[]) {
    this.#options = checkReaderOptions(options, ownOptions)
    this.#flavour = flavour
    this.#delivery = new Delivery(
      (error) => this.#raise(error),
      (value) => this.#returned(value),
    )
    const { coalesceUs, batchBytes, batchCount } = this.#options
    this.#decoding = new Decoding(this.#delivery, batchBytes)
    this.#iterations = new Iterations(
      () => this.#decodeSome(),
      () => this.close(),
    )
    this.native = new (addon().Reader)(coalesceUs, batchBytes, batchCount, this.#delivery.taken)
    this.#delivery.open(this.native)
    this.#turns = new Turns(this.#delivery, {
      native: this.native,
      drain: () => this.#drain(),
      releaseDue: (deadline) => this.merge?.releaseDue(deadline) ?? true,
      releaseHeldBack: (deadline) => this.merge?.flush(deadline) ?? true,
      fail: (failed) => this.#fail(typeof failed === 'number' ? this.#threadError() : failed),
    })
    this.#ending = this.#createEnding()
    const result = this.native.open()
    if (result < 0) {
      this.native.close()
      throw failure('open', 'a reader', result)
    }
  }

  /**
   * @internal
   * @param onRecord What was checked by `checkCallbacks()`.
   */
  protected attachSource(
    map: BpfMap,
    decoder: Type,
    onRecord: OnRecords | undefined,
    defaultIntervalUs: number,
    open: (drainIntervalUs: number) => number,
  ): void {
    const target = `map "${map.name}"`
    this.#checkOpen('read', target)
    if (this.#ending.begun) throw this.#stateError('read', 'it is ending', target)
    checkType(decoder, 'decoder')
    const usesCallbacks = onRecord !== undefined
    if (this.#usesCallbacks !== undefined && this.#usesCallbacks !== usesCallbacks) {
      const problem = 'a reader delivers all its maps to callbacks, or all to an iterator'
      throw this.#stateError('add', problem, target)
    }
    if (!usesCallbacks && isLent(decoder)) {
      throw invalidType('a decoder that copies', 'an iterator, which outlives a view', decoder.name)
    }
    if (this.#iterations.begun) {
      throw this.#stateError('add', 'it has been iterated over already', target)
    }
    const { integers, drainIntervalUs = defaultIntervalUs } = this.#options
    const take = onRecord ?? this.#decoding.collector(map.name)
    const handler = createHandler(map, decoder, this.#flavour, integers, take)
    const result = open(drainIntervalUs)
    if (result < 0) throw refusedSource(map, result)
    this.#usesCallbacks = usesCallbacks
    this.maps.push(map)
    this.#delivery.handlers.push(handler)
    this.#atRelease.push(map.kernel.beforeClose(() => this.#rememberCounts()))
    if (usesCallbacks) this.#start()
  }

  /** @internal Told what the kernel says that it dropped, in its place between the records. */
  protected set onLost(onLost: OnLost | undefined) {
    this.#delivery.onLost = onLost
  }

  /** @internal What is known of the callbacks of a map that was attached. */
  protected expectOf(onRecord: OnRecords | undefined): void {
    if (onRecord === undefined) return
    if (isAsync([onRecord, this.#delivery.onLost].flat())) this.#delivery.pending.expect()
  }

  /** @internal Remembers what stats() says of the maps; they may go away after it. */
  protected abstract rememberCounts(): void

  /** @internal Puts the records that its push() gets in order. */
  protected createMerge(windowNs: bigint, limit: number): void {
    this.merge = new OrderedMerge(windowNs, limit, {
      handOut: (deliver) => this.#delivery.handOut(deliver),
      isBusy: () => this.#delivery.pending.isPending,
      onDue: () => this.#turns.onBell(),
    })
  }

  /** @internal */
  protected get options(): CheckedOptions {
    return this.#options
  }

  /** @internal Called at the end of a subclass's constructor. */
  protected followSignal(): void {
    this.#unfollow = closeOnAbort(this.#options.signal, () => this.close())
  }

  /** Whether it was closed, or has failed. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Ends delivery, stops the poll thread and releases everything. Idempotent,
   * never throws, legal inside a callback. Blocks until the thread has ended,
   * at most for the drain of one batch. Records in batches that were not
   * delivered yet are dropped, counted by `stats().undelivered`: `await flush()`
   * before, or `await using`, delivers them. A callback's promise that is pending
   * is not waited for; that it is rejected later is still told.
   */
  close(): void {
    if (this.#closed) return
    this.#release()
    this.#closed = true
    this.#unfollow?.()
    this.#droppedRecords = this.#iterations.ahead
    this.#iterations.close()
    this.#turns.close()
    this.merge?.close()
  }

  /** As `close()`: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal What `console.log()` shows. */
  [inspect.custom](_: number, options: InspectOptions): string {
    const { maps, closed } = this
    const shown = { maps: maps.map(({ name }) => name), closed }
    return `${this.constructor.name} ${inspect(shown, options)}`
  }

  /** As `end()`, then `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    const isWithin = this.#delivery.isWithinPending()
    await this.end()
    if (!(await isWithin)) this.close()
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
   * more. For callbacks that return promises there is `flush()`: this would have to
   * wait.
   *
   * @returns The number of records delivered. A callback that returns the reader's
   *   first promise ends it: what comes after is delivered when that has settled.
   * @throws {BpfError} `ERR_CLOSED`, `ERR_STATE` inside a callback and on a reader
   *   without callbacks, or with one that is `async` or has returned a promise;
   *   `ERR_BUSY` when another process reads the ring, after which it is closed.
   */
  consume(): number {
    this.#checkOpen('consume')
    if (this.#delivery.active) throw this.#stateError('consume', 'a callback of it is running')
    if (this.#usesCallbacks !== true) throw this.#stateError('consume', 'it has no callbacks')
    if (this.#delivery.pending.isExpected) {
      const problem =
        'a callback of it returns promises, and consume() waits for none: await flush()'
      throw this.#stateError('consume', problem)
    }
    const before = this.#delivered()
    this.#turns.deliverNow()
    const delivered = this.#delivered() - before
    if (delivered > 0 || this.#closed || this.#delivery.errno === 0) return delivered
    const error = this.#threadError()
    this.#turns.reject(error)
    this.close()
    throw error
  }

  /**
   * Resolves when all records that were committed before the call have been
   * delivered, without waiting for coalescing; the event loop turns meanwhile.
   * Where callbacks return promises, these have settled too. Awaited in such a
   * callback it would wait for itself: there it resolves at once, and records are
   * delivered when the callback is done.
   *
   * On a reader without callbacks it resolves when they are ready for the
   * iterator, as far as batches are free. Resolves too when the reader is closed
   * meanwhile.
   *
   * @throws {BpfError} `ERR_CLOSED`, `ERR_BUSY` as `consume()`.
   */
  async flush(): Promise<void> {
    this.#checkOpen('flush')
    if (this.#released) return
    if (this.#usesCallbacks !== true) {
      const mark = this.native.mark()
      try {
        while (this.native.markReached(mark) < 0) {
          if (this.#drain() === 0 && !this.#delivery.drainedFull) break
        }
      } finally {
        this.native.unmark(mark)
      }
      this.#iterations.serve()
      return
    }
    const isWithin = this.#delivery.isWithinPending()
    const delivered = this.#turns.deliverMarked()
    if (!(await isWithin)) await delivered
  }

  /**
   * Delivers what was committed until now, then closes. Idempotent. When the
   * programs were detached before, it waits as `object.detached()` does, so that
   * their last records are among them.
   *
   * An iterator that is in use gets it and then ends. The promise resolves after
   * that, unless the consumer is busy elsewhere, such as in the loop's body: then
   * it resolves as soon as all has been taken from the kernel, and the iterator
   * still hands out what is left, so that a loop may await `end()` itself. With a
   * bound it waits for the consumer too, up to that bound. With no iterator in use
   * there is nobody to deliver to. An iteration that breaks or fails meanwhile
   * leaves the rest to a new iterator, until `close()`.
   *
   * A callback's promise is waited for, with a bound up to that bound. Awaited in
   * such a callback, and without a bound, it resolves at once: what is left is
   * delivered when the callback is done, and then the reader closes.
   *
   * @throws {BpfError} `ERR_TIMEOUT` after `timeoutMs`; then it is closed, and what
   *   was not delivered is `stats().undelivered`. `ERR_BUSY` as `consume()`.
   */
  async end(options: EndOptions = {}): Promise<void> {
    checkBounds(options)
    const { timeoutMs, signal } = options
    if (this.#closed) return
    const isWithin = this.#delivery.isWithinPending()
    const ended = this.#ending.begin()
    if (timeoutMs === undefined && signal === undefined) {
      if (await isWithin) return
      await ended
      await this.#ending.consumerOverOrBusy()
      return
    }
    const over = ended.then(() => this.#iterations.over())
    try {
      await withinBounds(over, options, () => {
        const problem = `it had not delivered everything after ${String(timeoutMs)} ms`
        const hint = 'It is closed now: stats().undelivered counts what was left'
        return new BpfError('ERR_TIMEOUT', problem, {
          operation: 'end',
          target: this.#target(),
          hint,
        })
      })
    } catch (error) {
      this.close()
      throw error
    }
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
   *   a new iterator goes on with the next record, and `ERR_BUSY` when another process
   *   reads the ring, after which the reader is closed.
   */
  records(): RecordIterator<T> {
    return this.#iterate(false)
  }

  /**
   * Iterates over batches of records, each as large as the load makes it. As
   * `records()` otherwise.
   */
  batches(): RecordIterator<T[]> {
    return this.#iterate(true)
  }

  /** As `records()`. */
  [Symbol.asyncIterator](): RecordIterator<T> {
    return this.records()
  }

  /** @internal */
  protected readerStats(lost: number | undefined): ReaderStats {
    const native = this.#released ? this.#lastStats : this.native.stats()
    const unknown = this.#delivery.handlers.reduce((sum, { tally }) => sum + tally.unknown, 0)
    return readerStats(native, this.#delivered(), this.#delivery.bytes, unknown, lost)
  }

  /** @internal Before stats() speaks of the maps. */
  protected refreshCounts(): void {
    this.#rememberCounts()
  }

  /** @internal Records of a map whose tag no case has. */
  protected unknownOf(index: number): number {
    return this.#delivery.handlers[index]?.tally.unknown ?? 0
  }

  /** @internal */
  protected sourceState(index: number): SourceState {
    return sourceState(this.native, index)
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
    else this.#turns.onBell()
  }

  #createEnding(): Ending {
    return new Ending({
      native: this.native,
      maps: this.maps,
      iterations: this.#iterations,
      turns: this.#turns,
      usesCallbacks: () => this.#usesCallbacks === true,
      closed: () => this.#closed,
      released: () => this.#released,
      drainedFull: () => this.#delivery.drainedFull,
      drain: () => this.#drain(),
      decodeSome: () => this.#decodeSome(),
      release: () => this.#release(),
      close: () => this.close(),
    })
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
    if (!this.#turns.reject(error)) throwUncaught(error)
    this.close()
  }

  /** Decodes a batch for the iterator; false when there was none. */
  #decodeSome(): boolean {
    if (this.#released || this.#delivery.active) return false
    const { records, error, more } = this.#decoding.batch()
    this.#iterations.push(records, error)
    const some = more || records.length > 0
    if (!some && this.#delivery.errno !== 0 && this.#iterations.fail(this.#threadError())) {
      this.close()
    }
    return some
  }

  /** Takes what a callback or a decoder threw. */
  #raise(error: unknown): void {
    if (this.#usesCallbacks === true) {
      throwUncaught(error)
    } else {
      this.#decoding.stop(error as Error)
    }
  }

  /** Waits for promises of callbacks. An iterator's pace is its consumer's. */
  #returned(value: object): void {
    if (this.#usesCallbacks !== true || !('then' in value)) return
    if (typeof value.then === 'function') this.#delivery.wait(value as PromiseLike<unknown>)
  }

  #iterate<V>(whole: boolean): RecordIterator<V> {
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
    return this.#delivery.records - ahead - (this.merge?.pending ?? 0)
  }

  #drain(): number {
    const result = this.native.drain()
    if (result < 0) throw failure('read', this.#target(), result)
    return result
  }

  #setReferenced(referenced: boolean): this {
    this.#referenced = referenced
    if (this.#started && !this.#released) this.native.setRef(referenced)
    this.#turns.setReferenced(referenced)
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
    const { errno } = this.#delivery
    return readFailure(this.#target(), -errno)
  }
}
