// What values must be to be written: each gives it on, or refuses it.
import { types } from 'node:util'
import { invalidType, outOfRange } from '../errors/errors.js'
import type { Memory } from './memory.js'
import type { EnumShape, IntegerForm, MapShape, UnionShape } from './type.js'

export function fieldsOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw invalidType('an object', what, value)
  return value as Record<string, unknown>
}

/** Refuses a field's name that is none of `names`, unless it is inherited. */
export function unknownField(
  value: object,
  name: string,
  names: readonly string[],
  what: string,
): void {
  if (!Object.hasOwn(value, name)) return
  throw invalidType(`one of ${names.join(', ')}`, `the name of a field of ${what}`, name)
}

export function listIn(value: unknown, length: number | undefined, what: string): unknown[] {
  if (Array.isArray(value) && value.length === (length ?? value.length)) return value
  if (length === undefined) throw invalidType('a list', what, value)
  const expected = `a list of ${String(length)} elements`
  throw Array.isArray(value)
    ? outOfRange(expected, what, value)
    : invalidType(expected, what, value)
}

/** Surrogates that stand alone have no bytes in UTF-8. ES2024: Node 20 has it. */
function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}

export function textOf(value: unknown, length: number | undefined, what: string): string {
  if (typeof value !== 'string') throw invalidType('a string', what, value)
  // Programs look for the NUL: there is room for one.
  const fits =
    length === undefined || 3 * value.length < length || Buffer.byteLength(value) < length
  if (fits && !value.includes('\0')) {
    if (isWellFormed(value)) return value
    throw outOfRange('a string whose surrogates come in pairs', what, value)
  }
  const most = length === undefined ? '' : ` of at most ${String(length - 1)} bytes in UTF-8`
  throw outOfRange(`a string${most} without NUL`, what, value)
}

export function writeText(
  { buf, u8 }: Memory,
  at: number,
  length: number | undefined,
  value: unknown,
  what: string,
): void {
  const text = textOf(value, length, what)
  const end = at + buf.write(text, at)
  u8.fill(0, end, length === undefined ? end + 1 : at + length)
}

export function bytesIn(value: unknown, length: number | undefined, what: string): Uint8Array {
  const expected = length === undefined ? 'a Uint8Array' : `a Uint8Array of ${String(length)} bytes`
  if (!types.isUint8Array(value)) throw invalidType(expected, what, value)
  if (length !== undefined && value.length !== length) throw outOfRange(expected, what, value)
  return value
}

export function writeBytes(
  { u8 }: Memory,
  at: number,
  length: number | undefined,
  value: unknown,
  what: string,
): void {
  u8.set(bytesIn(value, length, what), at)
}

export function booleanIn(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw invalidType('a boolean', what, value)
  return value
}

export function floatIn(value: unknown, what: string): number {
  if (typeof value !== 'number') throw invalidType('a number', what, value)
  return value
}

/** An integer of less than 64 bits. */
export function narrow(value: unknown, bits: number, signed: boolean, what: string): number {
  return Number(integerIn(value, bits, signed, what))
}

/** An integer of 64 bits. */
export function wide(value: unknown, signed: boolean, what: string): bigint {
  return BigInt(integerIn(value, 64, signed, what))
}

/** An integer that is read in this form, of which text may be given as such. */
export function inWidth(
  value: unknown,
  bits: number,
  signed: boolean,
  form: IntegerForm,
  what: string,
): bigint {
  const isText = form === 'string' && typeof value === 'string' && /^-?[0-9]{1,39}$/.test(value)
  return BigInt(integerIn(isText ? BigInt(value) : value, bits, signed, what, form))
}

/**
 * The number of a name, or what else was given.
 *
 * @internal
 */
export function numberOf({ names }: EnumShape, value: unknown, what: string): unknown {
  if (typeof value !== 'string') return value
  const found = names.find(([name]) => name === value)
  if (found !== undefined) return found[1]
  throw outOfRange(`one of ${names.map(([name]) => name).join(', ')}, or a number,`, what, value)
}

/** @internal */
export function encoded({ type, encode }: MapShape, value: unknown, what: string): unknown {
  if (encode !== undefined) return encode(value as never, what)
  throw invalidType(
    `a type that can be written (give map() of ${type.name} an encode)`,
    what,
    value,
  )
}

/** What values of unions have, which were read or made: their bytes … */
export const unionBytes = Symbol('bytes')
/** … and, inherited, the shape of their union. */
export const unionShape = Symbol('union')

/** @internal */
export interface UnionLike {
  readonly [unionBytes]: Uint8Array
  readonly [unionShape]: UnionShape
}

/**
 * The bytes of a value of this union, or of another one with its members.
 *
 * @internal
 */
export function bytesOfUnion(
  value: object,
  shape: UnionShape,
  size: number,
): Uint8Array | undefined {
  const { [unionShape]: given, [unionBytes]: bytes } = value as Partial<UnionLike>
  if (given === undefined || bytes?.length !== size) return undefined
  const isSame =
    given === shape ||
    (given.fields.length === shape.fields.length &&
      given.fields.every(({ name }, i) => name === shape.fields[i]?.name))
  return isSame ? bytes : undefined
}

function integerIn(
  value: unknown,
  bits: number,
  signed: boolean,
  what: string,
  form: IntegerForm = 'bigint',
): number | bigint {
  const min = signed ? -(2n ** BigInt(bits - 1)) : 0n
  const max = 2n ** BigInt(signed ? bits - 1 : bits) - 1n
  const isInteger =
    typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))
  if (isInteger && value >= min && value <= max) return value
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
    const exact = form === 'string' ? 'its digits as a string' : 'a bigint'
    throw outOfRange(`${exact}, as numbers are not exact from 2 ** 53 on,`, what, value)
  }
  const range = `an integer from ${String(min)} to ${String(max)}`
  throw typeof value === 'number' || typeof value === 'bigint'
    ? outOfRange(range, what, value)
    : invalidType(range, what, value)
}
