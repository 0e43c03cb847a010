// Writes C values, and refuses what does not fit: compiled for their type, and by
// functions where code cannot be made.
import { types } from 'node:util'
import { invalidType, outOfRange } from '../errors/errors.js'
import { compileSource, isCompilable } from './compile.js'
import { writeBits } from './bit-access.js'
import { littleEndian, Memory } from './memory.js'
import { alignOfElements, isAligned, memoryNames, Names } from './place.js'
import {
  describeRecordOnly,
  isRecordOnly,
  type BitsShape,
  type EnumShape,
  type Field,
  type IntegerForm,
  type IntShape,
  isOpen,
  type MapShape,
  requiredBytes,
  type Type,
  type UnionShape,
} from './type.js'
import { write128 } from './wide.js'

/**
 * Writes a value at `at`: of a struct all fields, and zeros between them. When it
 * throws, a part may have been written.
 *
 * @param what How messages call the value.
 * @throws {TypeError} for a value of another type, also of a field, and for a
 *   field that is missing or that the type does not have.
 * @throws {RangeError} for an integer, text or list that does not fit.
 */
export type Write = (memory: Memory, at: number, value: unknown, what: string) => void

/**
 * The opposite of reading, compiled where code may be made of strings: for what is
 * written again and again. The memory has `sizeToWrite()` bytes from `at` on.
 *
 * @param baseAlign The power of two, up to 8, that `at` is always a multiple of.
 */
export function createWrite(type: Type, baseAlign = 8): Write {
  if (isRecordOnly(type) || !isCompilable(type)) return interpretWrite(type)
  const names = new Names()
  const source = new WriteSource(baseAlign, names).of(type)
  const given = { runtime, values: names.values }
  const compiled = compileSource(type.name, given, source) as Write | undefined
  return compiled ?? interpretWrite(type)
}

/** The bytes that `value` takes, with those of a field that takes the rest of the record. */
export function sizeToWrite(type: Type, value: unknown, what: string): number {
  if (!isOpen(type)) return type.size
  const { shape } = type
  switch (shape.kind) {
    case 'struct': {
      const last = shape.fields.at(-1) as Field
      const tail = fieldsOf(value, what)[last.name]
      const end = last.offset + sizeToWrite(last.type, tail, `${what}.${last.name}`)
      return Math.max(requiredBytes(type), end)
    }
    case 'map':
      return sizeToWrite(shape.type, encoded(shape, value, what), what)
    case 'array':
      return shape.element.size * listIn(value, undefined, what).length
    case 'cstring':
      return Buffer.byteLength(textOf(value, undefined, what)) + 1
    default:
      return bytesIn(value, undefined, what).length
  }
}

/** Memory for `encode()` up to this size is used again. */
const largestScratch = 64 * 1024
let scratch: Memory | undefined
const writes = new WeakMap<Type, Write>()

/**
 * The bytes of a value, for what is written once: nothing is compiled.
 *
 * @param what How messages call the value.
 * @throws What {@link Write} throws.
 */
export function encode(type: Type, value: unknown, what: string): Uint8Array {
  const size = sizeToWrite(type, value, what)
  let write = writes.get(type)
  if (write === undefined) writes.set(type, (write = interpretWrite(type)))
  // A getter of the value may encode, too.
  const memory =
    scratch === undefined || scratch.u8.length < size
      ? Memory.ofSize(Math.max(size, largestScratch))
      : scratch
  scratch = undefined
  try {
    memory.u8.fill(0, 0, size)
    write(memory, 0, value, what)
    return memory.u8.slice(0, size)
  } finally {
    if (memory.u8.length <= largestScratch) scratch = memory
  }
}

function fieldsOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw invalidType('an object', what, value)
  return value as Record<string, unknown>
}

/** Refuses a field's name that is none of `names`, unless it is inherited. */
function unknownField(value: object, name: string, names: readonly string[], what: string): void {
  if (!Object.hasOwn(value, name)) return
  throw invalidType(`one of ${names.join(', ')}`, `the name of a field of ${what}`, name)
}

function listIn(value: unknown, length: number | undefined, what: string): unknown[] {
  if (Array.isArray(value) && value.length === (length ?? value.length)) return value
  if (length === undefined) throw invalidType('a list', what, value)
  const expected = `a list of ${String(length)} elements`
  throw Array.isArray(value)
    ? outOfRange(expected, what, value)
    : invalidType(expected, what, value)
}

function textOf(value: unknown, length: number | undefined, what: string): string {
  if (typeof value !== 'string') throw invalidType('a string', what, value)
  // Programs look for the NUL: there is room for one.
  const fits =
    length === undefined || 3 * value.length < length || Buffer.byteLength(value) < length
  if (fits && !value.includes('\0')) return value
  const most = length === undefined ? '' : ` of at most ${String(length - 1)} bytes in UTF-8`
  throw outOfRange(`a string${most} without NUL`, what, value)
}

function writeText(
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

function bytesIn(value: unknown, length: number | undefined, what: string): Uint8Array {
  const expected = length === undefined ? 'a Uint8Array' : `a Uint8Array of ${String(length)} bytes`
  if (!types.isUint8Array(value)) throw invalidType(expected, what, value)
  if (length !== undefined && value.length !== length) throw outOfRange(expected, what, value)
  return value
}

function writeBytes(
  { u8 }: Memory,
  at: number,
  length: number | undefined,
  value: unknown,
  what: string,
): void {
  u8.set(bytesIn(value, length, what), at)
}

function booleanIn(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw invalidType('a boolean', what, value)
  return value
}

function floatIn(value: unknown, what: string): number {
  if (typeof value !== 'number') throw invalidType('a number', what, value)
  return value
}

/** An integer of less than 64 bits. */
function narrow(value: unknown, bits: number, signed: boolean, what: string): number {
  return Number(integerIn(value, bits, signed, what))
}

/** An integer of 64 bits. */
function wide(value: unknown, signed: boolean, what: string): bigint {
  return BigInt(integerIn(value, 64, signed, what))
}

/** An integer that is read in this form, of which text may be given as such. */
function inWidth(
  value: unknown,
  bits: number,
  signed: boolean,
  form: IntegerForm,
  what: string,
): bigint {
  const isText = form === 'string' && typeof value === 'string' && /^-?[0-9]{1,39}$/.test(value)
  return BigInt(integerIn(isText ? BigInt(value) : value, bits, signed, what))
}

/** The number of a name, or what else was given. */
function numberOf({ names }: EnumShape, value: unknown, what: string): unknown {
  if (typeof value !== 'string') return value
  const found = names.find(([name]) => name === value)
  if (found !== undefined) return found[1]
  throw outOfRange(`one of ${names.map(([name]) => name).join(', ')}, or a number,`, what, value)
}

function encoded({ type, encode }: MapShape, value: unknown, what: string): unknown {
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

/** The bytes of a value of this union, or of another one with its members. */
function bytesOfUnion(value: object, shape: UnionShape, size: number): Uint8Array | undefined {
  const { [unionShape]: given, [unionBytes]: bytes } = value as Partial<UnionLike>
  if (given === undefined || bytes?.length !== size) return undefined
  const isSame =
    given === shape ||
    (given.fields.length === shape.fields.length &&
      given.fields.every(({ name }, i) => name === shape.fields[i]?.name))
  return isSame ? bytes : undefined
}

function integerIn(value: unknown, bits: number, signed: boolean, what: string): number | bigint {
  const min = signed ? -(2n ** BigInt(bits - 1)) : 0n
  const max = 2n ** BigInt(signed ? bits - 1 : bits) - 1n
  const isInteger =
    typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))
  if (isInteger && value >= min && value <= max) return value
  const range = `an integer from ${String(min)} to ${String(max)}`
  throw typeof value === 'number' || typeof value === 'bigint'
    ? outOfRange(range, what, value)
    : invalidType(range, what, value)
}

/** What the source calls. */
const runtime = {
  encoded,
  numberOf,
  fieldsOf,
  unknownField,
  listIn,
  writeText,
  writeBytes,
  booleanIn,
  floatIn,
  narrow,
  wide,
}

/** Where a value is written, in source. */
interface Target {
  /** An expression: the position in memory that offsets count from. */
  base: string
  /** What `base` is a multiple of. */
  baseAlign: number
  /** An expression: the value. */
  value: string
  /** How messages call it, within a template literal. */
  what: string
  /** The bytes between fields are zeros already. */
  zeroed: boolean
}

/** The source of a `Write`. */
class WriteSource {
  readonly #baseAlign: number
  readonly #values: Names
  readonly #constants: string[] = []
  #names = 0

  /** @param values Takes what the source uses. */
  constructor(baseAlign: number, values: Names) {
    this.#baseAlign = baseAlign
    this.#values = values
  }

  of(type: Type): string {
    const target = { base: 'at', baseAlign: this.#baseAlign, what: '${what}', zeroed: false }
    const body = this.#write(type, { ...target, value: 'value' }, 0)
    return `const { ${Object.keys(runtime).join(', ')} } = runtime
${this.#values.source}
${this.#constants.join('\n')}
return function write(memory, at, value, what) {
  ${memoryNames}
  ${body}
}`
  }

  #write(type: Type, target: Target, offset: number): string {
    const { shape } = type
    const start = offset === 0 ? target.base : `${target.base} + ${String(offset)}`
    const value = target.value
    const what = `\`${target.what}\``
    switch (shape.kind) {
      case 'int':
        return shape.size === 16 || (shape.size === 8 && isUnusual(shape))
          ? this.#interpreted(type, target, start, what)
          : this.#integer(shape, target, offset, start, what)
      case 'bits':
      case 'union':
        return this.#interpreted(type, target, start, what)
      case 'enum': {
        const number = this.#name()
        const described = this.#values.value(shape)
        const inner = { ...target, value: number }
        return `const ${number} = numberOf(${described}, ${value}, ${what})
${this.#write(shape.unit, inner, offset)}`
      }
      case 'map': {
        const given = this.#name()
        const described = this.#values.value(shape)
        const inner = { ...target, value: given }
        return `const ${given} = encoded(${described}, ${value}, ${what})
${this.#write(shape.type, inner, offset)}`
      }
      case 'float': {
        const bits = String(8 * shape.size)
        return `view.setFloat${bits}(${start}, floatIn(${value}, ${what}), ${String(littleEndian)})`
      }
      case 'bool':
        return `u8[${start}] = booleanIn(${value}, ${what}) ? 1 : 0`
      case 'cstring':
        return `writeText(memory, ${start}, ${String(shape.length)}, ${value}, ${what})`
      case 'bytes':
        return `writeBytes(memory, ${start}, ${String(shape.length)}, ${value}, ${what})`
      case 'array':
        return this.#array(shape.element, shape.length, target, offset, start, what)
      case 'struct':
        return this.#struct(type, shape.fields, target, offset, start, what)
      case 'view':
      case 'tagged':
        throw new TypeError('it cannot be nested')
    }
  }

  /** By a function that is not compiled. */
  #interpreted(type: Type, target: Target, start: string, what: string): string {
    const write = this.#values.value(interpretWrite(type, target.zeroed))
    return `${write}(memory, ${start}, ${target.value}, ${what})`
  }

  /** What fits is stored at once; the rest goes through a function that takes or refuses it. */
  #integer(shape: IntShape, target: Target, offset: number, start: string, what: string): string {
    const { size, signed } = shape
    const { value } = target
    const bits = 8 * size
    const isDirect = isAligned(target, offset, size) && !shape.isBigEndian
    if (size === 8) return wideSource(signed, isDirect, start, value, what)
    const unused = String(32 - bits)
    const cut = `(${value} << ${unused} ${signed ? '>>' : '>>>'} ${unused})`
    const fits = `typeof ${value} === 'number' && ${value} === ${cut}`
    const refused = `narrow(${value}, ${String(bits)}, ${String(signed)}, ${what})`
    const little = littleEndian && !shape.isBigEndian
    return storeSource(bits, signed, isDirect, start, `${fits} ? ${value} : ${refused}`, little)
  }

  #array(
    element: Type,
    length: number | undefined,
    target: Target,
    offset: number,
    start: string,
    what: string,
  ): string {
    const list = this.#name()
    const index = this.#name()
    const base = this.#name()
    const item = this.#name()
    const inner = {
      ...target,
      base,
      baseAlign: alignOfElements(target.baseAlign, offset, element.size),
      value: item,
      what: `${target.what}[\${${index}}]`,
    }
    const count = length === undefined ? `${list}.length` : String(length)
    return `const ${list} = listIn(${target.value}, ${String(length)}, ${what})
for (let ${index} = 0, ${base} = ${start}; ${index} < ${count}; ${index}++, ${base} += ${String(element.size)}) {
const ${item} = ${list}[${index}]
${this.#write(element, inner, 0)}
}`
  }

  #struct(
    struct: Type,
    fields: readonly Field[],
    target: Target,
    offset: number,
    start: string,
    what: string,
  ): string {
    const names = this.#name()
    const known = this.#name()
    const count = this.#name()
    const name = this.#name()
    this.#constants.push(
      `const ${names} = ${JSON.stringify(fields.map((field) => field.name))}`,
      `const ${known} = new Set(${names})`,
    )
    const { value } = target
    const lines = [
      `if (typeof ${value} !== 'object' || ${value} === null) fieldsOf(${value}, ${what})`,
      // Most objects have the fields in the order of the type.
      `let ${count} = 0`,
      `for (const ${name} in ${value}) {
if (${name} === ${names}[${count}]) ${count}++
else if (!${known}.has(${name})) unknownField(${value}, ${name}, ${names}, ${what})
}`,
    ]
    const gaps = target.zeroed ? [] : gapsOf(fields, struct.size)
    if (gaps === undefined) {
      lines.push(`u8.fill(0, ${start}, ${start} + ${String(ownBytes(struct, fields))})`)
    } else {
      for (const [from, to] of gaps) {
        lines.push(...zeroSource(target, offset + from, offset + to))
      }
    }
    for (const field of fields) {
      const inner = this.#name()
      lines.push(`const ${inner} = ${value}.${field.name}`)
      const zeroed = target.zeroed || gaps === undefined
      const place = { ...target, value: inner, what: `${target.what}.${field.name}`, zeroed }
      lines.push(this.#write(field.type, place, offset + field.offset))
    }
    return lines.join('\n')
  }

  /** A name that the source has not used. */
  #name(): string {
    return `_${String(this.#names++)}`
  }
}

/** One that is not stored as most are. */
function isUnusual({ form, isBigEndian }: IntShape): boolean {
  return isBigEndian || form === 'string'
}

function storeSource(
  bits: number,
  signed: boolean,
  aligned: boolean,
  start: string,
  value: string,
  little = littleEndian,
): string {
  const sign = signed ? 'i' : 'u'
  if (bits === 8) return `${sign}8[${start}] = ${value}`
  if (aligned) {
    return `${sign}${String(bits)}[(${start}) >>> ${String(Math.log2(bits / 8))}] = ${value}`
  }
  const method = `set${bits === 64 ? 'Big' : ''}${signed ? 'Int' : 'Uint'}${String(bits)}`
  return `view.${method}(${start}, ${value}, ${String(little)})`
}

/** A number is stored as two words, which makes no bigint. */
function wideSource(
  signed: boolean,
  aligned: boolean,
  start: string,
  value: string,
  what: string,
): string {
  const [low, high] = littleEndian ? [0, 4] : [4, 0]
  const word = (at: number, half: string): string =>
    storeSource(32, false, aligned, `${start} + ${String(at)}`, half)
  // Times 2^-32, which is exact.
  const upper = `${value} * ${String(2 ** -32)}`
  const cut = `BigInt.as${signed ? 'Int' : 'Uint'}N(64, ${value})`
  const fits = `typeof ${value} === 'bigint' && ${cut} === ${value}`
  const refused = `wide(${value}, ${String(signed)}, ${what})`
  const big = storeSource(64, signed, aligned, start, `${fits} ? ${value} : ${refused}`)
  return `if (typeof ${value} === 'number' && Number.isSafeInteger(${value})${signed ? '' : ` && ${value} >= 0`}) {
${word(low, value)}
${word(high, signed ? `Math.floor(${upper})` : upper)}
} else ${big}`
}

/** Zeros from one offset to another, in as few steps as their alignment allows. */
function zeroSource(target: Target, from: number, to: number): string[] {
  const place = (offset: number): string => `${target.base} + ${String(offset)}`
  if (to - from > 32) return [`u8.fill(0, ${place(from)}, ${place(to)})`]
  const lines: string[] = []
  for (let at = from; at < to;) {
    const size = [4, 2].find((bytes) => at + bytes <= to && isAligned(target, at, bytes)) ?? 1
    lines.push(storeSource(8 * size, false, true, place(at), '0'))
    at += size
  }
  return lines
}

/** The bytes that are no field's; nothing when fields overlap. */
function gapsOf(fields: readonly Field[], size: number): [from: number, to: number][] | undefined {
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

/** Without what a field takes that takes the rest of the record. */
function ownBytes(struct: Type, fields: readonly Field[]): number {
  return fields.some(({ type }) => type.size === 0) ? requiredBytes(struct) : struct.size
}

/**
 * As the source does, slower, and without making code.
 *
 * @param zeroed The bytes between fields are zeros already.
 */
function interpretWrite(type: Type, zeroed = false): Write {
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
      return interpretStruct(type, shape.fields, zeroed)
    case 'view':
    case 'tagged':
      return (_memory, _at, _value, what) => {
        throw invalidType('a type that copies', what, describeRecordOnly(type))
      }
  }
}

function interpretStruct(struct: Type, fields: readonly Field[], zeroed: boolean): Write {
  const names = fields.map(({ name }) => name)
  const known = new Set(names)
  const between = gapsOf(fields, struct.size)
  const gaps = zeroed ? [] : (between ?? [[0, ownBytes(struct, fields)]])
  const writes = fields.map(({ name, offset, type }) => ({
    name,
    offset,
    write: interpretWrite(type, zeroed || between === undefined),
  }))
  return (memory, at, value, what) => {
    const given = fieldsOf(value, what)
    for (const name of Object.keys(given)) {
      if (!known.has(name)) unknownField(given, name, names, what)
    }
    for (const [from, to] of gaps) memory.u8.fill(0, at + from, at + to)
    for (const { name, offset, write } of writes) {
      write(memory, at + offset, given[name], `${what}.${name}`)
    }
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
  return (memory, at, value, what) => {
    const given = fieldsOf(value, what)
    const whole = bytesOfUnion(given, shape, size)
    if (whole !== undefined) {
      memory.u8.set(whole, at)
      return
    }
    const set = Object.keys(given).filter((name) => given[name] !== undefined)
    const [name = ''] = set
    const member = writes.get(name)
    if (set.length !== 1 || member === undefined) {
      const expected = `a value that was read, or an object with exactly one of ${names.join(', ')},`
      throw invalidType(expected, what, value)
    }
    if (!zeroed) memory.u8.fill(0, at, at + size)
    member.write(memory, at + member.offset, given[name], `${what}.${name}`)
  }
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
