// The same types with other integers: for JSON.
import { invalidType } from '../errors/errors.js'
import { Enumeration } from './enumeration.js'
import { at, type Fields } from './fields.js'
import type { Int } from './integer.js'
import { array } from './sequence.js'
import { Struct } from './struct.js'
import { checkType, type Field, type IntegerForm, make, type Type, type Value } from './type.js'
import { Union } from './union.js'
import { inForm } from './wide.js'

/** What values become whose integers are read so: each `bigint` in them. */
export type WithIntegers<T, F extends IntegerForm> = F extends 'bigint'
  ? T
  : T extends bigint
    ? { bigint: bigint; number: number; string: string }[F]
    : T extends Uint8Array | Date | ((...parameters: never) => unknown)
      ? T
      : T extends object
        ? { [K in keyof T]: WithIntegers<T[K], F> }
        : T

/** By form and type: structs contain others, and one may be used often. */
const known = {
  bigint: new WeakMap<Type, Type>(),
  number: new WeakMap<Type, Type>(),
  string: new WeakMap<Type, Type>(),
}

/**
 * The same type with all its integers of 64 bits and more read as `number`, exact up to
 * 2^53 - 1 and a `RangeError` beyond, as `string` in decimal, or as `bigint`: those in
 * structs, arrays and unions, bit-fields of more than 32 bits, and values of enums that
 * have no name. `JSON.stringify()` takes no bigint.
 *
 * Fields that say themselves what they are, such as `u64.string`, stay that. What `map()`
 * makes stays as it is, unless it is itself a bigint. Addresses of the kernel are
 * beyond 2^53: read them as `string`.
 *
 * @throws {TypeError} for no such form, and for no type.
 * @example
 * ```ts
 * const Row = withIntegers(Event, 'string')
 * for (const [, row] of object.map('rows', { key: u32, value: Row })) {
 *   console.log(JSON.stringify(row))
 * }
 * ```
 */
export function withIntegers<D extends Type, F extends IntegerForm>(
  type: D,
  form: F,
): Type<WithIntegers<Value<D>, F>> {
  checkType(type, 'the type of withIntegers()')
  if (!Object.hasOwn(known, form)) {
    throw invalidType('bigint, number or string', 'the form of withIntegers()', form)
  }
  // They are bigints unless the type says otherwise.
  return (form === 'bigint' ? type : convert(type, form)) as Type<WithIntegers<Value<D>, F>>
}

function convert(type: Type, form: IntegerForm): Type {
  const found = known[form].get(type)
  if (found !== undefined) return found
  const converted = convertOne(type, form)
  known[form].set(type, converted)
  return converted
}

function convertOne(type: Type, form: IntegerForm): Type {
  const { name, size, align, shape } = type
  const own = { name, size, align }
  switch (shape.kind) {
    case 'int':
      return shape.size < 8 || shape.form !== 'bigint'
        ? type
        : make({ ...own, shape: { ...shape, form } })
    case 'bits':
      return shape.width <= 32 || shape.form !== 'bigint'
        ? type
        : make({ ...own, shape: { ...shape, form } })
    case 'enum': {
      const unit = convert(shape.unit, form) as Int
      if (unit === shape.unit) return type
      const named = new Enumeration(name, unit, shape.names)
      return shape.asNumber ? named.number : named
    }
    case 'array': {
      const element = convert(shape.element, form)
      return element === shape.element ? type : array(element, shape.length)
    }
    case 'map': {
      const inner = shape.decode as (value: unknown) => unknown
      const decode = (value: unknown): unknown => {
        const decoded = inner(value)
        return typeof decoded === 'bigint' ? inForm(form, decoded) : decoded
      }
      return make({ ...own, shape: { ...shape, decode } })
    }
    case 'struct': {
      const fields = convertFields(shape.fields, form)
      if (fields === undefined) return type
      const { unchecked, checked, isAnonymous, alternatives } = shape
      const options = { packed: align === 1, unchecked, checked }
      return new Struct(name, fields, options, { size, isAnonymous, alternatives })
    }
    case 'union': {
      const fields = convertFields(shape.fields, form)
      if (fields === undefined) return type
      const { unchecked, checked, alternatives } = shape
      const options = { packed: align === 1, unchecked, checked }
      return new Union(name, fields, options, { size, alternatives })
    }
    case 'view': {
      const struct = convert(shape.struct, form)
      return struct instanceof Struct && struct !== shape.struct ? struct.view() : type
    }
    case 'tagged': {
      const tag = { ...shape.tag, type: convert(shape.tag.type, form) }
      const cases = shape.cases.map((each) => ({ ...each, type: convert(each.type, form) }))
      return make({ ...own, shape: { ...shape, tag, cases } })
    }
    default:
      return type
  }
}

/** Nothing when all are as they were. */
function convertFields(fields: readonly Field[], form: IntegerForm): Fields | undefined {
  const converted = fields.map(
    ({ name, offset, type }) => [name, at(offset, convert(type, form))] as const,
  )
  const isSame = converted.every(([, { type }], i) => type === fields[i]?.type)
  return isSame ? undefined : Object.fromEntries(converted)
}
