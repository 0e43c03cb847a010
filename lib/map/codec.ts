// Reads and writes the keys and values of a map, by functions compiled for their types.
import { invalidType, outOfRange } from '../errors/errors.js'
import type { Memory } from '../types/memory.js'
import { compileRead, compileReadMany, compileReadPairs } from '../types/read.js'
import type { Type } from '../types/struct.js'
import { createWrite, type Write } from '../types/write.js'

/** What a map's entries are. */
export interface EntryTypes {
  /** Nothing where values have no keys. */
  key: Type | undefined
  value: Type
  /** In bytes, as the kernel has it. */
  keySize: number
  /** In bytes, of one CPU. */
  valueSize: number
  /** How many values there are for a key, each padded to 8 bytes; of other maps nothing. */
  cpus: number | undefined
  /** Zeros at the end of a list are left out. */
  trimmed: boolean
  /** Values are written as the descriptor of what is given. */
  descriptors: boolean
}

/** Something with a descriptor, or the descriptor itself. */
export type Descriptor = number | { readonly fd: number }

/** What is read of an entry. */
export type Part = 'entries' | 'keys' | 'values'

type ReadOne = (memory: Memory, at: number) => unknown

/** Reads `count` entries, whose keys lie packed from `keys` on, and values from `values` on. */
type ReadPart = (memory: Memory, keys: number, values: number, count: number) => unknown[]

export class EntryCodec {
  readonly readKey: ReadOne
  readonly readValue: ReadOne
  readonly writeKey: Write
  readonly writeValue: Write
  readonly keySize: number
  /** Of a value, with those of all CPUs. */
  readonly valueBytes: number
  readonly #types: EntryTypes
  readonly #parts = new Map<Part, ReadPart>()

  constructor(types: EntryTypes) {
    this.#types = types
    const { key, keySize, valueSize, cpus } = types
    this.keySize = keySize
    this.valueBytes = cpus === undefined ? valueSize : cpus * padded(valueSize)
    this.readKey = key === undefined ? () => undefined : createReadOne(key, keySize)
    this.readValue = createReadValue(types)
    this.writeKey = key === undefined ? () => undefined : createWriteExact(key, keySize)
    this.writeValue = createWriteValue(types)
  }

  /** The loop that reads a part of many entries; made at its first use. */
  readPart(part: Part): ReadPart {
    let read = this.#parts.get(part)
    if (read === undefined) this.#parts.set(part, (read = this.#createReadPart(part)))
    return read
  }

  #createReadPart(part: Part): ReadPart {
    const { key, value, keySize, valueSize, cpus, trimmed } = this.#types
    const { readKey, readValue, valueBytes } = this
    if (part === 'keys' && key !== undefined) {
      const read = compileReadMany(key, keySize)
      return (memory, keys, _values, count) => read(memory, keys, count)
    }
    if (cpus !== undefined || trimmed || key === undefined) {
      return (memory, keys, values, count) =>
        Array.from({ length: count }, (_, i) => {
          const item = readValue(memory, values + i * valueBytes)
          return part === 'values' ? item : [readKey(memory, keys + i * keySize), item]
        })
    }
    if (part === 'values') {
      const read = compileReadMany(value, valueSize)
      return (memory, _keys, values, count) => read(memory, values, count)
    }
    return compileReadPairs(
      { type: key, sizeBytes: keySize, strideBytes: keySize },
      { type: value, sizeBytes: valueSize, strideBytes: valueSize },
    )
  }
}

export function padded(size: number): number {
  return Math.ceil(size / 8) * 8
}

/** What the positions of things are multiples of that lie packed one after another. */
function alignOf(size: number): number {
  let align = 8
  while (size % align !== 0) align /= 2
  return align
}

function createReadOne(type: Type, size: number): ReadOne {
  const read = compileRead(type, alignOf(size))
  return (memory, at) => read(memory, at, at + size)
}

function createReadValue({ value, valueSize, cpus, trimmed }: EntryTypes): ReadOne {
  if (cpus !== undefined) {
    const read = compileReadMany(value, valueSize, padded(valueSize))
    return (memory, at) => read(memory, at, cpus)
  }
  const read = createReadOne(value, valueSize)
  return trimmed ? (memory, at) => trim(read(memory, at) as unknown[]) : read
}

/** Without the zeros at its end. */
function trim(list: unknown[]): unknown[] {
  let length = list.length
  while (length > 0 && (list[length - 1] === 0n || list[length - 1] === 0)) length--
  list.length = length
  return list
}

/** As long as the map has it, which a type without a length does not say. */
function createWriteExact(type: Type, size: number): Write {
  const write = createWrite(type, alignOf(size))
  if (type.size > 0) return write
  return (memory, at, value, what) => {
    const expected = `a Uint8Array of ${String(size)} bytes`
    if (!ArrayBuffer.isView(value)) throw invalidType(expected, what, value)
    if (value.byteLength !== size) throw outOfRange(expected, what, value)
    write(memory, at, value, what)
  }
}

function createWriteValue(types: EntryTypes): Write {
  const { cpus, valueSize, value, descriptors } = types
  const write = createWriteExact(value, valueSize)
  if (descriptors) {
    return (memory, at, given, what) => write(memory, at, descriptorOf(given, what), what)
  }
  if (cpus === undefined) return write
  const stride = padded(valueSize)
  const depth = depthOfType(value) + 1
  return (memory, at, given, what) => {
    memory.u8.fill(0, at, at + cpus * stride)
    if (depthOfList(given) < depth) {
      write(memory, at, given, what)
      for (let cpu = 1; cpu < cpus; cpu++) memory.u8.copyWithin(at + cpu * stride, at, at + stride)
      return
    }
    const list = given as unknown[]
    if (list.length !== cpus) {
      const expected = `a value, or a list of ${String(cpus)}, one for each possible CPU,`
      throw outOfRange(expected, what, given)
    }
    for (let cpu = 0; cpu < cpus; cpu++) {
      write(memory, at + cpu * stride, list[cpu], `${what}[${String(cpu)}]`)
    }
  }
}

/** How many lists lie in each other. */
function depthOfType(type: Type): number {
  return type.shape.kind === 'array' ? 1 + depthOfType(type.shape.element) : 0
}

function depthOfList(value: unknown): number {
  return Array.isArray(value) ? 1 + depthOfList(value[0]) : 0
}

function descriptorOf(given: unknown, what: string): unknown {
  if (typeof given === 'number' || typeof given === 'bigint') return given
  if (typeof given === 'object' && given !== null && 'fd' in given) return given.fd
  throw invalidType('a descriptor, or what has one, such as a map or program,', what, given)
}
