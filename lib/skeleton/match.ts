// Whether an object is the one that a module was made from.
import type { BtfReader } from '../btf/reader.js'
import { BpfError } from '../errors/errors.js'
import { didYouMean } from '../errors/near.js'
import { declaredCases } from '../map/declared-record.js'
import { declaredTypes } from '../map/entry-types.js'
import type { BpfObject } from '../object/object.js'
import { differenceOf } from '../types/difference.js'
import { typeFromBtf } from '../types/from-btf.js'
import { markSame } from '../types/layout.js'
import type { Type } from '../types/struct.js'
import type { SkeletonMap, SkeletonParts } from './parts.js'

/**
 * Refuses an object that is not as the module says. What it has besides does not
 * matter.
 *
 * @throws {BpfError} `ERR_LAYOUT`, naming the map, program, global variable or field
 *   that moved, and the command that makes the module again.
 */
export function checkMatch(object: BpfObject, parts: SkeletonParts): void {
  const { btf } = object
  if (btf === undefined) throw mismatch(parts, 'it has no BTF any more')
  for (const [name, map] of Object.entries(parts.maps)) checkMap(object, btf, parts, name, map)
  for (const name of parts.programs) {
    if (object.programs.has(name)) continue
    throw mismatch(parts, gone('program', name, object.programs.keys()))
  }
  checkGlobals(btf, parts)
  for (const type of parts.types) checkType(btf, parts, type)
  for (const [name, type] of Object.entries(parts.rings)) {
    if (type !== undefined) checkCases(object, btf, parts, name, type)
  }
}

/** Of a ring whose records a tag tells apart: of the same type by each. */
function checkCases(
  object: BpfObject,
  btf: BtfReader,
  parts: SkeletonParts,
  name: string,
  { shape }: Type,
): void {
  const map = object.maps.get(name)
  if (shape.kind !== 'tagged' || map === undefined) return
  const declared = declaredCases(btf, map)
  for (const { key, tag, type } of shape.cases) {
    const what = `the records of "${name}" with ${shape.tag.name} ${key}`
    const id = declared?.tag === shape.tag.name ? declared.cases.get(Number(tag)) : undefined
    const is = id === undefined ? undefined : typeFromBtf(btf, id, { tail: true })
    if (is === undefined) throw mismatch(parts, `${what} are gone`)
    if (is.name !== type.name) {
      throw mismatch(parts, `${what} were of struct ${type.name} and are of struct ${is.name}`)
    }
  }
}

function checkMap(
  object: BpfObject,
  btf: BtfReader,
  parts: SkeletonParts,
  name: string,
  { type, ...was }: SkeletonMap,
): void {
  const map = object.maps.get(name)
  if (map === undefined) throw mismatch(parts, gone('map', name, object.maps.keys()))
  if (map.type !== type) {
    throw mismatch(parts, `map "${name}" was of type ${type} and is of type ${map.type}`)
  }
  const is = declaredTypes(map.kernel, map.keySize, map.valueSize)
  for (const part of ['key', 'value'] as const) {
    const before = was[part]
    if (before === undefined) continue
    const after = is[part]
    // Those that BTF does not describe, or no type does: their size is checked elsewhere.
    if (before.shape.kind === 'bytes' && (after?.size ?? before.size) === before.size) continue
    if (after === undefined) throw mismatch(parts, `map "${name}" has no ${part}s any more`)
    checkSame(btf, parts, `the ${part}s of map "${name}"`, before, after)
  }
}

function checkGlobals(btf: BtfReader, parts: SkeletonParts): void {
  const variables = new Map(btf.variables().map((variable) => [variable.name, variable]))
  for (const [name, was] of Object.entries(parts.globals)) {
    const variable = variables.get(name)
    if (variable === undefined) throw mismatch(parts, gone('global', name, variables.keys()))
    const is = typeFromBtf(btf, variable.type)
    if (is === undefined)
      throw mismatch(parts, `global "${name}" is ${btf.describe(variable.type)}`)
    checkSame(btf, parts, `global "${name}"`, was, is)
  }
}

/** Of several structs of the name one has to be as it was. */
function checkType(btf: BtfReader, parts: SkeletonParts, type: Type): void {
  const found = btf.structIds(type.name).flatMap((id) => {
    const is = typeFromBtf(btf, id, { tail: true })
    return is === undefined ? [] : [is]
  })
  const [first] = found
  if (first === undefined) throw mismatch(parts, `struct ${type.name} is gone from its BTF`)
  const is = found.length > 1 && found.find((each) => differenceOf(type, each) === undefined)
  checkSame(btf, parts, `struct ${type.name}`, type, is || first)
}

function checkSame(btf: BtfReader, parts: SkeletonParts, what: string, was: Type, is: Type): void {
  const difference = differenceOf(was, is)
  if (difference === undefined) {
    markSame(was, btf)
    return
  }
  const path = difference.path.replace(/^\./, '')
  const where = path === '' ? what : `${path} of ${what}`
  throw mismatch(parts, `${where}: ${difference.problem}`)
}

function gone(kind: string, name: string, names: Iterable<string>): string {
  return `${kind} "${name}" is gone${didYouMean(name, names)}`
}

function mismatch({ name, command }: SkeletonParts, problem: string): BpfError {
  return new BpfError('ERR_LAYOUT', `it is not the one that its module was made from: ${problem}`, {
    operation: 'open',
    target: `object "${name}"`,
    hint: `Make the module again: ${command}`,
  })
}
