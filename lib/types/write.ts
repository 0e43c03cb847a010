// Writes C values, and refuses what does not fit: compiled for their type, and by
// functions where code cannot be made.
import { types } from 'node:util'
import { invalidType, outOfRange } from '../errors/errors.js'
import { compileSource, isCompilable } from './compile.js'
import { littleEndian, Memory } from './memory.js'
import { alignOfElements, type Int, isAligned, memoryNames } from './read.js'
import { describeRecordOnly, type Field, isRecordOnly, requiredBytes, type Type } from './struct.js'

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
  const source = new WriteSource(baseAlign).of(type)
  const compiled = compileSource(type.name, { runtime }, source) as Write | undefined
  return compiled ?? interpretWrite(type)
}

/** The bytes that `value` takes, with those of a field that takes the rest of the record. */
export function sizeToWrite(type: Type, value: unknown, what: string): number {
  const { shape } = type
  if (shape.kind === 'struct') {
    const last = shape.fields.at(-1)
    if (last === undefined || last.type.size > 0) return type.size
    const tail = fieldsOf(value, what)[last.name]
    const end = last.offset + sizeToWrite(last.type, tail, `${what}.${last.name}`)
    return Math.max(requiredBytes(type), end)
  }
  if (type.size > 0) return type.size
  return shape.kind === 'cstring'
    ? Buffer.byteLength(textOf(value, undefined, what)) + 1
    : bytesIn(value, undefined, what).length
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

function listIn(value: unknown, length: number, what: string): unknown[] {
  if (Array.isArray(value) && value.length === length) return value
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
  readonly #constants: string[] = []
  #names = 0

  constructor(baseAlign: number) {
    this.#baseAlign = baseAlign
  }

  of(type: Type): string {
    const target = { base: 'at', baseAlign: this.#baseAlign, what: '${what}', zeroed: false }
    const body = this.#write(type, { ...target, value: 'value' }, 0)
    return `const { ${Object.keys(runtime).join(', ')} } = runtime
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
        return this.#integer(shape, target, offset, start, what)
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

  /** What fits is stored at once; the rest goes through a function that takes or refuses it. */
  #integer(shape: Int, target: Target, offset: number, start: string, what: string): string {
    const { size, signed } = shape
    const { value } = target
    const bits = 8 * size
    const aligned = isAligned(target, offset, size)
    if (size === 8) return wideSource(signed, aligned, start, value, what)
    const unused = String(32 - bits)
    const cut = `(${value} << ${unused} ${signed ? '>>' : '>>>'} ${unused})`
    const fits = `typeof ${value} === 'number' && ${value} === ${cut}`
    const refused = `narrow(${value}, ${String(bits)}, ${String(signed)}, ${what})`
    return storeSource(bits, signed, aligned, start, `${fits} ? ${value} : ${refused}`)
  }

  #array(
    element: Type,
    length: number,
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
    return `const ${list} = listIn(${target.value}, ${String(length)}, ${what})
for (let ${index} = 0, ${base} = ${start}; ${index} < ${String(length)}; ${index}++, ${base} += ${String(element.size)}) {
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

function storeSource(
  bits: number,
  signed: boolean,
  aligned: boolean,
  start: string,
  value: string,
): string {
  const sign = signed ? 'i' : 'u'
  if (bits === 8) return `${sign}8[${start}] = ${value}`
  if (aligned) {
    return `${sign}${String(bits)}[(${start}) >>> ${String(Math.log2(bits / 8))}] = ${value}`
  }
  const method = `set${bits === 64 ? 'Big' : ''}${signed ? 'Int' : 'Uint'}${String(bits)}`
  return `view.${method}(${start}, ${value}, ${String(littleEndian)})`
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
        for (let i = 0; i < length; i++) {
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

function interpretInteger({ size, signed }: Int): Write {
  switch (size) {
    case 1:
      return ({ view }, at, value, what) => view.setUint8(at, narrow(value, 8, signed, what))
    case 2:
      return ({ view }, at, value, what) =>
        view.setUint16(at, narrow(value, 16, signed, what), littleEndian)
    case 4:
      return ({ view }, at, value, what) =>
        view.setUint32(at, narrow(value, 32, signed, what), littleEndian)
    case 8:
      return ({ view }, at, value, what) =>
        view.setBigUint64(at, BigInt.asUintN(64, wide(value, signed, what)), littleEndian)
  }
}
