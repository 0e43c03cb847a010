// What ring and perf buffers have in common: the life of a stream's JavaScript half.
import { addon } from '../addon/addon.js'
import type { NativeReader } from '../addon/reader.js'
import { BpfError, closed, invalidType } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import type { BpfMap } from '../map/map.js'
import { checkLayout } from '../types/layout.js'
import { checkType, type Type } from '../types/struct.js'
import { readerStats, type ReaderStats, type SourceState, sourceState } from './accounting.js'
import {
  checkBounds,
  checkCallback,
  closeOnAbort,
  type EndOptions,
  notDrainable,
  synchronous,
  withinBounds,
} from './arguments.js'
import { Decoding } from './decoding.js'
import { Delivery, throwUncaught } from './delivery.js'
import { Iterations, type RecordIterator } from './iteration.js'
import { type CheckedOptions, checkReaderOptions, type ReaderOptions } from './options.js'
import type { OrderedMerge } from './ordered-merge.js'
import { turnOfLoop, Turns } from './turns.js'
import { compile, type Flavour, type OnRecord } from './walk.js'

const EBUSY = 16
const EMEDIUMTYPE = 124

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
  readonly #flavour: Flavour
  readonly #options: CheckedOptions
  readonly #atRelease: (() => void)[] = []
  #usesCallbacks: boolean | undefined
  #started = false
  #isEnding = false
  /** end() was called; it settles when the kernel's side is done. */
  #ending: Promise<void> | undefined
  /** The kernel's side was let go. */
  #released = false
  #closed = false
  #referenced = true
  #toldOfPromise = false
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
      releaseHeldBack: (deadline) => this.merge?.flush(deadline) ?? true,
      fail: (failed) => this.#fail(typeof failed === 'number' ? this.#threadError() : failed),
    })
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
    onRecord: OnRecord | undefined,
    defaultIntervalUs: number,
    open: (drainIntervalUs: number) => number,
  ): void {
    const target = `map "${map.name}"`
    this.#checkOpen('read', target)
    if (this.#isEnding) throw this.#stateError('read', 'it is ending', target)
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
    checkLayout(decoder, map.described)
    const walk = compile(decoder, this.#flavour, map.name)
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
    // Pinned by others, the map may have other flags than this object declares.
    if (result === -EMEDIUMTYPE) throw notDrainable(map)
    if (result < 0) throw failure('read', target, result)
    this.#usesCallbacks = usesCallbacks
    this.maps.push(map)
    this.#delivery.handlers.push({ walk, onRecord: onRecord ?? this.#decoding.collector(map.name) })
    this.#atRelease.push(map.kernel.beforeClose(() => this.#rememberCounts()))
    if (usesCallbacks) this.#start()
  }

  /** @internal Told what the kernel says that it dropped, in its place between the records. */
  protected set onLost(onLost: ((lost: number, cpu: number) => void) | undefined) {
    this.#delivery.onLost = onLost
  }

  /** @internal Remembers what stats() says of the maps; they may go away after it. */
  protected abstract rememberCounts(): void

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
    this.#unfollow = closeOnAbort(this.#options.signal, () => this.close())
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
    this.#unfollow?.()
    this.#droppedRecords = this.#iterations.ahead
    this.#iterations.close()
    this.#turns.close()
    this.merge?.close()
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
    this.#turns.deliverNow()
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
    await this.#turns.deliverMarked()
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
   * @throws {BpfError} `ERR_TIMEOUT` after `timeoutMs`; then it is closed, and what
   *   was not delivered is `stats().undelivered`.
   */
  async end(options: EndOptions = {}): Promise<void> {
    checkBounds(options)
    const { timeoutMs, signal } = options
    if (this.#closed) return
    // Before the first of its deliveries, in which callbacks may look.
    this.#isEnding = true
    this.#ending ??= this.#finish()
    if (timeoutMs === undefined && signal === undefined) {
      await this.#ending
      await this.#consumerOverOrBusy()
      return
    }
    const over = this.#ending.then(() => this.#iterations.over())
    try {
      await withinBounds(over, options, () => {
        const problem = `it had not delivered everything after ${String(timeoutMs)} ms`
        return new BpfError('ERR_TIMEOUT', problem, { operation: 'end', target: this.#target() })
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
   *   a new iterator goes on with the next record.
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

  [Symbol.asyncIterator](): RecordIterator<T> {
    return this.records()
  }

  /** @internal */
  protected readerStats(lost: number | undefined): ReaderStats {
    const native = this.#released ? this.#lastStats : this.native.stats()
    return readerStats(native, this.#delivered(), this.#delivery.bytes, lost)
  }

  /** @internal Before stats() speaks of the maps. */
  protected refreshCounts(): void {
    this.#rememberCounts()
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

  /** end(), as far as the kernel's side goes. */
  async #finish(): Promise<void> {
    for (const session of new Set(this.maps.map(({ kernel }) => kernel.owner?.session))) {
      const ended = session?.programsEnded()
      if (ended !== undefined) await ended
    }
    if (this.#closed) return
    if (this.#usesCallbacks === true) {
      // Without the thread nothing more is taken than is delivered.
      this.native.stop()
      await this.#turns.deliverMarked()
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
      const more = this.#decodeSome()
      this.#iterations.serve()
      if (!more && this.#turns.isDelivered(mark)) break
      const wait = drained === 0 && !more && !this.#delivery.drainedFull
      await turnOfLoop(wait)
    }
    if (this.closed) return
    this.#release()
    this.#iterations.finish()
  }

  /** A consumer that waits for nothing else takes what is there turn by turn. */
  async #consumerOverOrBusy(): Promise<void> {
    for (let busy = false; this.#iterations.inUse && !busy;) {
      const before = this.#iterations.ahead
      await turnOfLoop()
      busy = this.#iterations.consumerIsBusy && this.#iterations.ahead === before
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

  /** Refuses promises of callbacks, as nothing would wait for them. */
  #returned(value: object): void {
    if (this.#toldOfPromise || typeof (value as { then?: unknown }).then !== 'function') return
    this.#toldOfPromise = true
    throwUncaught(invalidType(synchronous, 'onRecord', value))
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
    return failure('read', this.#target(), -this.#delivery.errno)
  }
}
