// Global variables of an object's .rodata, .data and .bss by their names in C.
import { endianness } from 'node:os'
import type { Btf, BtfType, BtfVariable } from '../btf/btf.js'
import { BpfError, invalidType, outOfRange } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import type { NativeMap } from '../addon/map.js'
import type { BpfObject } from './object.js'

/**
 * What a global variable is in TypeScript: integers and enums up to 32 bits
 * `number`, 64 bits `bigint` (a `number` is taken too), `bool` `boolean`,
 * `char[]` `string`.
 */
export type GlobalValue = number | bigint | boolean | string

const littleEndian = endianness() === 'LE'
const EROFS = 30

/** What JavaScript looks for on any object; a variable may have the name all the same. */
const languageAsks = new Set(['constructor', 'then', 'toJSON', 'toString', 'valueOf'])

interface Global {
  variable: BtfVariable
  type: BtfType
  /** Elements of an array of characters, otherwise nothing. */
  characters: number | undefined
}

/**
 * The object that `BpfObject.globals` is. Reading and writing goes to the
 * initial values before load and to the kernel's memory after it; the BPF
 * programs see a write at once.
 */
export function createGlobals(
  object: BpfObject,
  btf: Btf | undefined,
  dataMap: (section: string) => NativeMap | undefined,
): Record<string, GlobalValue> {
  const globals = new Map<string, Global>()
  for (const variable of btf?.variables() ?? []) {
    const type = (btf as Btf).type(variable.type)
    globals.set(variable.name, { variable, type, characters: charactersOf(type, btf as Btf) })
  }

  function find(operation: string, name: string): Global {
    const global = globals.get(name)
    if (global !== undefined) return global
    if (btf === undefined) {
      throw new BpfError('ERR_NO_BTF', 'the object has no BTF', {
        operation,
        target: `global "${name}"`,
        hint: 'Compile it with clang -g',
      })
    }
    throw new BpfError('ERR_NOT_FOUND', `the object has ${listNames(globals.keys())}`, {
      operation,
      target: `global "${name}"`,
    })
  }

  function memory(operation: string, { variable }: Global): NativeMap {
    object.checkOpen(operation, `global "${variable.name}"`)
    const map = dataMap(variable.section)
    if (map !== undefined) return map
    throw new BpfError('ERR_NOT_FOUND', `section ${variable.section} has no map`, {
      operation,
      target: `global "${variable.name}"`,
    })
  }

  function read(name: string): GlobalValue {
    const global = find('read', name)
    const { offset, size } = global.variable
    const result = memory('read', global).readData(offset, size)
    if (typeof result === 'number') throw failure('read', `global "${name}"`, result)
    return decode(global, result)
  }

  function write(name: string, value: unknown): void {
    const global = find('set', name)
    if (object.phase === 'failed') object.checkPhase('set', `global "${name}"`, 'open')
    const bytes = encode(global, value)
    const result = memory('set', global).writeData(global.variable.offset, bytes)
    if (result === -EROFS) {
      throw new BpfError('ERR_STATE', 'it is constant once the object is loaded', {
        operation: 'set',
        target: `global "${name}"`,
        hint: 'Set it before load(), or drop "const" in the BPF program',
      })
    }
    if (result < 0) throw failure('set', `global "${name}"`, result)
  }

  return new Proxy(Object.create(null) as Record<string, GlobalValue>, {
    get(_, name) {
      const asks = typeof name !== 'string' || (languageAsks.has(name) && !globals.has(name))
      return asks ? undefined : read(name)
    },
    set(_, name, value) {
      write(String(name), value)
      return true
    },
    has: (_, name) => typeof name === 'string' && globals.has(name),
    ownKeys: () => [...globals.keys()],
    getOwnPropertyDescriptor(_, name) {
      if (typeof name !== 'string' || !globals.has(name)) return undefined
      // An accessor, so that listing the names reads nothing.
      return {
        get: () => read(name),
        set: (value) => {
          write(name, value)
        },
        enumerable: true,
        configurable: true,
      }
    },
    deleteProperty: () => false,
    defineProperty: () => false,
  })
}

function charactersOf(type: BtfType, btf: Btf): number | undefined {
  if (type.kind !== 'array') return undefined
  const element = btf.type(type.element)
  return element.kind === 'int' && element.size === 1 && !element.bool ? type.count : undefined
}

function decode({ variable, type, characters }: Global, bytes: Uint8Array): GlobalValue {
  if (characters !== undefined) {
    const stop = bytes.indexOf(0)
    return Buffer.from(bytes.subarray(0, stop < 0 ? undefined : stop)).toString('utf8')
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { size, signed, bool } = integerOf(variable, type, 'read')
  if (bool) return view.getUint8(0) !== 0
  switch (size) {
    case 1:
      return signed ? view.getInt8(0) : view.getUint8(0)
    case 2:
      return signed ? view.getInt16(0, littleEndian) : view.getUint16(0, littleEndian)
    case 4:
      return signed ? view.getInt32(0, littleEndian) : view.getUint32(0, littleEndian)
    default:
      return signed ? view.getBigInt64(0, littleEndian) : view.getBigUint64(0, littleEndian)
  }
}

function encode({ variable, type, characters }: Global, value: unknown): Uint8Array {
  const what = `global "${variable.name}"`
  if (characters !== undefined) {
    if (typeof value !== 'string') throw invalidType('a string', what, value)
    const text = Buffer.from(value, 'utf8')
    if (text.length >= characters || text.includes(0)) {
      throw outOfRange(
        `a string of at most ${String(characters - 1)} bytes in UTF-8 without NUL`,
        what,
        value,
      )
    }
    return Buffer.concat([text, Buffer.alloc(characters - text.length)])
  }
  const { size, signed, bool } = integerOf(variable, type, 'set')
  if (bool) {
    if (typeof value !== 'boolean') throw invalidType('a boolean', what, value)
    return Uint8Array.of(value ? 1 : 0)
  }
  const bits = 8 * size
  const min = signed ? -(2n ** BigInt(bits - 1)) : 0n
  const max = 2n ** BigInt(signed ? bits - 1 : bits) - 1n
  const range = `an integer from ${String(min)} to ${String(max)}`
  if (typeof value !== 'number' && typeof value !== 'bigint') throw invalidType(range, what, value)
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw outOfRange(range, what, value)
  const integer = BigInt(value)
  if (integer < min || integer > max) throw outOfRange(range, what, value)
  const word = new DataView(new ArrayBuffer(8))
  word.setBigUint64(0, BigInt.asUintN(64, integer), littleEndian)
  return new Uint8Array(word.buffer, littleEndian ? 0 : 8 - size, size)
}

function integerOf(
  variable: BtfVariable,
  type: BtfType,
  operation: string,
): { size: number; signed: boolean; bool: boolean } {
  if ('size' in type && type.size !== variable.size) {
    throw new BpfError('ERR_OBJECT_FORMAT', 'its size in BTF is not that of its type', {
      operation,
      target: `global "${variable.name}"`,
    })
  }
  if ((type.kind === 'int' || type.kind === 'enum') && [1, 2, 4, 8].includes(type.size)) {
    return { size: type.size, signed: type.signed, bool: type.kind === 'int' && type.bool }
  }
  throw new BpfError('ERR_UNSUPPORTED', `it is of kind ${type.kind}`, {
    operation,
    target: `global "${variable.name}"`,
    hint: 'Integers, enums, bool and char arrays can be used from JavaScript',
  })
}

/** Names for a message. */
export function listNames(names: Iterable<string>): string {
  const list = [...names]
  return list.length === 0 ? 'none' : list.join(', ')
}
