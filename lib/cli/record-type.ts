// Which type the records of a ring or perf buffer have: what was asked for, what the object
// says, or the only struct that it can be.
import type { BtfReader as Btf } from '../btf/reader.js'
import {
  declaredCases,
  type DeclaredCases,
  declaredRecord,
  taggedFromBtf,
} from '../map/declared-record.js'
import { isFixed } from '../map/kinds.js'
import type { BpfMap } from '../map/map.js'
import type { BpfObject } from '../object/object.js'
import { typeFromBtf, unsupportedRecord } from '../types/from-btf.js'
import { bytes, cstring, type Type } from '../types/struct.js'
import { composite, kernelStructs, namedStructs } from './named-structs.js'
import { didYouMean } from './nearest.js'
import { ValueError } from './usage.js'

export interface RecordType {
  readonly type: Type
  /** As C calls it, or `bytes`. */
  readonly name: string
  /** Why records are shown as bytes. */
  readonly note?: string
}

/** Types that need no BTF. */
const plainTypes: Readonly<Record<string, Type>> = { bytes: bytes(), text: cstring() }

/**
 * The type of the records in a map.
 *
 * @param given What `--type` says.
 * @throws {ValueError} when there is no such type, and when several are possible, with
 *   their names.
 * @throws {BpfError} `ERR_NOT_FOUND` for a declaration tag that names none.
 */
export function recordTypeOf(object: BpfObject, map: BpfMap, given?: string): RecordType {
  const { btf } = object
  if (given !== undefined) return givenType(btf, given)
  if (btf === undefined) return asBytes('the object has no types: compile it with clang -g')
  const cases = declaredCases(btf, map)
  if (cases !== undefined) return taggedType(btf, cases)
  const declared = declaredRecord(btf, map)
  if (declared !== undefined) return typeOf(btf, declared)
  const { own: candidates, kernel } = recordCandidates(object)
  const [only, ...others] = candidates.values()
  if (only === undefined) {
    const names = kernel.slice(0, 5).join(', ')
    return asBytes(
      names === ''
        ? 'the object has no struct that they could be, or clang left it out'
        : `of the object's structs only such are left as the kernel has, too (${names})`,
    )
  }
  if (others.length === 0) return typeOf(btf, only)
  const names = [...candidates.keys()].join(', ')
  throw new ValueError(
    `the records of "${map.name}" may be any of ${names}: say which with ` +
      `--type ${map.name}=NAME, or --type ${map.name}=bytes`,
  )
}

function givenType(btf: Btf | undefined, given: string): RecordType {
  const name = given.replace(/^(struct|union)\s+/, '')
  const structs = btf === undefined ? new Map<string, number>() : namedStructs(btf)
  const id = structs.get(name)
  if (btf !== undefined && id !== undefined) return typeOf(btf, id)
  const plain = Object.hasOwn(plainTypes, name) ? plainTypes[name] : undefined
  if (plain !== undefined) return { type: plain, name }
  const known = [...Object.keys(plainTypes), ...structs.keys()]
  throw new ValueError(`there is no type ${JSON.stringify(given)}; ${didYouMean(name, known)}`)
}

function typeOf(btf: Btf, id: number): RecordType {
  const type = typeFromBtf(btf, id, { tail: true })
  if (type !== undefined) return { type, name: btf.describe(id) }
  return asBytes(unsupportedRecord(btf, id))
}

/** A record with another tag is shown as its bytes. */
function taggedType(btf: Btf, declared: DeclaredCases): RecordType {
  const { tag, cases } = declared
  const ids = [...cases.values()]
  const type = taggedFromBtf(btf, declared, { unknown: 'bytes' })
  if (type === undefined) {
    const unsupported = ids.map((id) => typeOf(btf, id)).find(({ note }) => note)
    return unsupported ?? asBytes('one of its types is unknown')
  }
  const names = ids.map((id) => btf.describe(id))
  return { type, name: `${names.join(' | ')} by ${tag}` }
}

function asBytes(note: string): RecordType {
  return { type: bytes(), name: 'bytes', note }
}

/** Structs that records could be. */
interface Candidates {
  /** By their names. */
  readonly own: ReadonlyMap<string, number>
  /** Those that the kernel has one of, too, which programs read. */
  readonly kernel: readonly string[]
}

/**
 * The structs of an object that are not used for something else: its maps' keys and values,
 * programs' contexts, global variables, parts of other structs, or the kernel's own.
 */
function recordCandidates(object: BpfObject): Candidates {
  const { btf } = object
  if (btf === undefined) return { own: new Map(), kernel: [] }
  const used = new Set<number | undefined>()
  const use = (id: number): void => void used.add(composite(btf, id))
  for (const map of object.maps.values()) {
    use(map.kernel.btfId('key'))
    // In the only value of an array programs put their records together.
    if (!isFixed(map.type) || map.maxEntries !== 1) use(map.kernel.btfId('value'))
  }
  for (const variable of btf.variables()) use(variable.type)
  for (const { name } of object.programs.values()) {
    const [context] = btf.function(name)?.parameters ?? []
    const type = context === undefined ? undefined : btf.type(context.type)
    if (type?.kind === 'pointer') use(type.to)
  }
  const structs = [...namedStructs(btf)].filter(([name]) => !/___|^bpfrb_counters$/.test(name))
  for (const [, id] of structs) {
    const type = btf.type(id)
    if (type.kind !== 'struct' && type.kind !== 'union') continue
    for (const { type: member } of type.members) use(member)
  }
  const free = structs.filter(([, id]) => btf.sizeOf(id) > 0 && !used.has(id))
  const kernel = free.length > 0 ? kernelStructs() : new Set<string>()
  return {
    own: new Map(free.filter(([name]) => !kernel.has(name))),
    kernel: free.map(([name]) => name).filter((name) => kernel.has(name)),
  }
}
