// Writes C values, and refuses what does not fit.
import { types } from 'node:util'
import { invalidType, outOfRange } from '../errors/errors.js'
import { littleEndian } from './memory.js'
import { requiredBytes, type Shape, type Type } from './struct.js'

/**
 * The bytes of a value: of a struct all fields, and zeros between them. The
 * opposite of reading.
 *
 * @param what How messages call the value.
 * @throws {TypeError} for a value of another type, also of a field, and for a
 *   field that is missing or that the type does not have.
 * @throws {RangeError} for an integer, text or list that does not fit.
 */
export function encode(type: Type, value: unknown, what: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeOf(type, value, what))
  write(type, new DataView(bytes.buffer), 0, value, what)
  return bytes
}

/** With the bytes of a field that takes the rest of the record. */
function sizeOf(type: Type, value: unknown, what: string): number {
  const { shape } = type
  if (shape.kind === 'struct') {
    const last = shape.fields.at(-1)
    if (last === undefined || last.type.size > 0) return type.size
    const tail = fieldsOf(value, what)[last.name]
    const end = last.offset + sizeOf(last.type, tail, `${what}.${last.name}`)
    return Math.max(requiredBytes(type), end)
  }
  if (type.size > 0) return type.size
  return shape.kind === 'cstring'
    ? textOf(value, undefined, what).length + 1
    : bytesIn(value, undefined, what).length
}

function write(type: Type, view: DataView, at: number, value: unknown, what: string): void {
  const { shape } = type
  switch (shape.kind) {
    case 'int':
      writeInt(shape, view, at, value, what)
      return
    case 'bool':
      if (typeof value !== 'boolean') throw invalidType('a boolean', what, value)
      view.setUint8(at, value ? 1 : 0)
      return
    case 'cstring':
      copy(textOf(value, shape.length, what), view, at)
      return
    case 'bytes':
      copy(bytesIn(value, shape.length, what), view, at)
      return
    case 'array': {
      const { element, length } = shape
      const expected = `a list of ${String(length)} elements`
      if (!Array.isArray(value)) throw invalidType(expected, what, value)
      if (value.length !== length) throw outOfRange(expected, what, value)
      for (let i = 0; i < length; i++) {
        write(element, view, at + i * element.size, value[i], `${what}[${String(i)}]`)
      }
      return
    }
    case 'struct': {
      const fields = fieldsOf(value, what)
      for (const name of Object.keys(fields)) {
        if (shape.fields.some((field) => field.name === name)) continue
        const names = shape.fields.map((field) => field.name)
        throw invalidType(`one of ${names.join(', ')}`, `the name of a field of ${what}`, name)
      }
      for (const field of shape.fields) {
        const target = `${what}.${field.name}`
        write(field.type, view, at + field.offset, fields[field.name], target)
      }
      return
    }
    case 'view':
      throw invalidType('a type that copies', what, `view of ${type.name}`)
  }
}

function fieldsOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw invalidType('an object', what, value)
  return value as Record<string, unknown>
}

function copy(bytes: Uint8Array, view: DataView, at: number): void {
  new Uint8Array(view.buffer, view.byteOffset).set(bytes, at)
}

function textOf(value: unknown, length: number | undefined, what: string): Uint8Array {
  if (typeof value !== 'string') throw invalidType('a string', what, value)
  const text = Buffer.from(value, 'utf8')
  // Programs look for the NUL: there is room for one.
  if ((length !== undefined && text.length >= length) || text.includes(0)) {
    const most = length === undefined ? '' : ` of at most ${String(length - 1)} bytes in UTF-8`
    throw outOfRange(`a string${most} without NUL`, what, value)
  }
  return text
}

function bytesIn(value: unknown, length: number | undefined, what: string): Uint8Array {
  const expected = length === undefined ? 'a Uint8Array' : `a Uint8Array of ${String(length)} bytes`
  if (!types.isUint8Array(value)) throw invalidType(expected, what, value)
  if (length !== undefined && value.length !== length) throw outOfRange(expected, what, value)
  return value
}

function writeInt(
  { size, signed }: Extract<Shape, { kind: 'int' }>,
  view: DataView,
  at: number,
  value: unknown,
  what: string,
): void {
  const bits = 8 * size
  const min = signed ? -(2n ** BigInt(bits - 1)) : 0n
  const max = 2n ** BigInt(signed ? bits - 1 : bits) - 1n
  const range = `an integer from ${String(min)} to ${String(max)}`
  if (typeof value !== 'number' && typeof value !== 'bigint') throw invalidType(range, what, value)
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw outOfRange(range, what, value)
  }
  if (value < min || value > max) throw outOfRange(range, what, value)
  switch (size) {
    case 1:
      view.setUint8(at, Number(value))
      return
    case 2:
      view.setUint16(at, Number(value), littleEndian)
      return
    case 4:
      view.setUint32(at, Number(value), littleEndian)
      return
    case 8:
      view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), littleEndian)
      return
  }
}
