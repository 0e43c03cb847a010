// The loop that hands out the records of a batch, compiled for their type.
import { type Arena, frameHeaderBytes } from './batch.js'
import { RecordTooShortError } from '../errors/errors.js'
import { compileSource, isCompilable } from '../types/compile.js'
import { createCachedCstrings, type ReadCstring } from '../types/cstring.js'
import { memoryNames, Names } from '../types/place.js'
import { createRead, lendSource, readSource, runtime, runtimeNames } from '../types/read.js'
import { requiredBytes, type Type } from '../types/struct.js'

/** Where a walk stands in a batch, and what it found. */
export interface Cursor {
  /** In the arena, in bytes: of the next frame. */
  position: number
  /** Where the batch ends. */
  end: number
  /** Records that were handed out. */
  records: number
  /**
   * The number of records after which the walk returns. A callback or raise()
   * that wants it to end after this record sets 0.
   */
  limit: number
  /** Takes what a callback or a decoder threw. */
  raise: (error: unknown) => void
  /** Takes an object that a callback returned: a promise, perhaps. */
  returned: (value: object) => void
}

/**
 * Hands out records from `cursor.position` on, as long as they are of `source`;
 * a ring's with its name, a perf buffer's with their CPU.
 */
export type Walk = (arena: Arena, cursor: Cursor, source: number, onRecord: OnRecord) => void

/** A callback as the loop calls it. */
export type OnRecord = (record: never, origin: never) => unknown

/** What callbacks get as a second argument: the ring's name, or the CPU. */
export type Flavour = 'ring' | 'perf'

type TooShort = (arena: Arena, start: number, length: number) => Error

/**
 * Compiles the loop for a type. Each reader has one of its own: V8 inlines the
 * decoder into the loop, and the callback too, as long as a loop has only ever
 * seen one callback.
 *
 * Where code may not be made of strings, `--disallow-code-generation-from-strings`,
 * it is a slower one, and the process is warned once.
 */
export function compile(
  type: Type,
  flavour: Flavour,
  ringName = '',
  cstrings: () => ReadCstring = createCachedCstrings(),
): Walk {
  const needed = requiredBytes(type)
  const tooShort: TooShort = (arena, start, length) =>
    new RecordTooShortError(type.name, needed, arena.u8.slice(start, start + length))
  const names = new Names()
  const compiled = isCompilable(type)
    ? compileSource(
        type.name,
        { runtime, cstrings, tooShort, ringName, values: names.values },
        walkSource(type, flavour, names),
      )
    : undefined
  return (compiled as Walk | undefined) ?? interpret(type, flavour, ringName, cstrings, tooShort)
}

function walkSource(type: Type, flavour: Flavour, names: Names): string {
  const { shape } = type
  const isView = shape.kind === 'view'
  const lend = isView ? lendSource(shape.struct, names) : ''
  const record = isView
    ? '(lent = memory, lentStart = o, lentEnd = o + length, accessor)'
    : readSource(type, { base: 'o', baseAlign: 8, end: 'o + length', names })
  return `${runtimeNames}
${names.source}
${lend}
return function walk(memory, cursor, source, onRecord) {
  ${memoryNames}
  const end = cursor.end
  let p = cursor.position
  while (p < end && cursor.records < cursor.limit) {
    const stream = u32[(p >>> 2) + 1]
    if (stream >>> 16 !== source) break
    const length = u32[p >>> 2]
    const o = p + ${String(frameHeaderBytes)}
    p = o + ((length + 7) & ~7)
    cursor.position = p
    cursor.records++
    try {
      if (length < ${String(requiredBytes(type))}) throw tooShort(memory, o, length)
      const result = onRecord(${record}, ${flavour === 'perf' ? 'stream & 0xffff' : 'ringName'})
      if (typeof result === 'object' && result !== null) cursor.returned(result)
    } catch (error) {
      cursor.raise(error)
    }
  }
}`
}

/** The same loop without code of its own. */
function interpret(
  type: Type,
  flavour: Flavour,
  ringName: string,
  cstrings: () => ReadCstring,
  tooShort: TooShort,
): Walk {
  const needed = requiredBytes(type)
  const read = createRead(type, cstrings)
  return (arena, cursor, source, onRecord) => {
    const { u32 } = arena
    const call = onRecord as (...parameters: unknown[]) => unknown
    while (cursor.position < cursor.end && cursor.records < cursor.limit) {
      const word = cursor.position >>> 2
      const stream = u32[word + 1] as number
      if (stream >>> 16 !== source) break
      const length = u32[word] as number
      const start = cursor.position + frameHeaderBytes
      cursor.position = start + ((length + 7) & ~7)
      cursor.records++
      try {
        if (length < needed) throw tooShort(arena, start, length)
        const record = read(arena, start, start + length)
        const result = call(record, flavour === 'perf' ? stream & 0xffff : ringName)
        if (typeof result === 'object' && result !== null) cursor.returned(result)
      } catch (error) {
        cursor.raise(error)
      }
    }
  }
}
