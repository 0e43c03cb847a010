// What readers call: one callback, or of tagged records one for each case.
import { invalidType } from '../errors/errors.js'
import type { IntegerForm } from '../types/type.js'
import type { WithIntegers } from '../types/with-integers.js'
import { checkType, type Type } from '../types/struct.js'
import { callbackNames } from '../types/tagged.js'
import type { OnRecord, OnRecords } from './record.js'

/**
 * A callback that may be `async`: when it returns a promise, the next record waits until
 * that has settled, and a rejection is what an exception is.
 *
 * @typeParam A What it is called with.
 */
// Not one function that returns either: to compare that, TypeScript has to know what a
// callback returns, which may depend on the reader that is just being made.
export type AwaitedCallback<A extends readonly unknown[]> =
  ((...args: A) => void) | ((...args: A) => Promise<void>)

/**
 * Callbacks of tagged records by their tag: one for each case, and with
 * `unknown: 'bytes'` one that is called so.
 *
 * @typeParam B What `tagged()` says of its cases.
 * @typeParam O What callbacks are told besides: the ring's name, or the CPU.
 */
export type TagCallbacks<B, M extends IntegerForm, O> = {
  readonly [K in keyof B]: AwaitedCallback<[record: WithIntegers<B[K], M>, origin: O]>
}

/**
 * What the decoder says of its cases: callbacks that are given do not decide it, so that
 * what is missing is an error. `NoInfer` of TypeScript 5.4.
 */
export type Told<B> = [B][B extends unknown ? 0 : never]

/** Refuses what cannot be called. */
export function checkCallback(callback: unknown, what: string): void {
  if (typeof callback !== 'function') throw invalidType('a function', what, callback)
}

/** Whether one of these says that it returns promises. Others may do so too. */
export function isAsync(callbacks: readonly unknown[]): boolean {
  return callbacks.some(
    (callback) => Object.prototype.toString.call(callback) === '[object AsyncFunction]',
  )
}

/** What a loop for this type calls, of what a user gave. */
export function checkCallbacks(decoder: Type, given: unknown): OnRecords | undefined {
  if (given === undefined) return undefined
  if (typeof given !== 'object' || given === null) {
    checkCallback(given, 'onRecord')
    return given as OnRecord
  }
  checkType(decoder, 'decoder')
  const names = callbackNames(decoder)
  if (names === undefined) throw invalidType('a function', 'onRecord', given)
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) throw invalidType(`one of ${names.join(', ')}`, 'a callback', name)
  }
  return names.map((name) => {
    const callback = (given as Record<string, unknown>)[name]
    checkCallback(callback, `the callback for ${name}`)
    return callback as OnRecord
  })
}

/** Functions among the options of readers. */
const callableOptions = ['onLost']

/** Whether an object is callbacks by tag, and not options: it may be either. */
function isByTag(decoder: unknown, given: object): boolean {
  const isTagged = typeof decoder === 'object' && decoder !== null && 'shape' in decoder
  const names = isTagged ? callbackNames(decoder as Type) : undefined
  if (names === undefined) return false
  return Object.entries(given).some(
    ([name, value]) =>
      names.includes(name) || (typeof value === 'function' && !callableOptions.includes(name)),
  )
}

/** The arguments of a constructor that follow the decoder: callbacks, options, or both. */
export function callbacksAndOptions<O extends object>(
  decoder: unknown,
  onRecordOrOptions: unknown,
  options: O | undefined,
): [onRecord: unknown, options: O] {
  const first = onRecordOrOptions
  const isObject = typeof first === 'object' && first !== null && !Array.isArray(first)
  // undefined for the callback, and options behind it.
  if (typeof first === 'function' || first === undefined || (isObject && isByTag(decoder, first))) {
    return [first, options === undefined ? ({} as O) : options]
  }
  if (options !== undefined) return [first, options]
  if (!isObject) {
    const expected = 'a function, or an object of options or of callbacks by tag,'
    throw invalidType(expected, 'onRecord', first)
  }
  return [undefined, first as O]
}
