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
  readonly #strings = ['']

  /** The id of the type that is added next, for types that refer to themselves. */
  get nextId(): number {
    return this.#types.length + 1
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

  forward(name: string): number {
    return this.#add(name, 7, 0, 0)
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

  function(name: string, prototype: number): number {
    return this.#add(name, 12, 1, prototype)
  }

  prototype(result: number, parameters: Record<string, number>): number {
    const data = Object.entries(parameters).flatMap(([key, type]) => [this.#string(key), type])
    return this.#add('', 13, data.length / 2, result, data)
  }

  variable(name: string, type: number): number {
    return this.#add(name, 14, 0, type, [1])
  }

  section(name: string, variables: { type: number; offset: number; size: number }[]): number {
    const data = variables.flatMap(({ type, offset, size }) => [type, offset, size])
    return this.#add(name, 15, variables.length, 0, data)
  }

  float(name: string, size: number): number {
    return this.#add(name, 16, 0, size)
  }

  declarationTag(name: string, type: number): number {
    return this.#add(name, 17, 0, type, [0xffffffff])
  }

  typeTag(name: string, type: number): number {
    return this.#add(name, 18, 0, type)
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
    return this.#types.length
  }

  /** Its offset. */
  #string(string: string): number {
    let index = this.#strings.indexOf(string)
    if (index < 0) index = this.#strings.push(string) - 1
    const before = this.#strings.slice(0, index)
    return before.reduce((sum, known) => sum + Buffer.byteLength(known) + 1, 0)
  }
}
