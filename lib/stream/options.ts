// What all readers can be told.
import { checkInteger, checkOptions, invalidType } from '../errors/errors.js'
import type { IntegerForm } from '../types/type.js'
import { checkSignal } from './arguments.js'

/** How a reader waits, and how much memory it uses. */
export interface ReaderOptions<M extends IntegerForm = 'bigint'> {
  /**
   * The longest that a record waits under load, in microseconds: the poll
   * thread then leaves the kernel's buffer alone for up to this time, and the
   * traced workload need not wake it. The first record after idle never waits.
   * 0 drains at once, always. Default 500.
   */
  coalesceUs?: number | undefined
  /**
   * Drain at least this often, in milliseconds, whether or not the kernel
   * reported records; 0 never. Default 0, or 100 where records do not all wake the
   * poll thread, as with `wakeupBytes`. Not with `pollThread: false`.
   */
  drainIntervalMs?: number | undefined
  /** The soft size of a batch in bytes: the record that crosses it still goes in. Default 256 KiB. */
  batchBytes?: number | undefined
  /**
   * How many batches there are. When all are full, records stay in the kernel's
   * buffer, which is the only queue. Default 4.
   */
  batchCount?: number | undefined
  /** Without a poll thread nothing is delivered but by `consume()`. Default true. */
  pollThread?: boolean | undefined
  /** Closes the reader when it aborts. */
  signal?: AbortSignal | undefined
  /**
   * What the 64-bit integers of records are, in all their fields: `bigint`, or, so that
   * `JSON.stringify()` takes a record, `number`, with a RangeError beyond 2^53 - 1 as
   * for `u64.number`, or `string`. Default `bigint`.
   */
  integers?: M | undefined
}

const optionNames = [
  'coalesceUs',
  'drainIntervalMs',
  'batchBytes',
  'batchCount',
  'pollThread',
  'signal',
  'integers',
] as const

const smallestBatchBytes = 4096
const largestBatchBytes = 2 ** 28

/** What a reader works with: checked, and with its defaults. */
export interface CheckedOptions {
  coalesceUs: number
  /** Nothing: by what the maps need. */
  drainIntervalUs: number | undefined
  batchBytes: number
  batchCount: number
  pollThread: boolean
  signal: AbortSignal | undefined
  integers: IntegerForm
}

/**
 * Refuses options that are unknown or out of range.
 *
 * @param ownOptions Names that the kind of reader knows besides.
 */
export function checkReaderOptions(
  options: ReaderOptions,
  ownOptions: readonly string[],
): CheckedOptions {
  checkOptions(options, [...optionNames, ...ownOptions])
  const { coalesceUs = 500, drainIntervalMs, batchCount = 4 } = options
  const { batchBytes = 256 * 1024, pollThread = true, signal } = options
  checkInteger(coalesceUs, 'coalesceUs', 0, 1_000_000)
  if (drainIntervalMs !== undefined) {
    checkInteger(drainIntervalMs, 'drainIntervalMs', 0, 2 ** 31 - 1)
  }
  checkInteger(batchBytes, 'batchBytes', smallestBatchBytes, largestBatchBytes)
  checkInteger(batchCount, 'batchCount', 1, 64)
  if (typeof pollThread !== 'boolean') throw invalidType('a boolean', 'pollThread', pollThread)
  if (!pollThread && drainIntervalMs !== undefined && drainIntervalMs !== 0) {
    const expected = 'no drainIntervalMs without a poll thread, which drains'
    throw invalidType(expected, 'options', { drainIntervalMs, pollThread })
  }
  checkSignal(signal)
  const integers = checkIntegers(options.integers)
  const drainIntervalUs = drainIntervalMs === undefined ? undefined : 1000 * drainIntervalMs
  return { coalesceUs, drainIntervalUs, batchBytes, batchCount, pollThread, signal, integers }
}

/** Refuses all but the ways to have 64-bit integers, and nothing. */
export function checkIntegers(integers: unknown = 'bigint'): IntegerForm {
  if (integers === 'bigint' || integers === 'number' || integers === 'string') return integers
  throw invalidType('bigint, number or string', 'integers', integers)
}
