// BTF as it was read: the words of its types and its strings, by ids. Nothing is
// made of a type before it is asked for, as there may be a million.
import { endianness } from 'node:os'
import { BpfError } from '../errors/errors.js'
import {
  COMMON_WORDS,
  flagOf,
  HEADER_BYTES,
  isReference,
  KIND,
  kindOf,
  MAGIC,
  MAX_STRING_OFFSET,
  ownWordsOf,
  partsOf,
  partWordsOf,
  UNKNOWN,
} from './format.js'

/** Longer names are cut off: nobody has any, and a million types can share parts of one. */
const longestName = 1 << 14

/** Where a type lies. */
export interface Place {
  /** What it lies in: split BTF, or its base. */
  data: BtfData
  /** Its first word there. */
  start: number
}

/** @internal */
export class BtfData {
  readonly base: BtfData | undefined
  readonly littleEndian: boolean
  /** The types' words in this machine's byte order. */
  readonly words: Uint32Array
  /** The first word of each type by its id, from `firstId` on. Type 0 is void and has none. */
  readonly starts: Uint32Array
  readonly strings: Uint8Array
  readonly firstId: number
  readonly firstString: number
  /** Whether an enum says that it is signed, so that those who do not are not. */
  readonly saysSigned: boolean
  /** Where the types begin in the data, in bytes. */
  readonly #typesAt: number

  /** Finds the types. References are checked by `validate()`. */
  constructor(bytes: Uint8Array, base?: BtfData) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (bytes.length < HEADER_BYTES) throw malformed('it ends within its header', bytes.length)
    this.littleEndian = view.getUint16(0, true) === MAGIC
    if (!this.littleEndian && view.getUint16(0, false) !== MAGIC) {
      throw malformed('its magic number is wrong', 0)
    }
    this.base = base
    this.firstId = base?.endId ?? 0
    this.firstString = base?.endString ?? 0
    const header = (at: number): number => view.getUint32(at, this.littleEndian)
    const headerBytes = header(4)
    if (headerBytes < HEADER_BYTES) throw malformed('its header is too small', 4)
    const section = (at: number): Uint8Array => {
      const start = headerBytes + header(at)
      const end = start + header(at + 4)
      if (end > bytes.length) throw malformed('its sections are larger than the data', at)
      return bytes.subarray(start, end)
    }
    const types = section(8)
    this.strings = section(16)
    this.#typesAt = headerBytes + header(8)
    if (header(8) % 4 !== 0) throw malformed('its types are not aligned', 8)
    if (types.length % 4 !== 0) throw malformed('it ends within a type', 12)
    if (header(8) + types.length > header(16)) throw malformed('its sections overlap', 16)
    this.#checkStrings(headerBytes + header(16))
    this.words = wordsOf(types, this.littleEndian)
    const [starts, saysSigned] = this.#findTypes()
    this.starts = starts
    this.saysSigned = saysSigned || base?.saysSigned === true
  }

  /** The id after the last one. */
  get endId(): number {
    return this.firstId + this.starts.length
  }

  get endString(): number {
    return this.firstString + this.strings.length
  }

  /** Of an id that exists. */
  place(id: number): Place {
    let data = this as BtfData
    while (id < data.firstId) data = data.base as BtfData
    return { data, start: data.starts[id - data.firstId] as number }
  }

  /** The word with the kind, the number of parts and the flag; 0 of void. */
  info(id: number): number {
    if (id < this.firstId) return (this.base as BtfData).info(id)
    return id === 0 ? 0 : (this.words[(this.starts[id - this.firstId] as number) + 1] as number)
  }

  /** 0 of void. */
  kind(id: number): number {
    return kindOf(this.info(id))
  }

  flag(id: number): boolean {
    return flagOf(this.info(id))
  }

  sizeOrType(id: number): number {
    return this.own(id, -1)
  }

  /** One of the words that are its kind's own. */
  own(id: number, index: number): number {
    const { data, start } = this.place(id)
    return data.words[start + COMMON_WORDS + index] as number
  }

  /** Each of a type's parts, as what its words are. */
  parts<T>(id: number, make: (...words: [number, number, number]) => T): T[] {
    const { data, start } = this.place(id)
    const { words } = data
    const info = words[start + 1] as number
    const kind = kindOf(info)
    const stride = partWordsOf[kind] as number
    const first = start + COMMON_WORDS + (ownWordsOf[kind] as number)
    return Array.from({ length: partsOf(info) }, (_, i) => {
      const at = first + i * stride
      return make(words[at] as number, words[at + 1] as number, words[at + 2] as number)
    })
  }

  /** The offset of its name. */
  nameAt(id: number): number {
    if (id === 0) return 0
    const { data, start } = this.place(id)
    return data.words[start] as number
  }

  name(id: number): string {
    return this.string(this.nameAt(id))
  }

  string(offset: number): string {
    if (offset < this.firstString) return (this.base as BtfData).string(offset)
    const start = offset - this.firstString
    const length = Math.min(this.strings.indexOf(0, start) - start, longestName)
    const { buffer, byteOffset } = this.strings
    return Buffer.from(buffer, byteOffset + start, length).toString('utf8')
  }

  /** The id of what is behind typedefs, qualifiers and type tags. */
  resolve(id: number): number {
    // Ends, as validate() refuses circles.
    while (isReference[this.kind(id)] === 1) id = this.sizeOrType(id)
    return id
  }

  /** The error for what stands in the word at this index. */
  malformedAt(problem: string, word: number): BpfError {
    return malformed(problem, this.#typesAt + 4 * word)
  }

  #checkStrings(at: number): void {
    const { strings, base } = this
    const { length } = strings
    if (length === 0 && base !== undefined) return
    if (length === 0 || length - 1 > MAX_STRING_OFFSET) {
      throw malformed(length === 0 ? 'it has no strings' : 'its strings are too large', 20)
    }
    if (strings[length - 1] !== 0) throw malformed('a name does not end', at + length - 1)
    if (base === undefined && strings[0] !== 0) throw malformed('its first name is not empty', at)
  }

  #findTypes(): [starts: Uint32Array, saysSigned: boolean] {
    // Looked up once, as this loop runs before it is compiled.
    const { words } = this
    const endString = this.firstString + this.strings.length
    const { length } = words
    const starts = new Uint32Array(1 + Math.floor(length / COMMON_WORDS))
    let count = this.base === undefined ? 1 : 0
    let saysSigned = false
    for (let at = 0; at < length; count++) {
      if (at + COMMON_WORDS > length) throw this.malformedAt('it ends within a type', at)
      if ((words[at] as number) >= endString) {
        throw this.malformedAt('a name lies outside its strings', at)
      }
      const info = words[at + 1] as number
      const kind = (info >>> 24) & 0x1f
      const own = ownWordsOf[kind] as number
      if (own === UNKNOWN) {
        throw this.malformedAt(`it has a type of the unknown kind ${String(kind)}`, at + 1)
      }
      if (kind === KIND.ENUM64 || (kind === KIND.ENUM && info >>> 31 === 1)) saysSigned = true
      const start = at
      starts[count] = at
      at += COMMON_WORDS + own + (partWordsOf[kind] as number) * (info & 0xffff)
      if (at > length) throw this.malformedAt('it ends within a type', start)
    }
    // A copy, so that what was allocated for the most types there can be is let go.
    return [starts.slice(0, count), saysSigned]
  }
}

const target = { operation: 'read', target: 'BTF' }

/** @param at In the data, in bytes. */
export function malformed(problem: string, at: number): BpfError {
  return new BpfError('ERR_OBJECT_FORMAT', `${problem}, at byte ${String(at)}`, target)
}

/** The bytes as words of this machine's byte order, copied only when need be. */
function wordsOf(bytes: Uint8Array, littleEndian: boolean): Uint32Array {
  const isNative = littleEndian === (endianness() === 'LE')
  const { buffer, byteOffset } =
    isNative && bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes)
  const words = new Uint32Array(buffer, byteOffset, bytes.length / 4)
  if (!isNative) Buffer.from(words.buffer).swap32()
  return words
}
