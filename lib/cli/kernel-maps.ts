// The maps of the kernel, by what a command line calls them.
import { addon } from '../addon/addon.js'
import { BpfError } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import { BpfMap } from '../map/map.js'
import { ValueError } from './usage.js'
import { didYouMean } from './nearest.js'

/** As long as the kernel keeps a name. */
const nameBytes = 15
const ENOENT = -2

/**
 * All maps of the kernel in the order of their ids, each until the next one. What goes
 * away meanwhile is left out.
 *
 * @throws {BpfError} `ERR_PERMISSION` without CAP_SYS_ADMIN.
 */
export function* kernelMaps(): Generator<BpfMap> {
  for (let id = 0; ;) {
    id = addon().nextMapId(id)
    if (id === ENOENT) return
    if (id < 0) throw failure('list', 'maps', id, { privilege: 'CAP_SYS_ADMIN' })
    let map: BpfMap
    try {
      map = BpfMap.fromId(id)
    } catch (error) {
      if (error instanceof BpfError && error.code === 'ERR_NOT_FOUND') continue
      throw error
    }
    try {
      yield map
    } finally {
      map.close()
    }
  }
}

/**
 * The map of an id, a path where it is pinned, or a name.
 *
 * @throws {ValueError} when no map has the name, or several have it.
 */
export function findMap(reference: string): BpfMap {
  if (/^\d{1,10}$/.test(reference) && Number(reference) < 2 ** 32) {
    return BpfMap.fromId(Number(reference))
  }
  if (reference.includes('/')) return BpfMap.fromPin(reference)
  const name = reference.slice(0, nameBytes)
  const ids: number[] = []
  const names = new Set<string>()
  for (const map of kernelMaps()) {
    names.add(map.name)
    if (map.name === name) ids.push(map.info().id)
  }
  const [id, ...others] = ids
  if (id === undefined) {
    names.delete('')
    throw new ValueError(`no map is called "${reference}"; ${didYouMean(reference, names)}`)
  }
  if (others.length === 0) return BpfMap.fromId(id)
  throw new ValueError(`several maps are called "${reference}": give the id, ${ids.join(' or ')}`)
}
