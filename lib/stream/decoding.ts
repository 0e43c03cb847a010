// Decodes batches for iterators, which then own the records.
import type { Delivery } from './delivery.js'
import { turnMs } from './turns.js'

/** What an iterator over several maps yields for a record: which map it came from, too. */
export interface SourcedRecord<T> {
  /** The map's name in C. */
  source: string
  /** The record. */
  record: T
}

/** A record as an iterator over several maps yields it. */
export type AsSourced<T> = T extends SourcedRecord<unknown> ? T : SourcedRecord<T>

/** Records that were decoded together, and what ended that before the batch did. */
interface Decoded {
  readonly records: unknown[]
  error: Error | undefined
}

/** A batch of the default size is decoded in a millisecond or two. */
const largestWholeBytes = 256 * 1024

export class Decoding {
  readonly #delivery: Delivery
  readonly #sliceMs: number
  #decoded: Decoded = { records: [], error: undefined }

  /** @param batchBytes The size of a batch. */
  constructor(delivery: Delivery, batchBytes: number) {
    this.#delivery = delivery
    this.#sliceMs = batchBytes > largestWholeBytes ? turnMs : Infinity
  }

  /** What takes a map's records; of several maps each says where it is from. */
  collector(source: string): (record: never) => void {
    return (record) => {
      const sourced = this.#delivery.handlers.length > 1
      this.#decoded.records.push(sourced ? { source, record } : record)
    }
  }

  /** Ends the decoding of a batch after the record in hand. */
  stop(error: Error): void {
    this.#decoded.error = error
    this.#delivery.cursor.limit = 0
  }

  /**
   * Decodes the rest of a batch, or of one that is larger than the default what
   * fits into a turn.
   */
  batch(): Decoded & { more: boolean } {
    const deadline = performance.now() + this.#sliceMs
    const decoded: Decoded = { records: [], error: undefined }
    this.#decoded = decoded
    let more = true
    try {
      do more = this.#delivery.run(deadline, () => true)
      while (
        more &&
        decoded.records.length === 0 &&
        decoded.error === undefined &&
        this.#delivery.isOpen
      )
    } catch (error) {
      // Node-API failed; what was decoded first comes first.
      if (decoded.records.length === 0 && decoded.error === undefined) throw error
    }
    return { ...decoded, more }
  }
}
