// Reads integers, enums and bit-fields: as an expression, and as a function.
import { readNarrowBits, readWideBits } from './bit-access.js'
import { littleEndian, type Memory } from './memory.js'
import { namesOfValues } from './names.js'
import { isAligned, type Names } from './place.js'
import type { BitsShape, EnumShape, IntShape } from './type.js'
import { exactSigned, exactUnsigned, inForm, inFormSource, read128 } from './wide.js'

/** Where a type is read: an expression, and what it is a multiple of. */
interface Base {
  base: string
  baseAlign: number
}

type ReadInteger = (memory: Memory, at: number) => number | bigint | string

/** @internal */
export function intSource(shape: IntShape, start: string, aligned: boolean): string {
  const { size, signed, form, isBigEndian } = shape
  const bits = String(8 * size)
  const little = littleEndian && !isBigEndian
  const order = String(little)
  if (size === 16) {
    return inFormSource(form, `read128(view, ${start}, ${String(signed)}, ${order})`)
  }
  const isDirect = aligned && little === littleEndian
  if (size === 8 && form === 'number') {
    const [low, high] = little ? [0, 4] : [4, 0]
    const word = (at: number): string =>
      isDirect
        ? `u32[(${start} + ${String(at)}) >>> 2]`
        : `view.getUint32(${start} + ${String(at)}, ${order})`
    return `exact${signed ? 'Signed' : 'Unsigned'}(${word(low)}, ${word(high)})`
  }
  if (size === 1) return `${signed ? 'i8' : 'u8'}[${start}]`
  const method = `get${size === 8 ? 'Big' : ''}${signed ? 'Int' : 'Uint'}${bits}`
  const read = isDirect
    ? `${signed ? 'i' : 'u'}${bits}[(${start}) >>> ${String(Math.log2(size))}]`
    : `view.${method}(${start}, ${order})`
  return size === 8 ? inFormSource(form, read) : read
}

/**
 * The form in which the values of an enum are looked at before they get their names.
 *
 * @internal
 */
export function unitOf({ unit, asNumber }: EnumShape): IntShape {
  return { ...unit.shape, form: asNumber ? 'number' : 'bigint' }
}

/** @internal */
export function enumSource(
  shape: EnumShape,
  start: string,
  aligned: boolean,
  names: Names,
): string {
  const read = intSource(unitOf(shape), start, aligned)
  return shape.asNumber ? read : `${names.value(namesOfValues(shape))}(${read})`
}

/**
 * From the word that all bits are in, where there is one that is aligned.
 *
 * @internal
 */
export function bitsSource(
  shape: BitsShape,
  size: number,
  place: Base,
  offset: number,
  start: string,
): string {
  const { bitOffset, width, signed, form, isBigEndian } = shape
  if (width > 32) {
    const described = JSON.stringify({ bitOffset, width, signed, isBigEndian })
    return inFormSource(form, `readWideBits(u8, ${start}, ${described})`)
  }
  const first = 8 * offset + bitOffset
  for (const bytes of [1, 2, 4]) {
    const bits = 8 * bytes
    const word = bytes * Math.floor(first / bits)
    const shift = first - 8 * word
    // Another order is one only of single bytes, in which the highest bit is the first.
    const isHost = bytes === 1 || (littleEndian && !isBigEndian)
    if (!isHost || shift + width > bits || !isAligned(place, word, bytes)) continue
    const at = `(${place.base} + ${String(word)}) >>> ${String(Math.log2(bytes))}`
    return cutSource(`u${String(bits)}[${at}]`, isBigEndian ? bits - shift - width : shift, shape)
  }
  const last = (bitOffset >>> 3) + 4
  if (isBigEndian && (bitOffset & 7) + width <= 32 && last <= size) {
    const word = `view.getUint32(${start} + ${String(bitOffset >>> 3)}, false)`
    return cutSource(word, 32 - (bitOffset & 7) - width, shape)
  }
  const rest = [bitOffset, width, signed, isBigEndian].map(String).join(', ')
  return `readNarrowBits(u8, ${start}, ${rest})`
}

/** Bits from `shift` on of a word of up to 32. */
function cutSource(word: string, shift: number, { width, signed }: BitsShape): string {
  if (signed) return `${word} << ${String(32 - shift - width)} >> ${String(32 - width)}`
  const shifted = shift === 0 ? word : `${word} >>> ${String(shift)}`
  return width === 32 || shift + width === 32 ? shifted : `${shifted} & ${String(2 ** width - 1)}`
}

/** @internal */
export function createReadInt({ size, signed, form, isBigEndian }: IntShape): ReadInteger {
  const little = littleEndian && !isBigEndian
  switch (size) {
    case 1:
      return signed ? ({ view }, at) => view.getInt8(at) : ({ view }, at) => view.getUint8(at)
    case 2:
      return signed
        ? ({ view }, at) => view.getInt16(at, little)
        : ({ view }, at) => view.getUint16(at, little)
    case 4:
      return signed
        ? ({ view }, at) => view.getInt32(at, little)
        : ({ view }, at) => view.getUint32(at, little)
    case 8: {
      if (form === 'number') {
        const [low, high] = little ? [0, 4] : [4, 0]
        const join = signed ? exactSigned : exactUnsigned
        return ({ view }, at) =>
          join(view.getUint32(at + low, little), view.getUint32(at + high, little))
      }
      const read = signed
        ? ({ view }: Memory, at: number) => view.getBigInt64(at, little)
        : ({ view }: Memory, at: number) => view.getBigUint64(at, little)
      return form === 'bigint' ? read : (memory, at) => inForm(form, read(memory, at))
    }
    case 16:
      return ({ view }, at) => inForm(form, read128(view, at, signed, little))
  }
}

/** @internal */
export function createReadBits(shape: BitsShape): ReadInteger {
  const { bitOffset, width, signed, form, isBigEndian } = shape
  return width > 32
    ? ({ u8 }, at) => inForm(form, readWideBits(u8, at, shape))
    : ({ u8 }, at) => readNarrowBits(u8, at, bitOffset, width, signed, isBigEndian)
}

/** One accessor, which each call lends for another record. */
