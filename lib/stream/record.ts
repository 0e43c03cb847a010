// What the loop does with one record: decode it and call back, in source and without.
import type { Arena } from './batch.js'
import { RecordTooShortError, UnknownTagError } from '../errors/errors.js'
import type { ReadCstring } from '../types/cstring.js'
import type { Names } from '../types/place.js'
import { accessorSource, createRead, readSource } from '../types/read.js'
import { requiredBytes, type TaggedShape, type Type } from '../types/type.js'
import { tagType } from '../types/tagged.js'

/** A callback as the loop calls it. */
export type OnRecord = (record: never, origin: never) => unknown

/** One callback for all records, or of tagged ones one for each case, in the order of the cases. */
export type OnRecords = OnRecord | readonly OnRecord[]

/** What a loop counts besides. */
export interface Tally {
  /** Records that it handed out, or left out, whose tag no case has. */
  unknown: number
}

/** Makes the errors that records have, for the source as well as without. */
export function createErrors(type: Type) {
  const copy = (arena: Arena, start: number, length: number): Uint8Array =>
    arena.u8.slice(start, start + length)
  const types = [
    type,
    ...(type.shape.kind === 'tagged' ? type.shape.cases : []).map((each) => each.type),
  ]
  return {
    /** @param index 0 for the type itself, 1 and so on for its cases. */
    tooShort: (arena: Arena, start: number, length: number, index: number): Error => {
      const found = types[index] as Type
      return new RecordTooShortError(found.name, requiredBytes(found), copy(arena, start, length))
    },
    unknownTag: (
      arena: Arena,
      start: number,
      length: number,
      tag: UnknownTagError['tag'],
    ): Error => {
      const name = type.shape.kind === 'tagged' ? type.shape.tag.name : ''
      return new UnknownTagError(type.name, name, tag, copy(arena, start, length))
    },
  }
}

/** The names that the source knows besides those of `types/read`. */
export type Errors = ReturnType<typeof createErrors>

/** Parts of a loop's source. */
export interface RecordSource {
  /** Before the loop's function: what it keeps. */
  readonly kept: string
  /** At its beginning. */
  readonly start: string
  /** For the record from `o` on that has `length` bytes: sets `result`, or continues. */
  readonly body: string
}

/**
 * @param origin An expression: the second argument of callbacks.
 * @param names Takes those that it uses.
 */
export function recordSource(type: Type, origin: string, names: Names): RecordSource {
  const { shape } = type
  if (shape.kind === 'tagged') return taggedSource(type, shape, origin, names)
  const { kept, read } = valueSource(type, 0, names)
  const lent = lentSource([type])
  return {
    kept: lent.kept + kept,
    start: lent.start,
    body: `${shortSource(type, 0)}result = onRecord(${read}, ${origin})`,
  }
}

function shortSource(type: Type, index: number): string {
  const needed = String(requiredBytes(type))
  return `if (length < ${needed}) throw tooShort(memory, o, length, ${String(index)})\n`
}

/** What the accessors of views read, of which one record is lent at a time. */
function lentSource(types: readonly Type[]): { kept: string; start: string } {
  return types.some(({ shape }) => shape.kind === 'view')
    ? { kept: 'let lent, lentStart = 0, lentEnd = 0\n', start: 'lent = memory' }
    : { kept: '', start: '' }
}

function valueSource(type: Type, index: number, names: Names): { kept: string; read: string } {
  if (type.shape.kind !== 'view') {
    const place = { base: 'o', baseAlign: 8, end: 'o + length', names }
    return { kept: '', read: readSource(type, place) }
  }
  const accessor = `accessor${String(index)}`
  const kept = accessorSource(type.shape.struct, accessor, names)
  return { kept, read: `(lentStart = o, lentEnd = o + length, ${accessor})` }
}

function taggedSource(type: Type, shape: TaggedShape, origin: string, names: Names): RecordSource {
  const { tag, cases, unknown } = shape
  const place = { base: 'o', baseAlign: 8, end: 'o + length', names }
  const switched = readSource(tagType(tag.type), place, tag.offset)
  const suffix = tag.type.size < 8 ? '' : 'n'
  const calls: string[] = []
  const kept: string[] = []
  const branches = cases.map((each, index) => {
    const value = valueSource(each.type, index, names)
    kept.push(value.kept)
    calls.push(`on${String(index)} = isOne ? onRecord : onRecord[${String(index)}]`)
    return `case ${String(each.tag)}${suffix}: {
${shortSource(each.type, index + 1)}result = on${String(index)}(${value.read}, ${origin})
break }`
  })
  const value = readSource(tag.type, place, tag.offset)
  calls.push(`onUnknown = isOne ? onRecord : onRecord[${String(cases.length)}]`)
  const otherwise = {
    error: `throw unknownTag(memory, o, length, ${value})`,
    skip: 'continue',
    bytes: `result = onUnknown({ ${tag.name}: 'unknown', value: ${value}, bytes: u8.slice(o, o + length) }, ${origin})`,
  }
  const lent = lentSource(cases.map((each) => each.type))
  return {
    kept: lent.kept + kept.join('\n'),
    start: `const isOne = typeof onRecord === 'function', ${calls.join(', ')}
${lent.start}`,
    body: `${shortSource(type, 0)}switch (${switched}) {
${branches.join('\n')}
default: {
tally.unknown++
${otherwise[unknown]} }
}`,
  }
}

/** Decodes the record and calls back; gives what that returned. */
export type HandOut = (
  arena: Arena,
  start: number,
  length: number,
  onRecord: OnRecords,
  origin: unknown,
) => unknown

/** The same without making code. */
export function createHandOut(
  type: Type,
  cstrings: () => ReadCstring,
  errors: Errors,
  tally: Tally,
): HandOut {
  const { shape } = type
  if (shape.kind === 'tagged') return createTaggedHandOut(type, shape, cstrings, errors, tally)
  const needed = requiredBytes(type)
  const read = createRead(type, cstrings)
  return (arena, start, length, onRecord, origin) => {
    if (length < needed) throw errors.tooShort(arena, start, length, 0)
    return call(onRecord, 0, read(arena, start, start + length), origin)
  }
}

function createTaggedHandOut(
  type: Type,
  shape: TaggedShape,
  cstrings: () => ReadCstring,
  { tooShort, unknownTag }: Errors,
  tally: Tally,
): HandOut {
  const { tag, cases, unknown } = shape
  const needed = requiredBytes(type)
  const readTag = createRead(tagType(tag.type))
  const readValue = createRead(tag.type) as (
    ...where: Parameters<typeof readTag>
  ) => UnknownTagError['tag']
  const byTag = new Map(
    cases.map((each, index) => {
      const found = {
        index,
        needed: requiredBytes(each.type),
        read: createRead(each.type, cstrings),
      }
      return [each.tag, found]
    }),
  )
  return (arena, start, length, onRecord, origin) => {
    if (length < needed) throw tooShort(arena, start, length, 0)
    const end = start + length
    const at = start + tag.offset
    const found = byTag.get(BigInt(readTag(arena, at, end) as number | bigint))
    if (found !== undefined) {
      if (length < found.needed) throw tooShort(arena, start, length, found.index + 1)
      return call(onRecord, found.index, found.read(arena, start, end), origin)
    }
    tally.unknown++
    if (unknown === 'skip') return undefined
    const value = readValue(arena, at, end)
    if (unknown === 'error') throw unknownTag(arena, start, length, value)
    const record = { [tag.name]: 'unknown', value, bytes: arena.u8.slice(start, end) }
    return call(onRecord, cases.length, record, origin)
  }
}

function call(onRecord: OnRecords, index: number, record: unknown, origin: unknown): unknown {
  const callback = typeof onRecord === 'function' ? onRecord : onRecord[index]
  return (callback as (record: unknown, origin: unknown) => unknown)(record, origin)
}
