// What can happen to a reader: calls in any order, each from one of the places
// where a program may make it.
import fc from 'fast-check'

/** Where a step is taken: in the driver, or later, while the steps after it are taken. */
const places = [
  'here',
  'microtask',
  'tick',
  'immediate',
  'timer',
  'callback', // of the next record, or the body of a loop
  'abort', // in a listener of an AbortSignal
  'signal', // in a handler of a process signal
] as const
export type Place = (typeof places)[number]

/** The calls, and how often each is made compared with the others. */
const weights = {
  produce: 12,
  turn: 6, // the event loop, in the driver only
  wait: 3, // for some milliseconds, in the driver only
  block: 2, // the thread
  consume: 5,
  flush: 5,
  stats: 3,
  next: 8,
  records: 3,
  batches: 2,
  loop: 3,
  return: 4,
  throw: 2, // from the next callback or body
  promise: 4, // from the next callback, which settles some time later
  add: 2,
  again: 1, // a second reader of the same map
  ref: 1,
  unref: 1,
  end: 1,
  endInTime: 1,
  endBySignal: 1,
  close: 1,
  dispose: 1,
  asyncDispose: 1,
  abort: 1, // the signal that the reader follows
  closeObject: 1,
  reopen: 3, // a new reader, once this one is closed
} as const
export type Call = keyof typeof weights

export interface Step {
  at: Place
  call: Call
  /** How many, how long, which: as the call has it. */
  n: number
}

export interface Scenario {
  kind: 'ring' | 'perf' | 'ordered'
  iterates: boolean
  /** Its callbacks are `async`. */
  isAsync: boolean
  /** A process produces, all the time, instead of the steps. */
  races: boolean
  pollThread: boolean
  small: boolean
  batchBytes: number
  batchCount: number
  coalesceUs: number
  /** Of a ring; of a perf buffer the watermark; 0: as it comes. */
  wakeupBytes: number
  steps: Step[]
  finallyEnds: boolean
}

const here: fc.Arbitrary<Place> = fc.constant('here')

/** So that what is printed can be read. */
const plain = { noNullPrototype: true }

const step: fc.Arbitrary<Step> = fc.record(
  {
    at: fc.oneof(
      { weight: 2, arbitrary: here },
      { weight: 1, arbitrary: fc.constantFrom(...places) },
    ),
    call: fc.oneof(
      ...Object.entries(weights).map(([call, weight]) => ({
        weight,
        arbitrary: fc.constant(call as Call),
      })),
    ),
    n: fc.nat(400),
  },
  plain,
)

export const scenario: fc.Arbitrary<Scenario> = fc
  .record(
    {
      kind: fc.constantFrom('ring' as const, 'ring' as const, 'perf' as const, 'ordered' as const),
      iterates: fc.boolean(),
      isAsync: fc.nat(3).map((n) => n === 3),
      races: fc.nat(7).map((n) => n === 7),
      pollThread: fc.nat(3).map((n) => n !== 3),
      small: fc.boolean(),
      batchBytes: fc.constantFrom(4096, 4097, 5001, 65535, 256 * 1024),
      batchCount: fc.constantFrom(1, 2, 4),
      coalesceUs: fc.constantFrom(0, 500, 5000),
      wakeupBytes: fc.constantFrom(0, 0, 1000),
      steps: fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
      finallyEnds: fc.boolean(),
    },
    plain,
  )
  // Only callbacks are called in order.
  .map((drawn) => ({ ...drawn, iterates: drawn.iterates && drawn.kind !== 'ordered' }))
