// Made of node-http.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/node-http.bpf.o -o examples/node-http.bpf.ts
import { BpfSkeleton, bytes, enumeration, struct, u16, u32, u64, u8 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  Enumeration,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `enum role`, 4 bytes. */
export type Role = 'SERVER' | 'CLIENT' | number

export const Role: Enumeration<Role> = enumeration(u32, {
  SERVER: 1,
  CLIENT: 2,
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

/** `struct exchange`, 296 bytes. */
export interface Exchange {
  /** `__u64 start_ns` */
  start_ns: bigint
  /** `enum role role` */
  role: Role
  /** `struct peer peer` */
  peer: Peer
  /** `__u8 request[256]` */
  request: Uint8Array
}

export const Exchange: Struct<Exchange> = struct('exchange', {
  start_ns: u64,
  role: Role,
  peer: Peer,
  request: bytes(256),
})

/** `struct event`, 336 bytes. */
export interface Event {
  /** `__u64 end_ns` */
  end_ns: bigint
  /** `__u32 pid` */
  pid: number
  /** `__u32 tid` */
  tid: number
  /** `struct exchange exchange` */
  exchange: Exchange
  /** `__u8 response[16]` */
  response: Uint8Array
  /** `__u8 is_tls` */
  is_tls: number
}

export const Event: Struct<Event> = struct('event', {
  end_ns: u64,
  pid: u32,
  tid: u32,
  exchange: Exchange,
  response: bytes(16),
  is_tls: u8,
})

/** `struct thread`, 48 bytes. */
export interface Thread {
  /** `__u64 input` */
  input: bigint
  /** `__u64 ssl` */
  ssl: bigint
  /** `__u64 output` */
  output: bigint
  /** `struct peer peer` */
  peer: Peer
  /** `__u8 is_tls` */
  is_tls: number
}

export const Thread: Struct<Thread> = struct('thread', {
  input: u64,
  ssl: u64,
  output: u64,
  peer: Peer,
  is_tls: u8,
})

/** `struct connection`, 16 bytes. */
export interface Connection {
  /** `__u64 pid` */
  pid: bigint
  /** `__u64 id` */
  id: bigint
}

export const Connection: Struct<Connection> = struct('connection', {
  pid: u64,
  id: u64,
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly users: BpfMap<number, number>
  /** BPF_MAP_TYPE_RINGBUF */
  readonly events: BpfMap<never, never>
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly threads: BpfMap<number, Thread>
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly exchanges: BpfMap<Connection, Exchange>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly events: BpfRing<Event>
}

/** Its programs. */
export interface Programs {
  /** `SEC("uprobe")` */
  readonly on_begin: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_ssl_read: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_parse: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_ssl_write: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_try_write: BpfProgram
  /** `SEC("tp_btf/tcp_rcv_space_adjust")` */
  readonly on_socket_read: BpfProgram
  /** `SEC("uretprobe")` */
  readonly on_ssl_was_read: BpfProgram
  /** `SEC("tp_btf/sock_send_length")` */
  readonly on_send: BpfProgram
  /** `SEC("fentry/tcp_sendmsg")` */
  readonly on_tcp_send: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
  /** `const volatile __u32 ignored_pid`, until load() */
  ignored_pid: number
}

/** The object: `open().load().attach()`. */
export class NodeHttp extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): NodeHttp {
  return new NodeHttp(parts, options)
}

const parts: SkeletonParts = {
  name: 'node-http',
  command: 'npx bpf-ringbuf gen build/bpf/node-http.bpf.o -o examples/node-http.bpf.ts',
  file: 'build/bpf/node-http.bpf.o',
  types: [Event],
  maps: {
    users: { type: 'lru_hash', key: u32, value: u8 },
    events: { type: 'ringbuf' },
    threads: { type: 'lru_hash', key: u32, value: Thread },
    exchanges: { type: 'lru_hash', key: Connection, value: Exchange },
  },
  rings: {
    events: Event,
  },
  programs: [
    'on_begin',
    'on_ssl_read',
    'on_parse',
    'on_ssl_write',
    'on_try_write',
    'on_socket_read',
    'on_ssl_was_read',
    'on_send',
    'on_tcp_send',
  ],
  globals: {
    only_pid: u32,
    ignored_pid: u32,
  },
}
