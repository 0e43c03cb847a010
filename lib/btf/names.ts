// Finds types by their names: a hash table over the names as they lie in the data,
// none of which becomes a string for it.
import type { BtfData } from './data.js'

/** Longer names that begin alike are told apart when they are compared. */
const hashedBytes = 64

/**
 * So that nobody can name types in such a way that all fall together. Whoever
 * makes a file sees no number of this process, and node:crypto takes 5 ms to load.
 */
const seed = Math.floor(Math.random() * 2 ** 32)

/** @internal */
export class Names {
  readonly #data: BtfData
  /** By hash, and then by the place of a type: the place of the next one, plus 1. */
  readonly #first: Uint32Array
  readonly #next: Uint32Array

  constructor(data: BtfData) {
    this.#data = data
    const { words, starts, firstId } = data
    const count = starts.length
    this.#first = new Uint32Array(2 ** Math.ceil(Math.log2(count + 1)))
    this.#next = new Uint32Array(count)
    const mask = this.#first.length - 1
    // From the last one on, so that the first of a name is found first.
    for (let index = count - 1; index >= 0; index--) {
      if (index + firstId === 0) break
      const offset = words[starts[index] as number] as number
      if (offset === 0) continue
      const slot =
        (offset < data.firstString
          ? hashInBase(data, offset)
          : hashOf(data.strings, offset - data.firstString)) & mask
      this.#next[index] = this.#first[slot] as number
      this.#first[slot] = index + 1
    }
  }

  /** The ids of all types of this name, from the lowest on. */
  *find(name: Uint8Array): Generator<number, void> {
    const data = this.#data
    const { words, starts, firstId } = data
    const slot = hashOf(name, 0) & (this.#first.length - 1)
    for (let place = this.#first[slot] as number; place !== 0;) {
      const index = place - 1
      const offset = words[starts[index] as number] as number
      const [strings, at] = stringsOf(data, offset)
      if (isAt(strings, at, name)) yield index + firstId
      place = this.#next[index] as number
    }
  }
}

/** Where a string lies, of split BTF perhaps in the base. */
function stringsOf(data: BtfData, offset: number): [Uint8Array, number] {
  while (offset < data.firstString) data = data.base as BtfData
  return [data.strings, offset - data.firstString]
}

function hashInBase(data: BtfData, offset: number): number {
  const [strings, at] = stringsOf(data, offset)
  return hashOf(strings, at)
}

/** FNV-1a, up to a NUL or the end. */
function hashOf(bytes: Uint8Array, start: number): number {
  let hash = seed
  const end = Math.min(bytes.length, start + hashedBytes)
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    if (byte === 0) break
    hash = Math.imul(hash ^ byte, 0x01000193)
  }
  return hash ^ (hash >>> 15)
}

function isAt(strings: Uint8Array, at: number, name: Uint8Array): boolean {
  const { length } = name
  if (strings[at + length] !== 0) return false
  for (let i = 0; i < length; i++) if (strings[at + i] !== name[i]) return false
  return true
}
