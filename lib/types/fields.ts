// The fields of structs and unions: where they lie.
import { checkInteger, checkOptions, invalidType, outOfRange } from '../errors/errors.js'
import {
  checkType,
  describeRecordOnly,
  fieldCount,
  type Field,
  isIdentifier,
  isObject,
  isOpen,
  isRecordOnly,
  madeFrom,
  maxBytes,
  maxFields,
  roundUp,
  type Type,
  type Value,
} from './type.js'

/** A field at an offset of its own instead of the next aligned one. */
export interface Placed<T = unknown> {
  /** From the start of the struct or union, in bytes. */
  readonly offset: number
  /** What lies there. */
  readonly type: Type<T>
}

/**
 * Places a field at `offset` bytes from the start of its struct or union. Of fields that
 * share bytes one is enough to write a struct; several that are given must have the same.
 */
export function at<T>(offset: number, type: Type<T>): Placed<T> {
  checkInteger(offset, 'the offset of at()', 0, maxBytes)
  checkType(type, 'the type of at()')
  return { offset, type }
}

/** The fields of a struct in C's order. */
export type Fields = Record<string, Type | Placed>

/** What a struct with these fields decodes to. */
export type StructValue<F extends Fields> = {
  -readonly [K in keyof F]: F[K] extends Placed<infer T> ? T : Value<F[K]>
}

/** How a struct or union is laid out, and whether it is compared with BTF. */
export interface StructOptions {
  /** `__attribute__((packed))`: no padding, alignment 1. */
  packed?: boolean | undefined
  /**
   * It is not compared with the object's BTF, and nobody is warned when that
   * has no struct of its name.
   */
  unchecked?: boolean | undefined
  /**
   * It must be in the object's BTF: `ERR_LAYOUT` when that has no struct of its name,
   * instead of a warning.
   */
  checked?: boolean | undefined
  /** In bytes, where C makes it larger than its fields: `__attribute__((aligned(64)))`. */
  size?: number | undefined
}

/**
 * @internal
 * @param options What a caller gave.
 */
export function checkStructOptions(options: StructOptions): CheckedOptions {
  checkOptions(options, ['packed', 'unchecked', 'checked', 'size'])
  const { packed = false, unchecked = false, checked = false, size } = options
  if (size !== undefined) checkInteger(size, 'size', 1, maxBytes)
  for (const [name, option] of Object.entries({ packed, unchecked, checked })) {
    if (typeof option !== 'boolean') throw invalidType('a boolean', name, option)
  }
  if (checked && unchecked) {
    throw invalidType('one of checked and unchecked', 'options', options)
  }
  return { packed, unchecked, checked, size }
}

interface CheckedOptions {
  packed: boolean
  unchecked: boolean
  checked: boolean
  size: number | undefined
}

/**
 * @internal
 * @param end Where the last field ends.
 */
export function checkSize(size: number | undefined, end: number, what: string): number | undefined {
  if (size === undefined || size >= end) return size
  throw outOfRange(`at least the ${String(end)} bytes of its fields`, `the size of ${what}`, size)
}

/** @internal */
export interface Layout {
  fields: Field[]
  /** Where the last one ends. */
  end: number
  align: number
}

/**
 * Places fields: of a struct one behind the other, of a union all at its start.
 *
 * @internal
 */
export function placeFields(
  kind: 'struct' | 'union',
  name: string,
  given: Fields,
  packed: boolean,
): Layout {
  const whole = kind === 'union' && name === '' ? 'union()' : `${kind} "${name}"`
  const part = kind === 'struct' ? 'field' : 'member'
  if (!isObject(given)) throw invalidType('an object', `the ${part}s of ${whole}`, given)
  const fields: Field[] = []
  let end = 0
  let align = 1
  let open: string | undefined
  for (const [field, entry] of Object.entries(given)) {
    const what = `${part} "${field}" of ${whole}`
    if (!isIdentifier(field)) {
      throw invalidType('a C identifier', `the name of a ${part} of ${whole}`, field)
    }
    if (open !== undefined) {
      throw invalidType('the last field', `"${open}" of ${whole}, which has no length`, field)
    }
    const type = isPlaced(entry) ? entry.type : entry
    checkType(type, what)
    if (isRecordOnly(type)) throw invalidType('a type', what, describeRecordOnly(type))
    if (isOpen(type)) {
      const isStruct = madeFrom(type).shape.kind === 'struct'
      if (isStruct || kind === 'union') {
        throw invalidType('a type of fixed size', what, `${isStruct ? 'struct ' : ''}${type.name}`)
      }
      open = field
    }
    const fieldAlign = packed ? 1 : type.align
    const next = kind === 'struct' ? roundUp(end, fieldAlign) : 0
    const offset = isPlaced(entry)
      ? checkInteger(entry.offset, `the offset of ${what}`, 0, maxBytes)
      : next
    fields.push({ name: field, offset, type })
    end = Math.max(end, offset + type.size)
    align = Math.max(align, fieldAlign)
  }
  if (fields.length === 0) throw invalidType(`at least one ${part}`, whole, given)
  if (end > maxBytes) throw outOfRange(`at most ${String(maxBytes)} bytes`, whole, end)
  const count = fields.reduce((sum, { type }) => sum + fieldCount(type), 0)
  if (count > maxFields) throw outOfRange(`at most ${String(maxFields)} fields`, whole, count)
  return { fields, end, align }
}

function isPlaced(entry: Type | Placed): entry is Placed {
  return isObject(entry) && 'type' in entry && 'offset' in entry
}
