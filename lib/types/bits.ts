// Bit-fields.
import { checkInteger, invalidType, outOfRange } from '../errors/errors.js'
import { at, type Placed } from './fields.js'
import { Struct } from './struct.js'
import { type BitsShape, checkType, isIdentifier, isObject, make, type Type } from './type.js'
import { hostIsBigEndian } from './memory.js'

/** The widths of bit-fields that are no `number`. */
type WideWidth =
  | (33 | 34 | 35 | 36 | 37 | 38 | 39 | 40 | 41 | 42 | 43 | 44 | 45 | 46 | 47 | 48)
  | (49 | 50 | 51 | 52 | 53 | 54 | 55 | 56 | 57 | 58 | 59 | 60 | 61 | 62 | 63 | 64)

/** What a bit-field of this width decodes to: up to 32 bits `number`, more `bigint`. */
export type BitsValue<W extends number> = number extends W
  ? number | bigint
  : W extends WideWidth
    ? bigint
    : number

/** The bit-fields of a unit, in C's order, with their widths in bits. */
export type BitFields = Record<string, number>

/** What the bit-fields of a unit decode to. */
export type BitFieldsValue<F extends BitFields> = { -readonly [K in keyof F]: BitsValue<F[K]> }

/**
 * The bit-fields of one unit as an object, up to 32 bits `number` and more `bigint`;
 * signed where the unit is. They follow each other as C puts them: from the lowest bit
 * on, on machines that store the highest byte first from the highest. Those of a unit
 * such as `u16.be` begin with the highest bit, as protocols draw them.
 *
 * @param unit The integer type of which the fields take the bits: `u8` to `u64`.
 * @param fields Their names, with their widths in bits.
 * @example
 * ```ts
 * // __u32 version : 4, ihl : 4;
 * const Event = struct('event', { pid: u32, header: bits(u32, { version: 4, ihl: 4 }) })
 * ```
 */
export function bits<const F extends BitFields>(
  unit: Type<number> | Type<bigint>,
  fields: F,
): Struct<BitFieldsValue<F>>
/**
 * One bit-field as a value. It has the size of its unit, of which it takes some bits:
 * place it by `at()`, and others with it at the same offset.
 *
 * @param width In bits.
 * @param shift How far its lowest bit is from the lowest bit of the unit. Up to 7 it may
 *   take the bit-field beyond the unit: those of packed structs straddle units.
 * @example
 * ```ts
 * // struct event { __u32 pid; __u32 version : 4, ihl : 4; }; on x86 and ARM
 * const Event = struct('event', {
 *   pid: u32,
 *   version: at(4, bits(u32, 4, 0)),
 *   ihl: at(4, bits(u32, 4, 4)),
 * })
 * ```
 */
export function bits<const W extends number>(
  unit: Type<number> | Type<bigint>,
  width: W,
  shift: number,
): Type<BitsValue<W>>
export function bits(unit: Type, given: BitFields | number, shift?: number): Type {
  checkType(unit, 'the unit of bits()')
  const { shape } = unit
  if (shape.kind !== 'int' || shape.size > 8) {
    throw invalidType('an integer type of up to 64 bits', 'the unit of bits()', unit.name)
  }
  const unitBits = 8 * shape.size
  const isBigEndian = shape.isBigEndian || hostIsBigEndian
  const one = (width: number, bitOffset: number): Type =>
    bitsOf(unit, { bitOffset, width, signed: shape.signed, form: 'bigint', isBigEndian })
  if (typeof given === 'number') {
    const width = checkInteger(given, 'the width of bits()', 1, unitBits)
    const canStraddle = !isBigEndian && shape.size < 8
    const most = canStraddle ? Math.max(7, unitBits - width) : unitBits - width
    const low = checkInteger(shift, 'the shift of bits()', 0, most)
    if (low + width > unitBits) return bitField(low, width, shape.signed)
    return one(width, isBigEndian ? unitBits - width - low : low)
  }
  if (!isObject(given)) throw invalidType('an object, or a width,', 'the fields of bits()', given)
  if (shift !== undefined) throw invalidType('no shift', 'bits() of several fields', shift)
  const fields: Record<string, Placed> = {}
  let end = 0
  for (const [name, width] of Object.entries(given)) {
    if (!isIdentifier(name)) throw invalidType('a C identifier', 'the name of a bit-field', name)
    checkInteger(width, `the width of bit-field "${name}"`, 1, unitBits)
    if (end + width > unitBits) {
      const expected = `at most the ${String(unitBits)} bits of ${unit.name}`
      throw outOfRange(expected, `bit-field "${name}"`, end + width)
    }
    fields[name] = at(0, one(width, end))
    end += width
  }
  if (end === 0) throw invalidType('at least one bit-field', 'the fields of bits()', given)
  return new Struct(`bits of ${unit.name}`, fields, { unchecked: true }, { isAnonymous: true })
}

function bitsOf({ name, size, align }: Type, shape: Omit<BitsShape, 'kind'>): Type {
  const width = `${String(shape.width)} bit${shape.width === 1 ? '' : 's'}`
  return make({ name: `${width} of ${name}`, size, align, shape: { kind: 'bits', ...shape } })
}

/**
 * A bit-field that may begin at any bit and straddle units: of packed structs. It has the
 * bytes that its bits are in, and no alignment.
 *
 * @internal
 * @param bitOffset From where the type begins, 0 to 7, as BTF counts: from the lowest
 *   bit, or from the highest where that machine stores the highest byte first.
 * @param width In bits, up to 64.
 */
export function bitField(bitOffset: number, width: number, signed: boolean): Type {
  const size = Math.ceil((bitOffset + width) / 8)
  const unit = { name: signed ? 'int' : 'unsigned', size, align: 1 } as Type
  return bitsOf(unit, { bitOffset, width, signed, form: 'bigint', isBigEndian: hostIsBigEndian })
}
