// The loop that hands out the records of a batch, compiled for their type.
import { type Arena, frameHeaderBytes } from './batch.js'
import {
  createErrors,
  createHandOut,
  type HandOut,
  type OnRecords,
  recordSource,
  type Tally,
} from './record.js'
import { compileSource, isCompilable } from '../types/compile.js'
import { createCachedCstrings, type ReadCstring } from '../types/cstring.js'
import { memoryNames, Names } from '../types/place.js'
import { runtime, runtimeNames } from '../types/read.js'
import type { Type } from '../types/struct.js'

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
export type Walk = (arena: Arena, cursor: Cursor, source: number, onRecord: OnRecords) => void

/** What callbacks get as a second argument: the ring's name, or the CPU. */
export type Flavour = 'ring' | 'perf'

/**
 * Compiles the loop for a type. Each reader has one of its own: V8 inlines the
 * decoder into the loop, and the callback too, as long as a loop has only ever
 * seen one callback.
 *
 * Where code may not be made of strings, `--disallow-code-generation-from-strings`,
 * it is a slower one, and the process is warned once.
 *
 * @param tally What it counts into.
 */
export function compile(
  type: Type,
  flavour: Flavour,
  ringName = '',
  cstrings: () => ReadCstring = createCachedCstrings(),
  tally: Tally = { unknown: 0 },
): Walk {
  const errors = createErrors(type)
  const names = new Names()
  const known = { runtime, cstrings, ...errors, tally, ringName, values: names.values }
  const compiled = isCompilable(type)
    ? compileSource(type.name, known, walkSource(type, flavour, names))
    : undefined
  if (compiled !== undefined) return compiled as Walk
  return interpret(flavour, ringName, createHandOut(type, cstrings, errors, tally))
}

function walkSource(type: Type, flavour: Flavour, names: Names): string {
  const origin = flavour === 'perf' ? 'stream & 0xffff' : 'ringName'
  const { kept, start, body } = recordSource(type, origin, names)
  return `${runtimeNames}
${names.source}
${kept}
return function walk(memory, cursor, source, onRecord) {
  ${memoryNames(`u32 ${body}`)}
  ${start}
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
      let result
      ${body}
      if (typeof result === 'object' && result !== null) cursor.returned(result)
    } catch (error) {
      cursor.raise(error)
    }
  }
}`
}

/** The same loop without code of its own. */
function interpret(flavour: Flavour, ringName: string, handOut: HandOut): Walk {
  return (arena, cursor, source, onRecord) => {
    const { u32 } = arena
    while (cursor.position < cursor.end && cursor.records < cursor.limit) {
      const word = cursor.position >>> 2
      const stream = u32[word + 1] as number
      if (stream >>> 16 !== source) break
      const length = u32[word] as number
      const start = cursor.position + frameHeaderBytes
      cursor.position = start + ((length + 7) & ~7)
      cursor.records++
      try {
        const origin = flavour === 'perf' ? stream & 0xffff : ringName
        const result = handOut(arena, start, length, onRecord, origin)
        if (typeof result === 'object' && result !== null) cursor.returned(result)
      } catch (error) {
        cursor.raise(error)
      }
    }
  }
}
