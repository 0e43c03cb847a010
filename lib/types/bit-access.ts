// Reads and writes bits that begin at any bit of a byte.
import type { BitsShape } from './type.js'

type Bits = Pick<BitsShape, 'bitOffset' | 'width' | 'signed' | 'isBigEndian'>

/** Up to 32 bits. */
export function readNarrowBits(
  u8: Uint8Array,
  start: number,
  bitOffset: number,
  width: number,
  signed: boolean,
  isBigEndian: boolean,
): number {
  let integer = 0
  for (let taken = 0; taken < width;) {
    const bit = bitOffset + taken
    const count = Math.min(8 - (bit & 7), width - taken)
    const shift = isBigEndian ? 8 - (bit & 7) - count : bit & 7
    const part = ((u8[start + (bit >>> 3)] as number) >>> shift) & ((1 << count) - 1)
    // Not by shifting, which would give a sign to the 32nd bit.
    integer = isBigEndian ? integer * (1 << count) + part : integer + part * 2 ** taken
    taken += count
  }
  return signed && integer >= 2 ** (width - 1) ? integer - 2 ** width : integer
}

/**
 * More than 32 bits.
 *
 * @internal
 */
export function readWideBits(u8: Uint8Array, start: number, shape: Bits): bigint {
  const { bitOffset, width, signed, isBigEndian } = shape
  const [low, high] = isBigEndian
    ? [bitOffset + width - 32, bitOffset]
    : [bitOffset, bitOffset + 32]
  const upper = readNarrowBits(u8, start, high, width - 32, signed, isBigEndian)
  const lower = readNarrowBits(u8, start, low, 32, false, isBigEndian)
  return (BigInt(upper) << 32n) | BigInt(lower)
}

/**
 * Leaves the bits around them as they are.
 *
 * @internal
 */
export function writeBits(u8: Uint8Array, start: number, shape: Bits, integer: bigint): void {
  const { bitOffset, width, isBigEndian } = shape
  let rest = BigInt.asUintN(width, integer)
  for (let taken = 0; taken < width;) {
    // The lowest bits first, which begin at the end where the highest come first.
    const end = isBigEndian ? bitOffset + width - taken : bitOffset + taken
    const room = isBigEndian ? ((end - 1) & 7) + 1 : 8 - (end & 7)
    const count = Math.min(room, width - taken)
    const first = isBigEndian ? end - count : end
    const shift = isBigEndian ? 8 - (first & 7) - count : first & 7
    const mask = ((1 << count) - 1) << shift
    const at = start + (first >>> 3)
    const part = Number(BigInt.asUintN(count, rest)) << shift
    u8[at] = ((u8[at] as number) & ~mask) | part
    rest >>= BigInt(count)
    taken += count
  }
}
