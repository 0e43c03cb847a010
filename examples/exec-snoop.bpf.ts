// Made of exec-snoop.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/exec-snoop.bpf.o -o examples/exec-snoop.bpf.ts
import { BpfSkeleton, bytes, cstring, enumeration, struct, u32, u64, u8 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfStream,
  Enumeration,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `enum event_kind`, 4 bytes. */
export type EventKind = 'EVENT_EXEC' | 'EVENT_EXIT' | number

export const EventKind: Enumeration<EventKind> = enumeration(u32, {
  EVENT_EXEC: 1,
  EVENT_EXIT: 2,
})

/** `struct event`, 64 bytes. */
export interface Event {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u64 duration_ns` */
  duration_ns: bigint
  /** `enum event_kind kind` */
  kind: EventKind
  /** `__u32 pid` */
  pid: number
  /** `__u32 ppid` */
  ppid: number
  /** `__u32 uid` */
  uid: number
  /** `__u32 exit_status` */
  exit_status: number
  /** `__u32 args_size` */
  args_size: number
  /** `__u32 strings_size` */
  strings_size: number
  /** `__u32 reserved` */
  reserved: number
  /** `char comm[16]` */
  comm: string
  /** `__u8 strings[]` */
  strings: Uint8Array
}

export const Event: Struct<Event> = struct('event', {
  time_ns: u64,
  duration_ns: u64,
  kind: EventKind,
  pid: u32,
  ppid: u32,
  uid: u32,
  exit_status: u32,
  args_size: u32,
  strings_size: u32,
  reserved: u32,
  comm: cstring(16),
  strings: bytes(),
})

/** `struct process`, 16 bytes. */
export interface Process {
  /** `__u64 start_time` */
  start_time: bigint
  /** `__u64 pid` */
  pid: bigint
}

export const Process: Struct<Process> = struct('process', {
  start_time: u64,
  pid: u64,
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_RINGBUF */
  readonly events: BpfMap<never, never>
  /** BPF_MAP_TYPE_PERCPU_ARRAY */
  readonly scratch: BpfMap<number, Uint8Array[], Uint8Array | readonly Uint8Array[]>
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly ended: BpfMap<Process, number>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly events: BpfStream<Event>
}

/** Its programs. */
export interface Programs {
  /** `SEC("tp_btf/sched_process_exec")` */
  readonly on_exec: BpfProgram
  /** `SEC("tp_btf/sched_process_exit")` */
  readonly on_exit: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
  /** `const volatile __u32 only_uid`, until load() */
  only_uid: number
}

/** The object: `open().load().attach()`. */
export class ExecSnoop extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): ExecSnoop {
  return new ExecSnoop(parts, options)
}

const parts: SkeletonParts = {
  name: 'exec-snoop',
  command: 'npx bpf-ringbuf gen build/bpf/exec-snoop.bpf.o -o examples/exec-snoop.bpf.ts',
  file: 'build/bpf/exec-snoop.bpf.o',
  types: [Event],
  maps: {
    events: { type: 'ringbuf' },
    scratch: { type: 'percpu_array', key: u32, value: bytes(832), perCpu: true },
    ended: { type: 'lru_hash', key: Process, value: u8 },
  },
  rings: {
    events: Event,
  },
  programs: ['on_exec', 'on_exit'],
  globals: {
    only_pid: u32,
    only_uid: u32,
  },
}
