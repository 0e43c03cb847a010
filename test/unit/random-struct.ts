// Random C types: their declaration in C and in TypeScript, their layout and
// their values, worked out here without what is tested.
import { bits } from '../../lib/types/bits.js'
import * as types from '../../lib/types/struct.js'
import { union } from '../../lib/types/union.js'
import type { Random } from './random.js'
import {
  type BitsModel,
  bitsInC,
  bitsSize,
  randomBitFields,
  readBits,
  type Scalar,
  scalars,
  writeBits,
} from './random-scalars.js'

export type Model =
  | Scalar
  | { kind: 'cstring' | 'bytes'; length: number | undefined }
  | { kind: 'array'; element: Model; length: number }
  | BitsModel
  | { kind: 'union'; members: readonly MemberModel[] }
  | StructModel

interface MemberModel {
  name: string
  model: Model
}

export interface StructModel {
  kind: 'struct'
  name: string
  packed: boolean
  fields: FieldModel[]
}

export interface FieldModel extends MemberModel {
  /** Declared with at(), otherwise where C puts it. */
  offset?: number
}

/** Texts with characters of one to four bytes. */
const characters = ['a', 'Z', '0', ' ', '/', '~', '\u007f', 'é', 'ß', '€', '中', '𝄞', '🐝']

/** A struct; when `open`, its last field may take the rest of the record. */
export function randomStruct(random: Random, name: string, open: boolean, depth = 0): StructModel {
  const packed = random.chance(0.25)
  const fields: FieldModel[] = []
  const count = random.integer(1, depth === 0 ? 8 : 4)
  for (let i = 0; i < count; i++) {
    const field: FieldModel = {
      name: `f${String(i)}`,
      model: randomModel(random, `${name}_${String(i)}`, depth),
    }
    // Further on than C would have it, aligned or not.
    if (open && random.chance(0.1)) {
      field.offset = placed({ packed, fields }).end + random.integer(0, 20)
    }
    fields.push(field)
  }
  if (open && random.chance(0.3)) {
    const kind = random.pick(['cstring', 'bytes'] as const)
    fields.push({ name: 'tail', model: { kind, length: undefined } })
  }
  return { kind: 'struct', name, packed, fields }
}

function randomModel(random: Random, name: string, depth: number): Model {
  const kind = random.integer(0, depth < 3 ? 11 : 5)
  if (kind < 5) return random.pick(scalars)
  if (kind < 6) return { kind: random.pick(['cstring', 'bytes']), length: random.integer(1, 20) }
  if (kind < 7) return randomBitFields(random)
  // Each reader makes a class of each union, which takes long.
  if (kind < 8) return random.chance(0.3) ? randomUnion(random) : random.pick(scalars)
  if (kind < 10) {
    const element = randomModel(random, name, depth + 1)
    return { kind: 'array', element, length: random.integer(1, 4) }
  }
  return randomStruct(random, name, false, depth + 1)
}

/** Of members that have a value whatever their bytes are. */
function randomUnion(random: Random): Model {
  const members = Array.from({ length: random.integer(1, 3) }, (_, i): MemberModel => {
    const kind = random.integer(0, 5)
    const one: Model =
      kind < 1
        ? randomBitFields(random)
        : kind < 2
          ? { kind: random.pick(['cstring', 'bytes']), length: random.integer(1, 20) }
          : random.pick(scalars.filter(({ isTotal }) => isTotal))
    const isList = random.chance(0.3)
    const model: Model = isList
      ? { kind: 'array', element: one, length: random.integer(1, 3) }
      : one
    return { name: `m${String(i)}`, model }
  })
  return { kind: 'union', members }
}

export function typeOf(model: Model): types.Type {
  switch (model.kind) {
    case 'scalar':
      return model.type
    case 'cstring':
    case 'bytes':
      return types[model.kind](model.length)
    case 'array':
      return types.array(typeOf(model.element), model.length)
    case 'bits':
      return bits(types[model.unit] as types.Type<number>, model.widths)
    case 'union':
      return union(
        Object.fromEntries(model.members.map(({ name, model: member }) => [name, typeOf(member)])),
      )
    case 'struct':
      return structOf(model)
  }
}

export function structOf({ name, packed, fields }: StructModel): types.Struct {
  const entries = fields.map((field) => {
    const type = typeOf(field.model)
    return [field.name, field.offset === undefined ? type : types.at(field.offset, type)] as const
  })
  return types.struct(name, Object.fromEntries(entries), packed ? { packed } : {})
}

/** Declarations in C of a struct and of those it contains, in C's order. */
export function declareC(struct: StructModel): string {
  const inner = struct.fields.map(({ model }) => {
    while (model.kind === 'array') model = model.element
    return model.kind === 'struct' ? declareC(model) : ''
  })
  const members = struct.fields.map(({ name, model }) => `${declareMember(name, model)};`)
  const attribute = struct.packed ? ' __attribute__((packed))' : ''
  return `${inner.join('')}struct ${struct.name} { ${members.join(' ')} }${attribute};\n`
}

function declareMember(name: string, model: Model): string {
  switch (model.kind) {
    case 'scalar':
      return `${model.c} ${name}`
    case 'cstring':
    case 'bytes':
      return `${model.kind === 'bytes' ? 'uint8_t' : 'char'} ${name}[${String(model.length ?? '')}]`
    case 'array':
      return declareMember(`${name}[${String(model.length)}]`, model.element)
    case 'bits':
      return `${bitsInC(model)} ${name}`
    case 'union': {
      const members = model.members.map((member) => declareMember(member.name, member.model))
      return `union { ${members.join('; ')}; } ${name}`
    }
    case 'struct':
      return `struct ${model.name} ${name}`
  }
}

/** Of the value of a union the member that it was made of. */
const chosen = Symbol('chosen')

/** A value of a type, as decoding must give it; of a union an object of all its members. */
export function randomValue(model: Model, random: Random): unknown {
  switch (model.kind) {
    case 'scalar':
      return model.random(random)
    case 'cstring':
      return randomText(random, model.length ?? random.integer(0, 40))
    case 'bytes':
      return random.bytes(model.length ?? random.integer(0, 40))
    case 'array':
      return Array.from({ length: model.length }, () => randomValue(model.element, random))
    case 'bits':
      return readBits(model, new DataView(random.bytes(bitsSize(model)).buffer), 0)
    case 'union': {
      const { name, model: member } = random.pick(model.members)
      // All other bytes are zeros, as what is written has them.
      const view = new DataView(new ArrayBuffer(sizeAndAlign(model).size))
      write(view, 0, member, randomValue(member, random))
      return Object.defineProperty(read(model, view, 0), chosen, { value: name })
    }
    case 'struct':
      return Object.fromEntries(
        model.fields.map(({ name, model: field }) => [name, randomValue(field, random)]),
      )
  }
}

/** What is read, with all members of unions instead of what reads them. */
export function shown(model: Model, value: unknown): unknown {
  const all = (members: readonly MemberModel[], of: Record<string, unknown>): unknown =>
    Object.fromEntries(members.map(({ name, model: each }) => [name, shown(each, of[name])]))
  switch (model.kind) {
    case 'array':
      // By BTF, a list of bytes is one.
      return Array.isArray(value) ? value.map((item) => shown(model.element, item)) : value
    case 'union':
      return all(model.members, value as Record<string, unknown>)
    case 'struct':
      return all(model.fields, value as Record<string, unknown>)
    default:
      return value
  }
}

/** What is written for a random value: of a union the member that it was made of. */
export function given(model: Model, value: unknown): unknown {
  switch (model.kind) {
    case 'array':
      return (value as unknown[]).map((item) => given(model.element, item))
    case 'union': {
      const name = chosenOf(value)
      const of = (value as Record<string, unknown>)[name]
      const member = model.members.find((each) => each.name === name)
      return { [name]: member === undefined ? of : given(member.model, of) }
    }
    case 'struct':
      return Object.fromEntries(
        model.fields.map(({ name, model: field }) => [
          name,
          given(field, (value as Record<string, unknown>)[name]),
        ]),
      )
    default:
      return value
  }
}

/** The member that a random value of a union was made of. */
export function chosenOf(value: unknown): string {
  return (value as Record<symbol, string>)[chosen] ?? ''
}

/** Reads a value at an offset of a record, which is all that the view shows. */
export function read(model: Model, record: DataView, at: number): unknown {
  switch (model.kind) {
    case 'scalar':
      return model.read(record, at)
    case 'bytes':
      return bytesAt(record, at, model.length)
    case 'cstring': {
      const bytes = bytesAt(record, at, model.length)
      const stop = bytes.indexOf(0)
      return utf8.decode(stop < 0 ? bytes : bytes.subarray(0, stop))
    }
    case 'array': {
      const { size } = sizeAndAlign(model.element)
      return Array.from({ length: model.length }, (_, i) =>
        read(model.element, record, at + i * size),
      )
    }
    case 'bits':
      return readBits(model, record, at)
    case 'union':
      return Object.fromEntries(
        model.members.map(({ name, model: member }) => [name, read(member, record, at)]),
      )
    case 'struct': {
      const { offsets } = placed(model)
      return Object.fromEntries(
        model.fields.map(({ name, model: field }, i) => [
          name,
          read(field, record, at + (offsets[i] as number)),
        ]),
      )
    }
  }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

function bytesAt(record: DataView, at: number, length: number | undefined): Uint8Array {
  const start = record.byteOffset + at
  return new Uint8Array(record.buffer.slice(start, start + (length ?? record.byteLength - at)))
}

/** A record that holds a value, with noise in all that is padding. */
export function encodeStruct(
  model: StructModel,
  value: Record<string, unknown>,
  random: Random,
): Uint8Array {
  const { end } = placed(model)
  const tail = value['tail']
  const tailBytes =
    tail instanceof Uint8Array ? tail : Buffer.from((tail as string | undefined) ?? '')
  const isText = typeof tail === 'string' && random.chance(0.5)
  const record = random.bytes(end + tailBytes.length + (isText ? 1 : 0))
  const view = new DataView(record.buffer)
  write(view, 0, { ...model, fields: model.fields.filter(({ name }) => name !== 'tail') }, value)
  record.set(tailBytes, end)
  if (isText) record[record.length - 1] = 0
  return record
}

function write(view: DataView, at: number, model: Model, value: unknown): void {
  switch (model.kind) {
    case 'scalar':
      model.write(view, at, value as never)
      return
    case 'cstring': {
      const text = Buffer.from(value as string)
      text.forEach((byte, i) => view.setUint8(at + i, byte))
      if (text.length < (model.length as number)) view.setUint8(at + text.length, 0)
      return
    }
    case 'bytes':
      ;(value as Uint8Array).forEach((byte, i) => view.setUint8(at + i, byte))
      return
    case 'array': {
      const { size } = sizeAndAlign(model.element)
      ;(value as unknown[]).forEach((item, i) => write(view, at + i * size, model.element, item))
      return
    }
    case 'bits':
      writeBits(model, view, at, value as Record<string, number | bigint>)
      return
    case 'union': {
      const name = chosenOf(value)
      const member = model.members.find((each) => each.name === name)
      const { size } = sizeAndAlign(model)
      new Uint8Array(view.buffer, view.byteOffset + at, size).fill(0)
      if (member !== undefined) {
        write(view, at, member.model, (value as Record<string, unknown>)[name])
      }
      return
    }
    case 'struct': {
      const { offsets } = placed(model)
      model.fields.forEach(({ name, model: field }, i) =>
        write(view, at + (offsets[i] as number), field, (value as Record<string, unknown>)[name]),
      )
    }
  }
}

export function sizeAndAlign(model: Model): { size: number; align: number } {
  switch (model.kind) {
    case 'scalar':
      return { size: model.size, align: model.size }
    case 'cstring':
    case 'bytes':
      return { size: model.length ?? 0, align: 1 }
    case 'array': {
      const { size, align } = sizeAndAlign(model.element)
      return { size: size * model.length, align }
    }
    case 'bits':
      return { size: bitsSize(model), align: bitsSize(model) }
    case 'union': {
      const members = model.members.map(({ model: member }) => sizeAndAlign(member))
      const align = Math.max(...members.map((member) => member.align))
      const end = Math.max(...members.map((member) => member.size))
      return { size: Math.ceil(end / align) * align, align }
    }
    case 'struct': {
      const { end, align } = placed(model)
      return { size: end + ((align - (end % align)) % align), align }
    }
  }
}

export function placed({ packed, fields }: Pick<StructModel, 'packed' | 'fields'>): {
  offsets: number[]
  end: number
  align: number
} {
  const offsets: number[] = []
  let end = 0
  let largest = 1
  for (const { model, offset } of fields) {
    const { size, align: natural } = sizeAndAlign(model)
    const align = packed ? 1 : natural
    const start = offset ?? end + ((align - (end % align)) % align)
    offsets.push(start)
    end = start + size
    largest = Math.max(largest, align)
  }
  return { offsets, end, align: largest }
}

function randomText(random: Random, maxBytes: number): string {
  let text = ''
  const alphabet = random.chance(0.5) ? characters.slice(0, 7) : characters
  const wanted = random.integer(0, maxBytes)
  for (;;) {
    const longer = text + random.pick(alphabet)
    if (Buffer.byteLength(longer) > wanted) return text
    text = longer
  }
}
