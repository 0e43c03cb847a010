// Types of fields and records: what they look like in C, and what they are in
// TypeScript.
import { checkInteger, checkOptions, invalidType, outOfRange } from '../errors/errors.js'

declare const value: unique symbol

/**
 * A C type and the TypeScript value that it decodes to. Each is a decoder as
 * well: a record may be a struct, or a bare `u32`.
 */
export interface Type<T = unknown> {
  /** How it is called in messages. */
  readonly name: string
  /** In bytes; of a type that takes the rest of the record, 0. */
  readonly size: number
  /** Natural alignment in bytes. */
  readonly align: number
  /** @internal */
  readonly shape: Shape
  readonly [value]?: T
}

/** The TypeScript type of the values that a {@link Type} decodes to. */
export type Value<D> = D extends Type<infer T> ? T : never

/** @internal */
export type Shape =
  | { kind: 'int'; size: 1 | 2 | 4 | 8; signed: boolean; exact: boolean }
  | { kind: 'float'; size: 4 | 8 }
  | { kind: 'bool' }
  | { kind: 'cstring'; length: number | undefined }
  | { kind: 'bytes'; length: number | undefined }
  | { kind: 'array'; element: Type; length: number }
  | { kind: 'struct'; fields: readonly Field[]; unchecked: boolean }
  | { kind: 'view'; struct: Struct }
  | { kind: 'tagged'; tag: Field; cases: readonly Case[]; unknown: 'error' | 'skip' | 'bytes' }

/**
 * One of the types that a tagged record may be.
 *
 * @internal
 */
export interface Case {
  /** As the user calls it: a number, or the name that an enumeration has for it. */
  readonly key: string
  readonly tag: bigint
  readonly type: Type
}

/** @internal */
export interface Field {
  readonly name: string
  readonly offset: number
  readonly type: Type
}

/**
 * All types that were made here, and how many fields they have in all. What a type
 * says gets into source code, so that one which came from elsewhere, from JSON
 * perhaps, is none.
 */
const made = new WeakMap<object, number>()

/**
 * The functions that make types all end here: none can be changed afterwards.
 *
 * @internal
 */
export function make<T extends Type>(type: T): T {
  const { shape } = type
  made.set(type, countFields(shape))
  if (shape.kind === 'struct') for (const field of shape.fields) Object.freeze(field)
  if (shape.kind === 'struct') Object.freeze(shape.fields)
  if (shape.kind === 'tagged') for (const each of shape.cases) Object.freeze(each)
  if (shape.kind === 'tagged') Object.freeze(shape.cases)
  Object.freeze(shape)
  return Object.freeze(type)
}

function countFields(shape: Shape): number {
  switch (shape.kind) {
    case 'struct':
      return shape.fields.reduce((sum, { type }) => sum + fieldCount(type), 0)
    case 'array':
      return fieldCount(shape.element)
    case 'view':
      return fieldCount(shape.struct)
    case 'tagged':
      return shape.cases.reduce((sum, { type }) => sum + fieldCount(type), 0)
    default:
      return 1
  }
}

/**
 * The fields of a type, those of structs in it included and of an array those of one
 * element: what the code that reads it grows with.
 *
 * @internal
 */
export function fieldCount(type: Type): number {
  return made.get(type) ?? 1
}

function int<T>(name: string, size: 1 | 2 | 4 | 8, signed: boolean, exact = true): Type<T> {
  return make({ name, size, align: size, shape: { kind: 'int', size, signed, exact } })
}

function wide(name: string, signed: boolean): Wide {
  const type = int<bigint>(name, 8, signed)
  return make({ ...type, number: int<number>(name, 8, signed, false) })
}

/** `__u8` as `number`. */
export const u8: Type<number> = int('u8', 1, false)
/** `__s8` as `number`. */
export const i8: Type<number> = int('i8', 1, true)
/** `__u16` as `number`. */
export const u16: Type<number> = int('u16', 2, false)
/** `__s16` as `number`. */
export const i16: Type<number> = int('i16', 2, true)
/** `__u32` as `number`. */
export const u32: Type<number> = int('u32', 4, false)
/** `__s32` as `number`. */
export const i32: Type<number> = int('i32', 4, true)

/** A 64-bit integer: itself as `bigint`, its `number` as `number`. */
export interface Wide extends Type<bigint> {
  /**
   * The same integer as `number`: exact from -(2^53 - 1) to 2^53 - 1, a
   * `RangeError` beyond. Times in nanoseconds since boot fit for 104 days.
   */
  readonly number: Type<number>
}

/** `__u64` as `bigint`, `u64.number` as `number`. */
export const u64: Wide = wide('u64', false)
/** `__s64` as `bigint`, `i64.number` as `number`. */
export const i64: Wide = wide('i64', true)

function float(name: string, size: 4 | 8): Type<number> {
  return make({ name, size, align: size, shape: { kind: 'float', size } })
}

/** `float` as `number`; what is written is rounded to it. */
export const f32: Type<number> = float('f32', 4)
/** `double` as `number`. */
export const f64: Type<number> = float('f64', 8)

/** `bool` as `boolean`: every byte but 0 is true. */
export const bool: Type<boolean> = make({
  name: 'bool',
  size: 1,
  align: 1,
  shape: { kind: 'bool' },
})

/**
 * `char[length]` as `string`: UTF-8 up to the first NUL or the end. Bytes that
 * are not UTF-8 become U+FFFD. Without a length it takes the rest of the record
 * and must be the last field.
 */
export function cstring(length?: number): Type<string> {
  return sized('cstring', length, 'char')
}

/**
 * `__u8[length]` as a `Uint8Array` of its own. Without a length it takes the
 * rest of the record and must be the last field, or is the whole record.
 */
export function bytes(length?: number): Type<Uint8Array> {
  return sized('bytes', length, 'bytes')
}

function sized<T>(kind: 'cstring' | 'bytes', length: number | undefined, name: string): Type<T> {
  if (length !== undefined) checkInteger(length, `the length of ${kind}()`, 1, maxBytes)
  return make({
    name: `${name}[${length === undefined ? '' : String(length)}]`,
    size: length ?? 0,
    align: 1,
    shape: { kind, length },
  })
}

/** `type[length]` as an array. */
export function array<T>(type: Type<T>, length: number): Type<T[]> {
  checkType(type, 'the element type of array()')
  checkInteger(length, 'the length of array()', 1, maxBytes)
  if (isOpen(type) || isRecordOnly(type)) {
    throw invalidType('a type of fixed size', 'the element type of array()', type.name)
  }
  if (type.size * length > maxBytes) {
    throw outOfRange(`at most ${String(maxBytes)} bytes`, 'array()', type.size * length)
  }
  return make({
    // As in C: the outer dimension comes first.
    name: type.name.replace(/\[|$/, (rest) => `[${String(length)}]${rest}`),
    size: type.size * length,
    align: type.align,
    shape: { kind: 'array', element: type, length },
  })
}

/** A field at an offset of its own instead of the next aligned one. */
export interface Placed<T = unknown> {
  readonly offset: number
  readonly type: Type<T>
}

/** Places a field at `offset` bytes from the start of its struct. */
export function at<T>(offset: number, type: Type<T>): Placed<T> {
  checkInteger(offset, 'the offset of at()', 0, maxBytes)
  checkType(type, 'the type of at()')
  return { offset, type }
}

/** The fields of a struct in C's order. */
export type Fields = Record<string, Type | Placed>

/** What a struct with these fields decodes to. */
export type StructValue<F extends Fields> = {
  -readonly [K in keyof F]: F[K] extends Placed<infer T> ? T : Value<F[K]>
}

export interface StructOptions {
  /** `__attribute__((packed))`: no padding, alignment 1. */
  packed?: boolean
  /**
   * It is not compared with the object's BTF, and nobody is warned when that
   * has no struct of its name.
   */
  unchecked?: boolean
}

/**
 * The largest record and so the largest type: the kernel's limit is 1 GiB.
 *
 * @internal
 */
export const maxBytes = 2 ** 30

/**
 * The most fields of a struct, those of structs in it included.
 *
 * @internal
 */
export const maxFields = 2 ** 16

/**
 * A C struct. Fields follow each other with C's natural alignment; `at()` places
 * one elsewhere.
 */
export class Struct<T = unknown> implements Type<T> {
  readonly name: string
  readonly size: number
  readonly align: number
  /** @internal */
  readonly shape: Extract<Shape, { kind: 'struct' }>
  declare readonly [value]?: T

  /**
   * @internal
   * @param declaredSize In bytes, where fields and alignment do not say it.
   */
  constructor(name: string, fields: Fields, options: StructOptions, declaredSize?: number) {
    const { packed = false, unchecked = false } = options
    if (typeof packed !== 'boolean') throw invalidType('a boolean', 'packed', packed)
    if (typeof unchecked !== 'boolean') throw invalidType('a boolean', 'unchecked', unchecked)
    const placed: Field[] = []
    let end = 0
    let align = 1
    let open: string | undefined
    for (const [field, entry] of Object.entries(fields)) {
      const what = `field "${field}" of struct "${name}"`
      if (!/^[A-Za-z_]\w*$/.test(field) || field === '__proto__') {
        throw invalidType('a C identifier', `the name of a field of struct "${name}"`, field)
      }
      if (open !== undefined) {
        throw invalidType(
          'the last field',
          `"${open}" of struct "${name}", which has no length`,
          field,
        )
      }
      const type = isPlaced(entry) ? entry.type : entry
      checkType(type, what)
      if (isRecordOnly(type)) throw invalidType('a type', what, describeRecordOnly(type))
      if (type.shape.kind === 'struct' && isOpen(type)) {
        throw invalidType('a type of fixed size', what, `struct ${type.name}`)
      }
      const fieldAlign = packed ? 1 : type.align
      const offset = isPlaced(entry)
        ? checkInteger(entry.offset, `the offset of ${what}`, 0, maxBytes)
        : roundUp(end, fieldAlign)
      if (isOpen(type)) open = field
      placed.push({ name: field, offset, type })
      end = Math.max(end, offset + type.size)
      align = Math.max(align, fieldAlign)
    }
    if (placed.length === 0) throw invalidType('at least one field', `struct "${name}"`, fields)
    if (end > maxBytes) {
      throw outOfRange(`at most ${String(maxBytes)} bytes`, `struct "${name}"`, end)
    }
    this.name = name
    this.size = declaredSize ?? roundUp(end, align)
    this.align = align
    this.shape = { kind: 'struct', fields: placed, unchecked }
    const count = countFields(this.shape)
    if (count > maxFields) {
      throw outOfRange(`at most ${String(maxFields)} fields`, `struct "${name}"`, count)
    }
    make(this)
  }

  /**
   * A decoder that lends one accessor instead of making an object for each
   * record: its properties are read from the record when they are used. The
   * accessor is valid only inside the callback and only for this record; keep
   * what you need by reading it. For callbacks, not for iterators.
   */
  view(): Type<Readonly<T>> {
    return make({
      name: this.name,
      size: this.size,
      align: this.align,
      shape: { kind: 'view', struct: this },
    })
  }
}

/**
 * The bytes that a record of this type must have: trailing padding need not be
 * sent.
 *
 * @internal
 */
export function requiredBytes({ size, shape }: Type): number {
  if (shape.kind === 'view') return requiredBytes(shape.struct)
  if (shape.kind === 'tagged') return shape.tag.offset + shape.tag.type.size
  if (shape.kind !== 'struct') return size
  return shape.fields.reduce((end, { offset, type }) => Math.max(end, offset + type.size), 0)
}

/**
 * Declares a C struct.
 *
 * @param name Its name in C. A reader checks offsets and sizes against the
 *   struct of this name in the object's BTF, and emits a process warning,
 *   `BPF_RINGBUF_UNCHECKED_LAYOUT`, when there is none.
 * @example
 * ```ts
 * const ExecEvent = struct('event', { pid: u32, comm: cstring(16) })
 * type ExecEvent = Value<typeof ExecEvent> // { pid: number; comm: string }
 * ```
 */
export function struct<const F extends Fields>(
  name: string,
  fields: F,
  options: StructOptions = {},
): Struct<StructValue<F>> {
  if (typeof name !== 'string') throw invalidType('a string', 'the name of struct()', name)
  if (!isObject(fields)) {
    throw invalidType('an object', `the fields of struct "${name}"`, fields)
  }
  checkOptions(options, ['packed', 'unchecked'])
  return new Struct(name, fields, options)
}

/** @internal */
export function checkType(type: unknown, what: string): asserts type is Type {
  if (isObject(type) && made.has(type)) return
  // One of another copy of the library looks like this too.
  const copy = isObject(type) && 'shape' in type ? ' that this copy of bpf-ringbuf made,' : ''
  throw invalidType(`a type${copy} such as u32, cstring(16) or struct(…)`, what, type)
}

/**
 * Whether a type is that of a record as a whole, and of nothing in it.
 *
 * @internal
 */
export function isRecordOnly({ shape }: Pick<Type, 'shape'>): boolean {
  return shape.kind === 'view' || shape.kind === 'tagged'
}

/** @internal */
export function describeRecordOnly({ name, shape }: Type): string {
  return shape.kind === 'view' ? `view of ${name}` : `tagged records: ${name}`
}

/**
 * Whether what a reader hands out is lent, for as long as a callback runs.
 *
 * @internal
 */
export function isLent({ shape }: Type): boolean {
  if (shape.kind === 'tagged') return shape.cases.some(({ type }) => isLent(type))
  return shape.kind === 'view'
}

/** Whether a type takes the rest of its record. */
function isOpen(type: Type): boolean {
  const shape = type.shape
  if (shape.kind === 'struct') {
    const last = shape.fields.at(-1)
    return last !== undefined && isOpen(last.type)
  }
  return (shape.kind === 'bytes' || shape.kind === 'cstring') && shape.length === undefined
}

function isPlaced(entry: Type | Placed): entry is Placed {
  return isObject(entry) && 'type' in entry && 'offset' in entry
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function roundUp(offset: number, align: number): number {
  return Math.ceil(offset / align) * align
}
