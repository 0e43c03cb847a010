// Records of several structs, which a field that all of them have tells apart.
import { checkOptions, invalidType, outOfRange } from '../errors/errors.js'
import { integer } from './integer.js'
import {
  type Case,
  checkType,
  type EnumShape,
  type Field,
  fieldCount,
  type IntShape,
  make,
  maxFields,
  type Type,
} from './type.js'

/** What becomes of a record whose tag no case has. */
export type UnknownTags = 'error' | 'skip' | 'bytes'

/** What becomes of records that no case is for. */
export interface TaggedOptions<U extends UnknownTags = UnknownTags> {
  /**
   * What becomes of a record whose tag no case has; readers count it in any case as
   * `stats().unknown`.
   *
   * - `error`, the default: an `UnknownTagError` with its bytes.
   * - `skip`: nobody is told.
   * - `bytes`: it is a record of its own, see {@link UnknownRecord}.
   */
  unknown?: U
}

/** A struct with the tag, or a view of one. */
export type TaggedCases<N extends string> = Readonly<
  Record<string | number, Type<Readonly<Record<N, number | bigint | string>>>>
>

/** What a record is whose tag no case has: its tag is `'unknown'`, and `value` what it really is. */
export type UnknownRecord<N extends string, V> = { [F in N]: 'unknown' } & {
  /** The tag that it really has. */
  value: V
  /** A copy of the record. */
  bytes: Uint8Array
}

/** The tag of a case, as its records have it; `never` when the field has no such value. */
type TagLiteral<K extends string | number, V> = string extends K ? V : TagOf<K, Tags<V>>

/** What a tag may be: of an enum that is read as its names these, and no number. */
type Tags<V> = [Extract<V, string>] extends [never] ? V : string extends V ? V : Extract<V, string>

type TagOf<K extends string | number, V> = V extends bigint
  ? `${K}` extends `${infer B extends bigint}`
    ? B
    : never
  : V extends number
    ? `${K}` extends `${infer M extends number}`
      ? M
      : never
    : `${K}` extends V
      ? `${K}`
      : never

/** Whether the tag of each case is a value of its field; else what its values are. */
type CheckedCases<N extends string, C extends TaggedCases<N>> = {
  readonly [K in keyof C]: [TagLiteral<K & (string | number), ValueOf<C[K]>[N]>] extends [never]
    ? { readonly 'its tag has to be one of': Tags<ValueOf<C[K]>[N]> }
    : unknown
}

type ValueOf<D> = D extends Type<infer T> ? T : never

/** What the records of one case are: its tag is that of the case and no other. */
export type CaseValue<N extends string, K, V> = {
  [F in keyof V]: F extends N ? TagLiteral<K & (string | number), V[F]> : V[F]
}

/** What the records are, by the names of their callbacks. */
export type ByTag<N extends string, C extends TaggedCases<N>, U> = {
  -readonly [K in keyof C]: CaseValue<N, K, ValueOf<C[K]>>
} & (U extends 'bytes' ? { unknown: UnknownRecord<N, ValueOf<C[keyof C]>[N]> } : unknown)

declare const byTag: unique symbol

/**
 * What {@link tagged} makes.
 *
 * @typeParam T The union of all cases.
 * @typeParam B The cases by the names of their callbacks.
 */
export interface Tagged<T = unknown, B = unknown> extends Type<T> {
  /** The name of the field. */
  readonly tag: string
  /** For the compiler: the types of the cases. Nothing is there at run time. */
  readonly [byTag]?: B
}

/**
 * Records of several structs in one ring: each begins with one of them, and a field
 * that all have, such as `__u32 type`, says which. What is read is a union that
 * TypeScript narrows by that field. For readers, and as the type of what an iterator
 * writes; it is no field and no element of an array.
 *
 * @param tag The name of the field: an integer of the same size at the same offset in
 *   all cases.
 * @param cases The structs, or views of them, by their tag: where that is an enum which is
 *   read as its names, by name.
 * @throws {TypeError} for a struct without that field, or with another one than the
 *   first of them has, naming what differs.
 * @throws {RangeError} for a tag that the field cannot hold.
 * @example
 * ```ts
 * const Event = tagged('type', { 1: ExecEvent, 2: ExitEvent })
 * new RingBuffer(map, Event, {
 *   1: (exec) => console.log(exec.filename),
 *   2: (exit) => console.log(exit.code),
 * })
 * for await (const event of new RingBuffer(map, Event)) {
 *   if (event.type === 1) console.log(event.filename)
 * }
 * ```
 */
export function tagged<
  const N extends string,
  const C extends TaggedCases<N>,
  const U extends UnknownTags = 'error',
>(
  tag: N,
  cases: C & CheckedCases<N, C>,
  options: TaggedOptions<U> = {},
): Tagged<ByTag<N, C, U>[keyof ByTag<N, C, U>], ByTag<N, C, U>> {
  if (typeof tag !== 'string') throw invalidType('the name of a field', 'the tag of tagged()', tag)
  if (typeof cases !== 'object' || (cases as unknown) === null) {
    throw invalidType('an object', 'the cases of tagged()', cases)
  }
  checkOptions(options, ['unknown'])
  const { unknown = 'error' } = options
  if (!(['error', 'skip', 'bytes'] as unknown[]).includes(unknown)) {
    throw invalidType('error, skip or bytes', 'unknown', unknown)
  }
  const made = Object.entries<Type>(cases).map(([key, type]) => createCase(tag, key, type))
  const [first] = made
  if (first === undefined) throw invalidType('at least one case', 'the cases of tagged()', cases)
  for (const each of made) checkCase(each, made, first)
  if (unknown === 'bytes') checkNames(tag, made)
  const types = made.map(({ type }) => type)
  const count = types.reduce((sum, type) => sum + fieldCount(type), 0)
  if (count > maxFields) {
    throw outOfRange(`at most ${String(maxFields)} fields`, 'the cases of tagged()', count)
  }
  return make({
    name: nameOf(types),
    size: Math.max(...types.map(({ size }) => size)),
    align: Math.max(...types.map(({ align }) => align)),
    tag,
    shape: { kind: 'tagged', tag: first.field, cases: made.map(caseOf), unknown },
  })
}

/**
 * Whether records of this type have callbacks by tag, and the names of these.
 *
 * @internal
 */
export function callbackNames({ shape }: Type): string[] | undefined {
  if (shape.kind !== 'tagged') return undefined
  const names = shape.cases.map(({ key }) => key)
  return shape.unknown === 'bytes' ? [...names, 'unknown'] : names
}

interface CheckedCase extends Case {
  readonly field: Field
}

function caseOf({ key, tag, type }: CheckedCase): Case {
  return { key, tag, type }
}

/**
 * The integer that a tag is, as it is compared: `bigint` when it has 64 bits.
 *
 * @internal
 */
export function tagType(type: Type): Type {
  const { size, signed, isBigEndian } = integerOf(type)
  return integer(type.name, size, signed, { isBigEndian })
}

function integerOf({ shape }: Type): IntShape {
  return shape.kind === 'enum' ? shape.unit.shape : (shape as IntShape)
}

function createCase(tag: string, key: string, type: Type): CheckedCase {
  const what = `case ${key} of tagged("${tag}")`
  checkType(type, what)
  const struct = type.shape.kind === 'view' ? type.shape.struct : type
  if (struct.shape.kind !== 'struct') throw invalidType('a struct', what, type.name)
  const { fields } = struct.shape
  const field = fields.find(({ name }) => name === tag)
  if (field === undefined || !isTag(field.type)) {
    const received =
      field === undefined ? `struct ${struct.name}, which has none` : `${field.type.name} ${tag}`
    throw invalidType(`a struct with an integer or enum "${tag}"`, what, received)
  }
  return { key, tag: tagOf(key, field, what), type, field }
}

function isTag({ shape }: Type): boolean {
  return shape.kind === 'int' || shape.kind === 'enum'
}

function tagOf(key: string, { type }: Field, what: string): bigint {
  const { shape } = type
  const names = shape.kind === 'enum' && !shape.asNumber ? shape.names : []
  const named = names.find(([name]) => name === key)
  if (named !== undefined) return checkName(named, names, what)
  if (!/^(0|-?[1-9]\d*)$/.test(key)) {
    const expected = ['an integer', ...names.map(([name]) => name)].join(', ')
    throw invalidType(expected, `the tag of ${what}`, key)
  }
  const tag = BigInt(key)
  const { size, signed } = integerOf(type)
  if (tag !== (signed ? BigInt.asIntN(8 * size, tag) : BigInt.asUintN(8 * size, tag))) {
    throw outOfRange(`a ${type.name} of ${String(8 * size)} bits`, `the tag of ${what}`, tag)
  }
  const itsName = names.find(([, value]) => value === tag)
  if (itsName !== undefined) {
    const expected =
      `${itsName[0]}, which records have for it, ` +
      'or a field that is the number of its enum, enumeration(…).number,'
    throw invalidType(expected, `the tag of ${what}`, key)
  }
  return tag
}

/** Of several names for one value, records have the first. */
function checkName(
  [name, value]: EnumShape['names'][number],
  names: EnumShape['names'],
  what: string,
): bigint {
  const first = names.find(([, other]) => other === value)
  if (first?.[0] === name) return value
  throw invalidType(first?.[0] ?? '', `the tag of ${what}`, name)
}

function checkCase(each: CheckedCase, all: readonly CheckedCase[], first: CheckedCase): void {
  const { key, tag, field, type } = each
  const { name } = field
  if (!isSameTag(field, first.field)) {
    throw invalidType(
      `the "${name}" that struct ${first.type.name} has, ${describeTag(first.field)},`,
      `case ${key} of tagged("${name}")`,
      `that of struct ${type.name}, ${describeTag(field)}`,
    )
  }
  const same = all.find((other) => other !== each && other.tag === tag)
  if (same !== undefined) {
    throw invalidType('one case for each tag', `tagged("${name}")`, [same.key, key])
  }
}

/** One may be an enum and the other the integer that it is stored as. */
function isSameTag(one: Field, other: Field): boolean {
  const [a, b] = [integerOf(one.type), integerOf(other.type)]
  return (
    one.offset === other.offset &&
    a.size === b.size &&
    a.signed === b.signed &&
    a.isBigEndian === b.isBigEndian
  )
}

function describeTag({ type: { name, shape }, offset }: Field): string {
  const described = shape.kind === 'enum' ? `${name} of ${shape.unit.name}` : name
  return `${described} at ${String(offset)}`
}

/** An unknown record has names of its own. */
function checkNames(tag: string, cases: readonly CheckedCase[]): void {
  if (tag === 'value' || tag === 'bytes') {
    throw invalidType('a tag that an unknown record does not have besides', 'tagged()', tag)
  }
  if (cases.some(({ key }) => key === 'unknown')) {
    throw invalidType('another name', `a case of tagged("${tag}")`, 'unknown')
  }
}

const mostNamed = 4

function nameOf(types: readonly Type[]): string {
  const names = [...new Set(types.map(({ name }) => name))]
  const rest = names.length - mostNamed
  return names.slice(0, mostNamed).join(' | ') + (rest > 0 ? ` | ${String(rest)} more` : '')
}
