// Integers and pointers.
import { type IntegerForm, type IntShape, make, type Type } from './type.js'

interface Options {
  form?: IntegerForm
  isBigEndian?: boolean
}

/** @internal */
export type Int<T = unknown> = Type<T> & { readonly shape: IntShape }

/** @internal */
export function integer<T>(
  name: string,
  size: IntShape['size'],
  signed: boolean,
  options: Options = {},
): Int<T> {
  const { isBigEndian = false, form = size < 8 ? 'number' : 'bigint' } = options
  return make({ name, size, align: size, shape: { kind: 'int', size, signed, form, isBigEndian } })
}

/** An integer of 16 or 32 bits as `number`. */
export interface Word extends Type<number> {
  /**
   * The same integer with its highest byte first, as networks have it: `__be16`, `__be32`.
   *
   * @example
   * ```ts
   * const Endpoint = struct('endpoint', { address: u32.be, port: u16.be })
   * ```
   */
  readonly be: Type<number>
}

/** An integer of 64 or 128 bits: itself as `bigint`, its `number` as `number`. */
export interface Wide extends Type<bigint> {
  /**
   * The same integer as `number`: exact from -(2^53 - 1) to 2^53 - 1, a
   * `RangeError` beyond. Times in nanoseconds since boot fit for 104 days.
   */
  readonly number: Type<number>
  /** The same integer as text in decimal, exact and fit for JSON. */
  readonly string: Type<string>
}

/** An integer of 64 bits. */
export interface WideWord extends Wide {
  /** The same integer with its highest byte first, as networks have it: `__be64`. */
  readonly be: Wide
}

function word(name: string, size: 2 | 4, signed: boolean): Word {
  const be = integer<number>(`${name}.be`, size, signed, { isBigEndian: true })
  return make({ ...integer<number>(name, size, signed), be })
}

function wide(name: string, size: 8 | 16, signed: boolean, isBigEndian = false): Wide {
  return {
    ...integer<bigint>(name, size, signed, { isBigEndian }),
    number: integer<number>(name, size, signed, { isBigEndian, form: 'number' }),
    string: integer<string>(name, size, signed, { isBigEndian, form: 'string' }),
  }
}

function wideWord(name: string, signed: boolean): WideWord {
  return make({ ...wide(name, 8, signed), be: make(wide(`${name}.be`, 8, signed, true)) })
}

/** `__u8` as `number`. */
export const u8: Type<number> = integer('u8', 1, false)
/** `__s8` as `number`. */
export const i8: Type<number> = integer('i8', 1, true)
/** `__u16` as `number`, `u16.be` for `__be16`. */
export const u16: Word = word('u16', 2, false)
/** `__s16` as `number`. */
export const i16: Word = word('i16', 2, true)
/** `__u32` as `number`, `u32.be` for `__be32`. */
export const u32: Word = word('u32', 4, false)
/** `__s32` as `number`. */
export const i32: Word = word('i32', 4, true)
/** `__u64` as `bigint`, `u64.number` as `number`, `u64.string` as `string`. */
export const u64: WideWord = wideWord('u64', false)
/** `__s64` as `bigint`, `i64.number` as `number`, `i64.string` as `string`. */
export const i64: WideWord = wideWord('i64', true)
/** `unsigned __int128` as `bigint`. */
export const u128: Wide = make(wide('u128', 16, false))
/** `__int128` as `bigint`. */
export const i128: Wide = make(wide('i128', 16, true))
/** A pointer of a BPF program or the kernel, the 64 bits of its address, as `bigint`. */
export const pointer: Type<bigint> = integer('pointer', 8, false)
