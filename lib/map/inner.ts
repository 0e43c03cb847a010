// The maps in a map of maps, as it declares them.
import { addon } from '../addon/addon.js'
import type { Btf } from '../types/btf.js'
import { BpfError, checkInteger, checkOptions } from '../errors/errors.js'
import { typeFromBtf } from '../types/from-btf.js'
import type { Type } from '../types/struct.js'
import { createMap, type Created, type CreateOptions } from './create.js'
import type { MapTypes } from './entry-types.js'
import { flagsOfBits, isMapOfMaps, isPerCpu } from './kinds.js'
import type { KernelMap } from './kernel-map.js'

/** What libbpf forgets at load. */
export interface InnerTemplate {
  type: string
  keySize: number
  valueSize: number
  maxEntries: number
  flags: number
  extra: number
  types: MapTypes | undefined
}

export function innerTemplate({ type, declared, owner }: KernelMap): InnerTemplate | undefined {
  if (declared === undefined || !isMapOfMaps(type)) return undefined
  const [number, ...rest] = declared.inner()
  if (number === undefined) return undefined
  const [keySize = 0, valueSize = 0, maxEntries = 0, flags = 0, extra = 0, keyId, valueId] = rest
  const inner = addon().mapTypeNames()[number] ?? ''
  const key = typeOf(owner?.btf, keyId, keySize)
  const value = typeOf(owner?.btf, valueId, valueSize)
  const types =
    key === undefined || value === undefined
      ? undefined
      : { key, value, ...(isPerCpu(inner) ? { perCpu: true } : {}) }
  return { type: inner, keySize, valueSize, maxEntries, flags, extra, types }
}

function typeOf(btf: Btf | undefined, id: number | undefined, size: number): Type | undefined {
  if (btf === undefined || id === undefined || id === 0) return undefined
  const type = typeFromBtf(btf, id)
  return type?.size === size ? type : undefined
}

export function createInnerMap(
  outer: KernelMap,
  template: InnerTemplate | undefined,
  options: Pick<CreateOptions, 'maxEntries' | 'name'>,
): Created {
  checkOptions(options, ['maxEntries', 'name'])
  if (template === undefined) {
    throw new BpfError('ERR_NOT_FOUND', 'it declares no inner map', {
      operation: 'create a map for',
      target: outer.target,
      hint: 'Declare one: __array(values, struct { … }), or use BpfMap.create()',
    })
  }
  const { type, keySize, valueSize, flags, extra, types } = template
  const { maxEntries = template.maxEntries, name } = options
  checkInteger(maxEntries, 'maxEntries', 1, 2 ** 32 - 1)
  const given = { type, keySize, valueSize, maxEntries, flags: flagsOfBits(flags), extra }
  return createMap({ ...given, name, ...types })
}
