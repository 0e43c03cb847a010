// Strings, bytes and arrays.
import { checkInteger, invalidType, outOfRange } from '../errors/errors.js'
import { checkType, isOpen, isRecordOnly, make, maxBytes, type Type } from './type.js'

/**
 * `char[length]` as `string`: UTF-8 up to the first NUL or the end. Bytes that
 * are not UTF-8 become U+FFFD. Without a length it takes the rest of the record
 * and must be the last field.
 *
 * It is written in UTF-8 with zeros behind it, one at least: `cstring(8)` takes at most 7
 * bytes. As a map's key it therefore finds no key that has anything behind its NUL, has no
 * NUL, or is not UTF-8: for those there are {@link bytes} and the map's `bytes`.
 */
export function cstring(length?: number): Type<string> {
  return sized('cstring', length, 'char')
}

/**
 * `__u8[length]` as a `Uint8Array` of its own. Without a length it takes the
 * rest of the record and must be the last field, or is the whole record.
 */
export function bytes(length?: number): Type<Uint8Array> {
  return sized('bytes', length, 'bytes')
}

function sized<T>(kind: 'cstring' | 'bytes', length: number | undefined, name: string): Type<T> {
  if (length !== undefined) checkInteger(length, `the length of ${kind}()`, 1, maxBytes)
  return make({
    name: `${name}[${length === undefined ? '' : String(length)}]`,
    size: length ?? 0,
    align: 1,
    shape: { kind, length },
  })
}

/**
 * `type[length]` as an array. Without a length it takes the rest of the record, as
 * many elements as there are wholly, and must be the last field, or is the whole
 * record. What is left behind the last whole element is not looked at: records of
 * perf buffers end with up to 7 bytes of padding, which may make up elements of a
 * smaller type.
 *
 * @example
 * ```ts
 * const Stack = struct('stack', { pid: u32, count: u32, addresses: array(u64) })
 * ```
 */
export function array<T>(type: Type<T>, length?: number): Type<T[]> {
  checkType(type, 'the element type of array()')
  if (length !== undefined) checkInteger(length, 'the length of array()', 1, maxBytes)
  if (isOpen(type) || isRecordOnly(type)) {
    throw invalidType('a type of fixed size', 'the element type of array()', type.name)
  }
  const size = type.size * (length ?? 0)
  if (size > maxBytes) throw outOfRange(`at most ${String(maxBytes)} bytes`, 'array()', size)
  const count = length === undefined ? '' : String(length)
  return make({
    // As in C: the outer dimension comes first.
    name: type.name.replace(/\[|$/, (rest) => `[${count}]${rest}`),
    size,
    align: type.align,
    shape: { kind: 'array', element: type, length },
  })
}
