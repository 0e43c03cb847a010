// Compiles a type into the loop that reads its records out of a batch.
import { type Arena, frameHeaderBytes } from './batch.js'
import { outOfRange, RecordTooShortError } from '../errors/errors.js'
import { type Shape, Struct, type Type } from '../types/struct.js'

/** Where a walk stands in a batch, and what it found. */
export interface Cursor {
  /** In the arena, in bytes: of the next frame. */
  position: number
  /** Where the batch ends. */
  end: number
  /** Records that were handed out. */
  records: number
  /**
   * The number of records after which the walk returns. A callback or raise()
   * that wants it to end after this record sets 0.
   */
  limit: number
  /** Takes what a callback or a decoder threw. */
  raise: (error: unknown) => void
  /** Takes an object that a callback returned: a promise, perhaps. */
  returned: (value: object) => void
}

/**
 * Hands out records from `cursor.position` on, as long as they are of `source`;
 * a perf buffer's with their CPU.
 */
export type Walk = (
  arena: Arena,
  cursor: Cursor,
  source: number,
  onRecord: (record: never, cpu: number) => unknown,
) => void

/** Whether callbacks get the CPU as a second argument. */
export type Flavour = 'ring' | 'perf'

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** The bytes that a record of this type must have. */
export function requiredBytes(type: Type): number {
  const shape = type.shape
  if (shape.kind === 'view') return shape.struct.requiredBytes
  return type instanceof Struct ? type.requiredBytes : type.size
}

let compiledCount = 0

/**
 * Compiles the loop for a type. Each reader has one of its own: V8 inlines the
 * decoder into the loop, and the callback too, as long as a loop has only ever
 * seen one callback.
 *
 * @throws {EvalError} under `--disallow-code-generation-from-strings`.
 */
export function compile(type: Type, flavour: Flavour): Walk {
  // A source of its own: V8 shares what it learns between functions of the same.
  const url = `bpf-ringbuf/${type.name.replace(/\W/g, '_')}-${String(++compiledCount)}.js`
  const source = `${walkSource(type, flavour)}\n//# sourceURL=${url}`
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- nothing but integers and C identifiers gets into the source
  const factory = new Function('runtime', 'tooShort', source) as (
    ...parameters: [typeof runtime, (arena: Arena, start: number, length: number) => Error]
  ) => Walk
  return factory(
    runtime,
    (arena, start, length) =>
      new RecordTooShortError(
        type.name,
        requiredBytes(type),
        arena.u8.slice(start, start + length),
      ),
  )
}

/** What the compiled loops call. */
const runtime = {
  cstring(arena: Arena, start: number, end: number): string {
    const { u8, i32, buf } = arena
    let bits = 0
    let stop = start
    if ((start & 3) === 0) {
      // Four bytes at a time, up to the word with a zero in it.
      for (; stop + 4 <= end; stop += 4) {
        const word = i32[stop >>> 2] as number
        if (((word - 0x01010101) & ~word & 0x80808080) !== 0) break
        bits |= word
      }
    }
    for (; stop < end; stop++) {
      const byte = u8[stop] as number
      if (byte === 0) break
      bits |= byte
    }
    // Nearly all are ASCII, which decodes faster as Latin-1.
    return (bits & 0x80808080) === 0 ? buf.latin1Slice(start, stop) : buf.utf8Slice(start, stop)
  },

  list<T>(length: number, read: (index: number) => T): T[] {
    const items: T[] = []
    for (let i = 0; i < length; i++) items.push(read(i))
    return items
  },

  exactUnsigned(low: number, high: number): number {
    if (high >= 0x200000) throw inexact((BigInt(high) << 32n) | BigInt(low))
    return high * 0x100000000 + low
  },

  exactSigned(low: number, high: number): number {
    const integer = (high | 0) * 0x100000000 + low
    if (!Number.isSafeInteger(integer)) throw inexact((BigInt(high | 0) << 32n) | BigInt(low))
    return integer
  },
}

function inexact(integer: bigint): RangeError {
  return outOfRange(
    'an integer within 2^53 - 1 (declare the field as u64 or i64 for a bigint)',
    'a 64-bit field read as number',
    integer,
  )
}

function walkSource(type: Type, flavour: Flavour): string {
  const { shape } = type
  const isView = shape.kind === 'view'
  const record = isView
    ? '(lent = arena, lentStart = o, lentEnd = o + length, accessor)'
    : readSource(type, { base: 'o', baseAlign: 8, end: 'o + length', depth: 0 }, 0)
  return `'use strict'
const { cstring, list, exactUnsigned, exactSigned } = runtime
${isView ? accessorSource(shape.struct) : ''}
return function walk(arena, cursor, source, onRecord) {
  const { view, u8, i8, u16, i16, u32, i32, u64, i64 } = arena
  const end = cursor.end
  let p = cursor.position
  while (p < end && cursor.records < cursor.limit) {
    const stream = u32[(p >>> 2) + 1]
    if (stream >>> 16 !== source) break
    const length = u32[p >>> 2]
    const o = p + ${String(frameHeaderBytes)}
    p = o + ((length + 7) & ~7)
    cursor.position = p
    cursor.records++
    try {
      if (length < ${String(requiredBytes(type))}) throw tooShort(arena, o, length)
      const result = onRecord(${record}${flavour === 'perf' ? ', stream & 0xffff' : ''})
      if (typeof result === 'object' && result !== null) cursor.returned(result)
    } catch (error) {
      cursor.raise(error)
    }
  }
}`
}

/** The lent accessor of a view: a getter for each field. */
function accessorSource(struct: Struct): string {
  const getters = struct.shape.fields.map(({ name, offset, type }) => {
    const place = { base: 'o', baseAlign: 8, end: 'lentEnd', depth: 0 }
    return `  get ${name}() {
    const arena = lent, o = lentStart
    const { view, u8, i8, u16, i16, u32, i32, u64, i64 } = arena
    return ${readSource(type, place, offset)}
  },`
  })
  return `let lent, lentStart = 0, lentEnd = 0
const accessor = {
${getters.join('\n')}
}`
}

/** Where a type is read. */
interface Place {
  /** An expression: the arena offset that field offsets count from. */
  base: string
  /** What `base` is a multiple of. */
  baseAlign: number
  /** An expression: where the record ends. */
  end: string
  /** How many arrays it lies in. */
  depth: number
}

/** An expression that reads a value of `type` at `offset` from `place.base`. */
function readSource(type: Type, place: Place, offset: number): string {
  const { shape } = type
  const start = offset === 0 ? place.base : `${place.base} + ${String(offset)}`
  switch (shape.kind) {
    case 'int':
      return intSource(shape, start, isAligned(place, offset, shape.size))
    case 'bool':
      return `u8[${start}] !== 0`
    case 'cstring':
      return `cstring(arena, ${start}, ${stopSource(shape.length, start, place)})`
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
      throw new TypeError('a view cannot be nested')
  }
}

function stopSource(length: number | undefined, start: string, place: Place): string {
  return length === undefined ? place.end : `${start} + ${String(length)}`
}

function isAligned(place: Place, offset: number, size: number): boolean {
  return place.baseAlign % size === 0 && offset % size === 0
}

function intSource(
  shape: Extract<Shape, { kind: 'int' }>,
  start: string,
  aligned: boolean,
): string {
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
  // Power-of-two alignment that all elements have.
  let align = place.baseAlign
  while (align > 1 && (offset % align !== 0 || element.size % align !== 0)) align /= 2
  const index = `i${String(place.depth)}`
  const base = `(${start} + ${index} * ${String(element.size)})`
  const read = readSource(element, { ...place, base, baseAlign: align, depth: place.depth + 1 }, 0)
  const body = read.startsWith('{') ? `(${read})` : read
  return `list(${String(length)}, (${index}) => ${body})`
}
