// Made of sni-snoop.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/sni-snoop.bpf.o -o examples/sni-snoop.bpf.ts
import { BpfSkeleton, bytes, struct, u16, u32, u64 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `struct flow`, 36 bytes. */
export interface Flow {
  /** `__u8 client[16]` */
  client: Uint8Array
  /** `__u8 server[16]` */
  server: Uint8Array
  /** `__u16 client_port` */
  client_port: number
  /** `__u16 server_port` */
  server_port: number
}

export const Flow: Struct<Flow> = struct('flow', {
  client: bytes(16),
  server: bytes(16),
  client_port: u16,
  server_port: u16,
})

/** `struct piece`, 64 bytes. */
export interface Piece {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `struct flow flow` */
  flow: Flow
  /** `__u32 interface` */
  interface: number
  /** `__u32 sequence` */
  sequence: number
  /** `__u32 total` */
  total: number
  /** `__u32 size` */
  size: number
  /** `__u32 reserved` */
  reserved: number
  /** `__u8 data[]` */
  data: Uint8Array
}

export const Piece: Struct<Piece> = struct('piece', {
  time_ns: u64,
  flow: Flow,
  interface: u32,
  sequence: u32,
  total: u32,
  size: u32,
  reserved: u32,
  data: bytes(),
})

/** `struct rest`, 8 bytes. */
export interface Rest {
  /** `__u32 sequence` */
  sequence: number
  /** `__u32 bytes` */
  bytes: number
}

export const Rest: Struct<Rest> = struct('rest', {
  sequence: u32,
  bytes: u32,
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly rests: BpfMap<Flow, Rest>
  /** BPF_MAP_TYPE_RINGBUF */
  readonly pieces: BpfMap<never, never>
  /** BPF_MAP_TYPE_PERCPU_ARRAY */
  readonly scratch: BpfMap<number, Uint8Array[], Uint8Array | readonly Uint8Array[]>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly pieces: BpfRing<Piece>
}

/** Its programs. */
export interface Programs {
  /** `SEC("tc")` */
  readonly on_packet: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u16 only_port`, until load() */
  only_port: number
}

/** The object: `open().load().attach()`. */
export class SniSnoop extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): SniSnoop {
  return new SniSnoop(parts, options)
}

const parts: SkeletonParts = {
  name: 'sni-snoop',
  command: 'npx bpf-ringbuf gen build/bpf/sni-snoop.bpf.o -o examples/sni-snoop.bpf.ts',
  file: 'build/bpf/sni-snoop.bpf.o',
  types: [Piece],
  maps: {
    rests: { type: 'lru_hash', key: Flow, value: Rest },
    pieces: { type: 'ringbuf' },
    scratch: { type: 'percpu_array', key: u32, value: bytes(4160), perCpu: true },
  },
  rings: {
    pieces: Piece,
  },
  programs: ['on_packet'],
  globals: {
    only_port: u16,
  },
}
