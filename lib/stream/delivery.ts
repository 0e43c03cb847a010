// Hands out the records of batches, a slice at a time, so that whoever runs it can look at the
// clock: the one place that moves along a batch.
import type { NativeReader } from '../addon/reader.js'
import {
  type Arena,
  BatchTaker,
  frameHeaderBytes,
  type LentBatch,
  lostFrame,
  recordBytesBetween,
} from './batch.js'
import type { AwaitedCallback } from './callbacks.js'
import { Pending } from './pending.js'
import type { OnRecords, Tally } from './record.js'
import type { Cursor, Walk } from './walk.js'

/** What becomes of the records of one map. */
export interface Handler {
  readonly walk: Walk
  readonly onRecord: OnRecords
  /** The same where promises are expected: made when it is needed. */
  watched?: OnRecords
  readonly tally: Tally
}

/** What the kernel dropped on a CPU; the next record waits for a promise. */
export type OnLost = AwaitedCallback<[lost: number, cpu: number]>

/** A slice lasts about this long, as far as the last ones tell. */
const sliceMs = 0.25
/** So few that a look at the clock costs nothing beside them. */
const mostSliceRecords = 256

export class Delivery {
  readonly handlers: Handler[] = []
  readonly cursor: Cursor
  /** Told what the kernel says that it dropped, in its place between the records. */
  onLost: OnLost | undefined
  /** The promise of a callback: it is waited for before the next record. */
  readonly pending: Pending
  /** Whether user code may be on the stack: a callback does not begin another delivery. */
  active = false
  readonly #taker = new BatchTaker()
  #native: NativeReader | undefined
  /** The batch that the cursor is in. */
  #batch: LentBatch | undefined
  #records = 0
  #bytes = 0
  #batches = 0
  #sliceRecords = 1
  /** Calls of user code that are not of a record in a batch. */
  #otherCalls = 0

  constructor(raise: Cursor['raise'], returned: Cursor['returned']) {
    this.pending = new Pending(raise)
    this.cursor = { position: 0, end: 0, records: 0, limit: 0, raise, returned }
  }

  /** What take() fills in. */
  get taken(): Float64Array {
    return this.#taker.taken
  }

  /** Before anything else: the reader whose batches they are. */
  open(native: NativeReader): void {
    this.#native = native
  }

  get isOpen(): boolean {
    return this.#native !== undefined
  }

  /** Records that were handed out, the one in hand included. */
  get records(): number {
    return this.#records + this.cursor.records
  }

  /** The bytes of these records. */
  get bytes(): number {
    const batch = this.#batch
    if (batch === undefined) return this.#bytes
    return this.#bytes + recordBytesBetween(batch.arena, 0, this.cursor.position)
  }

  /** Batches that were handed out whole. */
  get batches(): number {
    return this.#batches
  }

  /** After run() found no batch: the error number that ended the poll thread, or 0. */
  get errno(): number {
    return this.#taker.errno
  }

  /** After a drain: the batch became full, and there may be more. */
  get drainedFull(): boolean {
    return this.#taker.more
  }

  /** Hands out nothing more until this has settled: it came of the callback on the stack. */
  wait(promise: PromiseLike<unknown>): void {
    this.cursor.limit = 0
    this.pending.begin(promise, this.#call)
  }

  /**
   * Whether the caller is the callback whose promise is waited for, or came of it.
   * Of a callback that is on the stack that is known when it has returned.
   */
  async isWithinPending(): Promise<boolean> {
    if (!this.active) return this.pending.isPending && this.pending.isOrigin
    const call = this.#call
    await Promise.resolve()
    return this.pending.isOf(call)
  }

  /**
   * Hands out records until there are none, the clock shows `deadline`, the
   * cursor's limit is set to 0, as by wait(), or `enough()` says so after a whole
   * batch. Not while a promise is pending.
   *
   * @returns Whether there may be more.
   */
  run(deadline: number, enough: () => boolean = () => false): boolean {
    let before = performance.now()
    for (;;) {
      const batch = this.#nextBatch()
      if (batch === undefined) return false
      const records = this.#walk(batch)
      const whole = this.#batch === undefined
      if (this.#native === undefined || this.cursor.limit === 0 || (whole && enough())) return true
      const now = performance.now()
      if (records > 0) {
        const fitting = (sliceMs * records) / (now - before)
        this.#sliceRecords = Math.max(
          1,
          Math.min(mostSliceRecords, Math.floor(fitting), 2 * this.#sliceRecords),
        )
      }
      if (now >= deadline) return true
      before = now
    }
  }

  /** Calls user code for a record that was held back. */
  handOut(call: () => unknown): void {
    const outer = this.active
    this.active = true
    this.#otherCalls++
    try {
      const result = this.pending.call(call)
      if (typeof result === 'object' && result !== null) this.cursor.returned(result)
    } catch (error) {
      throwUncaught(error)
    } finally {
      this.active = outer
    }
  }

  /** Ends a run after the record in hand, for good. */
  close(): void {
    this.cursor.limit = 0
    this.#bytes = this.bytes
    this.#batch = undefined
    this.#native = undefined
    this.pending.close()
  }

  /** Of the callback on the stack; each call has another one. */
  get #call(): number {
    return this.records + this.#otherCalls
  }

  #nextBatch(): LentBatch | undefined {
    if (this.#batch !== undefined || this.#native === undefined) return this.#batch
    const batch = this.#taker.take(this.#native)
    if (batch === undefined) return undefined
    this.cursor.position = 0
    this.cursor.end = batch.sizeBytes
    this.#batch = batch
    return batch
  }

  /**
   * Walks on by a slice, and gives the batch back at its end, but not under a
   * callback that is pending. Should something be thrown, a full stack for
   * instance, the cursor still tells how far it came.
   */
  #walk(batch: LentBatch): number {
    const { cursor } = this
    const { arena, sizeBytes } = batch
    let records = 0
    cursor.limit = this.#sliceRecords
    this.active = true
    try {
      while (cursor.position < sizeBytes && cursor.records < cursor.limit) {
        const stream = arena.u32[(cursor.position >>> 2) + 1] as number
        if ((stream & lostFrame) !== 0) {
          this.#reportLost(arena, stream)
          continue
        }
        const source = stream >>> 16
        const handler = this.handlers[source] as Handler
        handler.walk(arena, cursor, source, this.#callbackOf(handler))
      }
    } finally {
      this.active = false
      ;({ records } = cursor)
      this.#records += records
      cursor.records = 0
    }
    if (this.pending.isPending) return records
    if (cursor.position >= sizeBytes && this.#native !== undefined) {
      this.#native.giveBack(batch.index)
      this.#batch = undefined
      this.#batches++
      this.#bytes += batch.recordBytes
    }
    return records
  }

  #callbackOf(handler: Handler): OnRecords {
    if (!this.pending.isExpected) return handler.onRecord
    return (handler.watched ??= this.pending.watched(handler.onRecord))
  }

  /** Steps over the kernel's message that it had to drop records. */
  #reportLost(arena: Arena, stream: number): void {
    const { cursor } = this
    const lost = Number(arena.u64[(cursor.position + frameHeaderBytes) >>> 3])
    cursor.position += frameHeaderBytes + 8
    this.#otherCalls++
    try {
      const result = this.pending.call(() => this.onLost?.(lost, stream & 0xffff))
      if (typeof result === 'object' && result !== null) cursor.returned(result)
    } catch (error) {
      throwUncaught(error)
    }
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
