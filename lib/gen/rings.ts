// The rings of an object, and what their records are.
import type { BtfReader } from '../btf/reader.js'
import { declaredCases, type DeclaredCases, declaredRecord } from '../map/declared-record.js'
import type { BpfMap } from '../map/map.js'
import type { BpfObject } from '../object/object.js'

export interface Ring {
  readonly map: BpfMap
  /** The type that has its kind's methods. */
  readonly kind: 'BpfRing' | 'BpfPerfRing' | 'BpfStream'
  /** The id of the type of its records; nothing where that is not plain. */
  readonly record: number | undefined
  /** Where records have one of several types. */
  readonly cases: DeclaredCases | undefined
}

/**
 * Its rings, of streams the two halves as one; without flight recorders and without
 * rings that programs read.
 *
 * @param given Ids of types by the names of rings, where they were said.
 */
export function ringsOf(
  object: BpfObject,
  btf: BtfReader,
  given: ReadonlyMap<string, number>,
): Ring[] {
  const rings: Ring[] = []
  for (const map of object.maps.values()) {
    const kind = kindOf(map, object)
    if (kind === undefined) continue
    const said = given.get(map.name)
    const cases = said === undefined ? declaredCases(btf, map) : undefined
    const record = said ?? (cases === undefined ? declaredRecord(btf, map) : undefined)
    rings.push({ map, kind, record, cases })
  }
  return rings
}

function kindOf(map: BpfMap, object: BpfObject): Ring['kind'] | undefined {
  if (map.overwrites || map.recorder !== undefined) return undefined
  if (map.type === 'ringbuf') return map.controls.isStream ? 'BpfStream' : 'BpfRing'
  if (map.type !== 'perf_event_array') return undefined
  const ring = object.maps.get(map.name.replace(/__perf$/, ''))
  return ring !== undefined && ring !== map && ring.controls.isStream ? undefined : 'BpfPerfRing'
}
