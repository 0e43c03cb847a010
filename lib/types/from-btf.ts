// From BTF to the types that values are read and written by.
import type { Btf } from '../btf/btf.js'
import { bool, bytes, cstring, i16, i32, i64, i8, type Type, u16, u32, u64, u8 } from './struct.js'

const unsigned = new Map<number, Type>([u8, u16, u32, u64].map((type) => [type.size, type]))
const signed = new Map<number, Type>([i8, i16, i32, i64].map((type) => [type.size, type]))

/**
 * The type of this id: of integers and enums up to 64 bits, `bool`, `char[n]`
 * as text and `unsigned char[n]` as bytes. Nothing for others.
 */
export function typeFromBtf(btf: Btf, id: number): Type | undefined {
  const declared = btf.type(id)
  switch (declared.kind) {
    case 'int':
      if (declared.bool) return declared.size === 1 ? bool : undefined
      return (declared.signed ? signed : unsigned).get(declared.size)
    case 'enum':
      return (declared.signed ? signed : unsigned).get(declared.size)
    case 'array': {
      const element = btf.type(declared.element)
      if (declared.count === 0 || element.kind !== 'int' || element.size !== 1) return undefined
      if (element.name === 'char') return cstring(declared.count)
      return element.bool || element.signed ? undefined : bytes(declared.count)
    }
    default:
      return undefined
  }
}
