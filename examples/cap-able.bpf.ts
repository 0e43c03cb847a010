// Made of cap-able.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/cap-able.bpf.o -o examples/cap-able.bpf.ts
import { BpfSkeleton, bool, cstring, struct, u32, u64 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `struct ask`, 40 bytes. */
export interface Ask {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u32 pid` */
  pid: number
  /** `__u32 uid` */
  uid: number
  /** `__u32 capability` */
  capability: number
  /** `_Bool is_granted` */
  is_granted: boolean
  /** `char comm[16]` */
  comm: string
}

export const Ask: Struct<Ask> = struct('ask', {
  time_ns: u64,
  pid: u32,
  uid: u32,
  capability: u32,
  is_granted: bool,
  comm: cstring(16),
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_RINGBUF */
  readonly asks: BpfMap<never, never>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly asks: BpfRing<Ask>
}

/** Its programs. */
export interface Programs {
  /** `SEC("tp_btf/cap_capable")` */
  readonly on_ask: BpfProgram
  /** `SEC("fexit/cap_capable")` */
  readonly on_answer: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
  /** `const volatile __u32 only_uid`, until load() */
  only_uid: number
  /** `const volatile _Bool only_denied`, until load() */
  only_denied: boolean
}

/** The object: `open().load().attach()`. */
export class CapAble extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): CapAble {
  return new CapAble(parts, options)
}

const parts: SkeletonParts = {
  name: 'cap-able',
  command: 'npx bpf-ringbuf gen build/bpf/cap-able.bpf.o -o examples/cap-able.bpf.ts',
  file: 'build/bpf/cap-able.bpf.o',
  types: [Ask],
  maps: {
    asks: { type: 'ringbuf' },
  },
  rings: {
    asks: Ask,
  },
  programs: ['on_ask', 'on_answer'],
  globals: {
    only_pid: u32,
    only_uid: u32,
    only_denied: bool,
  },
}
