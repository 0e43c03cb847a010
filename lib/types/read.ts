// Reads C values: as an expression in JavaScript for a function that is compiled,
// and as a function where code cannot be made.
import { outOfRange } from '../errors/errors.js'
import { compileSource, isCompilable } from './compile.js'
import { readCstring, type ReadCstring } from './cstring.js'
import { littleEndian, type Memory } from './memory.js'
import { isRecordOnly, type Shape, type Struct, type Type } from './struct.js'

function list<T>(length: number, read: (index: number) => T): T[] {
  const items: T[] = []
  for (let i = 0; i < length; i++) items.push(read(i))
  return items
}

function exactUnsigned(low: number, high: number): number {
  if (high >= 0x200000) throw inexact((BigInt(high) << 32n) | BigInt(low))
  return high * 0x100000000 + low
}

function exactSigned(low: number, high: number): number {
  const integer = (high | 0) * 0x100000000 + low
  if (!Number.isSafeInteger(integer)) throw inexact((BigInt(high | 0) << 32n) | BigInt(low))
  return integer
}

function inexact(integer: bigint): RangeError {
  return outOfRange(
    'an integer within 2^53 - 1 (declare the field as u64 or i64 for a bigint)',
    'a 64-bit field read as number',
    integer,
  )
}

/** What the expressions call. */
export const runtime = { list, exactUnsigned, exactSigned }

/** Statements that name what the expressions use: `runtime` once, `memory` for each. */
export const runtimeNames = `const { ${Object.keys(runtime).join(', ')} } = runtime`
export const memoryNames = 'const { view, u8, i8, u16, i16, u32, i32, u64, i64 } = memory'

/** Where a type is read. */
export interface Place {
  /** An expression: the position in memory that field offsets count from. */
  base: string
  /** What `base` is a multiple of. */
  baseAlign: number
  /** An expression: where the record ends. */
  end: string
  /** How many arrays it lies in. */
  depth?: number
  /** Takes the names of the `ReadCstring` that its fields use, one for each. */
  cstrings: string[]
}

/** An expression that reads a value of `type` at `offset` from `place.base`. */
export function readSource(type: Type, place: Place, offset = 0): string {
  const { shape } = type
  const start = offset === 0 ? place.base : `${place.base} + ${String(offset)}`
  switch (shape.kind) {
    case 'int':
      return intSource(shape, start, isAligned(place, offset, shape.size))
    case 'float':
      return `view.getFloat${String(8 * shape.size)}(${start}, ${String(littleEndian)})`
    case 'bool':
      return `u8[${start}] !== 0`
    case 'cstring': {
      const name = `cstring${String(place.cstrings.length)}`
      place.cstrings.push(name)
      return `${name}(memory, ${start}, ${stopSource(shape.length, start, place)})`
    }
    case 'bytes':
      return `u8.slice(${start}, ${stopSource(shape.length, start, place)})`
    case 'array':
      return arraySource(shape.element, shape.length, place, start, offset)
    case 'struct': {
      const fields = shape.fields.map(
        (field) => `${field.name}: ${readSource(field.type, place, offset + field.offset)}`,
      )
      return `{ ${fields.join(', ')} }`
    }
    case 'view':
    case 'tagged':
      throw new TypeError('it cannot be nested')
  }
}

function stopSource(length: number | undefined, start: string, place: Place): string {
  return length === undefined ? place.end : `${start} + ${String(length)}`
}

/** Whether what lies at `offset` from the place's base is aligned. */
export function isAligned(
  { baseAlign }: Pick<Place, 'baseAlign'>,
  offset: number,
  size: number,
): boolean {
  return baseAlign % size === 0 && offset % size === 0
}

/** The power of two that the places of all elements are multiples of. */
export function alignOfElements(baseAlign: number, offset: number, stride: number): number {
  let align = baseAlign
  while (align > 1 && (offset % align !== 0 || stride % align !== 0)) align /= 2
  return align
}

/** @internal */
export type Int = Extract<Shape, { kind: 'int' }>

function intSource(shape: Int, start: string, aligned: boolean): string {
  const { size, signed, exact } = shape
  const bits = String(8 * size)
  if (size === 8 && !exact) {
    const [low, high] = littleEndian ? [0, 4] : [4, 0]
    const word = (at: number): string =>
      aligned
        ? `u32[(${start} + ${String(at)}) >>> 2]`
        : `view.getUint32(${start} + ${String(at)}, ${String(littleEndian)})`
    return `exact${signed ? 'Signed' : 'Unsigned'}(${word(low)}, ${word(high)})`
  }
  if (size === 1) return `${signed ? 'i8' : 'u8'}[${start}]`
  if (aligned) return `${signed ? 'i' : 'u'}${bits}[(${start}) >>> ${String(Math.log2(size))}]`
  const method = `get${size === 8 ? 'Big' : ''}${signed ? 'Int' : 'Uint'}${bits}`
  return `view.${method}(${start}, ${String(littleEndian)})`
}

function arraySource(
  element: Type,
  length: number,
  place: Place,
  start: string,
  offset: number,
): string {
  const align = alignOfElements(place.baseAlign, offset, element.size)
  const { depth = 0 } = place
  const index = `i${String(depth)}`
  const base = `(${start} + ${index} * ${String(element.size)})`
  const read = readSource(element, { ...place, base, baseAlign: align, depth: depth + 1 })
  const body = parenthesized(read)
  return `list(${String(length)}, (${index}) => ${body})`
}

function parenthesized(read: string): string {
  return read.startsWith('{') ? `(${read})` : read
}

/** Reads a value that begins at `start`, of a record that ends at `end`. */
export type Read<T = unknown> = (memory: Memory, start: number, end: number) => T

/**
 * As the expression of `readSource()`, slower, and without making code. Each field
 * takes what reads its strings from `cstrings`.
 */
export function createRead<T>(type: Type<T>, cstrings?: () => ReadCstring): Read<T>
export function createRead({ shape }: Type, cstrings = () => readCstring): Read {
  switch (shape.kind) {
    case 'int':
      return createReadInt(shape)
    case 'float':
      return shape.size === 4
        ? ({ view }, at) => view.getFloat32(at, littleEndian)
        : ({ view }, at) => view.getFloat64(at, littleEndian)
    case 'bool':
      return (memory, start) => memory.u8[start] !== 0
    case 'cstring': {
      const { length } = shape
      const cstring = cstrings()
      return (memory, start, end) => cstring(memory, start, stopOf(length, start, end))
    }
    case 'bytes': {
      const { length } = shape
      return (memory, start, end) => memory.u8.slice(start, stopOf(length, start, end))
    }
    case 'array': {
      const { length, element } = shape
      const read = createRead(element, cstrings)
      return (memory, start, end) =>
        list(length, (i) => read(memory, start + i * element.size, end))
    }
    case 'struct': {
      const fields = readFields(shape.fields, cstrings)
      return (memory, start, end) => {
        const value: Record<string, unknown> = {}
        for (const { name, offset, read } of fields) value[name] = read(memory, start + offset, end)
        return value
      }
    }
    case 'view':
      return createView(shape.struct, cstrings)
    case 'tagged':
      throw new TypeError('it cannot be nested')
  }
}

function stopOf(length: number | undefined, start: number, end: number): number {
  return length === undefined ? end : start + length
}

function readFields(
  fields: Struct['shape']['fields'],
  cstrings: () => ReadCstring,
): { name: string; offset: number; read: Read }[] {
  return fields.map(({ name, offset, type }) => ({
    name,
    offset,
    read: createRead(type, cstrings),
  }))
}

function createReadInt({ size, signed, exact }: Int): Read {
  if (size === 8 && !exact) {
    const [low, high] = littleEndian ? [0, 4] : [4, 0]
    const join = signed ? exactSigned : exactUnsigned
    return ({ view }, start) =>
      join(view.getUint32(start + low, littleEndian), view.getUint32(start + high, littleEndian))
  }
  switch (size) {
    case 1:
      return signed ? ({ view }, at) => view.getInt8(at) : ({ view }, at) => view.getUint8(at)
    case 2:
      return signed
        ? ({ view }, at) => view.getInt16(at, littleEndian)
        : ({ view }, at) => view.getUint16(at, littleEndian)
    case 4:
      return signed
        ? ({ view }, at) => view.getInt32(at, littleEndian)
        : ({ view }, at) => view.getUint32(at, littleEndian)
    case 8:
      return signed
        ? ({ view }, at) => view.getBigInt64(at, littleEndian)
        : ({ view }, at) => view.getBigUint64(at, littleEndian)
  }
}

/** One accessor, which each call lends for another record. */
function createView(struct: Struct, cstrings: () => ReadCstring): Read {
  let lent: Memory
  let lentStart = 0
  let lentEnd = 0
  const accessor = {}
  for (const { name, offset, read } of readFields(struct.shape.fields, cstrings)) {
    const get = (): unknown => read(lent, lentStart + offset, lentEnd)
    Object.defineProperty(accessor, name, { get, enumerable: true, configurable: true })
  }
  return (memory, start, end) => {
    lent = memory
    lentStart = start
    lentEnd = end
    return accessor
  }
}

/** Statements that make the `lend` of a view: as `createRead()` does, of getters in source. */
export function lendSource(struct: Struct, cstrings: string[]): string {
  const getters = struct.shape.fields.map(({ name, offset, type }) => {
    const place = { base: 'lentStart', baseAlign: 8, end: 'lentEnd', cstrings }
    return `  get ${name}() {
    const memory = lent
    ${memoryNames}
    return ${readSource(type, place, offset)}
  },`
  })
  return `let lent, lentStart = 0, lentEnd = 0
const accessor = {
${getters.join('\n')}
}`
}

/**
 * As `createRead()`, and compiled where code may be made of strings: for what is read
 * again and again.
 *
 * @param baseAlign The power of two, up to 8, that `start` is always a multiple of.
 */
export function compileRead<T>(type: Type<T>, baseAlign = 8): Read<T> {
  const make = (cstrings: string[]): string => `return ${readFunction(type, baseAlign, cstrings)}`
  return (compileReader(type, [type], make) as Read<T> | undefined) ?? createRead(type)
}

/** Reads `count` values that begin at `start` and lie next to each other. */
export type ReadMany<T = unknown> = (memory: Memory, start: number, count: number) => T[]

/**
 * Compiles the loop that reads values which are `strideBytes` apart.
 *
 * @param sizeBytes Of each value; what a type without a length takes.
 * @param strideBytes From one value to the next; `start` is a multiple of 8.
 */
export function compileReadMany<T>(
  type: Type<T>,
  sizeBytes: number,
  strideBytes = sizeBytes,
): ReadMany<T> {
  const align = alignOfElements(8, 0, strideBytes)
  const make = (cstrings: string[]): string => `
const read = ${readFunction(type, align, cstrings)}
return function readMany(memory, start, count) {
  const values = []
  for (let i = 0; i < count; i++, start += ${String(strideBytes)}) {
    values.push(read(memory, start, start + ${String(sizeBytes)}))
  }
  return values
}`
  const compiled = compileReader(type, [type], make) as ReadMany<T> | undefined
  if (compiled !== undefined) return compiled
  const read = createRead(type)
  return (memory, start, count) =>
    list(count, (i) => read(memory, start + i * strideBytes, start + i * strideBytes + sizeBytes))
}

/** How the keys or values of a chunk lie: `strideBytes` apart. */
export interface Column<T = unknown> {
  type: Type<T>
  /** Of each; what a type without a length takes. */
  sizeBytes: number
  strideBytes: number
}

/** Reads `count` pairs, of which the first parts begin at `keys` and the others at `values`. */
export type ReadPairs<K = unknown, V = unknown> = (
  memory: Memory,
  keys: number,
  values: number,
  count: number,
) => [K, V][]

/** Compiles the loop that reads pairs: keys and values of a map. Both begin at multiples of 8. */
export function compileReadPairs<K, V>(key: Column<K>, value: Column<V>): ReadPairs<K, V> {
  const alignOf = ({ strideBytes }: Column): number => alignOfElements(8, 0, strideBytes)
  const make = (cstrings: string[]): string => `
const readKey = ${readFunction(key.type, alignOf(key), cstrings)}
const readValue = ${readFunction(value.type, alignOf(value), cstrings)}
return function readPairs(memory, keys, values, count) {
  const pairs = []
  for (let i = 0; i < count; i++) {
    pairs.push([
      readKey(memory, keys, keys + ${String(key.sizeBytes)}),
      readValue(memory, values, values + ${String(value.sizeBytes)}),
    ])
    keys += ${String(key.strideBytes)}
    values += ${String(value.strideBytes)}
  }
  return pairs
}`
  const compiled = compileReader(value.type, [key.type, value.type], make) as
    ReadPairs<K, V> | undefined
  if (compiled !== undefined) return compiled
  const readKey = createRead(key.type)
  const readValue = createRead(value.type)
  return (memory, keys, values, count) =>
    list(count, (i) => {
      const at = keys + i * key.strideBytes
      const valueAt = values + i * value.strideBytes
      return [
        readKey(memory, at, at + key.sizeBytes),
        readValue(memory, valueAt, valueAt + value.sizeBytes),
      ]
    })
}

function readFunction(type: Type, baseAlign: number, cstrings: string[]): string {
  const place = { base: 'start', baseAlign, end: 'end', cstrings }
  return `(memory, start, end) => {
  ${memoryNames}
  return ${readSource(type, place)}
}`
}

/** @param make Takes the names of the `ReadCstring` that its source uses. */
function compileReader(
  { name }: Type,
  types: readonly Type[],
  make: (cstrings: string[]) => string,
): unknown {
  if (types.some((type) => isRecordOnly(type) || !isCompilable(type))) return undefined
  const cstrings: string[] = []
  const body = make(cstrings)
  const source = `${runtimeNames}
${cstrings.map((cstring) => `const ${cstring} = readCstring`).join('\n')}
${body}`
  return compileSource(name, { runtime, readCstring }, source)
}
