// Made of bash-readline.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/bash-readline.bpf.o -o examples/bash-readline.bpf.ts
import { BpfSkeleton, bytes, cstring, struct, u32, u64 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `struct line`, 16 bytes. */
export interface Line {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u32 pid` */
  pid: number
  /** `__u32 uid` */
  uid: number
  /** `char text[]` */
  text: string
}

export const Line: Struct<Line> = struct('line', {
  time_ns: u64,
  pid: u32,
  uid: u32,
  text: cstring(),
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_RINGBUF */
  readonly lines: BpfMap<never, never>
  /** BPF_MAP_TYPE_PERCPU_ARRAY */
  readonly scratch: BpfMap<number, Uint8Array[], Uint8Array | readonly Uint8Array[]>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly lines: BpfRing<Line>
}

/** Its programs. */
export interface Programs {
  /** `SEC("uretprobe")` */
  readonly on_line: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
  /** `const volatile __u32 only_uid`, until load() */
  only_uid: number
}

/** The object: `open().load().attach()`. */
export class BashReadline extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): BashReadline {
  return new BashReadline(parts, options)
}

const parts: SkeletonParts = {
  name: 'bash-readline',
  command: 'npx bpf-ringbuf gen build/bpf/bash-readline.bpf.o -o examples/bash-readline.bpf.ts',
  file: 'build/bpf/bash-readline.bpf.o',
  types: [Line],
  maps: {
    lines: { type: 'ringbuf' },
    scratch: { type: 'percpu_array', key: u32, value: bytes(4112), perCpu: true },
  },
  rings: {
    lines: Line,
  },
  programs: ['on_line'],
  globals: {
    only_pid: u32,
    only_uid: u32,
  },
}
