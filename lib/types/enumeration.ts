// Enums.
import { checkInteger, invalidType, outOfRange } from '../errors/errors.js'
import type { Int } from './integer.js'
import { checkType, isIdentifier, isObject, make, type Type, type value } from './type.js'

/** The names of an enum, with the values that they stand for. */
export type EnumNames = Record<string, number | bigint>

/** What an enum decodes to: a name, or the number that has none. */
export type EnumValue<T, N extends EnumNames> = (keyof N & string) | number | Exclude<T, number>

/** A C enum: itself as the name of its value, its `number` as `number`. */
export class Enumeration<T = unknown> implements Type<T> {
  readonly name: string
  readonly size: number
  readonly align: number
  /** @internal */
  readonly shape: Extract<Type['shape'], { kind: 'enum' }>
  /**
   * The same enum as `number`: of 64 bits a `RangeError` beyond 2^53 - 1. It is
   * written by name, too.
   */
  readonly number: Type<number>
  /** For the compiler: the type of the values. Nothing is there at run time. */
  declare readonly [value]?: T

  /** @internal */
  constructor(name: string, unit: Int, names: readonly (readonly [string, bigint])[]) {
    const { size, align } = unit
    this.name = name
    this.size = size
    this.align = align
    const shape = { kind: 'enum', unit, names, asNumber: false } as const
    this.shape = shape
    this.number = make({ name, size, align, shape: { ...shape, asNumber: true } })
    make(this)
  }
}

/**
 * Declares a C enum: its values are read as their names, of two names of one value as
 * the first; values without a name as numbers, and those of 64 bits that are beyond
 * 2^53 - 1 as `bigint`. Names and numbers are written.
 *
 * @param unit The integer that C stores it as: `u32`, or `i32` when a value is negative;
 *   `u64` or `i64` when one is too large.
 * @throws {TypeError} {RangeError} for values that the unit does not have.
 * @example
 * ```ts
 * const Kind = enumeration(u32, { EXEC: 1, EXIT: 2 })
 * const Event = struct('event', { kind: Kind, flags: Kind.number })
 * // { kind: 'EXEC' | 'EXIT' | number, flags: number }
 * ```
 */
export function enumeration<T extends number | bigint, const N extends EnumNames>(
  unit: Type<T>,
  names: N,
): Enumeration<EnumValue<T, N>> {
  checkType(unit, 'the unit of enumeration()')
  if (!isInt(unit) || unit.size > 8) {
    throw invalidType('an integer type of up to 64 bits', 'the unit of enumeration()', unit.name)
  }
  if (!isObject(names)) throw invalidType('an object', 'the names of enumeration()', names)
  const entries = Object.entries(names).map(([name, number]) => {
    if (!isIdentifier(name)) throw invalidType('a C identifier', 'a name of enumeration()', name)
    return [name, checkValue(number, unit, name)] as const
  })
  if (entries.length === 0) {
    throw invalidType('at least one name', 'the names of enumeration()', names)
  }
  return new Enumeration('enum', unit, entries)
}

function isInt(type: Type): type is Int {
  return type.shape.kind === 'int'
}

function checkValue(number: unknown, { shape }: Int, name: string): bigint {
  const what = `the value of ${name}`
  const bits = 8 * shape.size
  if (bits < 64 && typeof number !== 'bigint') {
    const [min, max] = shape.signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1]
    return BigInt(checkInteger(number, what, min, max))
  }
  const isExact = typeof number === 'bigint' || Number.isSafeInteger(number)
  if (!isExact) {
    const expected = 'a bigint, or an integer within 2^53 - 1,'
    throw typeof number === 'number'
      ? outOfRange(expected, what, number)
      : invalidType(expected, what, number)
  }
  const wide = BigInt(number as number | bigint)
  const cut = shape.signed ? BigInt.asIntN(bits, wide) : BigInt.asUintN(bits, wide)
  if (cut === wide) return wide
  throw outOfRange(`a value of ${String(bits)} bits`, what, number)
}
