// What unions decode to: their bytes, and members that are read from them when used.
import { inspect, type InspectOptions } from 'node:util'
import { Memory } from './memory.js'
import { alignOfElements } from './place.js'
import type { Type, UnionShape } from './type.js'
import { encode } from './write.js'
import { unionBytes, unionShape, type UnionLike } from './written.js'

type Read = (memory: Memory, start: number, end: number) => unknown
type CreateRead = (type: Type, baseAlign: number) => Read

/** Memory for reading members up to this size is used again. */
const largestScratch = 64 * 1024

/**
 * Makes values of a union of bytes, which they own. They are instances of one class, with
 * the members as its accessors: own ones would cost 25 times as much for each record.
 *
 * @param createRead Reads a member; asked when one is first used.
 *
 * @internal
 */
export function createUnionValue(
  { name, size }: Type,
  shape: UnionShape,
  createRead: CreateRead,
): (bytes: Uint8Array) => object {
  let scratch: Memory | undefined = Memory.ofSize(0)

  class UnionValue implements UnionLike {
    declare readonly [unionShape]: UnionShape
    // Seen by those who compare values.
    readonly [unionBytes]: Uint8Array

    constructor(bytes: Uint8Array) {
      this[unionBytes] = bytes
    }

    toJSON(): object {
      return Object.fromEntries(
        shape.fields.map(({ name: member }) => [member, this[member as never]]),
      )
    }

    [inspect.custom](depth: number, options: InspectOptions): string {
      const shown = shape.fields.map(({ name: member }) => [member, this.#shown(member)])
      const text = inspect(Object.fromEntries(shown), { ...options, depth })
      return `${name === '' ? 'union' : `union ${name}`} ${text}`
    }

    /** For console.log(), which must not fail. */
    #shown(member: string): unknown {
      try {
        return this[member as never]
      } catch (error) {
        return { [inspect.custom]: () => `[${String(error)}]` }
      }
    }
  }

  function use<R>(bytes: Uint8Array, read: (memory: Memory) => R): R {
    // Taken away, as what is mapped may read another value.
    const memory = scratch === undefined || scratch.u8.length < size ? Memory.ofSize(size) : scratch
    scratch = undefined
    try {
      memory.u8.set(bytes)
      return read(memory)
    } finally {
      if (memory.u8.length <= largestScratch) scratch = memory
    }
  }

  const { prototype } = UnionValue
  Object.defineProperty(prototype, unionShape, { value: shape })
  for (const { name: member, offset, type } of shape.fields) {
    let read: Read | undefined
    Object.defineProperty(prototype, member, {
      get(this: UnionValue) {
        read ??= createRead(type, alignOfElements(8, offset, 8))
        const known = read
        return use(this[unionBytes], (memory) => known(memory, offset, offset + type.size))
      },
      set(this: UnionValue, value: unknown) {
        this[unionBytes].set(encode(type, value, member), offset)
      },
      enumerable: true,
      configurable: true,
    })
  }
  return (bytes) => new UnionValue(bytes)
}
