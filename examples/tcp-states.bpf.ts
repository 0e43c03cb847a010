// Made of tcp-states.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/tcp-states.bpf.o -o examples/tcp-states.bpf.ts
import { BpfSkeleton, bytes, cstring, struct, u16, u32, u64, u8 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `struct ends`, 36 bytes. */
export interface Ends {
  /** `__u8 local_address[16]` */
  local_address: Uint8Array
  /** `__u8 remote_address[16]` */
  remote_address: Uint8Array
  /** `__u16 local_port` */
  local_port: number
  /** `__u16 remote_port` */
  remote_port: number
}

export const Ends: Struct<Ends> = struct('ends', {
  local_address: bytes(16),
  remote_address: bytes(16),
  local_port: u16,
  remote_port: u16,
})

/** `struct change`, 88 bytes. */
export interface Change {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u64 duration_ns` */
  duration_ns: bigint
  /** `__u64 socket` */
  socket: bigint
  /** `struct ends ends` */
  ends: Ends
  /** `__u32 pid` */
  pid: number
  /** `__u8 from` */
  from: number
  /** `__u8 to` */
  to: number
  /** `__u16 reserved` */
  reserved: number
  /** `char comm[16]` */
  comm: string
}

export const Change: Struct<Change> = struct('change', {
  time_ns: u64,
  duration_ns: u64,
  socket: u64,
  ends: Ends,
  pid: u32,
  from: u8,
  to: u8,
  reserved: u16,
  comm: cstring(16),
})

/** `struct known`, 32 bytes. */
export interface Known {
  /** `__u64 since_ns` */
  since_ns: bigint
  /** `__u32 pid` */
  pid: number
  /** `char comm[16]` */
  comm: string
}

export const Known: Struct<Known> = struct('known', {
  since_ns: u64,
  pid: u32,
  comm: cstring(16),
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_HASH */
  readonly known_of: BpfMap<bigint, Known>
  /** BPF_MAP_TYPE_RINGBUF */
  readonly changes: BpfMap<never, never>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly changes: BpfRing<Change>
}

/** Its programs. */
export interface Programs {
  /** `SEC("tp_btf/inet_sock_set_state")` */
  readonly on_change: BpfProgram
  /** `SEC("tp_btf/tcp_rcv_space_adjust")` */
  readonly on_read: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u16 only_local_port`, until load() */
  only_local_port: number
  /** `const volatile __u16 only_remote_port`, until load() */
  only_remote_port: number
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
}

/** The object: `open().load().attach()`. */
export class TcpStates extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): TcpStates {
  return new TcpStates(parts, options)
}

const parts: SkeletonParts = {
  name: 'tcp-states',
  command: 'npx bpf-ringbuf gen build/bpf/tcp-states.bpf.o -o examples/tcp-states.bpf.ts',
  file: 'build/bpf/tcp-states.bpf.o',
  types: [Change],
  maps: {
    known_of: { type: 'hash', key: u64, value: Known },
    changes: { type: 'ringbuf' },
  },
  rings: {
    changes: Change,
  },
  programs: ['on_change', 'on_read'],
  globals: {
    only_local_port: u16,
    only_remote_port: u16,
    only_pid: u32,
  },
}
