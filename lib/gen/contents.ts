// What a module of an object is about: its maps, rings, global variables, and their types.
import { leftOutHint } from '../btf/left-out.js'
import type { BtfReader } from '../btf/reader.js'
import type { BtfVariable } from '../btf/types.js'
import { BpfError } from '../errors/errors.js'
import { didYouMean } from '../errors/near.js'
import { declaredCase, type DeclaredCases, taggedFromBtf } from '../map/declared-record.js'
import { declaredTypes } from '../map/entry-types.js'
import { holdsDescriptors, isKeyless } from '../map/kinds.js'
import type { BpfMap } from '../map/map.js'
import type { BpfObject } from '../object/object.js'
import { typeFromBtf, unsupportedInBtf, unsupportedRecord } from '../types/from-btf.js'
import { bytes, type Type } from '../types/struct.js'
import { Records } from './records.js'
import { type Ring, ringsOf } from './rings.js'

export interface ContentsOptions {
  /** Names of types in C that the module has besides those that are used. */
  types: readonly string[]
  /** The types of records, by the names of rings. */
  rings: ReadonlyMap<string, string>
  /** Told what the object declares and the module does not have. */
  onLeftOut?: (text: string) => void
}

/** Kinds of types that have names of their own. */
const typeKinds = ['struct', 'union', 'enum', 'typedef'] as const

export interface MapEntry {
  readonly map: BpfMap
  readonly key: Type | undefined
  readonly value: Type | undefined
}

export interface GlobalEntry {
  readonly variable: BtfVariable
  readonly type: Type
}

/** A ring, and the type of its records where that is plain. */
export interface RingEntry {
  readonly ring: Ring
  readonly type: Type | undefined
}

export class Contents {
  readonly records: Records
  readonly maps: readonly MapEntry[]
  readonly rings: readonly RingEntry[]
  readonly globals: readonly GlobalEntry[]
  /** Structs that only records have: the object's are compared with them by name. */
  readonly compared: Type[] = []
  readonly #object: BpfObject
  readonly #btf: BtfReader

  constructor(object: BpfObject, btf: BtfReader, options: ContentsOptions) {
    const { types, rings: wanted, onLeftOut } = options
    this.#object = object
    this.#btf = btf
    this.records = new Records(btf)
    const rings = this.#findRings(wanted)
    for (const name of types) this.#addRecord(this.#idOf(name), name, true)
    for (const id of this.#keptIds()) this.#addRecord(id, 'record', false)
    const [only, ...others] = rings
    const record = this.compared.length === 1 ? this.compared[0] : undefined
    const isDeclared = only?.ring.record !== undefined || only?.ring.cases !== undefined
    // There is nothing else that it could be.
    const isPlain = only !== undefined && !isDeclared && others.length === 0
    for (const { ring, type } of rings) {
      if (ring.record === undefined || type !== undefined) continue
      const why = unsupportedRecord(btf, ring.record)
      onLeftOut?.(`the records of "${ring.map.name}" are bytes in the module, as ${why}`)
    }
    this.rings = isPlain ? rings.map((ring) => ({ ...ring, type: record })) : rings
    this.maps = this.#findMaps()
    this.globals = this.#findGlobals()
  }

  /** By name, as C writes it: with `struct` or without, or a typedef. */
  #idOf(given: string): number {
    const name = given.replace(/^(struct|union|enum)\s+/, '')
    const id = this.#btf.find(name, ...typeKinds)
    if (id !== undefined) return id
    const names = this.#btf.names(...typeKinds)
    throw new BpfError(
      'ERR_NOT_FOUND',
      `the object's BTF has no such type${didYouMean(name, names)}`,
      {
        operation: 'find',
        target: `type "${name}"`,
        hint: leftOutHint(name),
      },
    )
  }

  #findRings(wanted: ReadonlyMap<string, string>): RingEntry[] {
    const given = new Map<string, number>()
    for (const [name, type] of wanted) given.set(name, this.#idOf(type))
    const rings = ringsOf(this.#object, this.#btf, given)
    for (const name of given.keys()) {
      if (rings.some(({ map }) => map.name === name)) continue
      const names = rings.map(({ map }) => map.name)
      const has = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`
      throw new BpfError(
        'ERR_NOT_FOUND',
        `the object has no such ring; ${has}${didYouMean(name, names)}`,
        {
          operation: 'find',
          target: `ring "${name}"`,
        },
      )
    }
    return rings.map((ring) => ({
      ring,
      type:
        ring.record === undefined
          ? ring.cases && this.#addCases(ring.cases, ring.map.name)
          : this.#addRecord(ring.record, ring.map.name, given.has(ring.map.name)),
    }))
  }

  #addCases(declared: DeclaredCases, name: string): Type | undefined {
    for (const id of declared.cases.values()) this.#addRecord(id, name, true)
    return taggedFromBtf(this.#btf, declared, { unknown: 'error' })
  }

  /** What global pointers keep in BTF: `struct event *unused`. */
  #keptIds(): number[] {
    return this.#btf.variables().flatMap(({ type }) => {
      const pointer = this.#btf.type(type)
      if (pointer.kind !== 'pointer' || pointer.to === 0) return []
      const target = this.#btf.type(pointer.to)
      return target.kind === 'struct' || target.kind === 'union' ? [pointer.to] : []
    })
  }

  /**
   * A type that records have: a flexible array in it is the rest of the record.
   *
   * @param isAsked Somebody asked for it: not to have it is an error.
   */
  #addRecord(id: number, name: string, isAsked: boolean): Type | undefined {
    const type = this.records.add(id, name, { tail: true })
    if (type === undefined) {
      if (!isAsked) return undefined
      const { path, problem } = unsupportedInBtf(this.#btf, id) ?? { path: '', problem: 'unknown' }
      throw new BpfError('ERR_UNSUPPORTED', `${path === '' ? 'it' : path.slice(1)} is ${problem}`, {
        operation: 'generate',
        target: `type "${name}"`,
      })
    }
    const isNamed = type.shape.kind === 'struct' && type.name !== ''
    if (isNamed && !this.compared.includes(type)) this.compared.push(type)
    return type
  }

  #findMaps(): MapEntry[] {
    const { maps } = this.#object
    return [...maps.values()]
      .filter((map) => !isOfRing(map.name, maps))
      .map((map) => {
        const { kernel, keySize, valueSize } = map
        const types = declaredTypes(kernel, keySize, valueSize)
        const add = (part: 'key' | 'value'): void => {
          const [type, id] = [types[part], kernel.btfId(part)]
          if (type !== undefined && id !== 0 && type === typeFromBtf(this.#btf, id)) {
            this.records.addType(type, id, `${map.name}_${part}`)
          }
        }
        add('key')
        add('value')
        if (!hasDeclaredEntries(map)) return { map, key: undefined, value: undefined }
        const asBytes = (size: number): Type => (size === 0 ? bytes() : bytes(size))
        const known = (type: Type | undefined): Type | undefined =>
          type !== undefined && this.records.has(type) ? type : undefined
        const key = isKeyless(map.type) ? undefined : (known(types.key) ?? asBytes(keySize))
        const value = holdsDescriptors(map.type)
          ? undefined
          : (known(types.value) ?? asBytes(valueSize))
        return { map, key, value }
      })
  }

  #findGlobals(): GlobalEntry[] {
    const globals = new Map<string, GlobalEntry>()
    for (const variable of this.#btf.variables()) {
      globals.delete(variable.name)
      if (isOfRing(variable.name, this.#object.maps)) continue
      if (isPointer(this.#btf, variable.type)) continue
      if (declaredCase(this.#btf, variable) !== undefined) continue
      const type = this.records.add(variable.type, variable.name)
      if (type?.size === variable.size) globals.set(variable.name, { variable, type })
    }
    return [...globals.values()]
  }
}

/** What the macros of bpf-ringbuf.bpf.h declare beside a ring, and its map has as properties. */
function isOfRing(name: string, maps: ReadonlyMap<string, BpfMap>): boolean {
  const ring = name.replace(/__(counters|perf|scratch|use_perf|wakeup_bytes|record)$/, '')
  return ring !== name && maps.has(ring) && maps.has(`${ring}__counters`)
}

/** Of others nothing is read or written by its keys. */
export function hasDeclaredEntries(map: BpfMap): boolean {
  return !/^(ringbuf|user_ringbuf|arena|struct_ops|perf_event_array)$/.test(map.type)
}

function isPointer(btf: BtfReader, id: number): boolean {
  let type = btf.type(id)
  for (let depth = 0; depth < 64 && type.kind === 'array'; depth++) type = btf.type(type.element)
  return type.kind === 'pointer'
}
