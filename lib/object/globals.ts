// Global variables of an object's .rodata, .data and .bss by their names in C.
import { inspect, type InspectOptions } from 'node:util'
import type { BtfVariable } from '../btf/types.js'
import type { Btf } from '../types/btf.js'
import { BpfError } from '../errors/errors.js'
import { didYouMean } from '../errors/near.js'
import { typeFromBtf, unsupportedInBtf } from '../types/from-btf.js'
import { Memory } from '../types/memory.js'
import { createRead, type Read } from '../types/read.js'
import type { Type } from '../types/struct.js'
import { encode } from '../types/write.js'
import { failure } from '../machine/failure.js'
import type { Session } from '../addon/session.js'
import type { NativeMap } from '../addon/map.js'

/**
 * What a global variable is in TypeScript: integers up to 32 bits `number`, 64 bits
 * `bigint` (a `number` is taken too), floats `number`, `bool` `boolean`, enums the names
 * of their values (numbers are taken too, and given where there is no name), `char[]`
 * `string`, `unsigned char[]` `Uint8Array`, other arrays lists, structs objects with all
 * their members, in which pointers are `bigint`, and unions objects that read their
 * members when they are used.
 *
 * Reading gives a copy: to change one member, change the copy and set it whole.
 */
export type GlobalValue =
  | number
  | bigint
  | boolean
  | string
  | Uint8Array
  | GlobalValue[]
  | { [member: string]: GlobalValue }

const EROFS = 30

/** What JavaScript looks for on any object; a variable may have the name all the same. */
const languageAsks = new Set(['constructor', 'then', 'toJSON', 'toString', 'valueOf'])

/** Of larger ones only the kind is printed. */
const largestPrinted = 1 << 20

interface Codec {
  type: Type
  read: Read
}

/** A global variable: its type is worked out when it is asked for. */
class Global {
  readonly variable: BtfVariable
  readonly #btf: Btf
  #codec: Codec | undefined | 'unknown' = 'unknown'

  constructor(variable: BtfVariable, btf: Btf) {
    this.variable = variable
    this.#btf = btf
  }

  /** What it is in C, for messages. */
  get kind(): string {
    return this.#btf.type(this.variable.type).kind
  }

  /** Nothing when JavaScript cannot use it. */
  get codec(): Codec | undefined {
    if (this.#codec === 'unknown') this.#codec = this.#findCodec()
    return this.#codec
  }

  /** Why there is no codec. */
  get problem(): string {
    const { path, problem } = unsupportedInBtf(this.#btf, this.variable.type) ?? pointer
    return path === '' ? `it is ${problem}` : `its member ${path.replace(/^\./, '')} is ${problem}`
  }

  #findCodec(): Codec | undefined {
    if (this.#isPointer()) return undefined
    const type = typeFromBtf(this.#btf, this.variable.type)
    return type === undefined ? undefined : { type, read: createRead(type) }
  }

  /** Also an array of them. Within a struct they are numbers that are read along. */
  #isPointer(): boolean {
    let type = this.#btf.type(this.variable.type)
    for (let depth = 0; depth < 64 && type.kind === 'array'; depth++) {
      type = this.#btf.type(type.element)
    }
    return type.kind === 'pointer'
  }
}

const pointer = { path: '', problem: 'a pointer' }

/**
 * The object that `BpfObject.globals` is. Reading and writing goes to the
 * initial values before load and to the kernel's memory after it; the BPF
 * programs see a write at once.
 *
 * Those that JavaScript cannot use are not enumerable, so that a copy with
 * `{ ...globals }` leaves them out.
 */
export function createGlobals(
  session: Pick<Session, 'phase' | 'checkOpen' | 'checkPhase'>,
  btf: Btf | undefined,
  dataMap: (section: string) => NativeMap | undefined,
): Record<string, GlobalValue> {
  const globals = new Map<string, Global>()
  if (btf !== undefined) {
    for (const variable of btf.variables()) globals.set(variable.name, new Global(variable, btf))
  }
  let scratch: Memory | undefined

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
    const has = `the object has ${listNames(globals.keys())}${didYouMean(name, globals.keys())}`
    throw new BpfError('ERR_NOT_FOUND', has, { operation, target: `global "${name}"` })
  }

  function memory(operation: string, { variable }: Global): NativeMap {
    session.checkOpen(operation, `global "${variable.name}"`)
    const map = dataMap(variable.section)
    if (map !== undefined) return map
    throw new BpfError('ERR_NOT_FOUND', `section ${variable.section} has no map`, {
      operation,
      target: `global "${variable.name}"`,
    })
  }

  function codecOf(operation: string, global: Global): Codec {
    const { variable, codec } = global
    const target = `global "${variable.name}"`
    if (codec === undefined) {
      throw new BpfError('ERR_UNSUPPORTED', global.problem, {
        operation,
        target,
        hint: 'Pointers, and what has no type in JavaScript, cannot be used',
      })
    }
    if (codec.type.size === variable.size) return codec
    throw new BpfError('ERR_OBJECT_FORMAT', 'its size in BTF is not that of its type', {
      operation,
      target,
    })
  }

  function read(name: string): GlobalValue {
    const global = find('read', name)
    const { offset, size } = global.variable
    const codec = codecOf('read', global)
    const result = memory('read', global).readData(offset, size)
    if (typeof result === 'number') throw failure('read', `global "${name}"`, result)
    if (scratch === undefined || scratch.u8.length < size) scratch = Memory.ofSize(size)
    scratch.u8.set(result)
    return codec.read(scratch, 0, size) as GlobalValue
  }

  function write(name: string, value: unknown): void {
    const global = find('set', name)
    if (session.phase === 'failed') session.checkPhase('set', `global "${name}"`, 'open')
    const bytes = encode(codecOf('set', global).type, value, `global "${name}"`)
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

  /** For console.log(), which must not fail: what cannot be read is named by its kind or error. */
  function print(depth: number, options: InspectOptions): string {
    const shown = [...globals].map(([name, { variable, kind, codec }]) => {
      if (codec === undefined || variable.size > largestPrinted) return [name, literal(kind)]
      try {
        return [name, read(name)]
      } catch (error) {
        return [name, literal((error as BpfError).code)]
      }
    })
    return inspect(Object.fromEntries(shown), { ...options, depth })
  }

  // util.inspect() asks the target, not the proxy.
  const target = Object.create(null) as Record<string, GlobalValue>
  Object.defineProperty(target, inspect.custom, { value: print, configurable: true })
  return new Proxy(target, {
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
        enumerable: globals.get(name)?.codec !== undefined,
        configurable: true,
      }
    },
    deleteProperty: () => false,
    defineProperty: () => false,
    // A frozen target would have to have what ownKeys() gives.
    preventExtensions: () => false,
  })
}

/** Text that inspect() shows without quotes. */
function literal(text: string): unknown {
  return { [inspect.custom]: () => `[${text}]` }
}

/** Names for a message. */
export function listNames(names: Iterable<string>): string {
  const list = [...names]
  return list.length === 0 ? 'none' : list.join(', ')
}
