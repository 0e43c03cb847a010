// BTF, the BPF Type Format (Documentation/bpf/btf.rst of the kernel), as far as
// structs, functions and global variables need it. The input is not trusted.
import { endianness } from 'node:os'
import { BpfError, invalidType } from '../errors/errors.js'

/** A type after typedefs and qualifiers were resolved. */
export type BtfType =
  | { kind: 'int'; name: string; size: number; signed: boolean; bool: boolean }
  | { kind: 'enum'; name: string; size: number; signed: boolean }
  | { kind: 'float'; name: string; size: number }
  /** `to`: the id of the type that it points to, 0 for void. */
  | { kind: 'pointer'; size: number; to: number }
  | { kind: 'array'; element: number; count: number }
  | BtfStruct
  | { kind: 'other'; name: string }

export interface BtfStruct {
  kind: 'struct' | 'union'
  name: string
  /** In bytes. */
  size: number
  members: readonly BtfMember[]
}

export interface BtfMember {
  name: string
  /** From the start of the struct, in bits. */
  bitOffset: number
  /** Zero unless it is a bit-field. */
  bitSize: number
  /** The id of its type. */
  type: number
}

/** A function, which in the kernel's BTF is one that can be probed. */
export interface BtfFunction {
  name: string
  /** The id of the type that it returns, 0 for void. */
  returns: number
  /** The last one has no type, and the id 0, when there may be more. */
  parameters: readonly { name: string; type: number }[]
}

/** A global variable of the object. */
export interface BtfVariable {
  name: string
  /** Its ELF section, such as `.rodata`. */
  section: string
  /** In its section, in bytes. */
  offset: number
  /** In bytes. */
  size: number
  type: number
}

const MAGIC = 0xeb9f
const HEADER_BYTES = 24
/** The words that each type begins with: its name, its kind and more, its size or a type. */
const COMMON_WORDS = 3
const MAX_DEPTH = 64
const POINTER_BYTES = 8 // of the BPF target, on every host

// BTF_KIND_*, linux/btf.h
const KIND = {
  INT: 1,
  PTR: 2,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  FWD: 7,
  TYPEDEF: 8,
  VOLATILE: 9,
  CONST: 10,
  RESTRICT: 11,
  FUNC: 12,
  FUNC_PROTO: 13,
  VAR: 14,
  DATASEC: 15,
  FLOAT: 16,
  DECL_TAG: 17,
  TYPE_TAG: 18,
  ENUM64: 19,
} as const

/** What the words of a kind are. */
interface Layout {
  /** The third word is the id of a type, not a size. */
  namesType: boolean
  /** It stands for another type: a typedef or a qualifier. */
  isReference: boolean
  /** The words between the common ones and its parts. */
  ownWords: number
  /** The words of each of its parts, such as members. */
  partWords: number
  /** Which word of a part is a name. */
  nameAt: number | undefined
  /** Which word of a part is the id of a type. */
  typeAt: number | undefined
}

function layout(fields: Partial<Layout> = {}): Layout {
  return {
    namesType: false,
    isReference: false,
    ownWords: 0,
    partWords: 0,
    nameAt: undefined,
    typeAt: undefined,
    ...fields,
  }
}

const composite = layout({ partWords: 3, nameAt: 0, typeAt: 1 })
const reference = layout({ namesType: true, isReference: true })

const LAYOUTS: Readonly<Record<number, Layout | undefined>> = {
  [KIND.INT]: layout({ ownWords: 1 }),
  [KIND.PTR]: layout({ namesType: true }),
  [KIND.ARRAY]: layout({ ownWords: 3 }),
  [KIND.STRUCT]: composite,
  [KIND.UNION]: composite,
  [KIND.ENUM]: layout({ partWords: 2, nameAt: 0 }),
  [KIND.FWD]: layout(),
  [KIND.TYPEDEF]: reference,
  [KIND.VOLATILE]: reference,
  [KIND.CONST]: reference,
  [KIND.RESTRICT]: reference,
  [KIND.FUNC]: layout({ namesType: true }),
  [KIND.FUNC_PROTO]: layout({ namesType: true, partWords: 2, nameAt: 0, typeAt: 1 }),
  [KIND.VAR]: layout({ namesType: true, ownWords: 1 }),
  [KIND.DATASEC]: layout({ partWords: 3, typeAt: 0 }),
  [KIND.FLOAT]: layout(),
  [KIND.DECL_TAG]: layout({ namesType: true, ownWords: 1 }),
  [KIND.TYPE_TAG]: reference,
  [KIND.ENUM64]: layout({ partWords: 3, nameAt: 0 }),
}

/**
 * The types of one object. They stay in the words that they were read as, of
 * which an object may have a million: nothing is made of one before it is asked
 * for.
 */
export class Btf {
  /** The types' words in this machine's byte order. */
  readonly #words: Uint32Array
  /** The first word of each type by its id. Type 0 is void and has none. */
  readonly #starts: Uint32Array
  readonly #strings: Uint8Array
  /** Where the last string ends. */
  readonly #lastEnd: number

  /**
   * Reads BTF data.
   *
   * @param data Not copied: must not change as long as this is used.
   * @throws {BpfError} `ERR_OBJECT_FORMAT` when the data is not BTF.
   */
  constructor(data: Uint8Array) {
    if (!ArrayBuffer.isView(data)) throw invalidType('a Uint8Array', 'data', data)
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
    if (data.byteLength < HEADER_BYTES) throw malformed('it ends within its header')
    const littleEndian = view.getUint16(0, true) === MAGIC
    if (!littleEndian && view.getUint16(0, false) !== MAGIC) {
      throw malformed('its magic number is wrong')
    }
    const section = (at: number): Uint8Array => {
      const start = view.getUint32(4, littleEndian) + view.getUint32(at, littleEndian)
      const end = start + view.getUint32(at + 4, littleEndian)
      if (end > data.byteLength) throw malformed('its sections are larger than the data')
      return data.subarray(start, end)
    }
    const types = section(8)
    this.#strings = section(16)
    this.#lastEnd = this.#strings.lastIndexOf(0)
    this.#words = wordsOf(types, littleEndian)
    this.#starts = this.#findTypes()
  }

  /**
   * Checks every reference, as libbpf follows some of them without looking.
   *
   * @throws {BpfError} `ERR_OBJECT_FORMAT`
   */
  validate(): void {
    const count = this.#starts.length
    for (let id = 1; id < count; id++) this.#checkType(id)
    // By value a type cannot contain itself.
    const known = new Uint8Array(count).fill(1, 0, 1)
    for (let id = 1; id < count; id++) this.#checkContents(id, known, 0)
  }

  /** The struct or union of this name, if the object has one; of several the first. */
  struct(name: string): BtfStruct | undefined {
    return this.structs(name)[0]
  }

  /**
   * All structs and unions of this name: an object that was linked of several
   * may have different ones.
   *
   * @internal
   */
  structs(name: string): BtfStruct[] {
    const structs = this.#named(name, KIND.STRUCT, KIND.UNION)
    // C programs also name structs by a typedef: typedef struct { … } event;
    return structs.length > 0 ? structs : this.#named(name, KIND.TYPEDEF)
  }

  /**
   * The function of this name, if there is one; of several the first.
   *
   * @example
   * ```ts
   * const kernel = new Btf(readFileSync('/sys/kernel/btf/vmlinux'))
   * kernel.function('vfs_read')?.parameters.map(({ type }) => kernel.describe(type))
   * ```
   */
  function(name: string): BtfFunction | undefined {
    for (let id = 1; id < this.#starts.length; id++) {
      if (this.#kind(id) !== KIND.FUNC || this.#name(id) !== name) continue
      const prototype = this.#sizeOrType(id)
      if (this.#kind(prototype) !== KIND.FUNC_PROTO) {
        throw malformed('a function has no prototype')
      }
      const parameters = this.#parts(prototype).map((at) => ({
        name: this.#string(this.#word(at)),
        type: this.#word(at + 1),
      }))
      return { name, returns: this.#sizeOrType(prototype), parameters }
    }
    return undefined
  }

  /** The global variables in `.rodata`, `.data` and `.bss` sections. */
  variables(): BtfVariable[] {
    const variables: BtfVariable[] = []
    for (let id = 1; id < this.#starts.length; id++) {
      if (this.#kind(id) !== KIND.DATASEC) continue
      const section = this.#name(id)
      if (!/^\.(rodata|data|bss)/.test(section)) continue
      for (const at of this.#parts(id)) {
        const variable = this.#word(at)
        if (this.#kind(variable) !== KIND.VAR) {
          throw malformed('a section contains what is no variable')
        }
        variables.push({
          name: this.#name(variable),
          section,
          offset: this.#word(at + 1),
          size: this.#word(at + 2),
          type: this.#sizeOrType(variable),
        })
      }
    }
    return variables
  }

  /** The type behind typedefs and qualifiers. */
  type(id: number): BtfType {
    id = this.#resolve(id)
    const kind = this.#kind(id)
    switch (kind) {
      case KIND.INT: {
        const encoding = (this.#word(this.#data(id)) >>> 24) & 0xf
        return {
          kind: 'int',
          name: this.#name(id),
          size: this.#sizeOrType(id),
          signed: (encoding & 1) !== 0,
          bool: (encoding & 4) !== 0,
        }
      }
      case KIND.ENUM:
      case KIND.ENUM64:
        return {
          kind: 'enum',
          name: this.#name(id),
          size: this.#sizeOrType(id),
          signed: this.#flag(id),
        }
      case KIND.FLOAT:
        return { kind: 'float', name: this.#name(id), size: this.#sizeOrType(id) }
      case KIND.PTR:
        return { kind: 'pointer', size: POINTER_BYTES, to: this.#sizeOrType(id) }
      case KIND.ARRAY: {
        const data = this.#data(id)
        return { kind: 'array', element: this.#word(data), count: this.#word(data + 2) }
      }
      case KIND.STRUCT:
      case KIND.UNION:
        return {
          kind: kind === KIND.STRUCT ? 'struct' : 'union',
          name: this.#name(id),
          size: this.#sizeOrType(id),
          members: this.#members(id),
        }
      default:
        return { kind: 'other', name: this.#name(id) }
    }
  }

  /**
   * Whether an enum of 32 bits has a value of 2^31 or more: clang before 15
   * does not say that an enum is signed, and such a value is a negative one.
   *
   * @internal
   */
  hasTopBit(id: number): boolean {
    id = this.#resolve(id)
    if (this.#kind(id) !== KIND.ENUM) return false
    return this.#parts(id).some((value) => this.#word(value + 1) >= 2 ** 31)
  }

  /**
   * The structs and unions that have a name, or a typedef's, by their ids: the first of
   * each name.
   *
   * @internal
   */
  namedStructs(): Map<string, number> {
    const named = new Map<string, number>()
    for (let id = 1; id < this.#starts.length; id++) {
      const kind = this.#kind(id)
      if (kind !== KIND.STRUCT && kind !== KIND.UNION && kind !== KIND.TYPEDEF) continue
      const name = this.#name(id)
      if (name === '' || named.has(name)) continue
      if (kind === KIND.TYPEDEF) {
        // typedef struct { … } event: otherwise the struct has a name of its own.
        const type = this.type(id)
        if ((type.kind !== 'struct' && type.kind !== 'union') || type.name !== '') continue
      }
      named.set(name, id)
    }
    return named
  }

  /** The size of a type in bytes; 0 for functions and forward declarations. */
  sizeOf(id: number): number {
    let count = 1
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const type = this.type(id)
      if (type.kind === 'other') return 0
      if (type.kind !== 'array') return count * type.size
      count *= type.count
      id = type.element
    }
    throw malformed('its arrays are nested too deep')
  }

  /** The name of a type as C writes it. */
  describe(id: number): string {
    let suffix = ''
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const type = this.type(id)
      switch (type.kind) {
        case 'array':
          suffix += `[${String(type.count)}]`
          id = type.element
          break
        case 'pointer':
          return `pointer${suffix}`
        case 'int':
        case 'float':
          return `${type.name}${suffix}`
        case 'other':
          return `${type.name || 'function'}${suffix}`
        default:
          return `${type.kind} ${type.name || '(anonymous)'}${suffix}`
      }
    }
    throw malformed('its arrays are nested too deep')
  }

  #findTypes(): Uint32Array {
    const { length } = this.#words
    const starts = new Uint32Array(1 + Math.floor(length / COMMON_WORDS))
    let count = 1
    for (let at = 0; at < length; count++) {
      if (at + COMMON_WORDS > length) throw malformed('it ends within a type')
      this.#checkName(this.#word(at))
      starts[count] = at
      const info = this.#word(at + 1)
      const { ownWords, partWords } = layoutOf(kindOf(info))
      at += COMMON_WORDS + ownWords + partWords * partsOf(info)
      if (at > length) throw malformed('it ends within a type')
    }
    return starts.subarray(0, count)
  }

  #checkType(id: number): void {
    const info = this.#info(id)
    const kind = kindOf(info)
    const { namesType, ownWords, partWords, nameAt, typeAt } = layoutOf(kind)
    const data = this.#data(id)
    if (namesType) this.#start(this.#sizeOrType(id))
    if (isReference(kind)) this.#resolve(id)
    if (kind === KIND.INT && this.#sizeOrType(id) > 16) throw malformed('an integer is too large')
    if (kind === KIND.ARRAY) {
      this.#start(this.#word(data))
      this.#start(this.#word(data + 1))
    }
    // Most of the time of open() would go into calls here, as this is not compiled yet.
    const words = this.#words
    const count = this.#starts.length
    const end = data + ownWords + partWords * partsOf(info)
    for (let at = data + ownWords; at < end; at += partWords) {
      if (nameAt !== undefined) {
        const name = words[at + nameAt] as number
        if (name > this.#lastEnd) this.#checkName(name)
      }
      if (typeAt !== undefined) {
        const type = words[at + typeAt] as number
        if (type >= count) this.#start(type)
      }
    }
  }

  /** @param known By id: 1 when the contents were checked. */
  #checkContents(id: number, known: Uint8Array, depth: number): void {
    if (known[id] === 1) return
    if (depth > MAX_DEPTH) throw malformed('its types are nested too deep')
    const kind = this.#kind(id)
    if (isReference(kind)) {
      this.#checkContents(this.#sizeOrType(id), known, depth + 1)
    } else if (kind === KIND.ARRAY) {
      this.#checkContents(this.#word(this.#data(id)), known, depth + 1)
    } else if (kind === KIND.STRUCT || kind === KIND.UNION) {
      const words = this.#words
      const data = this.#data(id)
      const end = data + 3 * partsOf(this.#info(id))
      for (let at = data + 1; at < end; at += 3) {
        const member = words[at] as number
        if (known[member] !== 1) this.#checkContents(member, known, depth + 1)
      }
    }
    known[id] = 1
  }

  #checkName(offset: number): void {
    if (offset <= this.#lastEnd) return
    throw malformed(
      offset < this.#strings.length ? 'a name does not end' : 'a name lies outside its strings',
    )
  }

  #resolve(id: number): number {
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      if (!isReference(this.#kind(id))) return id
      id = this.#sizeOrType(id)
    }
    throw malformed('its typedefs are nested too deep')
  }

  /** The structs and unions of this name, or which types of these kinds and this name stand for. */
  #named(name: string, ...kinds: number[]): BtfStruct[] {
    const structs: BtfStruct[] = []
    for (let id = 1; id < this.#starts.length; id++) {
      if (!kinds.includes(this.#kind(id)) || this.#name(id) !== name) continue
      const type = this.type(id)
      if (type.kind === 'struct' || type.kind === 'union') structs.push(type)
    }
    return structs
  }

  #members(id: number): BtfMember[] {
    const hasBitFields = this.#flag(id)
    return this.#parts(id).map((at) => {
      const offset = this.#word(at + 2)
      return {
        name: this.#string(this.#word(at)),
        // With bit-fields in the struct the upper 8 bits are their size.
        bitOffset: hasBitFields ? offset & 0xffffff : offset,
        bitSize: hasBitFields ? offset >>> 24 : 0,
        type: this.#word(at + 1),
      }
    })
  }

  /** The first word of each part. */
  #parts(id: number): number[] {
    const info = this.#info(id)
    const { ownWords, partWords } = layoutOf(kindOf(info))
    const first = this.#data(id) + ownWords
    return Array.from({ length: partsOf(info) }, (_, i) => first + partWords * i)
  }

  #start(id: number): number {
    const start = this.#starts[id]
    if (start === undefined) throw malformed(`type ${String(id)} does not exist`)
    return start
  }

  /** The word with the kind, the number of parts and the flag. */
  #info(id: number): number {
    const start = this.#start(id)
    return id === 0 ? 0 : this.#word(start + 1)
  }

  #kind(id: number): number {
    return kindOf(this.#info(id))
  }

  #flag(id: number): boolean {
    return this.#info(id) >>> 31 === 1
  }

  #sizeOrType(id: number): number {
    return this.#word(this.#start(id) + 2)
  }

  /** The first word of the kind's own. */
  #data(id: number): number {
    return this.#start(id) + COMMON_WORDS
  }

  #name(id: number): string {
    return id === 0 ? 'void' : this.#string(this.#word(this.#start(id)))
  }

  #word(at: number): number {
    const word = this.#words[at]
    if (word === undefined) throw malformed('it ends within a type')
    return word
  }

  #string(offset: number): string {
    this.#checkName(offset)
    const stop = this.#strings.indexOf(0, offset)
    return Buffer.from(this.#strings.subarray(offset, stop)).toString('utf8')
  }
}

/** The bytes as words of this machine's byte order, copied only when need be. */
function wordsOf(bytes: Uint8Array, littleEndian: boolean): Uint32Array {
  if (bytes.length % 4 !== 0) throw malformed('it ends within a type')
  const isNative = littleEndian === (endianness() === 'LE')
  const { buffer, byteOffset } =
    isNative && bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes)
  const words = new Uint32Array(buffer, byteOffset, bytes.length / 4)
  if (!isNative) Buffer.from(words.buffer).swap32()
  return words
}

function kindOf(info: number): number {
  return (info >>> 24) & 0x1f
}

function partsOf(info: number): number {
  return info & 0xffff
}

function layoutOf(kind: number): Layout {
  const found = LAYOUTS[kind]
  if (found === undefined) throw malformed(`it has a type of the unknown kind ${String(kind)}`)
  return found
}

function isReference(kind: number): boolean {
  return LAYOUTS[kind]?.isReference === true
}

function malformed(problem: string): BpfError {
  return new BpfError('ERR_OBJECT_FORMAT', problem, { operation: 'read', target: 'BTF' })
}
