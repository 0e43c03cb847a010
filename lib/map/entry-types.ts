// What the keys and values of a map are: as given, as BTF says, or as its type implies.
import { BpfError, checkOptions, invalidType } from '../errors/errors.js'
import { typeFromBtf, unsupportedInBtf } from '../types/from-btf.js'
import { checkLayout } from '../types/layout.js'
import { array, bytes, checkType, i32, struct, type Type, u32, u64 } from '../types/struct.js'
import { isOpen, isRecordOnly, madeFrom } from '../types/type.js'
import { type EntryTypes, padded } from './codec.js'
import {
  hasEntries,
  hasFlag,
  holdsDescriptors,
  isIndexed,
  isKeyless,
  isPerCpu,
  isStorage,
} from './kinds.js'
import type { KernelMap } from './kernel-map.js'

/** The types of a map's keys and values. */
export interface KeyAndValue<K, V> {
  /** The type of the keys. */
  key: Type<K>
  /** The type of the values. */
  value: Type<V>
}

/** Of a per-CPU map: `value` is that of one CPU. */
export interface KeyAndCpuValues<K, V> extends KeyAndValue<K, V> {
  /** There is a value for each possible CPU. */
  perCpu: true
}

/** Of maps without keys: queues, stacks and bloom filters. */
export interface ValueOnly<V> {
  /** The type of the values. */
  value: Type<V>
}

/** Of maps whose values are descriptors of maps, programs, sockets or events. */
export interface KeyOnly<K> {
  /** The type of the keys. */
  key: Type<K>
}

/** What may be given for a map's keys and values. */
export interface MapTypes {
  /** The type of the keys. */
  key?: Type | undefined
  /** The type of the values. */
  value?: Type | undefined
  /** There is a value for each possible CPU. */
  perCpu?: boolean | undefined
}

/** `bytes`: as the kernel has them. */
export type Given = MapTypes | 'bytes'

/** @throws {TypeError} for what are no such types. */
export function checkTypes(types: unknown): MapTypes {
  checkOptions(types, ['key', 'value', 'perCpu'])
  const { key, value, perCpu } = types as MapTypes
  for (const [type, what] of [
    [key, 'key'],
    [value, 'value'],
  ] as const) {
    if (type === undefined) continue
    checkType(type, what)
    if (!isFixed(type)) throw invalidType('a type that copies, of fixed size', what, type.name)
  }
  if (perCpu !== undefined && typeof perCpu !== 'boolean') {
    throw invalidType('a boolean', 'perCpu', perCpu)
  }
  if (key === undefined && value === undefined) {
    throw invalidType('at least one of key and value', 'the types of a map', types)
  }
  return types as MapTypes
}

function isFixed(type: Type): boolean {
  return !isRecordOnly(type) && (!isOpen(type) || madeFrom(type).shape.kind === 'bytes')
}

/**
 * Refuses types that do not fit the map as it is declared.
 *
 * @throws {BpfError} `ERR_LAYOUT`, naming both sizes; `ERR_MAP_TYPE` when `perCpu` is
 *   missing or too much, or a key given where there is none.
 */
export function checkFit(
  map: KernelMap,
  given: MapTypes,
  keySize: number,
  valueSize: number,
): void {
  const { type } = map
  const refuse = (problem: string, hint: string): never => {
    throw new BpfError('ERR_MAP_TYPE', problem, { operation: 'read', target: map.target, hint })
  }
  if (!hasEntries(type)) {
    refuse(`a map of type ${type} has no entries`, 'Read a ring with RingBuffer or PerfBuffer')
  }
  const isKeyed = !isKeyless(type)
  if (!isKeyed && given.key !== undefined) {
    refuse(`a map of type ${type} has no keys`, 'Give the type of its values: { value: … }')
  }
  if (isKeyed && given.key === undefined) {
    refuse(`a map of type ${type} has keys`, 'Give their type, too: { key: …, value: … }')
  }
  const { perCpu = false } = given
  if (perCpu !== isPerCpu(type)) {
    refuse(
      perCpu
        ? `it is of type ${type}, whose values are not per CPU`
        : `it is of type ${type}: each of its values is a list, one for each possible CPU`,
      perCpu ? 'Leave out perCpu' : 'Say so: { key: …, value: …, perCpu: true }',
    )
  }
  checkOne(map, 'key', given.key, keySize)
  checkOne(map, 'value', given.value, valueSize)
}

function checkOne(
  map: KernelMap,
  part: 'key' | 'value',
  type: Type | undefined,
  size: number,
): void {
  if (type === undefined) return
  if (type.size !== size && type.size !== 0) {
    const bytesOf = (count: number): string => `${String(count)} byte${count === 1 ? '' : 's'}`
    const problem = `its ${part}s have ${bytesOf(size)} and ${type.name} has ${bytesOf(type.size)}`
    throw new BpfError('ERR_LAYOUT', problem, {
      operation: 'read',
      target: map.target,
      hint: `Declare the type as the BPF program does`,
    })
  }
  checkLayout(type, map.describedBy)
}

/**
 * The types of a map that is in the kernel.
 *
 * @throws {BpfError} `ERR_MAP_TYPE` when it has no entries, `ERR_NO_BTF` and
 *   `ERR_UNSUPPORTED` when types have to be given; as {@link checkFit}.
 */
export function resolveTypes(map: KernelMap, given: Given | undefined): EntryTypes {
  const { type } = map
  const facts = map.facts('read')
  const [, keySize = 0, valueSize = 0, , flags = 0] = facts
  const valueBytes = map.handle('read').valueBytes()
  const cpus = isPerCpu(type) ? valueBytes / padded(valueSize) : undefined
  const shape = { keySize, valueSize, cpus, trimmed: false, descriptors: holdsDescriptors(type) }
  if (!hasEntries(type)) {
    throw new BpfError('ERR_MAP_TYPE', `a map of type ${type} has no entries`, {
      operation: 'read',
      target: map.target,
    })
  }
  if (given === 'bytes') {
    const bytesOf = (size: number): Type => (size === 0 ? bytes() : bytes(size))
    const key = isKeyless(type) ? undefined : bytesOf(keySize)
    const isAll = { valueSize: valueBytes, cpus: undefined, descriptors: false }
    return { ...shape, ...isAll, key, value: bytesOf(valueBytes) }
  }
  if (given !== undefined) checkFit(map, given, keySize, valueSize)
  const find = (part: 'key' | 'value', implied: Type | undefined): Type =>
    given?.[part] ??
    fromBtf(map, part, part === 'key' ? keySize : valueSize) ??
    implied ??
    refuse(map, part)
  const key = isKeyless(type) ? undefined : find('key', impliedKey(type, keySize))
  const value = find('value', impliedValue(type, valueSize, hasFlag(flags, 'stack_build_id')))
  const isStack = type === 'stack_trace' && value.shape.kind === 'array'
  return { ...shape, key, value, trimmed: isStack }
}

/**
 * What the map's declaration says of its keys and values, whether it is in the kernel
 * or not; of what it does not say, nothing.
 */
export function declaredTypes(map: KernelMap, keySize: number, valueSize: number): MapTypes {
  const { type, mapFlags } = map
  if (!hasEntries(type)) return {}
  const key = isKeyless(type)
    ? undefined
    : (fromBtf(map, 'key', keySize) ?? impliedKey(type, keySize))
  const value =
    fromBtf(map, 'value', valueSize) ??
    impliedValue(type, valueSize, hasFlag(mapFlags, 'stack_build_id'))
  return { ...(key && { key }), ...(value && { value }) }
}

/** Of the size that the map has, which may have been set. */
function fromBtf(map: KernelMap, part: 'key' | 'value', size: number): Type | undefined {
  const { btf } = map
  const id = map.btfId(part)
  const type = btf === undefined || id === 0 ? undefined : typeFromBtf(btf, id)
  return type?.size === size ? type : undefined
}

function refuse(map: KernelMap, part: 'key' | 'value'): never {
  const { btf } = map
  const id = map.btfId(part)
  const unsupported = btf === undefined || id === 0 ? undefined : unsupportedInBtf(btf, id)
  const details = {
    operation: 'read',
    target: map.target,
    hint:
      'Give the types, as in object.map(name, { key: …, value: … }), ' +
      'or use map.bytes for the bytes as they are',
  }
  if (unsupported === undefined) {
    throw new BpfError('ERR_NO_BTF', `nothing says what its ${part}s are`, details)
  }
  const { path, problem } = unsupported
  const which = path === '' ? `its ${part}s are` : `${path.replace(/^\./, '')} of its ${part}s is`
  throw new BpfError('ERR_UNSUPPORTED', `${which} ${problem}`, details)
}

function impliedKey(type: string, size: number): Type | undefined {
  if (size !== 4) return undefined
  if (isStorage(type)) return i32
  return isIndexed(type) || type === 'stack_trace' ? u32 : undefined
}

/** `struct bpf_stack_build_id` */
const buildId = struct(
  'bpf_stack_build_id',
  { status: i32, build_id: bytes(20), offset: u64 },
  { unchecked: true },
)

function impliedValue(type: string, size: number, hasBuildIds: boolean): Type | undefined {
  if (type === 'stack_trace') {
    const frame = hasBuildIds ? buildId : u64
    const count = size / frame.size
    return Number.isInteger(count) && count > 0 ? array<unknown>(frame, count) : undefined
  }
  const isNumber = holdsDescriptors(type) || /^(devmap|devmap_hash|cpumap)$/.test(type)
  if (!isNumber) return undefined
  return size === 4
    ? u32
    : size === 8 && type !== 'cpumap' && !type.startsWith('devmap')
      ? u64
      : undefined
}
