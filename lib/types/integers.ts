// 64-bit integers as something else than bigint.
import type { Type } from './struct.js'

export type IntegerMode = 'bigint' | 'number' | 'string'

export type WithIntegers<T, M extends IntegerMode> = M extends 'bigint'
  ? T
  : T extends bigint
    ? M extends 'number'
      ? number
      : string
    : T extends Uint8Array
      ? T
      : T extends object
        ? { [K in keyof T]: WithIntegers<T[K], M> }
        : T

export function withIntegers(type: Type, mode: IntegerMode): Type {
  return mode === 'bigint' ? type : type
}
