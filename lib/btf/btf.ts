// BTF, the BPF Type Format (Documentation/bpf/btf.rst of the kernel), as far as
// structs and global variables need it. The input is not trusted.
import { BpfError, invalidType } from '../errors/errors.js'

/** A type after typedefs and qualifiers were resolved. */
export type BtfType =
  | { kind: 'int'; name: string; size: number; signed: boolean; bool: boolean }
  | { kind: 'enum'; name: string; size: number; signed: boolean }
  | { kind: 'float'; name: string; size: number }
  | { kind: 'pointer'; size: number }
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
const MAX_DEPTH = 64

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

const REFERENCES: readonly number[] = [
  KIND.TYPEDEF,
  KIND.VOLATILE,
  KIND.CONST,
  KIND.RESTRICT,
  KIND.TYPE_TAG,
]

interface RawType {
  kind: number
  name: string
  vlen: number
  flag: boolean
  /** The union of size in bytes and type id. */
  sizeOrType: number
  /** Where the kind's own data begins. */
  data: number
}

/** The types of one object. */
export class Btf {
  readonly #view: DataView
  readonly #littleEndian: boolean
  readonly #strings: Uint8Array
  readonly #types: readonly RawType[]
  readonly #pointerBytes = 8 // of the BPF target, on every host

  /**
   * Reads BTF data.
   *
   * @throws {BpfError} `ERR_OBJECT_FORMAT` when the data is not BTF.
   */
  constructor(data: Uint8Array) {
    if (!ArrayBuffer.isView(data)) throw invalidType('a Uint8Array', 'data', data)
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength)
    if (data.byteLength < HEADER_BYTES) throw malformed('it ends within its header')
    this.#littleEndian = this.#view.getUint16(0, true) === MAGIC
    if (!this.#littleEndian && this.#view.getUint16(0, false) !== MAGIC) {
      throw malformed('its magic number is wrong')
    }
    const headerBytes = this.#u32(4)
    const typesStart = headerBytes + this.#u32(8)
    const typesEnd = typesStart + this.#u32(12)
    const stringsStart = headerBytes + this.#u32(16)
    const stringsEnd = stringsStart + this.#u32(20)
    if (typesEnd > data.byteLength || stringsEnd > data.byteLength) {
      throw malformed('its sections are larger than the data')
    }
    this.#strings = data.subarray(stringsStart, stringsEnd)
    this.#types = this.#readTypes(typesStart, typesEnd)
  }

  /**
   * Checks every reference, as libbpf follows some of them without looking.
   *
   * @throws {BpfError} `ERR_OBJECT_FORMAT`
   */
  validate(): void {
    for (const raw of this.#types) {
      for (const id of this.#references(raw)) this.#raw(id)
      if (isReference(raw.kind)) this.#resolve(raw.sizeOrType)
      if (raw.kind === KIND.INT && raw.sizeOrType > 16) throw malformed('an integer is too large')
    }
    // By value a type cannot contain itself.
    const known = new Set<number>()
    for (let id = 1; id < this.#types.length; id++) this.#checkContents(id, known, 0)
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
    const isStruct = (type: BtfType): type is BtfStruct =>
      type.kind === 'struct' || type.kind === 'union'
    const named = (...kinds: number[]): BtfStruct[] =>
      this.#types
        .flatMap((raw, id) =>
          raw.name === name && kinds.includes(raw.kind) ? [this.type(id)] : [],
        )
        .filter(isStruct)
    const structs = named(KIND.STRUCT, KIND.UNION)
    // C programs also name structs by a typedef: typedef struct { … } event;
    return structs.length > 0 ? structs : named(KIND.TYPEDEF)
  }

  /** The global variables in `.rodata`, `.data` and `.bss` sections. */
  variables(): BtfVariable[] {
    const variables: BtfVariable[] = []
    for (const section of this.#types) {
      if (section.kind !== KIND.DATASEC || !/^\.(rodata|data|bss)/.test(section.name)) continue
      for (let i = 0; i < section.vlen; i++) {
        const at = section.data + 12 * i
        const variable = this.#raw(this.#u32(at))
        if (variable.kind !== KIND.VAR) throw malformed('a section contains what is no variable')
        variables.push({
          name: variable.name,
          section: section.name,
          offset: this.#u32(at + 4),
          size: this.#u32(at + 8),
          type: variable.sizeOrType,
        })
      }
    }
    return variables
  }

  /** The type behind typedefs and qualifiers. */
  type(id: number): BtfType {
    const raw = this.#resolve(id)
    switch (raw.kind) {
      case KIND.INT: {
        const encoding = (this.#u32(raw.data) >>> 24) & 0xf
        return {
          kind: 'int',
          name: raw.name,
          size: raw.sizeOrType,
          signed: (encoding & 1) !== 0,
          bool: (encoding & 4) !== 0,
        }
      }
      case KIND.ENUM:
      case KIND.ENUM64:
        return { kind: 'enum', name: raw.name, size: raw.sizeOrType, signed: raw.flag }
      case KIND.FLOAT:
        return { kind: 'float', name: raw.name, size: raw.sizeOrType }
      case KIND.PTR:
        return { kind: 'pointer', size: this.#pointerBytes }
      case KIND.ARRAY:
        return { kind: 'array', element: this.#u32(raw.data), count: this.#u32(raw.data + 8) }
      case KIND.STRUCT:
      case KIND.UNION:
        return {
          kind: raw.kind === KIND.STRUCT ? 'struct' : 'union',
          name: raw.name,
          size: raw.sizeOrType,
          members: this.#members(raw),
        }
      default:
        return { kind: 'other', name: raw.name }
    }
  }

  /**
   * Whether an enum of 32 bits has a value of 2^31 or more: clang before 15
   * does not say that an enum is signed, and such a value is a negative one.
   *
   * @internal
   */
  hasTopBit(id: number): boolean {
    const raw = this.#resolve(id)
    if (raw.kind !== KIND.ENUM) return false
    for (let i = 0; i < raw.vlen; i++) {
      if (this.#u32(raw.data + 8 * i + 4) >= 2 ** 31) return true
    }
    return false
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

  #u32(at: number): number {
    if (at + 4 > this.#view.byteLength) throw malformed('it ends within a type')
    return this.#view.getUint32(at, this.#littleEndian)
  }

  /** The ids of the types that a type names. */
  #references(raw: RawType): number[] {
    const every = (count: number, bytes: number, offset: number): number[] =>
      Array.from({ length: count }, (_, i) => this.#u32(raw.data + bytes * i + offset))
    switch (raw.kind) {
      case KIND.PTR:
      case KIND.FUNC:
      case KIND.VAR:
      case KIND.DECL_TAG:
        return [raw.sizeOrType]
      case KIND.ARRAY:
        return every(2, 4, 0)
      case KIND.STRUCT:
      case KIND.UNION:
        for (const name of every(raw.vlen, 12, 0)) this.#name(name)
        return every(raw.vlen, 12, 4)
      case KIND.FUNC_PROTO:
        for (const name of every(raw.vlen, 8, 0)) this.#name(name)
        return [raw.sizeOrType, ...every(raw.vlen, 8, 4)]
      case KIND.ENUM:
        for (const name of every(raw.vlen, 8, 0)) this.#name(name)
        return []
      case KIND.ENUM64:
        for (const name of every(raw.vlen, 12, 0)) this.#name(name)
        return []
      case KIND.DATASEC:
        return every(raw.vlen, 12, 0)
      default:
        return isReference(raw.kind) ? [raw.sizeOrType] : []
    }
  }

  #checkContents(id: number, known: Set<number>, depth: number): void {
    if (known.has(id)) return
    if (depth > MAX_DEPTH) throw malformed('its types are nested too deep')
    const raw = this.#raw(id)
    if (isReference(raw.kind)) {
      this.#checkContents(raw.sizeOrType, known, depth + 1)
    } else if (raw.kind === KIND.ARRAY) {
      this.#checkContents(this.#u32(raw.data), known, depth + 1)
    } else if (raw.kind === KIND.STRUCT || raw.kind === KIND.UNION) {
      for (const member of this.#references(raw)) this.#checkContents(member, known, depth + 1)
    }
    known.add(id)
  }

  #raw(id: number): RawType {
    const raw = this.#types[id]
    if (raw === undefined) throw malformed(`type ${String(id)} does not exist`)
    return raw
  }

  #resolve(id: number): RawType {
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const raw = this.#raw(id)
      if (!isReference(raw.kind)) return raw
      id = raw.sizeOrType
    }
    throw malformed('its typedefs are nested too deep')
  }

  #members(raw: RawType): BtfMember[] {
    const members: BtfMember[] = []
    for (let i = 0; i < raw.vlen; i++) {
      const at = raw.data + 12 * i
      const offset = this.#u32(at + 8)
      members.push({
        name: this.#name(this.#u32(at)),
        // With bit-fields in the struct the upper 8 bits are their size.
        bitOffset: raw.flag ? offset & 0xffffff : offset,
        bitSize: raw.flag ? offset >>> 24 : 0,
        type: this.#u32(at + 4),
      })
    }
    return members
  }

  #name(offset: number): string {
    if (offset >= this.#strings.length) throw malformed('a name lies outside its strings')
    const stop = this.#strings.indexOf(0, offset)
    if (stop < 0) throw malformed('a name does not end')
    return Buffer.from(this.#strings.subarray(offset, stop)).toString('utf8')
  }

  #readTypes(start: number, end: number): RawType[] {
    // Type 0 is void.
    const types: RawType[] = [
      { kind: 0, name: 'void', vlen: 0, flag: false, sizeOrType: 0, data: start },
    ]
    for (let at = start; at < end;) {
      if (at + 12 > end) throw malformed('it ends within a type')
      const info = this.#u32(at + 4)
      const kind = (info >>> 24) & 0x1f
      const vlen = info & 0xffff
      const raw: RawType = {
        kind,
        name: this.#name(this.#u32(at)),
        vlen,
        flag: info >>> 31 === 1,
        sizeOrType: this.#u32(at + 8),
        data: at + 12,
      }
      types.push(raw)
      at = raw.data + dataBytes(kind, vlen)
      if (at > end) throw malformed('it ends within a type')
    }
    return types
  }
}

/** Whether it stands for another type: a typedef or a qualifier. */
function isReference(kind: number): boolean {
  return REFERENCES.includes(kind)
}

/** The bytes that follow the 12 common ones. */
function dataBytes(kind: number, vlen: number): number {
  switch (kind) {
    case KIND.INT:
    case KIND.VAR:
    case KIND.DECL_TAG:
      return 4
    case KIND.ARRAY:
      return 12
    case KIND.STRUCT:
    case KIND.UNION:
    case KIND.DATASEC:
    case KIND.ENUM64:
      return 12 * vlen
    case KIND.ENUM:
    case KIND.FUNC_PROTO:
      return 8 * vlen
    case KIND.PTR:
    case KIND.FWD:
    case KIND.TYPEDEF:
    case KIND.VOLATILE:
    case KIND.CONST:
    case KIND.RESTRICT:
    case KIND.FUNC:
    case KIND.FLOAT:
    case KIND.TYPE_TAG:
      return 0
    default:
      throw malformed(`it has a type of the unknown kind ${String(kind)}`)
  }
}

function malformed(problem: string): BpfError {
  return new BpfError('ERR_OBJECT_FORMAT', problem, { operation: 'read', target: 'BTF' })
}
