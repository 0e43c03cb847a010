// Types of one value: their declaration in C and in TypeScript, and how a DataView
// reads and writes them, worked out without what is tested.
import { enumeration } from '../../lib/types/enumeration.js'
import { map } from '../../lib/types/own.js'
import * as types from '../../lib/types/struct.js'
import type { Random } from './random.js'

export interface Scalar {
  kind: 'scalar'
  /** In C, where it stands for `name`. */
  c: string
  type: types.Type
  size: number
  /** Each record has a value: no number is too large. */
  isTotal: boolean
  random: (random: Random) => unknown
  read: (view: DataView, offset: number) => unknown
  write: (view: DataView, offset: number, value: never) => void
}

/** A 64-bit integer that no number holds. */
export class Inexact extends Error {}

export const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** What is read of an integer in C, of 8 bytes and more as a bigint. */
interface Integer {
  c: string
  size: number
  random: (random: Random) => number | bigint
  read: (view: DataView, offset: number, little?: boolean) => number | bigint
  write: (view: DataView, offset: number, value: number | bigint, little?: boolean) => void
}

function integer(size: 1 | 2 | 4 | 8 | 16, isSigned: boolean): Integer {
  const bits = 8 * size
  const c = size === 16 ? `${isSigned ? '' : 'unsigned '}__int128` : `int${String(bits)}_t`
  const cut = (value: bigint): bigint =>
    isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)
  const asValue = (value: bigint): number | bigint => (size < 8 ? Number(value) : value)
  /** Byte by byte, the lowest first. */
  const places = (offset: number, little: boolean): number[] =>
    Array.from({ length: size }, (_, i) => offset + (little ? i : size - 1 - i))
  return {
    c: isSigned || size === 16 ? c : `u${c}`,
    size,
    random: (random) => asValue(cut(randomBits(random, bits))),
    read: (view, offset, little = littleEndian) =>
      asValue(
        cut(
          places(offset, little).reduce(
            (sum, at, i) => sum | (BigInt(view.getUint8(at)) << BigInt(8 * i)),
            0n,
          ),
        ),
      ),
    write: (view, offset, value, little = littleEndian) => {
      for (const [i, at] of places(offset, little).entries()) {
        view.setUint8(at, Number((BigInt(value) >> BigInt(8 * i)) & 255n))
      }
    },
  }
}

/** Often one of the ends. */
function randomBits(random: Random, bits: number): bigint {
  const top = 1n << BigInt(bits - 1)
  if (random.chance(0.2)) return random.pick([0n, -1n, 1n, top, top - 1n, 1n << 32n])
  return Array.from({ length: bits / 8 }, () => BigInt(random.integer(0, 255))).reduce(
    (sum, byte) => (sum << 8n) | byte,
    0n,
  )
}

const integers = {
  u8: integer(1, false),
  i8: integer(1, true),
  u16: integer(2, false),
  i16: integer(2, true),
  u32: integer(4, false),
  i32: integer(4, true),
  u64: integer(8, false),
  i64: integer(8, true),
  u128: integer(16, false),
  i128: integer(16, true),
}

/** As another one in C, which is made of its values. */
function as<T>(
  of: Integer,
  type: types.Type<T>,
  decode: (value: number | bigint) => T,
  encode: (value: T) => number | bigint,
  more: { isTotal?: boolean; little?: boolean; random?: (random: Random) => T } = {},
): Scalar {
  const { isTotal = true, little = littleEndian } = more
  return {
    kind: 'scalar',
    c: of.c,
    type,
    size: of.size,
    isTotal,
    random: more.random ?? ((random) => decode(of.random(random))),
    read: (view, offset) => decode(of.read(view, offset, little)),
    write: (view, offset, value) => of.write(view, offset, encode(value), little),
  }
}

const same = <T>(value: T): T => value

function plain(name: keyof typeof integers): Scalar {
  return as(integers[name], types[name] as types.Type<number | bigint>, same, same)
}

function bigEndian(name: 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64'): Scalar {
  const type = types[name].be as types.Type<number | bigint>
  return as(integers[name], type, same, same, { little: false })
}

function asNumber(name: 'u64' | 'i64', type: types.Type<number>, little: boolean): Scalar {
  const decode = (value: number | bigint): number => {
    if (!Number.isSafeInteger(Number(value))) throw new Inexact()
    return Number(value)
  }
  const random = (from: Random): number => {
    const magnitude = Number(BigInt.asUintN(53, randomBits(from, 64)))
    return name === 'u64' || from.chance(0.5) || magnitude === 0 ? magnitude : -magnitude
  }
  return as(integers[name], type, decode, same, { isTotal: false, little, random })
}

function asText(name: 'u64' | 'i64' | 'u128' | 'i128'): Scalar {
  return as(integers[name], types[name].string, String, BigInt)
}

/** Small values are names, the first of two that are the same; others are numbers. */
function named(unit: 'u8' | 'u16' | 'i32'): Scalar {
  const values: Record<string, number> = { NONE: 0, ONE: 1, ALSO: 1, A: 97, LAST: 100 }
  if (unit === 'i32') values['BELOW'] = -1
  const decode = (value: number | bigint): string | number =>
    Object.keys(values).find((name) => values[name] === Number(value)) ?? Number(value)
  const encode = (value: string | number): number =>
    typeof value === 'string' ? (values[value] as number) : value
  const random = (from: Random): string | number =>
    from.chance(0.5)
      ? decode(from.pick(Object.values(values)))
      : decode(integers[unit].random(from))
  const type = enumeration(types[unit], values) as types.Type<string | number>
  return as(integers[unit], type, decode, encode, { random })
}

function mapped(name: 'u16' | 'i64'): Scalar {
  const decode = (value: number | bigint): string => `<${String(value)}>`
  const encode = (text: string): bigint => BigInt(text.slice(1, -1))
  const type = map(types[name] as types.Type<number | bigint>, decode, encode as never)
  return as(integers[name], type, decode, encode)
}

function float(
  c: 'float' | 'double',
  type: types.Type<number>,
  size: 4 | 8,
  random: (random: Random) => number,
): Scalar {
  return {
    kind: 'scalar',
    c,
    type,
    size,
    isTotal: true,
    random,
    read: (view, at) =>
      size === 4 ? view.getFloat32(at, littleEndian) : view.getFloat64(at, littleEndian),
    write: (view, at, value: number) =>
      size === 4
        ? view.setFloat32(at, value, littleEndian)
        : view.setFloat64(at, value, littleEndian),
  }
}

function wideFloat(random: Random): number {
  if (random.chance(0.2)) return random.pick([0, -0, Infinity, -Infinity, NaN, 2 ** 53])
  return (random.u32() - 2 ** 31) * 2 ** random.integer(-60, 60)
}

export const scalars: readonly Scalar[] = [
  ...(Object.keys(integers) as (keyof typeof integers)[]).map(plain),
  ...(['u16', 'i16', 'u32', 'i32', 'u64', 'i64'] as const).map(bigEndian),
  asNumber('u64', types.u64.number, littleEndian),
  asNumber('i64', types.i64.number, littleEndian),
  asNumber('i64', types.i64.be.number, false),
  ...(['u64', 'i64', 'u128', 'i128'] as const).map(asText),
  ...(['u8', 'u16', 'i32'] as const).map(named),
  ...(['u16', 'i64'] as const).map(mapped),
  float('float', types.f32, 4, (random) => Math.fround(wideFloat(random))),
  float('double', types.f64, 8, wideFloat),
  {
    kind: 'scalar',
    c: 'bool',
    type: types.bool,
    size: 1,
    isTotal: true,
    random: (random) => random.chance(0.5),
    read: (view, at) => view.getUint8(at) !== 0,
    write: (view, at, value: boolean) => view.setUint8(at, value ? 1 : 0),
  },
]

/** What a C program reads there: the integer itself, in the order of the machine. */
export function readInC({ c, read }: Scalar, view: DataView, offset: number): unknown {
  const found = Object.values(integers).find((each) => each.c === c)
  return found === undefined ? read(view, offset) : found.read(view, offset)
}

/** The bit-fields of a unit, in C's order. */
export interface BitsModel {
  kind: 'bits'
  unit: 'u8' | 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64'
  widths: Readonly<Record<string, number>>
}

export function randomBitFields(random: Random): BitsModel {
  const unit = random.pick(['u8', 'u16', 'i16', 'u32', 'i32', 'u64', 'i64'] as const)
  const widths: Record<string, number> = {}
  let left = 8 * integers[unit].size
  for (let i = 0; left > 0 && i < 5; i++) {
    const width = random.integer(1, left)
    widths[`b${String(i)}`] = width
    left -= width
  }
  return { kind: 'bits', unit, widths }
}

export function bitsInC({ unit, widths }: BitsModel): string {
  const members = Object.entries(widths).map(
    ([name, width]) => `${integers[unit].c} ${name} : ${String(width)};`,
  )
  return `struct { ${members.join(' ')} }`
}

export function bitsSize({ unit }: BitsModel): number {
  return integers[unit].size
}

/** Each with where its lowest bit is in the unit. */
function placedBits({ unit, widths }: BitsModel): { name: string; width: number; low: bigint }[] {
  let end = 0
  return Object.entries(widths).map(([name, width]) => {
    end += width
    const low = littleEndian ? end - width : 8 * integers[unit].size - end
    return { name, width, low: BigInt(low) }
  })
}

export function readBits(model: BitsModel, view: DataView, at: number): Record<string, unknown> {
  const whole = BigInt(integers[model.unit].read(view, at))
  const isSigned = model.unit.startsWith('i')
  return Object.fromEntries(
    placedBits(model).map(({ name, width, low }) => {
      const bits = whole >> low
      const value = isSigned ? BigInt.asIntN(width, bits) : BigInt.asUintN(width, bits)
      return [name, width <= 32 ? Number(value) : value]
    }),
  )
}

/** Leaves the other bits of the unit as they are. */
export function writeBits(
  model: BitsModel,
  view: DataView,
  at: number,
  value: Record<string, number | bigint>,
): void {
  const unit = integers[model.unit]
  let whole = BigInt(unit.read(view, at))
  for (const { name, width, low } of placedBits(model)) {
    const mask = ((1n << BigInt(width)) - 1n) << low
    whole = (whole & ~mask) | ((BigInt(value[name] as number | bigint) << low) & mask)
  }
  unit.write(view, at, whole)
}
