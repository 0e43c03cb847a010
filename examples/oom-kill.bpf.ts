// Made of oom-kill.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/oom-kill.bpf.o -o examples/oom-kill.bpf.ts
import { BpfSkeleton, bool, cstring, struct, u32, u64 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `struct kill`, 200 bytes. */
export interface Kill {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u64 total_pages` */
  total_pages: bigint
  /** `__u64 resident_pages` */
  resident_pages: bigint
  /** `__u32 pid` */
  pid: number
  /** `__u32 uid` */
  uid: number
  /** `__u32 trigger_pid` */
  trigger_pid: number
  /** `_Bool is_known` */
  is_known: boolean
  /** `char comm[16]` */
  comm: string
  /** `char trigger_comm[16]` */
  trigger_comm: string
  /** `char cgroup[128]` */
  cgroup: string
}

export const Kill: Struct<Kill> = struct('kill', {
  time_ns: u64,
  total_pages: u64,
  resident_pages: u64,
  pid: u32,
  uid: u32,
  trigger_pid: u32,
  is_known: bool,
  comm: cstring(16),
  trigger_comm: cstring(16),
  cgroup: cstring(128),
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_RINGBUF */
  readonly kills: BpfMap<never, never>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly kills: BpfRing<Kill>
}

/** Its programs. */
export interface Programs {
  /** `SEC("raw_tp/mark_victim")` */
  readonly on_victim: BpfProgram
}

/** Its global variables. There are none. */
export type Globals = object

/** The object: `open().load().attach()`. */
export class OomKill extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): OomKill {
  return new OomKill(parts, options)
}

const parts: SkeletonParts = {
  name: 'oom-kill',
  command: 'npx bpf-ringbuf gen build/bpf/oom-kill.bpf.o -o examples/oom-kill.bpf.ts',
  file: 'build/bpf/oom-kill.bpf.o',
  types: [Kill],
  maps: {
    kills: { type: 'ringbuf' },
  },
  rings: {
    kills: Kill,
  },
  programs: ['on_victim'],
  globals: {},
}
