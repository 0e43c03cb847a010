// Writes C values by functions, where code is not worth it or cannot be made.
import { invalidType } from '../errors/errors.js'
import { createAgreement } from './agreement.js'
import { alternativesOf, isReplaced } from './alternatives.js'
import { writeBits } from './bit-access.js'
import { littleEndian, type Memory } from './memory.js'
import {
  type BitsShape,
  type Field,
  type IntShape,
  isOpen,
  requiredBytes,
  type StructShape,
  type Type,
  type UnionShape,
  describeRecordOnly,
} from './type.js'
import { write128 } from './wide.js'
import {
  booleanIn,
  bytesOfUnion,
  encoded,
  fieldsOf,
  floatIn,
  inWidth,
  listIn,
  narrow,
  numberOf,
  unknownField,
  writeBytes,
  writeText,
} from './written.js'

/**
 * Writes a value at `at`: of a struct all fields, and zeros between them; of fields that
 * share bytes those that are given, which have to agree. When it throws, a part may have
 * been written.
 *
 * @param what How messages call the value.
 * @throws {TypeError} for a value of another type, also of a field, and for a
 *   field that is missing or that the type does not have.
 * @throws {RangeError} for an integer, text or list that does not fit, and for fields that
 *   share bytes and differ.
 */
export type Write = (memory: Memory, at: number, value: unknown, what: string) => void

/**
 * The bytes that are no field's; nothing when fields overlap, or need not be given.
 *
 * @internal
 */
export function gapsOf(
  { fields, alternatives }: StructShape,
  size: number,
): [from: number, to: number][] | undefined {
  if (alternatives !== undefined) return undefined
  const gaps: [number, number][] = []
  let end = 0
  for (const { offset, type } of [...fields].sort((a, b) => a.offset - b.offset)) {
    if (offset < end) return undefined
    if (offset > end) gaps.push([end, offset])
    // What takes the rest of the record ends where the value does.
    end = type.size === 0 ? Infinity : offset + type.size
  }
  if (size > end) gaps.push([end, size])
  return gaps
}

/**
 * Without what a field takes that takes the rest of the record.
 *
 * @internal
 */
export function ownBytes(struct: Type, fields: readonly Field[]): number {
  return fields.some(({ type }) => type.size === 0) ? requiredBytes(struct) : struct.size
}

/**
 * As the source does, slower, and without making code.
 *
 * @param zeroed The bytes between fields are zeros already.
 */
export function interpretWrite(type: Type, zeroed = false): Write {
  const { shape } = type
  switch (shape.kind) {
    case 'int':
      return interpretInteger(shape)
    case 'bits':
      return interpretBits(shape, type.size, zeroed)
    case 'enum': {
      const write = interpretInteger(shape.unit.shape)
      return (memory, at, value, what) => write(memory, at, numberOf(shape, value, what), what)
    }
    case 'map': {
      const write = interpretWrite(shape.type, zeroed)
      return (memory, at, value, what) => write(memory, at, encoded(shape, value, what), what)
    }
    case 'union':
      return interpretUnion(type, shape, zeroed)
    case 'float':
      return shape.size === 4
        ? ({ view }, at, value, what) => view.setFloat32(at, floatIn(value, what), littleEndian)
        : ({ view }, at, value, what) => view.setFloat64(at, floatIn(value, what), littleEndian)
    case 'bool':
      return ({ u8 }, at, value, what) => {
        u8[at] = booleanIn(value, what) ? 1 : 0
      }
    case 'cstring':
      return (memory, at, value, what) => writeText(memory, at, shape.length, value, what)
    case 'bytes':
      return (memory, at, value, what) => writeBytes(memory, at, shape.length, value, what)
    case 'array': {
      const { element, length } = shape
      const write = interpretWrite(element, zeroed)
      return (memory, at, value, what) => {
        const list = listIn(value, length, what)
        for (let i = 0; i < (length ?? list.length); i++) {
          write(memory, at + i * element.size, list[i], `${what}[${String(i)}]`)
        }
      }
    }
    case 'struct':
      return interpretStruct(type, shape, zeroed)
    case 'view':
    case 'tagged':
      return (_memory, _at, _value, what) => {
        throw invalidType('a type that copies', what, describeRecordOnly(type))
      }
  }
}

function interpretStruct(struct: Type, shape: StructShape, zeroed: boolean): Write {
  const { fields } = shape
  const names = fields.map(({ name }) => name)
  const known = new Set(names)
  const between = gapsOf(shape, struct.size)
  const gaps = zeroed ? [] : (between ?? [[0, ownBytes(struct, fields)]])
  const alternatives = between === undefined ? alternativesOf(shape) : undefined
  const checkAgreement =
    alternatives && createAgreement(fields, alternatives, (type) => interpretWrite(type, true))
  const writes = fields.map((field) => ({
    ...field,
    path: alternatives?.get(field.name) ?? [],
    // What takes the rest of the record is none of the struct's own bytes.
    write: interpretWrite(field.type, zeroed || (between === undefined && !isOpen(field.type))),
  }))
  return (memory, at, value, what) => {
    const given = fieldsOf(value, what)
    for (const name of Object.keys(given)) {
      if (!known.has(name)) unknownField(given, name, names, what)
    }
    for (const [from, to] of gaps) memory.u8.fill(0, at + from, at + to)
    for (const { name, offset, path, write } of writes) {
      const field = given[name]
      if (field === undefined && isReplaced(path, given)) continue
      write(memory, at + offset, field, `${what}.${name}`)
    }
    checkAgreement?.(memory, at, given, what)
  }
}

function interpretUnion({ size }: Type, shape: UnionShape, zeroed: boolean): Write {
  const names = shape.fields.map(({ name }) => name)
  const writes = new Map(
    shape.fields.map(({ name, offset, type }) => [
      name,
      { offset, write: interpretWrite(type, true) },
    ]),
  )
  const checkAgreement =
    shape.alternatives &&
    createAgreement(shape.fields, shape.alternatives, (type) => interpretWrite(type, true))
  return (memory, at, value, what) => {
    const given = fieldsOf(value, what)
    const whole = bytesOfUnion(given, shape, size)
    if (whole !== undefined) {
      memory.u8.set(whole, at)
      return
    }
    const set = Object.keys(given).filter((name) => given[name] !== undefined)
    const member = memberOf(shape, set)
    if (member === undefined) {
      const expected = `a value that was read, or an object with exactly one of ${names.join(', ')},`
      throw invalidType(expected, what, value)
    }
    if (!zeroed) memory.u8.fill(0, at, at + size)
    for (const name of member) {
      const field = given[name]
      // The first one of its path is the member itself.
      const path = shape.alternatives?.get(name)?.slice(1) ?? []
      if (field === undefined && isReplaced(path, given)) continue
      const { offset, write } = writes.get(name) as { offset: number; write: Write }
      write(memory, at + offset, field, `${what}.${name}`)
    }
    checkAgreement?.(memory, at, given, what)
  }
}

/** The fields of the one member that all of these are of: that is one, but of an anonymous struct. */
function memberOf(
  { fields, alternatives }: UnionShape,
  set: readonly string[],
): readonly string[] | undefined {
  const [first = ''] = set
  const member = alternatives?.get(first)?.[0]?.fields ?? [first]
  const isField = fields.some(({ name }) => name === first)
  return isField && set.every((name) => member.includes(name)) ? member : undefined
}

function interpretBits(shape: BitsShape, size: number, zeroed: boolean): Write {
  const { width, signed, form } = shape
  return ({ u8 }, at, value, what) => {
    const integer = inWidth(value, width, signed, form, what)
    if (!zeroed) u8.fill(0, at, at + size)
    writeBits(u8, at, shape, integer)
  }
}

function interpretInteger(shape: IntShape): Write {
  const { size, signed, form, isBigEndian } = shape
  const little = littleEndian && !isBigEndian
  switch (size) {
    case 1:
      return ({ view }, at, value, what) => view.setUint8(at, narrow(value, 8, signed, what))
    case 2:
      return ({ view }, at, value, what) =>
        view.setUint16(at, narrow(value, 16, signed, what), little)
    case 4:
      return ({ view }, at, value, what) =>
        view.setUint32(at, narrow(value, 32, signed, what), little)
    default: {
      const integerOf = (value: unknown, what: string): bigint =>
        inWidth(value, 8 * size, signed, form, what)
      return size === 16
        ? ({ view }, at, value, what) => write128(view, at, integerOf(value, what), little)
        : ({ view }, at, value, what) =>
            view.setBigUint64(at, BigInt.asUintN(64, integerOf(value, what)), little)
    }
  }
}
