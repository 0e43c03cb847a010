// Reads BTF, the BPF Type Format. The input is not trusted: what could lead nowhere,
// or round in circles, is refused at once.
import { checkInteger, checkOptions, invalidType } from '../errors/errors.js'
import { BtfData } from './data.js'
import { declare } from './declare.js'
import { KIND, POINTER_BYTES } from './format.js'
import { openKernelBtf } from './kernel.js'
import { Names } from './names.js'
import { Tags } from './tags.js'
import { isTrusted } from './trusted.js'
import type {
  BtfDeclaration,
  BtfEnumerator,
  BtfFunction,
  BtfKind,
  BtfLinkage,
  BtfMember,
  BtfParameter,
  BtfStruct,
  BtfTag,
  BtfType,
  BtfVariable,
} from './types.js'
import { validate } from './validate.js'

/** How BTF is read. */
export interface BtfOptions {
  /**
   * What the data is split from, whose types and names it refers to: of a kernel
   * module the kernel's.
   */
  base?: BtfReader | undefined
}

const kindNames: Readonly<Record<number, BtfKind>> = {
  0: 'void',
  [KIND.INT]: 'int',
  [KIND.PTR]: 'pointer',
  [KIND.ARRAY]: 'array',
  [KIND.STRUCT]: 'struct',
  [KIND.UNION]: 'union',
  [KIND.ENUM]: 'enum',
  [KIND.FWD]: 'forward',
  [KIND.TYPEDEF]: 'typedef',
  [KIND.VOLATILE]: 'volatile',
  [KIND.CONST]: 'const',
  [KIND.RESTRICT]: 'restrict',
  [KIND.FUNC]: 'function',
  [KIND.FUNC_PROTO]: 'prototype',
  [KIND.VAR]: 'variable',
  [KIND.DATASEC]: 'section',
  [KIND.FLOAT]: 'float',
  [KIND.DECL_TAG]: 'declaration tag',
  [KIND.TYPE_TAG]: 'type tag',
  [KIND.ENUM64]: 'enum',
}

/**
 * The types of one object, or of the kernel, as BTF describes them. Each has an id,
 * from 1 on; the id 0 is void.
 */
export class BtfReader {
  readonly #data: BtfData
  readonly #base: BtfReader | undefined
  #names: Names | undefined
  #tags: Tags | undefined

  /**
   * Reads BTF data, and checks all that its types say of each other.
   *
   * @param data Not copied: must not change as long as this is used.
   * @param options `base`: what the data is split from, of a kernel module the kernel's.
   * @throws {BpfError} `ERR_OBJECT_FORMAT` when the data is not BTF or damaged: the
   *   message says at which byte.
   */
  constructor(data: Uint8Array, options: BtfOptions = {}) {
    if (!ArrayBuffer.isView(data)) throw invalidType('a Uint8Array', 'data', data)
    checkOptions(options, ['base'])
    const { base } = options
    if (base !== undefined && !(base instanceof BtfReader)) throw invalidType('a Btf', 'base', base)
    this.#base = base
    this.#data = new BtfData(data, base === undefined ? undefined : base.#data)
    if (!isTrusted(data)) validate(this.#data)
  }

  /**
   * The types of the running kernel, /sys/kernel/btf/vmlinux, or of one of its modules.
   * They are read once for a process, as long as somebody holds them. Blocks for
   * some 30 ms the first time. Linux 5.4, modules 5.11.
   *
   * @param module The name of a module that is loaded.
   * @throws {BpfError} `ERR_UNSUPPORTED` when the kernel has no BTF, `ERR_NOT_FOUND` when
   *   no such module is loaded or it has no BTF, `ERR_PERMISSION`.
   * @example
   * ```ts
   * const kernel = Btf.kernel()
   * kernel.function('vfs_read')?.parameters.map(({ name, type }) => kernel.describe(type, name))
   * // [ 'struct file *file', 'char *buf', 'size_t count', 'loff_t *pos' ]
   * ```
   */
  static kernel<T extends BtfReader>(
    this: new (data: Uint8Array, options?: BtfOptions) => T,
    module?: string,
  ): T {
    return openKernelBtf(this, module)
  }

  /** What it is split from. */
  get base(): BtfReader | undefined {
    return this.#base
  }

  /** Of the data: that of the machine which the object was made for. */
  get byteOrder(): 'little' | 'big' {
    return this.#data.littleEndian ? 'little' : 'big'
  }

  /** The number of types, void included: ids are smaller. */
  get typeCount(): number {
    return this.#data.endId
  }

  /** The id of the first type that is not the base's: 1 without a base. */
  get firstId(): number {
    return Math.max(1, this.#data.firstId)
  }

  /**
   * The id of the first type of this name, of the given kinds if there are any.
   *
   * @example
   * ```ts
   * const id = btf.find('event', 'struct', 'union')
   * ```
   */
  find(name: string, ...kinds: readonly BtfKind[]): number | undefined {
    return this.findAll(name, ...kinds)[0]
  }

  /**
   * The ids of all types of this name: an object that was linked of several may have
   * different ones. The names are indexed when this is asked for the first time.
   */
  findAll(name: string, ...kinds: readonly BtfKind[]): number[] {
    if (typeof name !== 'string') throw invalidType('a string', 'the name of a type', name)
    if (name === '' || name.includes('\0')) return []
    const found = this.#find(Buffer.from(name))
    return kinds.length === 0 ? found : found.filter((id) => kinds.includes(this.kind(id)))
  }

  #find(name: Uint8Array): number[] {
    this.#names ??= new Names(this.#data)
    const inBase = this.#base === undefined ? [] : this.#base.#find(name)
    return [...inBase, ...this.#names.find(name)]
  }

  /** The names of all types of these kinds, in the order of their ids. */
  *names(...kinds: readonly BtfKind[]): IterableIterator<string> {
    for (let id = 1; id < this.typeCount; id++) {
      if (kinds.includes(this.kind(id)) && this.#data.nameAt(id) !== 0) yield this.name(id)
    }
  }

  /**
   * All structs and unions of this name, or else those that a typedef of the name stands
   * for: C programs also name them so, `typedef struct { … } event`.
   *
   * @internal
   */
  structs(name: string): BtfStruct[] {
    return this.structIds(name).map((id) => this.type(id) as BtfStruct)
  }

  /** @internal */
  structIds(name: string): number[] {
    const structs = this.findAll(name, 'struct', 'union')
    if (structs.length > 0) return structs
    const resolved = this.findAll(name, 'typedef').map((id) => this.#data.resolve(id))
    return resolved.filter((id) => ['struct', 'union'].includes(this.kind(id)))
  }

  /** The function of this name, if there is one; of several the first. */
  function(name: string): BtfFunction | undefined {
    const id = this.find(name, 'function')
    return id === undefined ? undefined : (this.type(id) as BtfFunction)
  }

  /** The global variables in `.rodata`, `.data` and `.bss` sections. */
  variables(): BtfVariable[] {
    const data = this.#data
    const variables: BtfVariable[] = []
    for (let id = this.firstId; id < data.endId; id++) {
      if (data.kind(id) !== KIND.DATASEC) continue
      const section = data.name(id)
      if (!/^\.(rodata|data|bss)/.test(section)) continue
      for (const [variable, offset, size] of data.parts(id, (...words) => words)) {
        if (data.kind(variable) !== KIND.VAR) continue
        const type = data.sizeOrType(variable)
        variables.push({ name: data.name(variable), section, offset, size, type })
      }
    }
    return variables
  }

  /** All types and their ids, as they stand in the data: {@link declaration}. */
  *types(): IterableIterator<[id: number, type: BtfDeclaration]> {
    for (let id = 1; id < this.typeCount; id++) yield [id, this.declaration(id)]
  }

  /** What a type is, as it stands in the data: perhaps a typedef. */
  kind(id: number): BtfKind {
    return kindNames[this.#data.kind(this.#checked(id))] as BtfKind
  }

  /** The name of a type, as it stands in the data: of a typedef its own. */
  name(id: number): string {
    return this.#data.name(this.#checked(id))
  }

  /** The type behind typedefs, qualifiers and type tags. */
  type(id: number): BtfType {
    return this.#type(this.#data.resolve(this.#checked(id)))
  }

  /** The type as it stands in the data: a typedef or a qualifier is one of its own. */
  declaration(id: number): BtfDeclaration {
    const data = this.#data
    const kind = this.kind(id)
    switch (kind) {
      case 'typedef':
      case 'type tag':
        return { kind, name: data.name(id), to: data.sizeOrType(id) }
      case 'const':
      case 'volatile':
      case 'restrict':
        return { kind, to: data.sizeOrType(id) }
      default:
        return this.#type(id)
    }
  }

  /** The declaration tags on a type, or on its members or parameters. */
  tags(id: number): readonly BtfTag[] {
    this.#checked(id)
    this.#tags ??= new Tags(this.#data)
    const inBase = this.#base !== undefined && id < this.firstId ? this.#base.tags(id) : []
    return [...inBase, ...this.#tags.of(id)]
  }

  /**
   * Whether an enum of 32 bits has a value of 2^31 or more: clang before 15
   * does not say that an enum is signed, and such a value is a negative one.
   *
   * @internal
   */
  hasTopBit(id: number): boolean {
    id = this.#data.resolve(id)
    if (this.#data.kind(id) !== KIND.ENUM) return false
    return this.#data.parts(id, (_, value) => value).some((value) => value >= 2 ** 31)
  }

  /** The size of a type in bytes; 0 of functions, forward declarations and void. */
  sizeOf(id: number): number {
    const data = this.#data
    let count = 1
    for (id = this.#checked(id); ;) {
      id = data.resolve(id)
      switch (data.kind(id)) {
        case KIND.ARRAY:
          count *= data.own(id, 2)
          id = data.own(id, 0)
          break
        case KIND.VAR:
          id = data.sizeOrType(id)
          break
        case KIND.PTR:
          return count * POINTER_BYTES
        case KIND.INT:
        case KIND.FLOAT:
        case KIND.ENUM:
        case KIND.ENUM64:
        case KIND.STRUCT:
        case KIND.UNION:
        case KIND.DATASEC:
          return count * data.sizeOrType(id)
        default:
          return 0
      }
    }
  }

  /**
   * A type as C writes it, by the names that the program used.
   *
   * @param name Of what is declared to be of this type.
   * @example
   * ```ts
   * for (const { type, name } of members) btf.describe(type, name)
   * // __u32 pid, char comm[16], const struct foo *p, int (*compare)(const void *, const void *)
   * ```
   */
  describe(id: number, name = ''): string {
    return declare(this.#data, this.#checked(id), name)
  }

  #checked(id: number): number {
    if (Number.isInteger(id) && id >= 0 && id < this.#data.endId) return id
    return checkInteger(id, 'the id of a type', 0, this.#data.endId - 1)
  }

  #type(id: number): BtfType {
    const data = this.#data
    const kind = data.kind(id)
    const named = { name: data.name(id) }
    switch (kind) {
      case KIND.INT: {
        const encoding = data.own(id, 0) >>> 24
        const [signed, bool] = [(encoding & 1) !== 0, (encoding & 4) !== 0]
        return { kind: 'int', ...named, size: data.sizeOrType(id), signed, bool }
      }
      case KIND.ENUM:
      case KIND.ENUM64: {
        const signed = this.#isSigned(id)
        const values = this.#enumerators(id, signed)
        return { kind: 'enum', ...named, size: data.sizeOrType(id), signed, values }
      }
      case KIND.FLOAT:
        return { kind: 'float', ...named, size: data.sizeOrType(id) }
      case KIND.PTR:
        return { kind: 'pointer', size: POINTER_BYTES, to: data.sizeOrType(id) }
      case KIND.ARRAY:
        return { kind: 'array', element: data.own(id, 0), count: data.own(id, 2) }
      case KIND.STRUCT:
      case KIND.UNION: {
        const members = this.#members(id)
        const name = kind === KIND.STRUCT ? 'struct' : 'union'
        return { kind: name, ...named, size: data.sizeOrType(id), members }
      }
      case KIND.FWD:
        return { kind: 'forward', ...named, union: data.flag(id) }
      case KIND.FUNC_PROTO:
        return { kind: 'prototype', ...this.#prototype(id) }
      case KIND.FUNC: {
        const linkage = linkageOf(data.info(id) & 0xffff)
        return { kind: 'function', ...named, linkage, ...this.#prototype(data.sizeOrType(id)) }
      }
      case KIND.VAR: {
        const linkage = linkageOf(data.own(id, 0))
        return { kind: 'variable', ...named, linkage, type: data.sizeOrType(id) }
      }
      case KIND.DATASEC: {
        const contents = data.parts(id, (type, offset, size) => ({ type, offset, size }))
        return { kind: 'section', ...named, size: data.sizeOrType(id), contents }
      }
      case KIND.DECL_TAG: {
        const index = data.own(id, 0)
        const part = index === 0xffffffff ? undefined : index
        return { kind: 'declaration tag', ...named, type: data.sizeOrType(id), part }
      }
      default:
        return { kind: 'void' }
    }
  }

  #members(id: number): BtfMember[] {
    const data = this.#data
    const hasBitFields = data.flag(id)
    return data.parts(id, (name, type, offset): BtfMember => {
      // With bit-fields in the struct the upper 8 bits are their size.
      const bitSize = hasBitFields ? offset >>> 24 : 0
      const bitOffset = hasBitFields ? offset & 0xffffff : offset
      const member = { name: data.string(name), bitOffset, bitSize, type }
      return bitSize === 0 ? this.#asBitField(member) : member
    })
  }

  /** Before there was that flag, an integer of its own said where its bits are. */
  #asBitField(member: BtfMember): BtfMember {
    const id = this.#data.resolve(member.type)
    if (this.#data.kind(id) !== KIND.INT) return member
    const encoding = this.#data.own(id, 0)
    const [bits, offset] = [encoding & 0xff, (encoding >>> 16) & 0xff]
    if (offset === 0 && bits === 8 * this.#data.sizeOrType(id)) return member
    return { ...member, bitOffset: member.bitOffset + offset, bitSize: bits }
  }

  #isSigned(id: number): boolean {
    return this.#data.flag(id) || (!this.#data.saysSigned && this.hasTopBit(id))
  }

  #enumerators(id: number, signed: boolean): BtfEnumerator[] {
    const data = this.#data
    if (data.kind(id) === KIND.ENUM) {
      return data.parts(id, (name, value) => ({
        name: data.string(name),
        value: signed ? value | 0 : value,
      }))
    }
    return data.parts(id, (name, low, high) => {
      const bits = (BigInt(high) << 32n) | BigInt(low)
      return { name: data.string(name), value: signed ? BigInt.asIntN(64, bits) : bits }
    })
  }

  #prototype(id: number): { returns: number; parameters: BtfParameter[] } {
    const data = this.#data
    const parameters = data.parts(id, (name, type) => ({ name: data.string(name), type }))
    return { returns: data.sizeOrType(id), parameters }
  }
}

function linkageOf(number: number): BtfLinkage {
  return number === 0 ? 'static' : number === 2 ? 'extern' : 'global'
}
