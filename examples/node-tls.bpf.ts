// Made of node-tls.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/node-tls.bpf.o -o examples/node-tls.bpf.ts
import { BpfSkeleton, bytes, cstring, enumeration, struct, u16, u32, u64, u8 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  Enumeration,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `enum direction`, 4 bytes. */
export type Direction = 'SENT' | 'RECEIVED' | number

export const Direction: Enumeration<Direction> = enumeration(u32, {
  SENT: 1,
  RECEIVED: 2,
})

/** `struct peer`, 22 bytes. */
export interface Peer {
  /** `__u8 address[16]` */
  address: Uint8Array
  /** `__u16 port` */
  port: number
  /** `__u16 local_port` */
  local_port: number
  /** `__u8 family` */
  family: number
  /** `__u8 is_certain` */
  is_certain: number
}

export const Peer: Struct<Peer> = struct('peer', {
  address: bytes(16),
  port: u16,
  local_port: u16,
  family: u8,
  is_certain: u8,
})

/** `struct event`, 80 bytes. */
export interface Event {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u64 ssl` */
  ssl: bigint
  /** `__u64 bytes` */
  bytes: bigint
  /** `__u32 pid` */
  pid: number
  /** `__u32 tid` */
  tid: number
  /** `__u32 captured` */
  captured: number
  /** `enum direction direction` */
  direction: Direction
  /** `struct peer peer` */
  peer: Peer
  /** `char comm[16]` */
  comm: string
  /** `__u8 data[]` */
  data: Uint8Array
}

export const Event: Struct<Event> = struct('event', {
  time_ns: u64,
  ssl: u64,
  bytes: u64,
  pid: u32,
  tid: u32,
  captured: u32,
  direction: Direction,
  peer: Peer,
  comm: cstring(16),
  data: bytes(),
})

/** `struct call`, 24 bytes. */
export interface Call {
  /** `__u64 ssl` */
  ssl: bigint
  /** `__u64 data` */
  data: bigint
  /** `__u64 size` */
  size: bigint
}

export const Call: Struct<Call> = struct('call', {
  ssl: u64,
  data: u64,
  size: u64,
})

/** `struct connection`, 16 bytes. */
export interface Connection {
  /** `__u64 pid` */
  pid: bigint
  /** `__u64 ssl` */
  ssl: bigint
}

export const Connection: Struct<Connection> = struct('connection', {
  pid: u64,
  ssl: u64,
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_RINGBUF */
  readonly events: BpfMap<never, never>
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly calls: BpfMap<number, Call>
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly users: BpfMap<number, number>
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly sockets: BpfMap<number, Peer>
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly peers: BpfMap<Connection, Peer>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly events: BpfRing<Event>
}

/** Its programs. */
export interface Programs {
  /** `SEC("tp_btf/tcp_rcv_space_adjust")` */
  readonly on_socket_read: BpfProgram
  /** `SEC("uretprobe")` */
  readonly on_new: BpfProgram
  /** `SEC("uretprobe")` */
  readonly on_written: BpfProgram
  /** `SEC("uretprobe")` */
  readonly on_was_read: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_write: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_write_ex: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_read: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_read_ex: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_free: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
  /** `const volatile __u32 ignored_pid`, until load() */
  ignored_pid: number
  /** `const volatile __u32 capture_bytes`, until load() */
  capture_bytes: number
}

/** The object: `open().load().attach()`. */
export class NodeTls extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): NodeTls {
  return new NodeTls(parts, options)
}

const parts: SkeletonParts = {
  name: 'node-tls',
  command: 'npx bpf-ringbuf gen build/bpf/node-tls.bpf.o -o examples/node-tls.bpf.ts',
  file: 'build/bpf/node-tls.bpf.o',
  types: [Event],
  maps: {
    events: { type: 'ringbuf' },
    calls: { type: 'lru_hash', key: u32, value: Call },
    users: { type: 'lru_hash', key: u32, value: u8 },
    sockets: { type: 'lru_hash', key: u32, value: Peer },
    peers: { type: 'lru_hash', key: Connection, value: Peer },
  },
  rings: {
    events: Event,
  },
  programs: [
    'on_socket_read',
    'on_new',
    'on_written',
    'on_was_read',
    'on_write',
    'on_write_ex',
    'on_read',
    'on_read_ex',
    'on_free',
  ],
  globals: {
    only_pid: u32,
    ignored_pid: u32,
    capture_bytes: u32,
  },
}
