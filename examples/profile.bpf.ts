// Made of profile.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/profile.bpf.o -o examples/profile.bpf.ts
import { BpfSkeleton, array, bytes, cstring, struct, u32, u64 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `struct sample`, 48 bytes. */
export interface Sample {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u32 pid` */
  pid: number
  /** `__u32 tid` */
  tid: number
  /** `__u32 cpu` */
  cpu: number
  /** `__u32 kernel_count` */
  kernel_count: number
  /** `__u32 user_count` */
  user_count: number
  /** `char comm[16]` */
  comm: string
  /** `__u32 reserved` */
  reserved: number
  /** `__u64 addresses[]` */
  addresses: bigint[]
}

export const Sample: Struct<Sample> = struct('sample', {
  time_ns: u64,
  pid: u32,
  tid: u32,
  cpu: u32,
  kernel_count: u32,
  user_count: u32,
  comm: cstring(16),
  reserved: u32,
  addresses: array(u64),
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_PERCPU_ARRAY */
  readonly scratch: BpfMap<number, Uint8Array[], Uint8Array | readonly Uint8Array[]>
  /** BPF_MAP_TYPE_RINGBUF */
  readonly samples: BpfMap<never, never>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly samples: BpfRing<Sample>
}

/** Its programs. */
export interface Programs {
  /** `SEC("perf_event")` */
  readonly on_sample: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
  /** `const volatile __u32 only_tid`, until load() */
  only_tid: number
}

/** The object: `open().load().attach()`. */
export class Profile extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): Profile {
  return new Profile(parts, options)
}

const parts: SkeletonParts = {
  name: 'profile',
  command: 'npx bpf-ringbuf gen build/bpf/profile.bpf.o -o examples/profile.bpf.ts',
  file: 'build/bpf/profile.bpf.o',
  types: [Sample],
  maps: {
    scratch: { type: 'percpu_array', key: u32, value: bytes(2080), perCpu: true },
    samples: { type: 'ringbuf' },
  },
  rings: {
    samples: Sample,
  },
  programs: ['on_sample'],
  globals: {
    only_pid: u32,
    only_tid: u32,
  },
}
