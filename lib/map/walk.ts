// Goes through the entries of a map, some at a time.
import type { EntryCodec, Part } from './codec.js'
import type { KernelMap } from './kernel-map.js'

const ENOSPC = -28

/** What is gone through. */
export interface Walked {
  readonly map: KernelMap
  readonly codec: EntryCodec
}

/**
 * All entries, or a part of each; `count`: how many there are, as lists of nothing.
 * With `take` they are deleted, too.
 *
 * What the kernel hands out in one call is read at once, so that a call of the map
 * between two steps disturbs nothing. An entry that stays is seen exactly once: a
 * hash map is read bucket by bucket, an array by its indices. Other maps, and hash
 * maps of a kernel without batch calls, are read from key to key; there the kernel
 * begins anew when the last key was deleted meanwhile, and keys that were seen are
 * passed over.
 */
export class Walk implements IterableIterator<unknown> {
  readonly #entries: Walked
  readonly #part: Part | 'count'
  readonly #take: boolean
  readonly #operation: string
  readonly #maxEntries: number
  #list: readonly unknown[] = []
  #index = 0
  #position: Uint8Array | undefined
  #count: number | undefined
  #isOver = false
  #seen: Set<string> | undefined
  /** With `take` and from key to key: others may go on adding entries, for ever. */
  #left = Infinity

  /** @param operation What messages say that is done. */
  constructor(entries: Walked, part: Part | 'count', take: boolean, operation = 'iterate over') {
    this.#entries = entries
    this.#part = part
    this.#take = take
    this.#operation = operation
    const [, , , maxEntries = 0] = entries.map.facts(operation)
    this.#maxEntries = maxEntries
    if (take) this.#left = maxEntries
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<unknown, undefined> {
    while (this.#index === this.#list.length) {
      const list = this.chunk()
      if (list === undefined) return { value: undefined, done: true }
      this.#list = list
      this.#index = 0
    }
    return { value: this.#list[this.#index++], done: false }
  }

  return(): IteratorResult<unknown, undefined> {
    this.#isOver = true
    this.#index = 0
    this.#list = []
    return { value: undefined, done: true }
  }

  /** The next entries, perhaps none; nothing at the end. Blocks for one chunk. */
  chunk(): readonly unknown[] | undefined {
    if (this.#isOver) return undefined
    const { map, codec } = this.#entries
    const native = map.handle(this.#operation)
    map.uses++
    for (;;) {
      const { count, keys, values } = map.chunk(this.#count)
      const { memory, positionAt } = map
      const begin = this.#position === undefined
      if (this.#position !== undefined) memory.u8.set(this.#position, positionAt)
      const result = native.walk(begin, this.#take, positionAt, keys, values, count)
      // A bucket has more: no more than the map, or something else is wrong.
      if (result === ENOSPC && count <= this.#maxEntries) {
        this.#count = 2 * count
        continue
      }
      if (result < 0) throw map.failure(this.#operation, result)
      const answer = memory.i32[0] as number
      const found = answer < 0 ? ~answer : answer
      if (this.#take && answer < 0) this.#left -= found
      this.#isOver = result === 0 || this.#left <= 0
      this.#position = memory.u8.slice(positionAt, positionAt + Math.max(8, codec.keySize))
      return answer < 0 && !this.#take
        ? this.#readNew(keys, values, found)
        : this.#read(keys, values, found)
    }
  }

  #read(keys: number, values: number, count: number): unknown[] {
    const { map, codec } = this.#entries
    return this.#part === 'count'
      ? new Array<unknown>(count)
      : codec.readPart(this.#part)(map.memory, keys, values, count)
  }

  /** Those with keys that were not seen before. */
  #readNew(keys: number, values: number, count: number): unknown[] {
    const { codec, map } = this.#entries
    const { keySize } = codec
    const { memory } = map
    const seen = (this.#seen ??= new Set())
    const list: unknown[] = []
    for (let i = 0; i < count; i++) {
      const keyAt = keys + i * keySize
      const key = memory.buf.latin1Slice(keyAt, keyAt + keySize)
      if (seen.has(key)) continue
      seen.add(key)
      const valueAt = values + i * codec.valueBytes
      const { readKey, readValue } = codec
      const part = this.#part
      if (part === 'count') list.push(undefined)
      else if (part === 'keys') list.push(readKey(memory, keyAt))
      else if (part === 'values') list.push(readValue(memory, valueAt))
      else list.push([readKey(memory, keyAt), readValue(memory, valueAt)])
    }
    return list
  }
}
