// A second decoder of random types: slow, through a DataView, from the layout
// that random-struct.ts works out by itself.
import type { Random } from '../unit/random.js'
import { type Model, placed, sizeAndAlign, type StructModel } from '../unit/random-struct.js'

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** A 64-bit integer that no number holds. */
export class Inexact extends Error {}

type Scalar = Extract<Model, { kind: 'scalar' }>

/** Reads a value at an offset of a record, which is all that the view shows. */
export function read(model: Model, record: DataView, at: number): unknown {
  switch (model.kind) {
    case 'scalar':
      return readScalar(model, record, at)
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

/** What a record must have: all its fields. */
export function neededBytes(model: StructModel): number {
  return placed(model).end
}

function bytesAt(record: DataView, at: number, length: number | undefined): Uint8Array {
  const start = record.byteOffset + at
  return new Uint8Array(record.buffer.slice(start, start + (length ?? record.byteLength - at)))
}

function readScalar({ c, type }: Scalar, record: DataView, at: number): unknown {
  switch (c) {
    case 'uint8_t':
      return record.getUint8(at)
    case 'int8_t':
      return record.getInt8(at)
    case 'uint16_t':
      return record.getUint16(at, littleEndian)
    case 'int16_t':
      return record.getInt16(at, littleEndian)
    case 'uint32_t':
      return record.getUint32(at, littleEndian)
    case 'int32_t':
      return record.getInt32(at, littleEndian)
    case 'bool':
      return record.getUint8(at) !== 0
    case 'float':
      return record.getFloat32(at, littleEndian)
    case 'double':
      return record.getFloat64(at, littleEndian)
  }
  const wide =
    c === 'uint64_t' ? record.getBigUint64(at, littleEndian) : record.getBigInt64(at, littleEndian)
  if (type.shape.kind === 'int' && type.shape.form === 'bigint') return wide
  if (!Number.isSafeInteger(Number(wide))) throw new Inexact()
  return Number(wide)
}

/** Bytes of which some spell text and small numbers, so that all paths are taken. */
export function randomBytes(random: Random, length: number): Uint8Array {
  const bytes = random.bytes(length)
  const kind = random.integer(0, 3)
  for (let i = 0; i < length; i++) {
    if (kind === 1) bytes[i] = random.pick([0, 0, 0, 1, 0x61, 0xff])
    if (kind === 2) bytes[i] = 0x61 + ((bytes[i] as number) & 15)
    if (kind === 3 && i % 8 > 3) bytes[i] = 0
  }
  return bytes
}
