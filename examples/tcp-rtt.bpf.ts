// Made of tcp-rtt.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/tcp-rtt.bpf.o -o examples/tcp-rtt.bpf.ts
import { BpfSkeleton, array, bool, bytes, struct, u16, u32, u64 } from 'bpf-ringbuf'
import type { BpfMap, BpfProgram, SkeletonOptions, SkeletonParts, Struct } from 'bpf-ringbuf'

/** `struct peer`, 16 bytes. */
export interface Peer {
  /** `__u8 address[16]` */
  address: Uint8Array
}

export const Peer: Struct<Peer> = struct('peer', {
  address: bytes(16),
})

/** `struct histogram`, 136 bytes. */
export interface Histogram {
  /** `__u64 total_ns` */
  total_ns: bigint
  /** `__u32 slots[32]` */
  slots: number[]
}

export const Histogram: Struct<Histogram> = struct('histogram', {
  total_ns: u64,
  slots: array(u32, 32),
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_HASH */
  readonly histograms: BpfMap<Peer, Histogram>
}

/** Its rings: records are read from them. There are none. */
export type Rings = object

/** Its programs. */
export interface Programs {
  /** `SEC("tp_btf/tcp_probe")` */
  readonly on_packet: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `__u64 missed` */
  missed: bigint
  /** `const volatile __u16 only_local_port`, until load() */
  only_local_port: number
  /** `const volatile __u16 only_remote_port`, until load() */
  only_remote_port: number
  /** `const volatile _Bool by_address`, until load() */
  by_address: boolean
  /** `const struct histogram empty_histogram`, until load() */
  empty_histogram: Histogram
}

/** The object: `open().load().attach()`. */
export class TcpRtt extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): TcpRtt {
  return new TcpRtt(parts, options)
}

const parts: SkeletonParts = {
  name: 'tcp-rtt',
  command: 'npx bpf-ringbuf gen build/bpf/tcp-rtt.bpf.o -o examples/tcp-rtt.bpf.ts',
  file: 'build/bpf/tcp-rtt.bpf.o',
  types: [],
  maps: {
    histograms: { type: 'hash', key: Peer, value: Histogram },
  },
  rings: {},
  programs: ['on_packet'],
  globals: {
    missed: u64,
    only_local_port: u16,
    only_remote_port: u16,
    by_address: bool,
    empty_histogram: Histogram,
  },
}
