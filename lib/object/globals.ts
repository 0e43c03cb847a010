// Global variables of an object's .rodata, .data and .bss by their names in C.
import { inspect, type InspectOptions } from 'node:util'
import type { Btf, BtfVariable } from '../btf/btf.js'
import { BpfError } from '../errors/errors.js'
import { typeFromBtf } from '../types/from-btf.js'
import { Memory } from '../types/memory.js'
import { createRead, type Read } from '../types/read.js'
import type { Type } from '../types/struct.js'
import { encode } from '../types/write.js'
import { failure } from '../machine/failure.js'
import type { Session } from '../addon/session.js'
import type { NativeMap } from '../addon/map.js'

/**
 * What a global variable is in TypeScript: integers and enums up to 32 bits
 * `number`, 64 bits `bigint` (a `number` is taken too), `bool` `boolean`,
 * `char[]` `string`, `unsigned char[]` `Uint8Array`.
 */
export type GlobalValue = number | bigint | boolean | string | Uint8Array

const EROFS = 30

/** What JavaScript looks for on any object; a variable may have the name all the same. */
const languageAsks = new Set(['constructor', 'then', 'toJSON', 'toString', 'valueOf'])

interface Global {
  variable: BtfVariable
  /** What it is in C, for messages. */
  kind: string
  /** Nothing when JavaScript cannot use it. */
  codec: { type: Type; read: Read } | undefined
}

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
  let largest = 0
  if (btf !== undefined) {
    for (const variable of btf.variables()) {
      const type = typeFromBtf(btf, variable.type)
      const codec = type === undefined ? undefined : { type, read: createRead(type) }
      globals.set(variable.name, { variable, kind: btf.type(variable.type).kind, codec })
      largest = Math.max(largest, type?.size ?? 0)
    }
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
    throw new BpfError('ERR_NOT_FOUND', `the object has ${listNames(globals.keys())}`, {
      operation,
      target: `global "${name}"`,
    })
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

  function codecOf(
    operation: string,
    { variable, kind, codec }: Global,
  ): { type: Type; read: Read } {
    const target = `global "${variable.name}"`
    if (codec === undefined) {
      throw new BpfError('ERR_UNSUPPORTED', `it is of kind ${kind}`, {
        operation,
        target,
        hint: 'Integers, enums, bool, char and unsigned char arrays can be used from JavaScript',
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
    scratch ??= new Memory(new ArrayBuffer(8 * Math.ceil(largest / 8)))
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
    const shown = [...globals].map(([name, { kind, codec }]) => {
      if (codec === undefined) return [name, literal(kind)]
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
