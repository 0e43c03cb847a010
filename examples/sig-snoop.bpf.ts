// Made of sig-snoop.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/sig-snoop.bpf.o -o examples/sig-snoop.bpf.ts
import { BpfSkeleton, bool, cstring, enumeration, i32, struct, u32, u64 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  Enumeration,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `enum result`, 4 bytes. */
export type Result =
  'DELIVERED' | 'IGNORED' | 'ALREADY_PENDING' | 'OVERFLOWED' | 'LOST_INFO' | number

export const Result: Enumeration<Result> = enumeration(u32, {
  DELIVERED: 0,
  IGNORED: 1,
  ALREADY_PENDING: 2,
  OVERFLOWED: 3,
  LOST_INFO: 4,
})

/** `struct signal`, 72 bytes. */
export interface Signal {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u32 pid` */
  pid: number
  /** `__u32 uid` */
  uid: number
  /** `__u32 target_pid` */
  target_pid: number
  /** `__u32 target_tid` */
  target_tid: number
  /** `__u32 number` */
  number: number
  /** `__s32 code` */
  code: number
  /** `enum result result` */
  result: Result
  /** `_Bool to_process` */
  to_process: boolean
  /** `char comm[16]` */
  comm: string
  /** `char target_comm[16]` */
  target_comm: string
}

export const Signal: Struct<Signal> = struct('signal', {
  time_ns: u64,
  pid: u32,
  uid: u32,
  target_pid: u32,
  target_tid: u32,
  number: u32,
  code: i32,
  result: Result,
  to_process: bool,
  comm: cstring(16),
  target_comm: cstring(16),
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_RINGBUF */
  readonly signals: BpfMap<never, never>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly signals: BpfRing<Signal>
}

/** Its programs. */
export interface Programs {
  /** `SEC("tp_btf/signal_generate")` */
  readonly on_signal: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
  /** `const volatile __u32 only_uid`, until load() */
  only_uid: number
  /** `const volatile __u32 only_signal`, until load() */
  only_signal: number
}

/** The object: `open().load().attach()`. */
export class SigSnoop extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): SigSnoop {
  return new SigSnoop(parts, options)
}

const parts: SkeletonParts = {
  name: 'sig-snoop',
  command: 'npx bpf-ringbuf gen build/bpf/sig-snoop.bpf.o -o examples/sig-snoop.bpf.ts',
  file: 'build/bpf/sig-snoop.bpf.o',
  types: [Signal],
  maps: {
    signals: { type: 'ringbuf' },
  },
  rings: {
    signals: Signal,
  },
  programs: ['on_signal'],
  globals: {
    only_pid: u32,
    only_uid: u32,
    only_signal: u32,
  },
}
