// Writes BTF by hand, Documentation/bpf/btf.rst of the kernel.

export interface MemberSpec {
  name?: string
  type: number
  bitOffset: number
  /** Of a bit-field. */
  bitSize?: number
}

interface IntOptions {
  signed?: boolean
  char?: boolean
  bool?: boolean
}

/** Each method adds a type and returns its id; names may be left empty. */
export class BtfWriter {
  readonly #types: number[][] = []
  readonly #strings: string[]
  readonly #offsets = new Map<string, number>()
  readonly #base: BtfWriter | undefined
  #stringBytes = 0

  /** @param base What it is split from: its types and strings come first. */
  constructor(base?: BtfWriter) {
    this.#base = base
    this.#strings = []
    if (base === undefined) this.#string('')
  }

  /** The id of the type that is added next, for types that refer to themselves. */
  get nextId(): number {
    return (this.#base === undefined ? 1 : this.#base.nextId) + this.#types.length
  }

  get #endString(): number {
    return (this.#base === undefined ? 0 : this.#base.#endString) + this.#stringBytes
  }

  int(name: string, size: number, { signed, char, bool }: IntOptions = {}): number {
    const encoding = (signed === true ? 1 : 0) | (char === true ? 2 : 0) | (bool === true ? 4 : 0)
    return this.#add(name, 1, 0, size, [(encoding << 24) | (8 * size)])
  }

  pointer(type: number): number {
    return this.#add('', 2, 0, type)
  }

  array(element: number, count: number, index = element): number {
    return this.#add('', 3, 0, 0, [element, index, count])
  }

  struct(name: string, size: number, members: readonly MemberSpec[]): number {
    return this.#composite(4, name, size, members)
  }

  union(name: string, size: number, members: readonly MemberSpec[]): number {
    return this.#composite(5, name, size, members)
  }

  enum(name: string, size: number, values: Record<string, number>, signed = false): number {
    const data = Object.entries(values).flatMap(([key, value]) => [this.#string(key), value])
    return this.#add(name, 6, data.length / 2, size, data, signed)
  }

  /** An integer of which only some bits are used, as before there were flags for bit-fields. */
  bits(name: string, size: number, offset: number, bits: number, signed = false): number {
    return this.#add(name, 1, 0, size, [(signed ? 1 << 24 : 0) | (offset << 16) | bits])
  }

  forward(name: string, union = false): number {
    return this.#add(name, 7, 0, 0, [], union)
  }

  typedef(name: string, type: number): number {
    return this.#add(name, 8, 0, type)
  }

  volatile(type: number): number {
    return this.#add('', 9, 0, type)
  }

  const(type: number): number {
    return this.#add('', 10, 0, type)
  }

  restrict(type: number): number {
    return this.#add('', 11, 0, type)
  }

  function(name: string, prototype: number, linkage = 1): number {
    return this.#add(name, 12, linkage, prototype)
  }

  prototype(result: number, parameters: Record<string, number>): number {
    const data = Object.entries(parameters).flatMap(([key, type]) => [this.#string(key), type])
    return this.#add('', 13, data.length / 2, result, data)
  }

  variable(name: string, type: number, linkage = 1): number {
    return this.#add(name, 14, 0, type, [linkage])
  }

  section(name: string, variables: { type: number; offset: number; size: number }[]): number {
    const data = variables.flatMap(({ type, offset, size }) => [type, offset, size])
    return this.#add(name, 15, variables.length, 0, data)
  }

  float(name: string, size: number): number {
    return this.#add(name, 16, 0, size)
  }

  declarationTag(name: string, type: number, part = 0xffffffff): number {
    return this.#add(name, 17, 0, type, [part])
  }

  typeTag(name: string, type: number, isAttribute = false): number {
    return this.#add(name, 18, 0, type, [], isAttribute)
  }

  enum64(name: string, size: number, values: Record<string, bigint>, signed = false): number {
    const data = Object.entries(values).flatMap(([key, value]) => [
      this.#string(key),
      Number(value & 0xffffffffn),
      Number((value >> 32n) & 0xffffffffn),
    ])
    return this.#add(name, 19, data.length / 3, size, data, signed)
  }

  /** A type of any kind, sensible or not. */
  raw(name: string, kind: number, vlen: number, sizeOrType: number, data: number[] = []): number {
    return this.#add(name, kind, vlen, sizeOrType, data)
  }

  bytes(littleEndian = true): Uint8Array {
    const words = this.#types.flat()
    const strings = Buffer.from(this.#strings.map((string) => `${string}\0`).join(''))
    const typeBytes = 4 * words.length
    const data = new Uint8Array(24 + typeBytes + strings.length)
    const view = new DataView(data.buffer)
    view.setUint16(0, 0xeb9f, littleEndian)
    view.setUint8(2, 1)
    const header = [24, 0, typeBytes, typeBytes, strings.length]
    header.forEach((word, i) => view.setUint32(4 + 4 * i, word, littleEndian))
    words.forEach((word, i) => view.setUint32(24 + 4 * i, word, littleEndian))
    data.set(strings, 24 + typeBytes)
    return data
  }

  #composite(kind: number, name: string, size: number, members: readonly MemberSpec[]): number {
    const hasBitFields = members.some(({ bitSize }) => bitSize !== undefined)
    const data = members.flatMap(({ name: member = '', type, bitOffset, bitSize = 0 }) => [
      this.#string(member),
      type,
      hasBitFields ? (bitSize << 24) | bitOffset : bitOffset,
    ])
    return this.#add(name, kind, members.length, size, data, hasBitFields)
  }

  #add(
    name: string,
    kind: number,
    vlen: number,
    sizeOrType: number,
    data: number[] = [],
    flag = false,
  ): number {
    const info = (kind << 24) | vlen | (flag ? 1 << 31 : 0)
    this.#types.push([this.#string(name), info, sizeOrType, ...data])
    return this.nextId - 1
  }

  /** Its offset. */
  #string(string: string): number {
    const known = this.#find(string)
    if (known !== undefined) return known
    const offset = this.#endString
    this.#strings.push(string)
    this.#offsets.set(string, offset)
    this.#stringBytes += Buffer.byteLength(string) + 1
    return offset
  }

  #find(string: string): number | undefined {
    const inBase = this.#base === undefined ? undefined : this.#base.#find(string)
    return inBase ?? this.#offsets.get(string)
  }
}
