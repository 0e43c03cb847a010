// What a reader counts.
import type { NativeReader } from '../addon/reader.js'

/** What a reader has done since it was made. */
export interface ReaderStats {
  /** Records delivered to callbacks or iterators, those that were refused or skipped included. */
  records: number
  /**
   * Records whose tag no case of `tagged()` has, whatever became of them: they are among
   * `records`, also those that were skipped.
   */
  unknown: number
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
   * that is not known: rings count it when declared with `BPFRB_RINGBUF()`. Of a
   * ring that another process or another thread has read before, counted from when
   * this reader was made, as {@link RingStats} says.
   */
  lost: number | undefined
}

/** How far a map's buffers were written and read, in bytes since they were made. */
export interface SourceState {
  /** Of each buffer. */
  sizeBytes: number
  /** The most that was queued when it was drained; of rings. */
  peakBytes: number
  /** Where the consumer was when the reader was made; of rings. */
  openedAt: number
  /** One; of a perf buffer one for each CPU. */
  buffers: { consumer: number; producer: number }[]
  /** Records that the kernel reported as lost; of perf buffers. */
  lostByCpu: number[]
}

export function sourceState(native: NativeReader, index: number): SourceState {
  const fields = native.sourceState(index)
  const [sizeBytes = 0, peakBytes = 0, openedAt = 0, count = 0] = fields
  const buffers = Array.from({ length: count }, (_, i) => ({
    consumer: fields[4 + 2 * i] as number,
    producer: fields[5 + 2 * i] as number,
  }))
  return { sizeBytes, peakBytes, openedAt, buffers, lostByCpu: fields.slice(4 + 2 * count) }
}

/**
 * @param native What the native reader's stats() said.
 * @param records Records that callbacks or iterators got.
 * @param bytes Of records that were decoded.
 * @param unknown Of these, how many had a tag that no case has.
 * @param lost As far as the programs or the kernel counted it.
 */
export function readerStats(
  native: readonly number[],
  records: number,
  bytes: number,
  unknown: number,
  lost: number | undefined,
): ReaderStats {
  const [received = 0, , batches = 0, wakeups = 0, dropped = 0, stalls = 0] = native
  return {
    records,
    unknown,
    bytes,
    batches,
    wakeups,
    stalls,
    undelivered: received - records,
    lost: dropped === 0 ? lost : (lost ?? 0) + dropped,
  }
}
