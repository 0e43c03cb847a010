// Integers of 64 bits and more: as bigint, number or text.
import { outOfRange } from '../errors/errors.js'
import type { IntegerForm } from './type.js'

export function exactUnsigned(low: number, high: number): number {
  if (high >= 0x200000) throw inexact((BigInt(high) << 32n) | BigInt(low))
  return high * 0x100000000 + low
}

export function exactSigned(low: number, high: number): number {
  const integer = (high | 0) * 0x100000000 + low
  if (!Number.isSafeInteger(integer)) throw inexact((BigInt(high | 0) << 32n) | BigInt(low))
  return integer
}

export function exactNumber(integer: bigint): number {
  if (!isExact(integer)) throw inexact(integer)
  return Number(integer)
}

export function isExact(integer: bigint): boolean {
  return integer <= Number.MAX_SAFE_INTEGER && integer >= Number.MIN_SAFE_INTEGER
}

function inexact(integer: bigint): RangeError {
  return outOfRange(
    'an integer within 2^53 - 1 (declare the field as u64 or i64 for a bigint)',
    'a 64-bit field read as number',
    integer,
  )
}

export function inForm(form: IntegerForm, integer: bigint): bigint | number | string {
  if (form === 'bigint') return integer
  return form === 'number' ? exactNumber(integer) : String(integer)
}

/** As `inForm()`, in source. */
export function inFormSource(form: IntegerForm, integer: string): string {
  if (form === 'bigint') return integer
  return form === 'number' ? `exactNumber(${integer})` : `String(${integer})`
}

export function read128(view: DataView, at: number, signed: boolean, little: boolean): bigint {
  const [low, high] = little ? [at, at + 8] : [at + 8, at]
  const upper = signed ? view.getBigInt64(high, little) : view.getBigUint64(high, little)
  return (upper << 64n) | view.getBigUint64(low, little)
}

export function write128(view: DataView, at: number, integer: bigint, little: boolean): void {
  const [low, high] = little ? [at, at + 8] : [at + 8, at]
  view.setBigUint64(low, BigInt.asUintN(64, integer), little)
  view.setBigUint64(high, BigInt.asUintN(64, integer >> 64n), little)
}
