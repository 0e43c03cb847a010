// From BTF to the types that values are read and written by.
import type { BtfReader as Btf } from '../btf/reader.js'
import type { BtfMember, BtfStruct } from '../btf/types.js'
import {
  array,
  at,
  bool,
  bytes,
  cstring,
  f32,
  f64,
  fieldCount,
  i16,
  i32,
  i64,
  i8,
  maxBytes,
  maxFields,
  type Placed,
  Struct,
  type Type,
  u16,
  u32,
  u64,
  u8,
} from './struct.js'

const bySize = (types: readonly Type[]): Map<number, Type> =>
  new Map(types.map((type) => [type.size, type]))
const unsigned = bySize([u8, u16, u32, u64])
const signed = bySize([i8, i16, i32, i64])
const floats = bySize([f32, f64])

/** As deep as a valid object nests its types. */
const maxDepth = 64

/** What keeps a type of BTF from being one here. */
export interface Unsupported {
  /** To the member that is the cause, as C writes it: `.inner.list[].flags`, or nothing. */
  readonly path: string
  /** What it is, to be read after `is`. */
  readonly problem: string
}

type Found = Type | Unsupported

/** What was found before: structs contain others, and these each other's. */
const known = new WeakMap<Btf, Map<number, Found>>()

/**
 * The type of this id: integers and enums up to 64 bits (`bigint` from 64 bits on),
 * `bool`, floats, pointers as `u64`, `char[n]` as text and `unsigned char[n]` as
 * bytes, other arrays, and structs, into which the members of anonymous structs in
 * them are put as C does it. Nothing for others, and for what contains one: see
 * {@link unsupportedInBtf}.
 */
export function typeFromBtf(btf: Btf, id: number): Type | undefined {
  const found = find(btf, id, 0)
  return isType(found) ? found : undefined
}

/** Why `typeFromBtf()` finds nothing, and at which member; nothing when it finds a type. */
export function unsupportedInBtf(btf: Btf, id: number): Unsupported | undefined {
  const found = find(btf, id, 0)
  return isType(found) ? undefined : found
}

function isType(found: Found): found is Type {
  return 'shape' in found
}

function find(btf: Btf, id: number, depth: number): Found {
  let ofBtf = known.get(btf)
  if (ofBtf === undefined) known.set(btf, (ofBtf = new Map<number, Found>()))
  let found = ofBtf.get(id)
  if (found === undefined) {
    found = depth > maxDepth ? tooDeep : make(btf, id, depth)
    ofBtf.set(id, found)
  }
  return found
}

function unsupported(problem: string, path = ''): Unsupported {
  return { path, problem }
}

const tooDeep = unsupported('nested too deep')
const tooLarge = unsupported('too large')

function make(btf: Btf, id: number, depth: number): Found {
  const declared = btf.type(id)
  switch (declared.kind) {
    case 'int': {
      const isBool = declared.bool && declared.size === 1
      const found = (declared.signed ? signed : unsigned).get(declared.size)
      if (declared.bool ? isBool : found !== undefined) return isBool ? bool : (found as Type)
      return unsupported(`${declared.name} of ${String(declared.size)} bytes`)
    }
    case 'enum': {
      const found = (declared.signed ? signed : unsigned).get(declared.size)
      return found ?? unsupported(`an enum of ${String(declared.size)} bytes`)
    }
    case 'float': {
      const found = floats.get(declared.size)
      return found ?? unsupported(`${declared.name} of ${String(declared.size)} bytes`)
    }
    case 'pointer':
      return u64
    case 'array':
      return makeArray(btf, declared.element, declared.count, depth)
    case 'struct':
      return makeStruct(btf, declared, depth)
    case 'union':
      return unsupported('a union')
    case 'forward':
      return unsupported(`${btf.describe(id)} without a size`)
    case 'void':
      return unsupported('void')
    default:
      return unsupported(`a ${declared.kind === 'prototype' ? 'function' : declared.kind}`)
  }
}

function makeArray(btf: Btf, elementId: number, count: number, depth: number): Found {
  if (count === 0) return unsupported('an array without a length')
  const declared = btf.type(elementId)
  if (declared.kind === 'int' && declared.size === 1) {
    if (count > maxBytes) return tooLarge
    if (declared.name === 'char') return cstring(count)
    if (!declared.bool && !declared.signed) return bytes(count)
  }
  const element = find(btf, elementId, depth + 1)
  if (!isType(element)) return unsupported(element.problem, `[]${element.path}`)
  return element.size * count > maxBytes ? tooLarge : array(element, count)
}

function makeStruct(btf: Btf, declared: BtfStruct, depth: number): Found {
  const fields: Record<string, Placed> = {}
  let isPacked = false
  let count = 0
  let steps = 0

  /** The first member that is the cause that there is no type. */
  function add(member: BtfMember, bitsBefore: number, level: number): Unsupported | undefined {
    const { name, bitSize, type: id } = member
    const path = `.${name === '' ? '(anonymous)' : name}`
    const bitOffset = bitsBefore + member.bitOffset
    if (bitSize !== 0 || bitOffset % 8 !== 0) return unsupported('a bit-field', path)
    if (++steps > maxFields) return unsupported('one member too many', path)
    if (name === '') {
      const inner = btf.type(id)
      if (inner.kind !== 'struct') return unsupported(`a ${inner.kind}`, path)
      if (level >= maxDepth) return unsupported(tooDeep.problem, path)
      return firstOf(inner.members, (each) => add(each, bitOffset, level + 1))
    }
    if (!/^[A-Za-z_]\w*$/.test(name) || name === '__proto__') {
      return unsupported('no name in JavaScript', path)
    }
    if (Object.hasOwn(fields, name)) return unsupported('there twice', path)
    const type = find(btf, id, depth + 1)
    if (!isType(type)) return unsupported(type.problem, `${path}${type.path}`)
    const offset = bitOffset / 8
    if (offset + type.size > declared.size) return unsupported('outside of its struct', path)
    count += fieldCount(type)
    if (count > maxFields) return unsupported('one field too many', path)
    isPacked ||= offset % type.align !== 0 || declared.size % type.align !== 0
    fields[name] = at(offset, type)
    return undefined
  }

  if (declared.size > maxBytes) return tooLarge
  const problem = firstOf(declared.members, (member) => add(member, 0, depth))
  if (problem !== undefined) return problem
  if (count === 0) return unsupported('a struct without members')
  // It is as BTF has it: there is nothing to compare it with.
  const options = { packed: isPacked, unchecked: true }
  return new Struct(declared.name, fields, options, { size: declared.size })
}

function firstOf<T, R>(items: readonly T[], look: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = look(item)
    if (found !== undefined) return found
  }
  return undefined
}
