// What maps of each type have in common.
import { checkFlags } from '../errors/errors.js'

/** `BPF_F_…` of linux/bpf.h, for maps. */
const flagBits = {
  no_prealloc: 1 << 0,
  no_common_lru: 1 << 1,
  numa_node: 1 << 2,
  rdonly: 1 << 3,
  wronly: 1 << 4,
  stack_build_id: 1 << 5,
  zero_seed: 1 << 6,
  rdonly_prog: 1 << 7,
  wronly_prog: 1 << 8,
  clone: 1 << 9,
  mmapable: 1 << 10,
  preserve_elems: 1 << 11,
  inner_map: 1 << 12,
  link: 1 << 13,
  path_fd: 1 << 14,
  vtype_btf_obj_fd: 1 << 15,
  token_fd: 1 << 16,
  segv_on_fault: 1 << 17,
  no_user_conv: 1 << 18,
  rb_overwrite: 1 << 19,
} as const

/** A flag that a map is created with: `BPF_F_NO_PREALLOC` is `no_prealloc`. */
export type MapFlag = keyof typeof flagBits

const flagNames = Object.keys(flagBits) as MapFlag[]

/** @throws {TypeError} for one that is not known. */
export function bitsOfFlags(flags: unknown): number {
  return checkFlags(flags, 'flags', flagBits)
}

/** Bits that have no name here are left out. */
export function flagsOfBits(bits: number): MapFlag[] {
  return flagNames.filter((name) => (bits & flagBits[name]) !== 0)
}

export function hasFlag(bits: number, flag: MapFlag): boolean {
  return (bits & flagBits[flag]) !== 0
}

const perCpuTypes = new Set([
  'percpu_hash',
  'percpu_array',
  'lru_percpu_hash',
  'percpu_cgroup_storage',
])

/** Types whose values are one for each possible CPU. */
export function isPerCpu(type: string): boolean {
  return perCpuTypes.has(type)
}

/** Types whose values have no keys. */
export function isKeyless(type: string): boolean {
  return type === 'queue' || type === 'stack' || type === 'bloom_filter'
}

const withoutEntries = new Set(['ringbuf', 'user_ringbuf', 'arena', 'struct_ops'])

/** Types that user space neither reads nor writes by bpf(2). */
export function hasEntries(type: string): boolean {
  return !withoutEntries.has(type)
}

/** Types whose values are there from the beginning and cannot be deleted. */
export function isFixed(type: string): boolean {
  return type === 'array' || type === 'percpu_array'
}

/** Types of which the kernel deletes what is not there, and does not say so. */
export function deletesAnything(type: string): boolean {
  return type === 'devmap' || type === 'cpumap'
}

/** Types whose keys are the numbers of their slots. */
export function isIndexed(type: string): boolean {
  return /array$|^array_of_maps$|^(dev|cpu|sock|xsk)map$/.test(type)
}

/** Types of sockets, which are read, as cookies, only where values have 8 bytes. */
export function holdsSockets(type: string): boolean {
  return type === 'sockmap' || type === 'sockhash' || type === 'reuseport_sockarray'
}

const descriptorTypes = new Set([
  'prog_array',
  'perf_event_array',
  'cgroup_array',
  'array_of_maps',
  'hash_of_maps',
  'sockmap',
  'sockhash',
  'xskmap',
  'reuseport_sockarray',
])

/** Types whose values are set as descriptors; what is read is something else, such as an id. */
export function holdsDescriptors(type: string): boolean {
  return descriptorTypes.has(type)
}

const taken: Readonly<Record<string, string>> = {
  prog_array: 'Its values are programs, all of one type and alike in their flags',
  perf_event_array: 'Its values are descriptors of perf events',
  cgroup_array: 'Its values are descriptors of cgroups',
  array_of_maps: 'Its values are maps of one shape, as its inner map is declared',
  hash_of_maps: 'Its values are maps of one shape, as its inner map is declared',
  sockmap: 'Its values are descriptors of sockets, of TCP once they are connected',
  sockhash: 'Its values are descriptors of sockets, of TCP once they are connected',
  reuseport_sockarray: 'Its values are descriptors of sockets that share a port, SO_REUSEPORT',
  xskmap: 'Its values are descriptors of AF_XDP sockets',
  devmap: 'Its values are indices of network interfaces that there are',
  devmap_hash: 'Its values are indices of network interfaces that there are',
  cpumap: 'Its keys are CPUs, and its values lengths of queues, at most 16384',
  sk_storage: 'Its keys are descriptors of sockets',
  task_storage: 'Its keys are descriptors of processes: TaskDescriptor.open(pid).fd',
  inode_storage: 'Its keys are descriptors of files',
  cgrp_storage: 'Its keys are descriptors of cgroups',
}

/** What entries of a type refer to, which the kernel looks for. */
export function whatItTakes(type: string, keyBytes: number): string | undefined {
  // BPF_LPM_TRIE keys: struct bpf_lpm_trie_key, a number of 32 bits and then the data.
  if (type === 'lpm_trie')
    return `The prefixlen of its keys is at most ${String(8 * (keyBytes - 4))}`
  return taken[type]
}

export function isMapOfMaps(type: string): boolean {
  return type === 'array_of_maps' || type === 'hash_of_maps'
}

const typesWithBtf = ['cgrp_storage', 'sk_storage', 'inode_storage', 'task_storage']

/** Types that the kernel creates only with BTF of their entries. */
export function needsBtf(type: string): boolean {
  return typesWithBtf.includes(type)
}

const storageTypes = new Set(['cgroup_storage', 'percpu_cgroup_storage', ...typesWithBtf])

/** Types whose values belong to something in the kernel, which a key is the descriptor of. */
export function isStorage(type: string): boolean {
  return storageTypes.has(type)
}
