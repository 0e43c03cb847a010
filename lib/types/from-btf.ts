// From BTF to the types that values are read and written by.
import type { BtfReader } from '../btf/reader.js'
import type { BtfMember, BtfStruct } from '../btf/types.js'
import { bitFieldOf } from './btf-bits.js'
import { bigEndianOf, enumFromBtf, integerOf, taggedMembers } from './btf-integers.js'
import { Enumeration } from './enumeration.js'
import { at, type Placed } from './fields.js'
import { pointer } from './integer.js'
import { bool, f32, f64 } from './scalar.js'
import { array, bytes, cstring } from './sequence.js'
import { Struct } from './struct.js'
import {
  type Alternative,
  type Alternatives,
  fieldCount,
  isIdentifier,
  maxBytes,
  maxFields,
  type IntegerForm,
  type Type,
} from './type.js'
import { Union } from './union.js'
import { withIntegers } from './with-integers.js'

/** What a decoder that is made of BTF gives where there is a choice. */
export interface BtfDecoderOptions {
  /** What the values of enums are read as. Default `name`; those without one are numbers. */
  enums?: 'name' | 'number' | undefined
  /** What `char[n]` is read as. Default `string`, UTF-8 up to the first NUL. */
  chars?: 'string' | 'bytes' | undefined
  /**
   * What integers of 64 bits and more are read as. Default `bigint`; `number` is exact up
   * to 2^53 - 1 and a `RangeError` beyond, `string` is decimal and fit for JSON.
   */
  integers?: IntegerForm | undefined
}

/** What a type of BTF becomes where there is a choice. */
export interface FromBtfOptions extends BtfDecoderOptions {
  /**
   * A flexible array at the end of a struct takes the rest of the record, as in
   * `struct { __u32 count; __u64 addresses[]; }`. Default false: it is left out.
   */
  tail?: boolean
}

/** What keeps a type of BTF from being one here. */
export interface Unsupported {
  /** To the member that is the cause, as C writes it: `.inner.list[].flags`, or nothing. */
  readonly path: string
  /** What it is, to be read after `is`. */
  readonly problem: string
}

type Found = Type | Unsupported

/** What was found before, by options and id: structs contain others, and these each other's. */
const known = new WeakMap<BtfReader, Map<string, Found>>()

/**
 * The type of this id: integers up to 32 bits as `number` and larger ones as `bigint`,
 * `bool`, floats, enums as their names, pointers as `bigint`, `char[n]` as text and
 * `unsigned char[n]` as bytes, other arrays, bit-fields, unions, and structs, into which
 * the members of anonymous structs and unions in them are put as C does it. Nothing for
 * others, and for what contains one: see {@link unsupportedInBtf}.
 */
export function typeFromBtf(
  btf: BtfReader,
  id: number,
  options: FromBtfOptions = {},
): Type | undefined {
  const found = new Maker(btf, options).find(id, options.tail === true)
  if (!isType(found)) return undefined
  const { integers = 'bigint' } = options
  return integers === 'bigint' ? found : withIntegers(found, integers)
}

/** Why `typeFromBtf()` finds nothing, and at which member; nothing when it finds a type. */
export function unsupportedInBtf(
  btf: BtfReader,
  id: number,
  options: FromBtfOptions = {},
): Unsupported | undefined {
  const found = new Maker(btf, options).find(id, options.tail === true)
  return isType(found) ? undefined : found
}

/** The same of a record, with its name: `flags of struct event is …`. */
export function unsupportedRecord(btf: BtfReader, id: number): string {
  const found = unsupportedInBtf(btf, id, { tail: true })
  const { path, problem } = found ?? { path: '', problem: 'unknown' }
  const name = btf.describe(id)
  return `${path === '' ? name : `${path.replace(/^\./, '')} of ${name}`} is ${problem}`
}

function isType(found: Found): found is Type {
  return 'shape' in found
}

function unsupported(problem: string, path = ''): Unsupported {
  return { path, problem }
}

const tooLarge = unsupported('too large')

class Maker {
  readonly #btf: BtfReader
  readonly #enums: 'name' | 'number'
  readonly #chars: 'string' | 'bytes'
  readonly #known: Map<string, Found>

  constructor(btf: BtfReader, { enums = 'name', chars = 'string' }: FromBtfOptions) {
    this.#btf = btf
    this.#enums = enums
    this.#chars = chars
    let ofBtf = known.get(btf)
    if (ofBtf === undefined) known.set(btf, (ofBtf = new Map<string, Found>()))
    this.#known = ofBtf
  }

  /** @param mayBeOpen Whether it may take the rest of the record. */
  find(id: number, mayBeOpen = false): Found {
    const key = `${this.#enums} ${this.#chars} ${String(mayBeOpen)} ${String(id)}`
    let found = this.#known.get(key)
    if (found === undefined) this.#known.set(key, (found = this.#make(id, mayBeOpen)))
    return found
  }

  #make(id: number, mayBeOpen: boolean): Found {
    const declared = this.#btf.type(id)
    switch (declared.kind) {
      case 'int': {
        if (declared.bool && declared.size === 1) return bool
        const found = declared.bool
          ? undefined
          : (bigEndianOf(this.#btf, id) ?? integerOf(declared))
        return found ?? unsupported(sized(declared))
      }
      case 'enum': {
        const found = enumFromBtf(declared)
        if (found === undefined) return unsupported(`an enum of ${bytesOf(declared.size)}`)
        return this.#enums === 'number' && found instanceof Enumeration ? found.number : found
      }
      case 'float': {
        const found = [f32, f64].find(({ size }) => size === declared.size)
        return found ?? unsupported(sized(declared))
      }
      case 'pointer':
        return pointer
      case 'array':
        return declared.count === 0
          ? unsupported('an array without a length')
          : this.#array(declared.element, declared.count)
      case 'struct':
      case 'union':
        return this.#composite(id, declared, mayBeOpen)
      case 'variable':
        return this.find(declared.type)
      case 'forward':
        return unsupported(`${this.#btf.describe(id)} without a size`)
      case 'void':
        return unsupported('void')
      default:
        return unsupported(`a ${declared.kind === 'prototype' ? 'function' : declared.kind}`)
    }
  }

  /** @param count Nothing of one that takes the rest of the record. */
  #array(elementId: number, count: number | undefined): Found {
    const declared = this.#btf.type(elementId)
    if (declared.kind === 'int' && declared.size === 1) {
      if (count !== undefined && count > maxBytes) return tooLarge
      if (declared.name === 'char') {
        return this.#chars === 'string' ? cstring(count) : bytes(count)
      }
      if (!declared.bool && !declared.signed) return bytes(count)
    }
    const element = this.find(elementId)
    if (!isType(element)) return unsupported(element.problem, `[]${element.path}`)
    return element.size * (count ?? 0) > maxBytes ? tooLarge : array(element, count)
  }

  #composite(id: number, declared: BtfStruct, mayBeOpen: boolean): Found {
    const { kind, name, size } = declared
    if (size > maxBytes) return tooLarge
    const members = new Members(this, this.#btf, declared)
    const problem = members.addAll(id, declared, 0)
    if (problem !== undefined) return problem
    if (mayBeOpen && kind === 'struct') {
      const tail = this.#tail(declared)
      if (tail !== undefined && !isType(tail)) return tail
      const misplaced = tail && members.addTail(tail, declared.members.at(-1) as BtfMember)
      if (misplaced !== undefined) return misplaced
    }
    const { fields, alternatives, isPacked } = members
    if (Object.keys(fields).length === 0) return unsupported(`a ${kind} without members`)
    // It is as BTF has it: there is nothing to compare it with.
    const options = { packed: isPacked, unchecked: true }
    return kind === 'struct'
      ? new Struct(name, fields, options, { size, alternatives })
      : new Union(name, fields, options, { size, alternatives })
  }

  /** Of a flexible array at the end. */
  #tail({ members }: BtfStruct): Found | undefined {
    const last = members.at(-1)
    const declared = last === undefined ? undefined : this.#btf.type(last.type)
    if (last === undefined || declared?.kind !== 'array' || declared.count !== 0) return undefined
    const found = this.#array(declared.element, undefined)
    return isType(found) ? found : unsupported(found.problem, `.${last.name}${found.path}`)
  }
}

function bytesOf(size: number): string {
  return `${String(size)} bytes`
}

function sized({ name, size }: { name: string; size: number }): string {
  return `${name} of ${bytesOf(size)}`
}

/** The fields of a struct or union, those of anonymous ones in it included. */
class Members {
  readonly fields: Record<string, Placed> = {}
  isPacked = false
  readonly #maker: Maker
  readonly #btf: BtfReader
  readonly #size: number
  readonly #alternatives = new Map<string, readonly Alternative[]>()
  /** The members of unions that what is added lies in. */
  readonly #path: (Alternative & { readonly fields: string[] })[] = []
  #count = 0
  #steps = 0

  constructor(maker: Maker, btf: BtfReader, { size }: BtfStruct) {
    this.#maker = maker
    this.#btf = btf
    this.#size = size
  }

  /** Of what is written by one member alone; nothing when there is no such union. */
  get alternatives(): Alternatives | undefined {
    return this.#alternatives.size === 0 ? undefined : this.#alternatives
  }

  /** The first member that is the cause that there is no type. */
  addAll(id: number, { kind, members }: BtfStruct, bitsBefore: number): Unsupported | undefined {
    const all: Alternative[] = []
    const tagged = taggedMembers(this.#btf, id)
    for (const [index, member] of members.entries()) {
      if (kind === 'union') {
        const own = { fields: [], all }
        all.push(own)
        this.#path.push(own)
      }
      const problem = this.#addOne(member, bitsBefore, tagged.get(index))
      if (kind === 'union') this.#path.pop()
      if (problem !== undefined) return problem
    }
    return undefined
  }

  #addOne(
    member: BtfMember,
    bitsBefore: number,
    tagged: Type | undefined,
  ): Unsupported | undefined {
    const path = `.${member.name === '' ? '(anonymous)' : member.name}`
    if (++this.#steps > maxFields) return unsupported('one member too many', path)
    const problem = this.#add(member, bitsBefore + member.bitOffset, tagged)
    // Of an anonymous one its members are those of the whole.
    return problem && unsupported(problem.problem, `${path}${problem.path}`)
  }

  addTail(type: Type, { name, bitOffset }: BtfMember): Unsupported | undefined {
    if (!isIdentifier(name) || Object.hasOwn(this.fields, name)) return undefined
    if (bitOffset % 8 !== 0) return unsupported('between two bytes', `.${name}`)
    if (bitOffset > 8 * this.#size) return unsupported('outside of its struct', `.${name}`)
    return this.#put(name, bitOffset / 8, type)
  }

  #add(member: BtfMember, bitOffset: number, tagged: Type | undefined): Unsupported | undefined {
    const { name, bitSize, type: id } = member
    if (name === '') {
      const inner = this.#btf.type(id)
      if (inner.kind === 'struct' || inner.kind === 'union') {
        return this.addAll(id, inner, bitOffset)
      }
      return unsupported(`a ${inner.kind} without a name`)
    }
    if (!isIdentifier(name)) return unsupported('no name in JavaScript')
    if (Object.hasOwn(this.fields, name)) return unsupported('there twice')
    if (bitSize !== 0) return this.#addBits(member, bitOffset)
    if (this.#btf.sizeOf(id) === 0 && this.#isEmpty(id)) return undefined
    const type = tagged ?? this.#maker.find(id)
    if (!isType(type)) return type
    if (bitOffset % 8 !== 0) return unsupported('between two bytes')
    const offset = bitOffset / 8
    if (offset + type.size > this.#size) return unsupported('outside of its struct')
    this.isPacked ||= offset % type.align !== 0 || this.#size % type.align !== 0
    return this.#put(name, offset, type)
  }

  #addBits({ name, bitSize, type }: BtfMember, bitOffset: number): Unsupported | undefined {
    if (bitOffset + bitSize > 8 * this.#size) return unsupported('outside of its struct')
    const declared = this.#btf.type(type)
    const isNumber = declared.kind === 'int' || declared.kind === 'enum'
    if (!isNumber || bitSize > 64) {
      return unsupported(`a bit-field of ${String(bitSize)} bits`)
    }
    const found = this.#maker.find(type)
    const asName = found instanceof Enumeration
    return this.#put(
      name,
      Math.floor(bitOffset / 8),
      bitFieldOf(declared, bitOffset % 8, bitSize, asName),
    )
  }

  #put(name: string, offset: number, type: Type): Unsupported | undefined {
    this.#count += fieldCount(type)
    if (this.#count > maxFields) return unsupported('one field too many')
    this.fields[name] = at(offset, type)
    for (const { fields } of this.#path) fields.push(name)
    if (this.#path.length > 0) this.#alternatives.set(name, [...this.#path])
    return undefined
  }

  /** What has no bytes: a flexible array, an array of none or a struct of nothing. */
  #isEmpty(id: number): boolean {
    return ['array', 'struct', 'union'].includes(this.#btf.type(id).kind)
  }
}
