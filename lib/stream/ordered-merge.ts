// Puts records of several streams, each in order, into one order by time.

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
  readonly #raise: (error: unknown) => void
  #arrivals = 0
  #arrivalsAtCheck = 0
  #newest = 0n
  #delivered = 0n
  #timer: NodeJS.Timeout | undefined

  /**
   * @param limit The most records that are held back: one more, and the oldest goes.
   * @param raise Takes what a callback threw.
   */
  constructor(windowNs: bigint, limit: number, raise: (error: unknown) => void) {
    this.#windowNs = windowNs
    this.#limit = limit
    this.#raise = raise
  }

  /** Records that are held back. */
  get pending(): number {
    return this.#heap.length
  }

  push(time: bigint, deliver: () => void): void {
    this.#arrivals++
    if (time < this.#delivered) {
      this.late++
      this.#call(deliver)
      return
    }
    if (time > this.#newest) this.#newest = time
    this.#insert({ time, arrival: this.#arrivals, deliver })
    this.#release(this.#newest - this.#windowNs)
    if (this.#heap.length > this.#limit) this.#deliverOldest()
    if (this.#heap.length > 0) this.#wait()
  }

  /** Delivers everything that is held back. */
  flush(): void {
    this.#release(this.#newest)
  }

  /** Drops what is held back. */
  close(): void {
    clearTimeout(this.#timer)
  }

  #release(until: bigint): void {
    for (let oldest = this.#heap[0]; oldest !== undefined; oldest = this.#heap[0]) {
      if (oldest.time > until) return
      this.#deliverOldest()
    }
  }

  /** When nothing comes any more, nothing older does. */
  #wait(): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        if (this.#arrivals === this.#arrivalsAtCheck) this.flush()
        this.#arrivalsAtCheck = this.#arrivals
        if (this.#heap.length > 0) this.#wait()
      },
      Number(this.#windowNs / 1_000_000n),
    ).unref()
  }

  #deliverOldest(): void {
    const { time, deliver } = this.#removeOldest()
    this.#delivered = time
    this.#call(deliver)
  }

  #call(deliver: () => void): void {
    try {
      deliver()
    } catch (error) {
      this.#raise(error)
    }
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
