// What an object says of the records in a ring or perf buffer.
import { leftOutHint } from '../btf/left-out.js'
import type { BtfReader } from '../btf/reader.js'
import type { BtfVariable } from '../btf/types.js'
import { BpfError } from '../errors/errors.js'
import { didYouMean } from '../errors/near.js'
import { typeFromBtf } from '../types/from-btf.js'
import type { Type } from '../types/struct.js'
import { tagged, type TaggedCases, type UnknownTags } from '../types/tagged.js'
import type { BpfMap } from './map.js'

const tagKey = 'record:'

/** The types of records that a field tells apart, as ids by its values. */
export interface DeclaredCases {
  /** The name of the field. */
  readonly tag: string
  readonly cases: ReadonlyMap<number, number>
}

/**
 * The id of the type of a map's records: what a declaration tag `record:NAME` on the map
 * names, else what its global `NAME__record` points to, as BPFRB_RECORD_OF() declares it,
 * else the type of the map's values. Nothing when none of them says it.
 *
 * @throws {BpfError} `ERR_NOT_FOUND` for a tag that names no struct or union of the object,
 *   `ERR_LAYOUT` for tags that name several.
 */
export function declaredRecord(btf: BtfReader, map: BpfMap): number | undefined {
  for (const name of declaredNames(map)) {
    const found = taggedRecord(btf, name) ?? pointedRecord(btf, name)
    if (found !== undefined) return found
  }
  const value = map.kernel.btfId('value')
  if (value === 0) return undefined
  // The values of a perf event array are descriptors.
  const isDescriptor = map.type === 'perf_event_array' && btf.type(value).kind === 'int'
  return isDescriptor ? undefined : value
}

/**
 * The types of a map's records where there are several, as BPFRB_RECORD_TAGGED() declares
 * them. Nothing where it does not.
 *
 * @throws {BpfError} `ERR_LAYOUT` for declarations that contradict each other.
 */
export function declaredCases(btf: BtfReader, map: BpfMap): DeclaredCases | undefined {
  for (const name of declaredNames(map)) {
    const found = btf.variables().flatMap((variable) => {
      const declared = declaredCase(btf, variable)
      return declared?.map === name ? [declared] : []
    })
    const [first] = found
    if (first === undefined) continue
    const fail = (problem: string): never => {
      const target = `the types of the records in "${name}"`
      throw new BpfError('ERR_LAYOUT', problem, { operation: 'find', target })
    }
    if (taggedRecord(btf, name) !== undefined || pointedRecord(btf, name) !== undefined) {
      fail('it is declared both with one type and with several that are told apart by a tag')
    }
    const cases = new Map<number, number>()
    for (const { tag, value, record } of found) {
      if (tag !== first.tag) fail(`their tag is both "${first.tag}" and "${tag}"`)
      if (cases.has(value)) fail(`two are for "${tag}" ${String(value)}`)
      cases.set(value, record)
    }
    return { tag: first.tag, cases }
  }
  return undefined
}

/**
 * The type of records that a field tells apart, of BTF.
 *
 * @param options How their cases are read, and what becomes of records without one.
 * @returns Nothing when one of them has no type here.
 * @throws {BpfError} `ERR_LAYOUT` when they cannot be told apart by that field.
 */
export function taggedFromBtf(
  btf: BtfReader,
  { tag, cases }: DeclaredCases,
  { unknown }: { unknown: UnknownTags },
): Type | undefined {
  const types: Record<string, Type> = {}
  for (const [value, id] of cases) {
    const type = typeFromBtf(btf, id, { tail: true })
    if (type === undefined) return undefined
    types[keyOf(type, tag, value)] = type
  }
  try {
    return tagged(tag, types as TaggedCases<string>, { unknown })
  } catch (error) {
    // They are the object's, which is wrong, and not what the caller gave.
    const problem = error instanceof Error ? error.message : String(error)
    throw new BpfError('ERR_LAYOUT', `they cannot be told apart: ${problem}`, {
      operation: 'find',
      target: `the types of the records with "${tag}"`,
      hint: 'See BPFRB_RECORD_TAGGED() in the object',
    })
  }
}

/** As {@link tagged} wants it: the name of an enum's value where it has one. */
function keyOf({ shape }: Type, tag: string, value: number): string {
  const fields = shape.kind === 'struct' ? shape.fields : []
  const field = fields.find(({ name }) => name === tag)?.type.shape
  const names = field?.kind === 'enum' ? field.names : []
  return names.find(([, each]) => each === BigInt(value))?.[0] ?? String(value)
}

interface DeclaredCase {
  readonly map: string
  readonly tag: string
  readonly value: number
  /** The id of the type. */
  readonly record: number
}

/**
 * What a global variable of BPFRB_RECORD_TAGGED() says, as libbpf's `__uint()` and
 * `__type()` say it of maps; nothing for any other.
 */
export function declaredCase(btf: BtfReader, variable: BtfVariable): DeclaredCase | undefined {
  const [, map] = /^(.+)__record_\w+$/.exec(variable.name) ?? []
  if (map === undefined) return undefined
  const type = btf.type(variable.type)
  if (type.kind !== 'struct' || type.members.length !== 2) return undefined
  const [field, record] = type.members.map(({ name, type: id }) => {
    const pointer = btf.type(id)
    return { name, to: pointer.kind === 'pointer' ? pointer.to : 0 }
  })
  if (field === undefined || record?.name !== '__record') return undefined
  const [value, one] = [btf.type(field.to), btf.type(record.to)]
  if (value.kind !== 'array' || one.kind !== 'array') return undefined
  return { map, tag: field.name, value: value.count, record: one.element }
}

/** The perf buffer of a stream goes by its ring's name. */
function declaredNames({ name }: BpfMap): Set<string> {
  return new Set([name, name.replace(/__perf$/, '')])
}

/** By `__attribute__((btf_decl_tag("record:event")))` on the map. */
function taggedRecord(btf: BtfReader, map: string): number | undefined {
  const tags = btf.findAll(map, 'variable').flatMap((id) => btf.tags(id))
  const given = new Set(
    tags
      .filter(({ name, part }) => part === undefined && name.startsWith(tagKey))
      .map(({ name }) => name.slice(tagKey.length).replace(/^(struct|union)\s+/, '')),
  )
  const [name, another] = given
  if (name === undefined) return undefined
  const details = { operation: 'find', target: `the type of the records in "${map}"` }
  if (another !== undefined) {
    const all = [...given].map((each) => JSON.stringify(`${tagKey}${each}`)).join(' and ')
    throw new BpfError('ERR_LAYOUT', `its declaration tags ${all} contradict each other`, details)
  }
  const id = structId(btf, name)
  if (id !== undefined) return id
  const known = [...btf.names('struct', 'union', 'typedef')].filter(
    (each) => structId(btf, each) !== undefined,
  )
  throw new BpfError(
    'ERR_NOT_FOUND',
    `its declaration tag ${JSON.stringify(tagKey + name)} names no struct of the object` +
      didYouMean(name, known),
    { ...details, hint: /^\w+$/.test(name) ? leftOutHint(name) : 'The tag is record:NAME' },
  )
}

/** As the tag names it: a typedef stays one, as the struct may have no other name. */
function structId(btf: BtfReader, name: string): number | undefined {
  const isStruct = (id: number): boolean => ['struct', 'union'].includes(btf.type(id).kind)
  return btf.find(name, 'struct', 'union') ?? btf.findAll(name, 'typedef').find(isStruct)
}

/** By BPFRB_RECORD_OF(). */
function pointedRecord(btf: BtfReader, map: string): number | undefined {
  const variable = btf.variables().find(({ name }) => name === `${map}__record`)
  const pointer = variable === undefined ? undefined : btf.type(variable.type)
  return pointer?.kind === 'pointer' && btf.sizeOf(pointer.to) > 0 ? pointer.to : undefined
}
