// Symbols by their addresses. An address of 64 bits is a number here, as a signed
// integer: exact for whatever lies within 2^53 bytes of 0 or of the top, and there
// lie the programs and the kernels of all machines that Linux runs on.

/** An address as the tables have it; NaN when it has no exact number. */
export function toNumber(address: bigint): number {
  const number = Number(BigInt.asIntN(64, address))
  return Number.isSafeInteger(number) ? number : NaN
}

const tab = 9

/** No name is longer; what is longer is cut off here. */
const longestName = 1 << 16

/** A symbol that covers an address. */
export interface Found {
  name: string
  /** Where the symbol begins. */
  start: number
}

/** Addresses in ascending order, each with the symbol that covers what follows. */
export interface Ranges {
  edges: Float64Array
  /** Indexes of symbols, -1 where there is none. */
  owners: Int32Array
}

/** Which of several symbols at one address is taken. */
export type Preference =
  /** One that has a size; then the one that begins last; then the best of them. */
  | 'innermost'
  /** The one that was added last. */
  | 'latest'

/** Symbols as they are read, in any order, also overlapping ones. */
export class SymbolList {
  #starts = new Float64Array(1024)
  #ends = new Float64Array(1024)
  #names = new Uint32Array(1024)
  /** Twice the goodness, and 1 for a symbol without a size. */
  #kinds = new Uint8Array(1024)
  #count = 0

  get count(): number {
    return this.#count
  }

  /** In memory. */
  get bytes(): number {
    return this.#starts.length * 21
  }

  /**
   * @param end Of a symbol without a size: where it ends at the latest.
   * @param name The offset of its name.
   * @param goodness From 0 to 127. Of equally good ones the first is taken.
   */
  add(start: number, end: number, name: number, goodness = 0, isSized = true): void {
    const index = this.#count++
    if (index === this.#starts.length) this.#grow()
    this.#starts[index] = start
    this.#ends[index] = end
    this.#names[index] = name
    this.#kinds[index] = 2 * goodness + (isSized ? 0 : 1)
  }

  #grow(): void {
    const length = 2 * this.#starts.length
    const grown = <T extends { set(from: T): void }>(from: T, to: T): T => {
      to.set(from)
      return to
    }
    this.#starts = grown(this.#starts, new Float64Array(length))
    this.#ends = grown(this.#ends, new Float64Array(length))
    this.#names = grown(this.#names, new Uint32Array(length))
    this.#kinds = grown(this.#kinds, new Uint8Array(length))
  }

  /**
   * @param names Where the names are, each ended by a 0. It is kept.
   * @param isByName Whether it has to find symbols by their names, too.
   */
  toTable(names: Buffer, preference: Preference, isByName = false): SymbolTable {
    const order = this.#sorted(preference)
    const ranges = this.#ranges(order, preference)
    // Only what is needed to answer: 20 bytes a range.
    const count = ranges.owners.length
    const starts = new Float64Array(count)
    const nameOffsets = new Uint32Array(count)
    for (let i = 0; i < count; i++) {
      const owner = ranges.owners[i] as number
      starts[i] = owner < 0 ? NaN : (this.#starts[owner] as number)
      nameOffsets[i] = owner < 0 ? 0 : (this.#names[owner] as number)
    }
    // Also of those that have no range, as another one begins at the same place.
    const all = this.#count
    const named = isByName
      ? { starts: this.#starts.slice(0, all), nameOffsets: this.#names.slice(0, all) }
      : undefined
    return new SymbolTable(names, ranges.edges, starts, nameOffsets, named)
  }

  /** By where they begin, the one to take of those that begin at one place last. */
  #sorted(preference: Preference): Uint32Array {
    const count = this.#count
    const starts = this.#starts.subarray(0, count)
    const isLatest = preference === 'latest'
    let order: Uint32Array = new Uint32Array(count)
    let [low, high] = [Infinity, -Infinity]
    for (let i = 0; i < count; i++) {
      order[i] = isLatest ? i : count - 1 - i
      const start = starts[i] as number
      if (start < low) low = start
      if (start > high) high = start
    }
    if (!isLatest) order = sortedBy(order, Uint16Array.from(this.#kinds.subarray(0, count)))
    const digits = new Uint16Array(count)
    for (let unit = 1; unit <= high - low; unit *= 2 ** 16) {
      for (let i = 0; i < count; i++) {
        const quotient = Math.floor(((starts[i] as number) - low) / unit)
        digits[i] = quotient - Math.floor(quotient / 2 ** 16) * 2 ** 16
      }
      order = sortedBy(order, digits)
    }
    return order
  }

  /** Divides the addresses among the symbols: a sweep over where they begin and end. */
  #ranges(order: Uint32Array, preference: Preference): Ranges {
    const count = order.length
    const starts = this.#starts
    const ends = this.#ends
    const priorities = new Uint32Array(count)
    let next = Infinity
    for (let position = count - 1; position >= 0; position--) {
      const index = order[position] as number
      const isSized = ((this.#kinds[index] as number) & 1) === 0
      const following = order[position + 1]
      if (following !== undefined && starts[following] !== starts[index]) {
        next = starts[following] as number
      }
      if (preference === 'latest') priorities[index] = index
      else priorities[index] = position + (isSized ? count : 0)
      if (!isSized) ends[index] = Math.min(ends[index] as number, next)
    }

    const edges = new Float64Array(2 * count + 1)
    const owners = new Int32Array(2 * count + 1)
    let length = 0
    const emit = (edge: number, owner: number): void => {
      if (length > 0 && owners[length - 1] === owner) return
      edges[length] = edge
      owners[length++] = owner
    }
    const active = new Heap(priorities)
    let at = -Infinity
    for (let position = 0; position <= count; position++) {
      const index = order[position]
      const start = index === undefined ? Infinity : (starts[index] as number)
      while (at < start) {
        const owner = active.top
        if (owner === undefined) {
          if (length > 0 && at < Infinity) emit(at, -1)
          at = start
        } else if ((ends[owner] as number) <= at) {
          active.pop()
        } else {
          emit(at, owner)
          at = Math.min(ends[owner] as number, start)
        }
      }
      if (index === undefined) break
      const following = order[position + 1]
      const end = ends[index] as number
      if (
        active.top === undefined &&
        following !== undefined &&
        end <= (starts[following] as number)
      ) {
        // Most of them overlap with no other.
        emit(start, index)
        at = end
      } else {
        active.push(index)
      }
    }
    return { edges: edges.slice(0, length), owners: owners.slice(0, length) }
  }
}

/** The same indexes by their digits, and as they were where those are equal. */
function sortedBy(order: Uint32Array, digits: Uint16Array): Uint32Array {
  const places = new Uint32Array(2 ** 16 + 1)
  for (const digit of digits) places[digit + 1] = (places[digit + 1] as number) + 1
  for (let i = 1; i < places.length; i++)
    places[i] = (places[i] as number) + (places[i - 1] as number)
  const sorted = new Uint32Array(order.length)
  for (const index of order) {
    const digit = digits[index] as number
    const place = places[digit] as number
    places[digit] = place + 1
    sorted[place] = index
  }
  return sorted
}

/** Indexes, that of the highest priority on top. */
class Heap {
  readonly #priorities: Uint32Array
  readonly #items: number[] = []

  constructor(priorities: Uint32Array) {
    this.#priorities = priorities
  }

  get top(): number | undefined {
    return this.#items[0]
  }

  push(item: number): void {
    const items = this.#items
    let at = items.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.#priority(parent) >= (this.#priorities[item] as number)) break
      items[at] = items[parent] as number
      at = parent
    }
    items[at] = item
  }

  pop(): void {
    const items = this.#items
    const item = items.pop()
    if (item === undefined || items.length === 0) return
    const priority = this.#priorities[item] as number
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child + 1 < items.length && this.#priority(child + 1) > this.#priority(child)) child++
      if (child >= items.length || this.#priority(child) <= priority) break
      items[at] = items[child] as number
      at = child
    }
    items[at] = item
  }

  #priority(at: number): number {
    return this.#priorities[this.#items[at] as number] as number
  }
}

/** All symbols, in any order. */
interface Named {
  starts: Float64Array
  nameOffsets: Uint32Array
}

/** Symbols that do not overlap any more. Answers in a few dozen steps. */
export class SymbolTable {
  readonly #names: Buffer
  readonly #edges: Float64Array
  readonly #starts: Float64Array
  readonly #nameOffsets: Uint32Array
  readonly #named: Named | undefined

  /** By {@link SymbolList.toTable}. */
  constructor(
    names: Buffer,
    edges: Float64Array,
    starts: Float64Array,
    nameOffsets: Uint32Array,
    named?: Named,
  ) {
    this.#names = names
    this.#edges = edges
    this.#starts = starts
    this.#nameOffsets = nameOffsets
    this.#named = named
  }

  /** In memory. */
  get bytes(): number {
    const named = this.#named?.starts.length ?? 0
    return this.#names.length + 20 * this.#edges.length + 12 * named
  }

  /** It has no symbols. */
  get isEmpty(): boolean {
    return this.#edges.length === 0
  }

  /** The symbol that covers an address. */
  find(address: number): Found | undefined {
    const edges = this.#edges
    let low = 0
    let high = edges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((edges[middle] as number) <= address) low = middle + 1
      else high = middle
    }
    const start = this.#starts[low - 1]
    if (start === undefined || Number.isNaN(start)) return undefined
    return { name: this.#nameAt(this.#nameOffsets[low - 1] as number), start }
  }

  /** Where symbols of this name begin, in ascending order; the name may be followed by a tab and more. */
  startsOf(name: string): number[] {
    if (this.#named === undefined || name === '') return []
    const names = this.#names
    const wanted = Buffer.from(name)
    const offsets = new Set<number>()
    for (let at = names.indexOf(wanted); at >= 0; at = names.indexOf(wanted, at + 1)) {
      const next = names[at + wanted.length]
      if (next === 0 || next === tab) offsets.add(at)
    }
    if (offsets.size === 0) return []
    const { starts, nameOffsets } = this.#named
    const found = starts.filter((_, i) => offsets.has(nameOffsets[i] as number))
    return [...new Set(found.sort())]
  }

  #nameAt(offset: number): string {
    const name = this.#names.subarray(offset, offset + longestName)
    const end = name.indexOf(0)
    return name.toString('utf8', 0, end < 0 ? undefined : end)
  }
}
