// Of fields that share bytes several may be given, as what was read has them all: they have to
// agree, as otherwise one is lost without a word.
import { outOfRange } from '../errors/errors.js'
import { bitRange } from './alternatives.js'
import { readCstring } from './cstring.js'
import { littleEndian, type Memory } from './memory.js'
import { type Alternatives, type Field, isOpen, type Type } from './type.js'
import { encoded } from './written.js'

/** Whether memory at `at` reads as the value: what the value does not say may be anything. */
type Holds = (memory: Memory, at: number, value: unknown, what: string) => boolean

type Write = (memory: Memory, at: number, value: unknown, what: string) => void

type Given = Record<string, unknown>

/** Refuses fields that were written and do not agree; in memory is what says most of them. */
export type CheckAgreement = (memory: Memory, at: number, given: Given, what: string) => void

/**
 * @internal
 * @param interpret Writes a field, and no bytes between the fields in it.
 */
export function createAgreement(
  fields: readonly Field[],
  alternatives: Alternatives,
  interpret: (type: Type) => Write,
): CheckAgreement {
  const parts = fields
    .filter(({ name, type }) => alternatives.has(name) && !isOpen(type))
    .map((field) => ({
      ...field,
      write: interpret(field.type),
      holds: createHolds(field.type, interpret),
    }))
  return (memory, at, given, what) => {
    const set = parts.filter(({ name }) => given[name] !== undefined)
    if (set.length < 2) return
    const holds = ({ name, offset, holds }: (typeof parts)[number]): boolean =>
      holds(memory, at + offset, given[name], `${what}.${name}`)
    // What was written over one may say less, as a text does of what is behind its NUL: then
    // the one is written again. Only those that differ go on doing that.
    for (const isAgain of [false, true]) {
      for (const own of set) {
        if (holds(own)) continue
        own.write(memory, at + own.offset, given[own.name], `${what}.${own.name}`)
        if (!isAgain) continue
        const other = set.find((each) => areRivals(own, each, alternatives) && !holds(each))
        if (other === undefined) continue
        throw outOfRange(
          `the bytes that ${what}.${own.name} has (one of the two is enough)`,
          `${what}.${other.name}`,
          given[other.name],
        )
      }
    }
  }
}

/** Whether two fields are of two members of one union, and share bits. */
function areRivals(own: Field, other: Field, alternatives: Alternatives): boolean {
  const [start, end] = bitRange(own)
  const [from, to] = bitRange(other)
  if (from >= end || to <= start) return false
  const others = alternatives.get(other.name) ?? []
  return (alternatives.get(own.name) ?? []).some((mine) =>
    others.some((theirs) => mine.all === theirs.all && mine !== theirs),
  )
}

function createHolds(type: Type, interpret: (type: Type) => Write): Holds {
  const { shape, size } = type
  switch (shape.kind) {
    case 'bool':
      return ({ u8 }, at, value) => (u8[at] !== 0) === value
    case 'float':
      return shape.size === 4
        ? ({ view }, at, value) =>
            Object.is(view.getFloat32(at, littleEndian), Math.fround(value as number))
        : ({ view }, at, value) => Object.is(view.getFloat64(at, littleEndian), value)
    case 'cstring':
      return (memory, at, value) => readCstring(memory, at, at + size) === value
    case 'map': {
      const holds = createHolds(shape.type, interpret)
      return (memory, at, value, what) => holds(memory, at, encoded(shape, value, what), what)
    }
    case 'array': {
      const holds = createHolds(shape.element, interpret)
      const step = shape.element.size
      return (memory, at, value, what) =>
        (value as unknown[]).every((item, i) => holds(memory, at + i * step, item, what))
    }
    case 'struct': {
      const parts = shape.fields.map((field) => ({
        ...field,
        holds: createHolds(field.type, interpret),
      }))
      return (memory, at, value, what) =>
        parts.every(({ name, offset, holds }) => {
          const field = (value as Given)[name]
          return field === undefined || holds(memory, at + offset, field, what)
        })
    }
    default: {
      // To write it changes nothing.
      const write = interpret(type)
      return (memory, at, value, what) => {
        const { u8 } = memory
        const before = u8.slice(at, at + size)
        write(memory, at, value, what)
        if (before.every((byte, i) => byte === u8[at + i])) return true
        u8.set(before, at)
        return false
      }
    }
  }
}
