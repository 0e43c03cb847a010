// Bit-fields of BTF: integers, booleans and enums of any width, from any bit on.
import { invalidType } from '../errors/errors.js'
import type { BtfEnum, BtfInt } from '../btf/types.js'
import { bitField } from './bits.js'
import { namesOf } from './btf-integers.js'
import { map } from './own.js'
import type { Type } from './type.js'

type Integer = number | bigint

/**
 * @internal
 * @param bitOffset 0 to 7, as BTF counts bits.
 * @param asName Whether the values of an enum are read as their names.
 */
export function bitFieldOf(
  declared: BtfInt | BtfEnum,
  bitOffset: number,
  width: number,
  asName: boolean,
): Type {
  if (declared.kind === 'int' && declared.bool) {
    return map(bitField(bitOffset, width, false) as Type<number>, (bit) => bit !== 0, writeBoolean)
  }
  const isSigned = declared.signed
  const bits = bitField(bitOffset, width, isSigned) as Type<Integer>
  if (declared.kind === 'int') return bits
  // A value that is too large for the bits is none of theirs.
  const fits = (value: bigint): boolean =>
    value === (isSigned ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value))
  const values = new Map(namesOf(declared).filter(([, value]) => fits(value)))
  const names = new Map<bigint, string>()
  for (const [name, value] of values) if (!names.has(value)) names.set(value, name)
  const write = (value: unknown, what: string): Integer => {
    if (typeof value !== 'string') return value as Integer
    const found = values.get(value)
    if (found === undefined)
      throw invalidType(`one of ${[...values.keys()].join(', ')}`, what, value)
    return width > 32 ? found : Number(found)
  }
  return asName
    ? map(bits, (value): unknown => names.get(BigInt(value)) ?? value, write)
    : map(bits, (value): unknown => value, write)
}

/** @internal Of a bit-field of an enum or a boolean its number, which is what `bits()` can say. */
export function asBits(type: Type): Type {
  const { shape } = type
  return shape.kind === 'map' && shape.type.shape.kind === 'bits' ? shape.type : type
}

function writeBoolean(value: unknown, what: string): number {
  if (typeof value !== 'boolean') throw invalidType('a boolean', what, value)
  return Number(value)
}
