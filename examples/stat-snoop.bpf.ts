// Made of stat-snoop.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/stat-snoop.bpf.o -o examples/stat-snoop.bpf.ts
import { BpfSkeleton, bool, bytes, cstring, i32, struct, u32, u64 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `struct stat`, 40 bytes. */
export interface Stat {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u32 pid` */
  pid: number
  /** `__u32 uid` */
  uid: number
  /** `__u32 call` */
  call: number
  /** `__s32 result` */
  result: number
  /** `char comm[16]` */
  comm: string
  /** `char path[]` */
  path: string
}

export const Stat: Struct<Stat> = struct('stat', {
  time_ns: u64,
  pid: u32,
  uid: u32,
  call: u32,
  result: i32,
  comm: cstring(16),
  path: cstring(),
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_RINGBUF */
  readonly stats: BpfMap<never, never>
  /** BPF_MAP_TYPE_PERCPU_ARRAY */
  readonly scratch: BpfMap<number, Uint8Array[], Uint8Array | readonly Uint8Array[]>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly stats: BpfRing<Stat>
}

/** Its programs. */
export interface Programs {
  /** `SEC("tp_btf/sys_exit")` */
  readonly on_exit: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
  /** `const volatile __u32 only_uid`, until load() */
  only_uid: number
  /** `const volatile _Bool only_failed`, until load() */
  only_failed: boolean
}

/** The object: `open().load().attach()`. */
export class StatSnoop extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): StatSnoop {
  return new StatSnoop(parts, options)
}

const parts: SkeletonParts = {
  name: 'stat-snoop',
  command: 'npx bpf-ringbuf gen build/bpf/stat-snoop.bpf.o -o examples/stat-snoop.bpf.ts',
  file: 'build/bpf/stat-snoop.bpf.o',
  types: [Stat],
  maps: {
    stats: { type: 'ringbuf' },
    scratch: { type: 'percpu_array', key: u32, value: bytes(4136), perCpu: true },
  },
  rings: {
    stats: Stat,
  },
  programs: ['on_exit'],
  globals: {
    only_pid: u32,
    only_uid: u32,
    only_failed: bool,
  },
}
