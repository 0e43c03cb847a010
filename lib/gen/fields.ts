// What has to be said of where the fields of a struct are.
import { endianness } from 'node:os'
import { asBits } from '../types/btf-bits.js'
import type { Field, StructShape, Type, UnionShape } from '../types/type.js'

/** One bit-field, as `bits(unit, width, shift)`. */
export interface PlacedBits {
  readonly unit: string
  readonly width: number
  readonly shift: number
}

export interface PlacedField {
  readonly name: string
  readonly type: Type
  /** Its offset, where C would put it elsewhere. */
  readonly place: number | undefined
  readonly bits?: PlacedBits
}

interface PlacedFields {
  readonly fields: PlacedField[]
  readonly isPacked: boolean
  /** Where the fields do not say it. */
  readonly size: number | undefined
}

/** As `struct()` and `union()` place fields, and what differs from that. */
export function placeFields(
  { size }: Type,
  { kind, fields }: StructShape | UnionShape,
): PlacedFields {
  const placed = fields.map(({ name, offset, type: declared }) => {
    const type = asBits(declared)
    if (type.shape.kind !== 'bits')
      return { name, offset, type, size: type.size, align: type.align }
    const { offset: at, bytes, align, ...bits } = placeBits({ name, offset, type }, size)
    return { name, offset: at, type, size: bytes, align, bits }
  })
  const isPacked = placed.some(({ offset, align }) => offset % align !== 0 || size % align !== 0)
  let end = 0
  let widest = 1
  const result = placed.map(({ name, offset, type, size: bytes, align: natural, ...rest }) => {
    const align = isPacked ? 1 : natural
    const next = kind === 'union' ? 0 : Math.ceil(end / align) * align
    end = Math.max(end, offset + bytes)
    widest = Math.max(widest, align)
    return { name, type, place: offset === next ? undefined : offset, ...rest }
  })
  const natural = Math.ceil(end / widest) * widest
  return { fields: result, isPacked, size: natural === size ? undefined : size }
}

/**
 * A unit that a bit-field lies in: the smallest at a multiple of its size, else one that
 * begins where the bit-field does.
 */
export function placeBits(
  { offset, type }: Field,
  sizeBytes: number,
): PlacedBits & { offset: number; bytes: number; align: number } {
  if (type.shape.kind !== 'bits') throw new Error(`${type.name} is no bit-field`)
  const { bitOffset, width, signed, isBigEndian } = type.shape
  const first = 8 * offset + bitOffset
  const units = [1, 2, 4, 8]
  const candidates = [
    ...units.map((bytes) => [Math.floor(first / (8 * bytes)) * bytes, bytes] as const),
    ...units.map((bytes) => [offset, bytes] as const),
    ...units.map((bytes) => [Math.max(0, sizeBytes - bytes), bytes] as const),
  ]
  const found = candidates.find(([at, bytes]) => {
    const isWithin = 8 * at <= first && first + width <= 8 * (at + bytes)
    return isWithin && at + bytes <= sizeBytes
  })
  const sign = signed ? 'i' : 'u'
  if (found === undefined) {
    // It straddles units, in a struct that ends too soon for a larger one.
    const unit = units.find((bytes) => 8 * bytes >= width) ?? 8
    const bytes = Math.ceil((bitOffset + width) / 8)
    return { unit: `${sign}${String(8 * unit)}`, width, shift: bitOffset, offset, bytes, align: 1 }
  }
  const [at, bytes] = found
  const low = first - 8 * at
  const shift = isBigEndian || endianness() === 'BE' ? 8 * bytes - width - low : low
  return { unit: `${sign}${String(8 * bytes)}`, width, shift, offset: at, bytes, align: bytes }
}
