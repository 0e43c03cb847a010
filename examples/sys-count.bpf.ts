// Made of sys-count.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/sys-count.bpf.o -o examples/sys-count.bpf.ts
import { BpfSkeleton, cstring, struct, u32, u64 } from 'bpf-ringbuf'
import type { BpfMap, BpfProgram, SkeletonOptions, SkeletonParts, Struct } from 'bpf-ringbuf'

/** `struct start`, 16 bytes. */
export interface Start {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u32 number` */
  number: number
}

export const Start: Struct<Start> = struct('start', {
  time_ns: u64,
  number: u32,
})

/** `struct caller`, 24 bytes. */
export interface Caller {
  /** `__u32 pid` */
  pid: number
  /** `__u32 number` */
  number: number
  /** `char comm[16]` */
  comm: string
}

export const Caller: Struct<Caller> = struct('caller', {
  pid: u32,
  number: u32,
  comm: cstring(16),
})

/** `struct calls`, 32 bytes. */
export interface Calls {
  /** `__u64 count` */
  count: bigint
  /** `__u64 errors` */
  errors: bigint
  /** `__u64 total_ns` */
  total_ns: bigint
  /** `__u64 max_ns` */
  max_ns: bigint
}

export const Calls: Struct<Calls> = struct('calls', {
  count: u64,
  errors: u64,
  total_ns: u64,
  max_ns: u64,
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly starts: BpfMap<number, Start>
  /** BPF_MAP_TYPE_HASH */
  readonly counts: BpfMap<Caller, Calls>
}

/** Its rings: records are read from them. There are none. */
export type Rings = object

/** Its programs. */
export interface Programs {
  /** `SEC("tp_btf/sys_enter")` */
  readonly on_enter: BpfProgram
  /** `SEC("tp_btf/sys_exit")` */
  readonly on_exit: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `__u64 uncounted` */
  uncounted: bigint
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
  /** `const volatile __u32 only_uid`, until load() */
  only_uid: number
  /** `const volatile __u32 ignored_pid`, until load() */
  ignored_pid: number
}

/** The object: `open().load().attach()`. */
export class SysCount extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): SysCount {
  return new SysCount(parts, options)
}

const parts: SkeletonParts = {
  name: 'sys-count',
  command: 'npx bpf-ringbuf gen build/bpf/sys-count.bpf.o -o examples/sys-count.bpf.ts',
  file: 'build/bpf/sys-count.bpf.o',
  types: [],
  maps: {
    starts: { type: 'lru_hash', key: u32, value: Start },
    counts: { type: 'hash', key: Caller, value: Calls },
  },
  rings: {},
  programs: ['on_enter', 'on_exit'],
  globals: {
    uncounted: u64,
    only_pid: u32,
    only_uid: u32,
    ignored_pid: u32,
  },
}
