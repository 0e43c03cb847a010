// How a type differs from another one that it should be.
import { asBits } from './btf-bits.js'
import type { EnumShape, Field, Type } from './type.js'

/** The first difference. */
export interface Difference {
  /** To where it is, as C writes it: `.inner.list[].flags`, or nothing. */
  readonly path: string
  readonly problem: string
}

/**
 * The first difference between two types, in bytes or in meaning: nothing when
 * whoever reads or writes by one may as well do it by the other.
 *
 * @param was What it should be.
 * @param is What it is.
 */
export function differenceOf(was: Type, is: Type): Difference | undefined {
  const [before, after] = [was.shape, is.shape]
  const differs = { path: '', problem: `it was ${was.name} and is ${is.name}` }
  if (before.kind === 'array' && after.kind === 'array') {
    if (before.length !== after.length) return differs
    return within('[]', differenceOf(before.element, after.element))
  }
  const isStruct = before.kind === 'struct' && after.kind === 'struct'
  if (isStruct || (before.kind === 'union' && after.kind === 'union')) {
    return differenceOfFields(before.fields, fieldsOf(is)) ?? differenceOfSize(was, is)
  }
  if (before.kind === 'enum' && after.kind === 'enum') {
    return differenceOfNames(before, after) ?? differenceOf(before.unit, after.unit)
  }
  // Its numbers are the same.
  if (before.kind === 'int' && after.kind === 'enum') return differenceOf(was, after.unit)
  return isSame(before, after) && was.size === is.size ? undefined : differs
}

function differenceOfFields(
  before: readonly Field[],
  after: readonly Field[],
): Difference | undefined {
  for (const was of before) {
    const is = after.find(({ name }) => name === was.name)
    const path = `.${was.name}`
    if (is === undefined) {
      return { path, problem: `it is gone; there are ${after.map(({ name }) => name).join(', ')}` }
    }
    const bits = was.type.shape.kind === 'bits' ? asBits(is.type) : is.type
    if (was.type.shape.kind === 'bits' && bits.shape.kind === 'bits') {
      const problem = differenceOfBits(was, { ...is, type: bits })
      if (problem !== undefined) return { path, problem }
      continue
    }
    if (was.offset !== is.offset) {
      return {
        path,
        problem: `it was at offset ${String(was.offset)} and is at ${String(is.offset)}`,
      }
    }
    const difference = within(path, differenceOf(was.type, is.type))
    if (difference !== undefined) return difference
  }
  const added = after.find(({ name }) => before.every((was) => was.name !== name))
  return added === undefined ? undefined : { path: `.${added.name}`, problem: 'it is new' }
}

function differenceOfSize(was: Type, is: Type): Difference | undefined {
  if (was.size === is.size) return undefined
  return { path: '', problem: `it had ${String(was.size)} bytes and has ${String(is.size)}` }
}

function within(path: string, difference: Difference | undefined): Difference | undefined {
  return difference && { ...difference, path: path + difference.path }
}

function fieldsOf({ shape }: Type): readonly Field[] {
  return shape.kind === 'struct' || shape.kind === 'union' ? shape.fields : []
}

/** Bit-fields are the same wherever their units begin. */
function differenceOfBits(was: Field, is: Field): string | undefined {
  const [before, after] = [was.type.shape, is.type.shape]
  if (before.kind !== 'bits' || after.kind !== 'bits') return undefined
  if (before.width !== after.width || before.signed !== after.signed) {
    return `it was ${was.type.name} and is ${is.type.name}`
  }
  const [from, to] = [8 * was.offset + before.bitOffset, 8 * is.offset + after.bitOffset]
  return from === to ? undefined : `it was at bit ${String(from)} and is at bit ${String(to)}`
}

function differenceOfNames(was: EnumShape, is: EnumShape): Difference | undefined {
  const after = new Map(is.names)
  for (const [name, value] of was.names) {
    const now = after.get(name)
    if (now === value) continue
    const fate = now === undefined ? 'is gone' : `is ${String(now)}`
    return { path: '', problem: `${name} was ${String(value)} and ${fate}` }
  }
  const before = new Map(was.names)
  const added = is.names.find(([name]) => !before.has(name))
  return added && { path: '', problem: `${added[0]} is new` }
}

function isSame(before: Type['shape'], after: Type['shape']): boolean {
  // Whether a wide number is a bigint is as one likes.
  const plain = (shape: Type['shape']): string =>
    JSON.stringify(shape, (key, value: unknown) =>
      key === 'form' ? undefined : typeof value === 'bigint' ? String(value) : value,
    )
  return plain(before) === plain(after)
}
