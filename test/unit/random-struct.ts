// Random C types: their declaration in C and in TypeScript, their layout and
// their values, worked out here without what is tested.
import * as types from '../../lib/types/struct.js'
import type { Random } from './random.js'

export type Model =
  | Scalar
  | { kind: 'cstring' | 'bytes'; length: number | undefined }
  | { kind: 'array'; element: Model; length: number }
  | StructModel

export interface StructModel {
  kind: 'struct'
  name: string
  packed: boolean
  fields: FieldModel[]
}

export interface FieldModel {
  name: string
  model: Model
  /** Declared with at(), otherwise where C puts it. */
  offset?: number
}

interface Scalar {
  kind: 'scalar'
  c: string
  type: types.Type
  size: number
  random: (random: Random) => unknown
  write: (view: DataView, offset: number, value: never) => void
}

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

const scalars: readonly Scalar[] = [
  scalar('uint8_t', types.u8, 1, integer(0, 2 ** 8 - 1), (view, at, value: number) =>
    view.setUint8(at, value),
  ),
  scalar('int8_t', types.i8, 1, integer(-(2 ** 7), 2 ** 7 - 1), (view, at, value: number) =>
    view.setInt8(at, value),
  ),
  scalar('uint16_t', types.u16, 2, integer(0, 2 ** 16 - 1), (view, at, value: number) =>
    view.setUint16(at, value, littleEndian),
  ),
  scalar('int16_t', types.i16, 2, integer(-(2 ** 15), 2 ** 15 - 1), (view, at, value: number) =>
    view.setInt16(at, value, littleEndian),
  ),
  scalar('uint32_t', types.u32, 4, integer(0, 2 ** 32 - 1), (view, at, value: number) =>
    view.setUint32(at, value, littleEndian),
  ),
  scalar('int32_t', types.i32, 4, integer(-(2 ** 31), 2 ** 31 - 1), (view, at, value: number) =>
    view.setInt32(at, value, littleEndian),
  ),
  scalar(
    'uint64_t',
    types.u64,
    8,
    (random) => BigInt.asUintN(64, wide(random)),
    (view, at, value: bigint) => view.setBigUint64(at, value, littleEndian),
  ),
  scalar(
    'int64_t',
    types.i64,
    8,
    (random) => BigInt.asIntN(64, wide(random)),
    (view, at, value: bigint) => view.setBigInt64(at, value, littleEndian),
  ),
  scalar(
    'uint64_t',
    types.u64.number,
    8,
    (random) => Number(BigInt.asUintN(53, wide(random))),
    (view, at, value: number) => view.setBigUint64(at, BigInt(value), littleEndian),
  ),
  scalar(
    'int64_t',
    types.i64.number,
    8,
    (random) => {
      const magnitude = BigInt.asUintN(53, wide(random))
      return Number(random.chance(0.5) ? magnitude : -magnitude)
    },
    (view, at, value: number) => view.setBigInt64(at, BigInt(value), littleEndian),
  ),
  scalar(
    'float',
    types.f32,
    4,
    (random) => Math.fround(wideFloat(random)),
    (view, at, value: number) => view.setFloat32(at, value, littleEndian),
  ),
  scalar('double', types.f64, 8, wideFloat, (view, at, value: number) =>
    view.setFloat64(at, value, littleEndian),
  ),
  scalar(
    'bool',
    types.bool,
    1,
    (random) => random.chance(0.5),
    (view, at, value: boolean) => view.setUint8(at, value ? 1 : 0),
  ),
]

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
  const kind = random.integer(0, depth < 3 ? 9 : 5)
  if (kind < 5) return random.pick(scalars)
  if (kind < 6) return { kind: random.pick(['cstring', 'bytes']), length: random.integer(1, 20) }
  if (kind < 8) {
    const element = randomModel(random, name, depth + 1)
    return { kind: 'array', element, length: random.integer(1, 4) }
  }
  return randomStruct(random, name, false, depth + 1)
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
    case 'struct':
      return `struct ${model.name} ${name}`
  }
}

/** A value of a type, as decoding must give it. */
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
    case 'struct':
      return Object.fromEntries(
        model.fields.map(({ name, model: field }) => [name, randomValue(field, random)]),
      )
  }
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

function scalar<T>(
  c: string,
  type: types.Type<T>,
  size: number,
  random: (random: Random) => T,
  write: (view: DataView, offset: number, value: T) => void,
): Scalar {
  return { kind: 'scalar', c, type, size, random, write }
}

/** Often one of the ends. */
function integer(min: number, max: number): (random: Random) => number {
  return (random) => (random.chance(0.2) ? random.pick([min, max]) : random.integer(min, max))
}

function wideFloat(random: Random): number {
  if (random.chance(0.2)) return random.pick([0, -0, Infinity, -Infinity, NaN, 2 ** 53])
  return (random.u32() - 2 ** 31) * 2 ** random.integer(-60, 60)
}

function wide(random: Random): bigint {
  if (random.chance(0.2)) return random.pick([0n, -1n, 1n << 63n, (1n << 63n) - 1n, 1n << 32n])
  return (BigInt(random.u32()) << 32n) | BigInt(random.u32())
}
