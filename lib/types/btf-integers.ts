// Integers and enums of BTF.
import type { BtfEnum } from '../btf/types.js'
import { Enumeration } from './enumeration.js'
import { i128, i16, i32, i64, i8, type Int, u128, u16, u32, u64, u8 } from './integer.js'
import { isIdentifier, type Type } from './type.js'

const bySize = (types: readonly Type[]): Map<number, Type> =>
  new Map(types.map((type) => [type.size, type]))
const unsigned = bySize([u8, u16, u32, u64, u128])
const signed = bySize([i8, i16, i32, i64, i128])

/** @internal */
export function integerOf(declared: { size: number; signed: boolean }): Type | undefined {
  return (declared.signed ? signed : unsigned).get(declared.size)
}

/**
 * The enum with its names; a number, when it has none.
 *
 * @internal
 */
export function enumFromBtf(declared: BtfEnum): Type | undefined {
  const unit = declared.size > 8 ? undefined : integerOf(declared)
  if (unit === undefined) return undefined
  const names = namesOf(declared)
  if (names.length === 0) return unit
  return new Enumeration(
    declared.name === '' ? 'enum' : `enum ${declared.name}`,
    unit as Int,
    names,
  )
}

/**
 * Its names and values, each name once.
 *
 * @internal
 */
export function namesOf({ size, signed: isSigned, values }: BtfEnum): [string, bigint][] {
  const bits = 8 * size
  const cut = (value: bigint): bigint =>
    isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)
  const all = new Map<string, bigint>()
  for (const { name, value } of values) {
    if (isIdentifier(name) && !all.has(name)) all.set(name, cut(BigInt(value)))
  }
  return [...all]
}
