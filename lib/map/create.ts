// Creates maps that no object declares.
import { addon } from '../addon/addon.js'
import type { NativeMapHandle } from '../addon/map-handle.js'
import { BpfError, checkInteger, checkOptions, invalidType } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import { whyNoMapsOf } from '../machine/map-types.js'
import type { Type } from '../types/struct.js'
import { checkTypes, type MapTypes } from './entry-types.js'
import {
  bitsOfFlags,
  holdsDescriptors,
  holdsSockets,
  isIndexed,
  isKeyless,
  isMapOfMaps,
  isPerCpu,
  type MapFlag,
  needsBtf,
} from './kinds.js'

/** What a map is created as. */
export interface CreateOptions {
  /** `enum bpf_map_type` of linux/bpf.h, as libbpf calls it: `hash`, `lru_percpu_hash`, `ringbuf`. */
  type: string
  /**
   * The number of entries; of a ring its size in bytes, which is rounded up to a power of
   * two and a multiple of the page size.
   */
  maxEntries?: number | undefined
  /** Up to 15 letters, digits, `_` and `.`, for who looks at the kernel's maps. */
  name?: string | undefined
  /** In bytes; with `key` it is that type's. */
  keySize?: number | undefined
  /** In bytes; with `value` it is that type's. */
  valueSize?: number | undefined
  /**
   * `BPF_F_NO_PREALLOC` is `no_prealloc`, which storage of sockets, tasks, inodes and cgroups
   * always has.
   */
  flags?: readonly MapFlag[] | undefined
  /** Of a map of maps: one such as its inner maps are. It may be closed afterwards. */
  innerMap?: { readonly fd: number } | undefined
  /** `map_extra`: of a bloom filter the number of its hash functions. */
  extra?: number | undefined
}

const EINVAL = -22
const E2BIG = -7
const ENOTSUPP = -524

export interface Created {
  handle: NativeMapHandle
  types: MapTypes | undefined
}

export function createMap(options: CreateOptions & MapTypes): Created {
  checkOptions(options, [
    'type',
    'maxEntries',
    'name',
    'keySize',
    'valueSize',
    'flags',
    'innerMap',
    'extra',
    'key',
    'value',
    'perCpu',
  ])
  const { type, name = '', key, value, perCpu } = options
  const number = typeof type === 'string' ? addon().mapTypeNames().indexOf(type) : -1
  if (number <= 0) throw invalidType('a type of maps that libbpf knows', 'type', type)
  if (typeof name !== 'string' || !/^[\w.]{0,15}$/.test(name)) {
    throw invalidType('up to 15 letters, digits, "_" and "."', 'name', name)
  }
  const hasTypes = key !== undefined || value !== undefined || perCpu !== undefined
  const types = hasTypes ? checkTypes({ key, value, perCpu }) : undefined
  const { maxEntries = 0, extra = 0, flags = [], innerMap } = options
  const target = name === '' ? `a map of type ${type}` : `map "${name}"`
  const keySize = sizeOf('key', options.keySize, key, impliedKeySize(type))
  const valueSize = sizeOf('value', options.valueSize, value, impliedValueSize(type))
  if (needsBtf(type) && valueSize === 0) {
    throw invalidType('valueSize or value', `the options of ${target}`, options)
  }
  const isMissing =
    types !== undefined && perCpu !== true && isPerCpu(type) ? 'Say so: perCpu: true' : undefined
  if (isMissing !== undefined) {
    const problem = 'each of its values is a list, one for each possible CPU'
    const details = { operation: 'create', target, hint: isMissing }
    throw new BpfError('ERR_MAP_TYPE', problem, details)
  }
  const innerFd: unknown = innerMap === undefined ? -1 : (innerMap as { fd?: unknown } | null)?.fd
  if (typeof innerFd !== 'number') throw invalidType('a map', 'innerMap', innerMap)
  if (isMapOfMaps(type) && innerMap === undefined) {
    throw invalidType('a map such as the inner ones are', 'innerMap', innerMap)
  }
  const handle = addon().createMap(
    number,
    name,
    keySize,
    valueSize,
    checkInteger(maxEntries, 'maxEntries', 0, 2 ** 32 - 1),
    bitsOfFlags(flags) | (needsBtf(type) ? bitsOfFlags(['no_prealloc']) : 0),
    checkInteger(extra, 'extra', 0, Number.MAX_SAFE_INTEGER),
    innerFd,
  )
  if (typeof handle !== 'number') return { handle, types }
  const lacksMaps = handle === EINVAL || handle === ENOTSUPP ? whyNoMapsOf(type) : undefined
  if (lacksMaps !== undefined) throw failure('create', target, handle, { lacksMaps })
  const explained = explain(type, handle, { keySize, valueSize, maxEntries, flags })
  if (explained === undefined) throw failure('create', target, handle)
  const [problem, hint] = explained
  throw new BpfError('ERR_KERNEL', problem, { operation: 'create', target, errno: handle, hint })
}

function sizeOf(
  part: 'key' | 'value',
  size: number | undefined,
  type: Type | undefined,
  implied: number,
): number {
  if (size !== undefined) checkInteger(size, `${part}Size`, 0, 2 ** 30)
  if (type === undefined) return size ?? implied
  if (size === undefined || size === type.size || type.size === 0) return size ?? type.size
  throw new BpfError(
    'ERR_LAYOUT',
    `its ${part}s have ${String(size)} bytes and ${type.name} has ${String(type.size)}`,
    { operation: 'create', target: 'a map' },
  )
}

/** Of indices, and of descriptors that are keys. */
function impliedKeySize(type: string): number {
  return isIndexed(type) || needsBtf(type) || type === 'stack_trace' ? 4 : 0
}

/** Of descriptors and interfaces; of sockets such that they can be read. */
function impliedValueSize(type: string): number {
  if (holdsSockets(type)) return 8
  return holdsDescriptors(type) || /^(devmap|devmap_hash|cpumap)$/.test(type) ? 4 : 0
}

/** Why the kernel refuses, where it says no more than that it does. */
function explain(
  type: string,
  errno: number,
  asked: { keySize: number; valueSize: number; maxEntries: number; flags: readonly MapFlag[] },
): [problem: string, hint: string] | undefined {
  if (errno !== EINVAL && errno !== E2BIG && errno !== ENOTSUPP) return undefined
  const { keySize, valueSize, maxEntries, flags } = asked
  const isRing = type === 'ringbuf' || type === 'user_ringbuf'
  const said = `keys of ${String(keySize)} bytes, values of ${String(valueSize)} bytes, maxEntries ${String(maxEntries)}`
  if (needsBtf(type)) {
    const needed = 'no maxEntries, keys of 4 bytes, which are descriptors, and values of a few KiB'
    return [`the kernel refuses ${said}`, `Give ${needed}`]
  }
  if (type === 'arena' && !flags.includes('mmapable')) {
    return ['an arena has to be mapped', "Give flags: ['mmapable'], and neither key nor value"]
  }
  if (isRing && (keySize !== 0 || valueSize !== 0)) {
    return ['a ring has neither keys nor values', 'Leave out key and value']
  }
  if (isKeyless(type) && keySize !== 0) return ['it has no keys', 'Leave out key and keySize']
  if (!isRing && keySize === 0 && valueSize === 0) {
    return [
      'nothing says how large its entries are',
      'Give key and value, or keySize and valueSize',
    ]
  }
  if (!isRing && !isKeyless(type) && keySize === 0) {
    return ['nothing says how large its keys are', 'Give key or keySize']
  }
  if (type === 'lpm_trie' && !flags.includes('no_prealloc')) {
    return ['it has to be without memory that is taken in advance', "Give flags: ['no_prealloc']"]
  }
  if (maxEntries === 0) return ['it has room for no entries', 'Give maxEntries']
  return [`the kernel refuses ${said}`, 'See what it asks of this type in Documentation/bpf/maps']
}
