// Hands records to callbacks, a turn of the event loop at a time, and knows who waits for that.
import type { NativeReader } from '../addon/reader.js'
import { type Delivery, throwUncaught } from './delivery.js'

/** How long records are handed out before timers and I/O get their turn. */
export const turnMs = 2
/** How long to wait for a record that is still being written. */
const retryMs = 1

/** Resolves after timers and I/O had their turn; with `wait` some time later. */
export function turnOfLoop(wait = false): Promise<void> {
  return new Promise((resolve) => {
    if (wait) setTimeout(resolve, retryMs)
    else setImmediate(resolve)
  })
}

/** What a reader does for its turns. */
export interface TurnsOwner {
  readonly native: NativeReader
  /** Drains on this thread. */
  drain(): number
  /** Delivers, until the deadline, what needs not be held back longer; false when some is left. */
  releaseDue(deadline: number): boolean
  /** The same of all that is held back. */
  releaseHeldBack(deadline: number): boolean
  /** The poll thread has ended early, with this error number, or a drain has thrown. */
  fail(failure: number | Error): void
}

/** Who waits until what was marked has been delivered. */
interface Waiter {
  readonly mark: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class Turns {
  readonly #delivery: Delivery
  readonly #owner: TurnsOwner
  #closed = false
  #referenced = true
  /** When this turn, or the last one, has taken its time. */
  #turnEnd = 0
  #turn: NodeJS.Immediate | undefined
  #retry: NodeJS.Timeout | undefined
  #waiters: Waiter[] = []

  constructor(delivery: Delivery, owner: TurnsOwner) {
    this.#delivery = delivery
    this.#owner = owner
    delivery.pending.onSettled = () => this.#goOn()
  }

  /** There are records: deliver them, unless a turn is due that will. */
  onBell(): void {
    if (this.#turn === undefined) this.#deliver()
  }

  /** Whether the callbacks got all that had been committed at a mark. */
  isDelivered(mark: number): boolean {
    const batches = this.#owner.native.markReached(mark)
    return batches >= 0 && this.#delivery.batches >= batches
  }

  /** Delivers, without letting the loop turn, what is committed now; to the first promise. */
  deliverNow(): void {
    const { native } = this.#owner
    const mark = native.mark()
    const enough = (): boolean => this.isDelivered(mark)
    let more = false
    try {
      for (let progress = true; progress && this.#mayDeliver && !enough();) {
        const { batches } = this.#delivery
        const drained = this.#owner.drain()
        more = this.#delivery.run(Infinity, enough)
        // Without progress what is left is still being written.
        progress = drained > 0 || this.#delivery.drainedFull || this.#delivery.batches > batches
      }
    } finally {
      native.unmark(mark)
      if (more || this.#waiters.length > 0) this.#schedule()
    }
  }

  /** Resolves when what is committed now has been delivered, or when it is closed. */
  async deliverMarked(): Promise<void> {
    const { native } = this.#owner
    const mark = native.mark()
    const inTurn = this.#mayDeliver && this.#turn === undefined
    if (inTurn) this.#owner.drain()
    const delivered = new Promise<void>((resolve, reject) => {
      this.#waiters.push({ mark, resolve, reject })
    })
    if (inTurn) this.#deliver()
    else this.#schedule()
    this.#turn?.ref()
    await delivered
  }

  setReferenced(referenced: boolean): void {
    this.#referenced = referenced
    if (referenced) this.#turn?.ref()
    else if (this.#waiters.length === 0) this.#turn?.unref()
  }

  /** Rejects those who wait; false when nobody does. */
  reject(error: Error): boolean {
    const waiters = this.#waiters
    this.#waiters = []
    for (const { reject } of waiters) reject(error)
    return waiters.length > 0
  }

  close(): void {
    this.#closed = true
    // Not cleared, which Node does not survive: see Iterations.#end().
    this.#turn?.unref()
    clearTimeout(this.#retry)
    const waiters = this.#waiters
    this.#waiters = []
    for (const { resolve } of waiters) resolve()
  }

  /** A callback that runs a nested event loop is not interrupted, nor is one that is pending. */
  get #mayDeliver(): boolean {
    return !this.#closed && !this.#delivery.active && !this.#delivery.pending.isPending
  }

  #deliver(): void {
    if (!this.#mayDeliver) return
    clearTimeout(this.#retry)
    this.#retry = undefined
    this.#turnEnd = performance.now() + turnMs
    this.#deliverInTurn()
  }

  /** A promise has settled: callbacks that are quick share a turn, as nothing else has its own. */
  #goOn(): void {
    if (this.#turn !== undefined || this.#closed) return
    if (performance.now() < this.#turnEnd) this.#deliverInTurn()
    else this.#schedule()
  }

  #deliverInTurn(): void {
    try {
      this.#deliverUntil(this.#turnEnd)
    } catch (error) {
      // Node-API failed, and would drop the error: the next turn goes on where this one ended.
      this.#retryLater()
      const waiters = this.#waiters
      if (!this.reject(error as Error)) throwUncaught(error)
      this.#unmark(waiters)
    }
  }

  #deliverUntil(deadline: number): void {
    const more = !this.#owner.releaseDue(deadline) || this.#delivery.run(deadline)
    const settled = this.#settle(deadline)
    if (more || !settled) this.#schedule()
    else if (this.#delivery.errno !== 0) this.#owner.fail(this.#delivery.errno)
    else if (this.#waiters.length > 0) this.#drainForWaiters()
  }

  #drainForWaiters(): void {
    let drained: number
    try {
      drained = this.#owner.drain()
    } catch (error) {
      this.#owner.fail(error as Error)
      return
    }
    const settles = this.#waiters.some(({ mark }) => this.isDelivered(mark))
    if (drained > 0 || settles || this.#delivery.drainedFull) this.#schedule()
    // A record before the mark is still being written.
    else this.#retryLater()
  }

  #retryLater(): void {
    this.#retry = setTimeout(() => this.#deliver(), retryMs)
  }

  #schedule(): void {
    // What waits for a promise goes on when that has settled.
    if (this.#turn !== undefined || this.#closed || this.#delivery.pending.isPending) return
    this.#turn = setImmediate(() => {
      this.#turn = undefined
      this.#deliver()
    })
    if (!this.#referenced && this.#waiters.length === 0) this.#turn.unref()
  }

  /** Resolves those whose records were delivered; false when some of it is held back still. */
  #settle(deadline: number): boolean {
    const reached = this.#waiters.filter(({ mark }) => this.isDelivered(mark))
    if (reached.length === 0) return true
    if (!this.#owner.releaseHeldBack(deadline)) return false
    this.#waiters = this.#waiters.filter((waiter) => !reached.includes(waiter))
    for (const { resolve } of reached) resolve()
    this.#unmark(reached)
    return true
  }

  /** Last, as Node-API may fail: nobody waits for it. */
  #unmark(waiters: readonly Waiter[]): void {
    for (const { mark } of waiters) this.#owner.native.unmark(mark)
  }
}
