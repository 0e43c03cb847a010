// Types that are made from others.
import { invalidType } from '../errors/errors.js'
import { checkType, make, type Type, type Value } from './type.js'

/**
 * An own type, made from another: what is read goes through `decode`, what is written
 * through `encode`. What they throw is thrown by whoever reads or writes; of a reader's
 * records it is raised as an exception of the callback is. What they are given is theirs
 * to keep.
 *
 * @param encode Gives the value that `type` writes; `what` is how messages call the value
 *   that it is given. Without it the type can be read alone: a `TypeError` when written.
 * @example
 * ```ts
 * const Celsius = map(
 *   i16,
 *   (tenths) => tenths / 10,
 *   (degrees: number) => Math.round(degrees * 10),
 * )
 * ```
 */
export function map<D extends Type, U>(
  type: D,
  decode: (value: Value<D>) => U,
  encode?: (value: U, what: string) => Value<D>,
): Type<U> {
  checkType(type, 'the type of map()')
  if (type.shape.kind === 'view') throw invalidType('a type that copies', 'map()', type.name)
  if (typeof decode !== 'function') throw invalidType('a function', 'decode of map()', decode)
  if (encode !== undefined && typeof encode !== 'function') {
    throw invalidType('a function', 'encode of map()', encode)
  }
  const { name, size, align } = type
  return make({ name, size, align, shape: { kind: 'map', type, decode, encode } })
}
