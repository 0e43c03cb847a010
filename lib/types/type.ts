// What a type is: what it looks like in C, and what it is in TypeScript.
import { invalidType, outOfRange } from '../errors/errors.js'

/** What a type decodes to, for the compiler alone. */
export declare const value: unique symbol

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
  /** For the compiler: the type of the values. Nothing is there at run time. */
  readonly [value]?: T
}

/** The TypeScript type of the values that a {@link Type} decodes to. */
export type Value<D> = D extends Type<infer T> ? T : never

/** What an integer of 64 bits and more is in JavaScript. */
export type IntegerForm = 'bigint' | 'number' | 'string'

/** @internal */
export type Shape =
  | IntShape
  | BitsShape
  | EnumShape
  | { kind: 'float'; size: 4 | 8 }
  | { kind: 'bool' }
  | { kind: 'cstring'; length: number | undefined }
  | { kind: 'bytes'; length: number | undefined }
  | { kind: 'array'; element: Type; length: number | undefined }
  | StructShape
  | UnionShape
  | MapShape
  | { kind: 'view'; struct: StructType }
  | TaggedShape

/** @internal */
export interface IntShape {
  kind: 'int'
  /** In bytes. */
  size: 1 | 2 | 4 | 8 | 16
  signed: boolean
  /** Of one of 64 bits and more; smaller ones are numbers. */
  form: IntegerForm
  /** The highest byte comes first, whatever this machine does. */
  isBigEndian: boolean
}

/**
 * Some bits, from anywhere in a byte on.
 *
 * @internal
 */
export interface BitsShape {
  kind: 'bits'
  /**
   * Of the first bit, from where the type begins: bit 0 is the lowest of the first byte, or
   * the highest when `isBigEndian`.
   */
  bitOffset: number
  /** In bits, up to 64. */
  width: number
  signed: boolean
  /** Of one of more than 32 bits. */
  form: IntegerForm
  isBigEndian: boolean
}

/** @internal */
export interface EnumShape {
  kind: 'enum'
  unit: Type & { readonly shape: IntShape }
  /** All names, with the values that they stand for. */
  names: readonly (readonly [name: string, value: bigint])[]
  /** Values are read as numbers, and not as names. */
  asNumber: boolean
}

/** How strictly a struct is compared with the object's BTF. */
interface Compared {
  /** It is not. */
  unchecked: boolean
  /** It must be there. */
  checked: boolean
}

/**
 * A member of a union whose members are fields of the struct around it, as those of an
 * anonymous one are in C.
 *
 * @internal
 */
export interface Alternative {
  /** The names of its fields. */
  readonly fields: readonly string[]
  /** All members of the union, this one included. */
  readonly all: readonly Alternative[]
}

/**
 * By the names of fields: the member that each is in, of the outermost union first.
 *
 * @internal
 */
export type Alternatives = ReadonlyMap<string, readonly Alternative[]>

/** @internal */
export interface StructShape extends Compared {
  kind: 'struct'
  fields: readonly Field[]
  /** In C its fields are members of what it lies in: `bits(u32, { … })`. */
  isAnonymous: boolean
  /** Of unions in it whose members are its fields, where that is known. */
  alternatives?: Alternatives | undefined
}

/** @internal */
export type StructType = Type & { readonly shape: StructShape }

/** @internal */
export interface UnionShape extends Compared {
  kind: 'union'
  fields: readonly Field[]
  /** As of a struct; where there are any, each of its fields has one, of the union itself. */
  alternatives?: Alternatives | undefined
}

/** @internal */
export interface MapShape {
  kind: 'map'
  /** What it is made from. */
  type: Type
  decode: (value: never) => unknown
  encode: ((value: never, what: string) => unknown) | undefined
}

/** @internal */
export interface TaggedShape {
  kind: 'tagged'
  /** That of the first case; the others have the same. */
  tag: Field
  cases: readonly Case[]
  unknown: 'error' | 'skip' | 'bytes'
}

/**
 * One of the types that a tagged record may be.
 *
 * @internal
 */
export interface Case {
  /** As the user calls it: a number, or the name that an enum has for it. */
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
 * The most types in each other, more than BTF may have: what compiles them calls itself for
 * each, and takes the square of the time.
 */
const maxDepth = 100

interface Measures {
  /** Those of structs in it included, and of an array those of one element. */
  fields: number
  /** How many types are in each other. */
  depth: number
}

/**
 * All types that were made here. What a type says gets into source code, so that one
 * which came from elsewhere, from JSON perhaps, is none.
 */
const made = new WeakMap<object, Measures>()

/**
 * The functions that make types all end here: none can be changed afterwards.
 *
 * @internal
 */
export function make<T extends Type>(type: T): T {
  const { shape } = type
  made.set(type, measure(type.name, shape))
  if (shape.kind === 'struct' || shape.kind === 'union') freezeAll(shape.fields)
  if (shape.kind === 'enum') freezeAll(shape.names)
  if (shape.kind === 'tagged') freezeAll(shape.cases)
  Object.freeze(shape)
  return Object.freeze(type)
}

function freezeAll(list: readonly object[]): void {
  for (const item of list) Object.freeze(item)
  Object.freeze(list)
}

/** The types that one is made of. */
function partsOf(shape: Shape): readonly Type[] {
  switch (shape.kind) {
    case 'struct':
    case 'union':
      return shape.fields.map(({ type }) => type)
    case 'array':
      return [shape.element]
    case 'view':
      return [shape.struct]
    case 'map':
      return [shape.type]
    case 'tagged':
      return shape.cases.map(({ type }) => type)
    default:
      return []
  }
}

function measure(name: string, shape: Shape): Measures {
  const parts = partsOf(shape)
  if (parts.length === 0) return { fields: 1, depth: 1 }
  const depth = 1 + parts.reduce((most, type) => Math.max(most, made.get(type)?.depth ?? 1), 0)
  if (depth > maxDepth)
    throw outOfRange(`at most ${String(maxDepth)} types in each other`, name, depth)
  return { fields: parts.reduce((sum, type) => sum + fieldCount(type), 0), depth }
}

/**
 * The fields of a type, those of structs in it included and of an array those of one
 * element: what the code that reads it grows with.
 *
 * @internal
 */
export function fieldCount(type: Type): number {
  return made.get(type)?.fields ?? 1
}

/** @internal */
export function checkType(type: unknown, what: string): asserts type is Type {
  if (isObject(type) && made.has(type)) return
  // One of another copy of the library looks like this too.
  const copy = isObject(type) && 'shape' in type ? ' that this copy of bpf-ringbuf made,' : ''
  throw invalidType(`a type${copy} such as u32, cstring(16) or struct(…)`, what, type)
}

/**
 * Whether a type takes the rest of its record.
 *
 * @internal
 */
export function isOpen({ shape }: Type): boolean {
  switch (shape.kind) {
    case 'struct': {
      const last = shape.fields.at(-1)
      return last !== undefined && isOpen(last.type)
    }
    case 'map':
      return isOpen(shape.type)
    case 'view':
      return isOpen(shape.struct)
    case 'bytes':
    case 'cstring':
    case 'array':
      return shape.length === undefined
    default:
      return false
  }
}

/**
 * Whether a type is that of a record as a whole, and of nothing in it.
 *
 * @internal
 */
export function isRecordOnly({ shape }: Type): boolean {
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

/**
 * The type that a mapped one is made from in the end; any other is that itself.
 *
 * @internal
 */
export function madeFrom(type: Type): Type {
  while (type.shape.kind === 'map') type = type.shape.type
  return type
}

/**
 * The bytes that a record of this type must have: trailing padding need not be
 * sent.
 *
 * @internal
 */
export function requiredBytes({ size, shape }: Type): number {
  if (shape.kind === 'view') return requiredBytes(shape.struct)
  if (shape.kind === 'map') return requiredBytes(shape.type)
  if (shape.kind === 'tagged') return shape.tag.offset + shape.tag.type.size
  if (shape.kind !== 'struct') return size
  return shape.fields.reduce((end, { offset, type }) => Math.max(end, offset + type.size), 0)
}

/** @internal */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** @internal */
export function roundUp(offset: number, align: number): number {
  return Math.ceil(offset / align) * align
}

/** @internal */
export function isIdentifier(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name) && name !== '__proto__'
}
