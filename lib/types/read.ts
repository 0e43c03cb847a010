// Reads C values: as an expression in JavaScript for a function that is compiled,
// and as a function where code cannot be made.
import { readNarrowBits, readWideBits } from './bit-access.js'
import { compileSource, isCompilable } from './compile.js'
import { readCstring, type ReadCstring } from './cstring.js'
import { littleEndian, type Memory } from './memory.js'
import { namesOfValues } from './names.js'
import { alignOfElements, isAligned, memoryNames, Names } from './place.js'
import {
  bitsSource,
  createReadBits,
  createReadInt,
  enumSource,
  intSource,
  unitOf,
} from './read-integer.js'
import { type Field, isRecordOnly, type StructType, type Type } from './type.js'
import { createUnionValue } from './union-value.js'
import { exactNumber, exactSigned, exactUnsigned, read128 } from './wide.js'

function list<T>(length: number, read: (index: number) => T): T[] {
  const items: T[] = []
  for (let i = 0; i < length; i++) items.push(read(i))
  return items
}

/**
 * What the expressions call.
 *
 * @internal
 */
export const runtime = {
  list,
  exactUnsigned,
  exactSigned,
  exactNumber,
  read128,
  readNarrowBits,
  readWideBits,
  asPrototype,
}

/** Statements that name what the expressions use: `runtime` once, `memory` for each. */
export const runtimeNames = `const { ${Object.keys(runtime).join(', ')} } = runtime`

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
  /** Takes what its source uses. */
  names: Names
}

/** An expression that reads a value of `type` at `offset` from `place.base`. */
export function readSource(type: Type, place: Place, offset = 0): string {
  const { shape } = type
  const start = offset === 0 ? place.base : `${place.base} + ${String(offset)}`
  switch (shape.kind) {
    case 'int':
      return intSource(shape, start, isAligned(place, offset, shape.size))
    case 'bits':
      return bitsSource(shape, type.size, place, offset, start)
    case 'enum':
      return enumSource(shape, start, isAligned(place, offset, type.size), place.names)
    case 'float':
      return `view.getFloat${String(8 * shape.size)}(${start}, ${String(littleEndian)})`
    case 'bool':
      return `u8[${start}] !== 0`
    case 'cstring': {
      const name = place.names.cstring()
      return `${name}(memory, ${start}, ${stopSource(shape.length, start, place)})`
    }
    case 'bytes':
      return `u8.slice(${start}, ${stopSource(shape.length, start, place)})`
    case 'array':
      return arraySource(shape.element, shape.length, place, start, offset)
    case 'union': {
      const create = place.names.value(createUnionValue(type, shape, compileRead))
      return `${create}(u8.slice(${start}, ${start} + ${String(type.size)}))`
    }
    case 'map': {
      const decode = place.names.value(shape.decode)
      return `${decode}(${readSource(shape.type, place, offset)})`
    }
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

function arraySource(
  element: Type,
  length: number | undefined,
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
  const count =
    length === undefined
      ? `Math.floor((${place.end} - (${start})) / ${String(element.size)})`
      : String(length)
  return `list(${count}, (${index}) => ${body})`
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
export function createRead(type: Type, cstrings = () => readCstring): Read {
  const { shape } = type
  switch (shape.kind) {
    case 'int':
      return createReadInt(shape)
    case 'bits':
      return createReadBits(shape)
    case 'enum': {
      const read = createReadInt(unitOf(shape))
      if (shape.asNumber) return read
      const nameOf = namesOfValues(shape)
      return (memory, start) => nameOf(read(memory, start) as number | bigint)
    }
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
      const countIn = (start: number, end: number): number =>
        length ?? Math.floor((end - start) / element.size)
      return (memory, start, end) =>
        list(countIn(start, end), (i) => read(memory, start + i * element.size, end))
    }
    case 'struct': {
      const fields = readFields(shape.fields, cstrings)
      return (memory, start, end) => {
        const value: Record<string, unknown> = {}
        for (const { name, offset, read } of fields) value[name] = read(memory, start + offset, end)
        return value
      }
    }
    case 'union': {
      const create = createUnionValue(type, shape, (member) => createRead(member))
      return (memory, start) => create(memory.u8.slice(start, start + type.size))
    }
    case 'map': {
      const read = createRead(shape.type, cstrings)
      const decode = shape.decode as (value: unknown) => unknown
      return (memory, start, end) => decode(read(memory, start, end))
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
  fields: readonly Field[],
  cstrings: () => ReadCstring,
): { name: string; offset: number; read: Read }[] {
  return fields.map(({ name, offset, type }) => ({
    name,
    offset,
    read: createRead(type, cstrings),
  }))
}

/**
 * V8 looks properties of an object with getters up in a dictionary each time, unless it is
 * the prototype of another: then it inlines the getters, which is four times as fast.
 */
function asPrototype(accessor: object): void {
  Object.create(accessor)
}

function createView(struct: StructType, cstrings: () => ReadCstring): Read {
  let lent: Memory
  let lentStart = 0
  let lentEnd = 0
  const accessor = {}
  for (const { name, offset, read } of readFields(struct.shape.fields, cstrings)) {
    const get = (): unknown => read(lent, lentStart + offset, lentEnd)
    Object.defineProperty(accessor, name, { get, enumerable: true, configurable: true })
  }
  asPrototype(accessor)
  return (memory, start, end) => {
    lent = memory
    lentStart = start
    lentEnd = end
    return accessor
  }
}

/**
 * Statements that make the accessor of a view, of getters in source: they read `lent` from
 * `lentStart` to `lentEnd`.
 *
 * @internal
 */
export function accessorSource(struct: StructType, accessor: string, names: Names): string {
  const getters = struct.shape.fields.map(({ name, offset, type }) => {
    const place = { base: 'lentStart', baseAlign: 8, end: 'lentEnd', names }
    const read = readSource(type, place, offset)
    return `  get ${name}() {
    const memory = lent
    ${memoryNames(read)}
    return ${read}
  },`
  })
  return `const ${accessor} = {
${getters.join('\n')}
}
asPrototype(${accessor})`
}

/**
 * As `createRead()`, and compiled where code may be made of strings: for what is read
 * again and again.
 *
 * @param baseAlign The power of two, up to 8, that `start` is always a multiple of.
 */
export function compileRead<T>(type: Type<T>, baseAlign = 8): Read<T> {
  const make = (names: Names): string => `return ${readFunction(type, baseAlign, names)}`
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
  const make = (names: Names): string => `
const read = ${readFunction(type, align, names)}
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
  const make = (names: Names): string => `
const readKey = ${readFunction(key.type, alignOf(key), names)}
const readValue = ${readFunction(value.type, alignOf(value), names)}
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

function readFunction(type: Type, baseAlign: number, names: Names): string {
  const place = { base: 'start', baseAlign, end: 'end', names }
  const read = readSource(type, place)
  return `(memory, start, end) => {
  ${memoryNames(read)}
  return ${read}
}`
}

/** @param make Takes the names that its source uses. */
function compileReader(
  { name }: Type,
  types: readonly Type[],
  make: (names: Names) => string,
): unknown {
  if (types.some((type) => isRecordOnly(type) || !isCompilable(type))) return undefined
  const names = new Names()
  const body = make(names)
  const source = `${runtimeNames}\n${names.source}\n${body}`
  const { values } = names
  return compileSource(name, { runtime, cstrings: () => readCstring, values }, source)
}
