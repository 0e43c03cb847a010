// Puts records of several streams, each in order, into one order by time.
import { performance } from 'node:perf_hooks'
import { turnMs } from './turns.js'

interface Pending {
  readonly time: bigint
  /** Ties go by arrival. */
  readonly arrival: number
  readonly deliver: () => void
}

/**
 * Holds records back until those of the other streams that are older have
 * surely come: for `windowNs` of the records' own time, and as long as no record
 * comes, for that time on the clock. A record that is older than one delivered
 * before is late: it is delivered at once, and counted.
 */
export class OrderedMerge {
  /** Records that came after a younger one had been delivered. */
  late = 0
  // A binary heap: the oldest first.
  readonly #heap: Pending[] = []
  readonly #windowNs: bigint
  readonly #limit: number
  readonly #handOut: (deliver: () => void) => void
  #closed = false
  /** Records that close() dropped. */
  #dropped = 0
  #arrivals = 0
  #arrivalsAtCheck = 0
  #newest = 0n
  #delivered = 0n
  #timer: NodeJS.Timeout | undefined

  /**
   * @param limit The most records that are held back: one more, and the oldest goes.
   * @param handOut Calls what delivers a record; it does not throw.
   */
  constructor(windowNs: bigint, limit: number, handOut: (deliver: () => void) => void) {
    this.#windowNs = windowNs
    this.#limit = limit
    this.#handOut = handOut
  }

  /** Records that are held back, or were when it was closed. */
  get pending(): number {
    return this.#heap.length + this.#dropped
  }

  push(time: bigint, deliver: () => void): void {
    this.#arrivals++
    if (time < this.#delivered) {
      this.late++
      this.#handOut(deliver)
      return
    }
    if (time > this.#newest) this.#newest = time
    this.#insert({ time, arrival: this.#arrivals, deliver })
    this.#release(this.#newest - this.#windowNs)
    if (this.#heap.length > this.#limit) this.#deliverOldest()
    if (this.#heap.length > 0) this.#wait()
  }

  /**
   * Delivers everything that is held back, until the clock shows `deadline`.
   *
   * @returns Whether nothing is left.
   */
  flush(deadline: number): boolean {
    this.#release(this.#newest, deadline)
    return this.#heap.length === 0
  }

  /** Drops what is held back; within a release, too. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#dropped = this.#heap.length
    this.#heap.length = 0
  }

  #release(until: bigint, deadline = Infinity): void {
    for (let oldest = this.#heap[0]; oldest !== undefined; oldest = this.#heap[0]) {
      if (oldest.time > until || performance.now() >= deadline) return
      this.#deliverOldest()
    }
  }

  /** When nothing comes any more, nothing older does. */
  #wait(): void {
    if (this.#closed) return
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        const quiet = this.#arrivals === this.#arrivalsAtCheck
        this.#arrivalsAtCheck = this.#arrivals
        if (quiet) this.#flushInTurns()
        if (this.#heap.length > 0) this.#wait()
      },
      Number(this.#windowNs / 1_000_000n),
    ).unref()
  }

  #flushInTurns(): void {
    if (!this.flush(performance.now() + turnMs)) setImmediate(() => this.#flushInTurns())
  }

  #deliverOldest(): void {
    const { time, deliver } = this.#removeOldest()
    this.#delivered = time
    this.#handOut(deliver)
  }

  #insert(pending: Pending): void {
    const heap = this.#heap
    let at = heap.push(pending) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(pending, heap[parent] as Pending)) break
      heap[at] = heap[parent] as Pending
      at = parent
    }
    heap[at] = pending
  }

  #removeOldest(): Pending {
    const heap = this.#heap
    const oldest = heap[0] as Pending
    const moved = heap.pop() as Pending
    if (heap.length === 0) return oldest
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Pending, heap[child] as Pending)) {
        child++
      }
      if (!isBefore(heap[child] as Pending, moved)) break
      heap[at] = heap[child] as Pending
      at = child
    }
    heap[at] = moved
    return oldest
  }
}

function isBefore(a: Pending, b: Pending): boolean {
  return a.time < b.time || (a.time === b.time && a.arrival < b.arrival)
}
