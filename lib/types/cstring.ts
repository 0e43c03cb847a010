// Reads C strings, and hands out again those that come again and again.
import { littleEndian, type Memory } from './memory.js'

/** Reads the string that begins at `start`, up to its NUL or to `end`. */
export type ReadCstring = (memory: Memory, start: number, end: number) => string

export function readCstring(memory: Memory, start: number, end: number): string {
  const { u8, i32, buf } = memory
  let bits = 0
  let stop = start
  if ((start & 3) === 0) {
    // Four bytes at a time, up to the word with a zero in it.
    for (; stop + 4 <= end; stop += 4) {
      const word = i32[stop >>> 2] as number
      if (((word - 0x01010101) & ~word & 0x80808080) !== 0) break
      bits |= word
    }
  }
  for (; stop < end; stop++) {
    const byte = u8[stop] as number
    if (byte === 0) break
    bits |= byte
  }
  // Nearly all are ASCII, which decodes faster as Latin-1.
  return (bits & 0x80808080) === 0 ? buf.latin1Slice(start, stop) : buf.utf8Slice(start, stop)
}

const slotCount = 256
const slotWords = 16
/** After so many strings of a field it is looked at how many the cache had. */
const trialCount = 256
/** Where it had less than half of them, so many are read without it until the next trial. */
const pauseCount = 128 * trialCount

/**
 * Makes a `readCstring()` for each field of a type, which hands out the string that
 * exists already. The cache that they share keeps 256 strings, of up to 63 bytes,
 * and takes 55 KiB when all are as long as they may be and not ASCII. A field does
 * without it while its strings do not repeat, or when it does not begin at a
 * multiple of 4; and all do where the highest byte of an integer comes first.
 */
export function createCachedCstrings(hashFactor = 0x9e3779b1): () => ReadCstring {
  // The words of each slot's string. The last of them has a zero in it, and no
  // other has, so that equal words are equal strings; a slot of zeros is that of ''.
  const words = new Int32Array(slotCount * slotWords)
  const strings = new Array<string>(slotCount).fill('')
  return () => {
    let trial = trialCount
    let hits = 0
    let pause = littleEndian ? 0 : Infinity
    const look: ReadCstring = (memory, start, end) => {
      const { i32 } = memory
      const first = start >>> 2
      const whole = end >>> 2
      let at = first
      let hash = 0
      let bits = 0
      let word = 0
      let zeros = 0
      for (; at < whole; at++) {
        word = i32[at] as number
        zeros = (word - 0x01010101) & ~word & 0x80808080
        if (zeros !== 0) break
        bits |= word
        hash = Math.imul(hash ^ word, hashFactor)
      }
      if (at === whole) {
        word = (end & 3) === 0 ? 0 : (i32[at] as number) & ((1 << (8 * (end & 3))) - 1)
        zeros = (word - 0x01010101) & ~word & 0x80808080
      }
      // The lowest bit is that of the first zero.
      const last = word & (((zeros & -zeros) >>> 7) - 1)
      const length = at - first
      const slot = Math.imul(hash ^ last, hashFactor) >>> 24
      const base = slot * slotWords
      const isKept = length < slotWords
      let same = 0
      if (isKept) {
        while (same < length && words[base + same] === i32[first + same]) same++
        const isHit = same === length && words[base + length] === last
        if (isHit) hits++
        if (--trial === 0) {
          if (2 * hits < trialCount) pause = pauseCount
          trial = trialCount
          hits = 0
        }
        if (isHit) return strings[slot] as string
      }
      const stop = 4 * at + ((39 - Math.clz32(last)) >>> 3)
      const isAscii = ((bits | last) & 0x80808080) === 0
      const { buf } = memory
      const string = isAscii ? buf.latin1Slice(start, stop) : buf.utf8Slice(start, stop)
      // Not before: the line above may throw, when no stack is left.
      if (isKept) {
        for (; same < length; same++) words[base + same] = i32[first + same] as number
        words[base + length] = last
        strings[slot] = string
      }
      return string
    }
    // Small, so that V8 puts it and readCstring() into the loop that calls it.
    return (memory, start, end) => {
      if (pause === 0 && (start & 3) === 0) return look(memory, start, end)
      if (pause > 0) pause--
      return readCstring(memory, start, end)
    }
  }
}
