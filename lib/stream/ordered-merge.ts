// Puts records of several streams, each in order, into one order by time.

interface Pending {
  readonly time: bigint
  /** Ties go by arrival. */
  readonly arrival: number
  readonly deliver: () => unknown
}

/** Whom a merge delivers to. */
export interface MergeOwner {
  /** Calls what delivers a record; does not throw. */
  handOut(deliver: () => unknown): void
  /** Whether the record that was handed out last is being waited for. */
  isBusy(): boolean
  /** What is held back may go, as nothing came any more: calls releaseDue(). */
  onDue(): void
}

/**
 * Holds records back until those of the other streams that are older have
 * surely come: for `windowNs` of the records' own time, and as long as no record
 * comes, for that time on the clock. A record that is older than one delivered
 * before is late: it is delivered at once, and counted. While the owner is busy
 * nothing is delivered; it calls releaseDue() after that.
 */
export class OrderedMerge {
  /** Records that came after a younger one had been delivered. */
  late = 0
  // A binary heap: the oldest first.
  readonly #heap: Pending[] = []
  readonly #windowNs: bigint
  readonly #limit: number
  readonly #owner: MergeOwner
  #closed = false
  /** Records that close() dropped. */
  #dropped = 0
  #arrivals = 0
  #handedOut = 0
  /** Records that had come and gone at the last look; -1 when the owner was busy. */
  #seen = -1
  #newest = 0n
  /** Records as old as this may go. */
  #due = 0n
  #delivered = 0n
  #timer: NodeJS.Timeout | undefined

  /**
   * @param limit The most records that are held back: one more, and the oldest goes.
   */
  constructor(windowNs: bigint, limit: number, owner: MergeOwner) {
    this.#windowNs = windowNs
    this.#limit = limit
    this.#owner = owner
  }

  /** Records that are held back, or were when it was closed. */
  get pending(): number {
    return this.#heap.length + this.#dropped
  }

  /** While the owner is not busy. */
  push(time: bigint, deliver: () => unknown): void {
    this.#arrivals++
    if (time < this.#delivered) {
      this.late++
      this.#handOut(deliver)
      return
    }
    if (time > this.#newest) this.#newest = time
    this.#insert({ time, arrival: this.#arrivals, deliver })
    this.#mayGo(this.#newest - this.#windowNs)
    this.releaseDue(Infinity)
    if (this.#heap.length > 0) this.#wait()
  }

  /**
   * Delivers what needs not be held back longer, until the owner is busy or the
   * clock shows `deadline`.
   *
   * @returns Whether nothing of it is left, and the owner is not busy.
   */
  releaseDue(deadline: number): boolean {
    for (;;) {
      if (this.#owner.isBusy()) return false
      const oldest = this.#heap[0]
      if (oldest === undefined) return true
      if (oldest.time > this.#due && this.#heap.length <= this.#limit) return true
      if (performance.now() >= deadline) return false
      this.#deliverOldest()
    }
  }

  /** The same of everything that is held back. */
  flush(deadline: number): boolean {
    this.#mayGo(this.#newest)
    return this.releaseDue(deadline)
  }

  /** Drops what is held back; within a release, too. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#dropped = this.#heap.length
    this.#heap.length = 0
  }

  #mayGo(due: bigint): void {
    if (due > this.#due) this.#due = due
  }

  /** When nothing comes any more, nothing older does. */
  #wait(): void {
    if (this.#closed) return
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        const isBusy = this.#owner.isBusy()
        // Who is busy takes nothing from the buffers, where older records may wait.
        const now = isBusy ? -1 : this.#arrivals + this.#handedOut
        const isQuiet = !isBusy && now === this.#seen
        this.#seen = now
        if (isQuiet) {
          this.#mayGo(this.#newest)
          this.#owner.onDue()
        }
        if (this.#heap.length > 0) this.#wait()
      },
      Number(this.#windowNs / 1_000_000n),
    ).unref()
  }

  #deliverOldest(): void {
    const { time, deliver } = this.#removeOldest()
    this.#delivered = time
    this.#handOut(deliver)
  }

  #handOut(deliver: () => unknown): void {
    this.#handedOut++
    this.#owner.handOut(deliver)
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
