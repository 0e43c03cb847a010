// Made of dns-latency.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/dns-latency.bpf.o -o examples/dns-latency.bpf.ts
import { BpfSkeleton, cstring, i32, struct, u32, u64 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `struct lookup`, 296 bytes. */
export interface Lookup {
  /** `__u64 end_ns` */
  end_ns: bigint
  /** `__u64 duration_ns` */
  duration_ns: bigint
  /** `__u32 pid` */
  pid: number
  /** `__s32 result` */
  result: number
  /** `char comm[16]` */
  comm: string
  /** `char host[256]` */
  host: string
}

export const Lookup: Struct<Lookup> = struct('lookup', {
  end_ns: u64,
  duration_ns: u64,
  pid: u32,
  result: i32,
  comm: cstring(16),
  host: cstring(256),
})

/** `struct start`, 264 bytes. */
export interface Start {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `char host[256]` */
  host: string
}

export const Start: Struct<Start> = struct('start', {
  time_ns: u64,
  host: cstring(256),
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_RINGBUF */
  readonly lookups: BpfMap<never, never>
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly starts: BpfMap<number, Start>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly lookups: BpfRing<Lookup>
}

/** Its programs. */
export interface Programs {
  /** `SEC("uprobe")` */
  readonly on_call: BpfProgram
  /** `SEC("uretprobe")` */
  readonly on_return: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u64 shortest_ns`, until load() */
  shortest_ns: bigint
}

/** The object: `open().load().attach()`. */
export class DnsLatency extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): DnsLatency {
  return new DnsLatency(parts, options)
}

const parts: SkeletonParts = {
  name: 'dns-latency',
  command: 'npx bpf-ringbuf gen build/bpf/dns-latency.bpf.o -o examples/dns-latency.bpf.ts',
  file: 'build/bpf/dns-latency.bpf.o',
  types: [Lookup],
  maps: {
    lookups: { type: 'ringbuf' },
    starts: { type: 'lru_hash', key: u32, value: Start },
  },
  rings: {
    lookups: Lookup,
  },
  programs: ['on_call', 'on_return'],
  globals: {
    shortest_ns: u64,
  },
}
