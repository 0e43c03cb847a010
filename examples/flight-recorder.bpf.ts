// Made of flight-recorder.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/flight-recorder.bpf.o -o examples/flight-recorder.bpf.ts
import { BpfSkeleton, cstring, struct, u32, u64 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfStream,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `struct crash`, 40 bytes. */
export interface Crash {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u64 start_ns` */
  start_ns: bigint
  /** `__u32 pid` */
  pid: number
  /** `__u32 signal` */
  signal: number
  /** `char comm[16]` */
  comm: string
}

export const Crash: Struct<Crash> = struct('crash', {
  time_ns: u64,
  start_ns: u64,
  pid: u32,
  signal: u32,
  comm: cstring(16),
})

/** `struct call`, 24 bytes. */
export interface Call {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u32 pid` */
  pid: number
  /** `__u32 tid` */
  tid: number
  /** `__u32 number` */
  number: number
}

export const Call: Struct<Call> = struct('call', {
  time_ns: u64,
  pid: u32,
  tid: u32,
  number: u32,
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_RINGBUF */
  readonly calls: BpfMap<never, never>
  /** BPF_MAP_TYPE_RINGBUF */
  readonly crashes: BpfMap<never, never>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly crashes: BpfStream<Crash>
}

/** Its programs. */
export interface Programs {
  /** `SEC("raw_tp/sys_enter")` */
  readonly on_call: BpfProgram
  /** `SEC("tp_btf/sched_process_exit")` */
  readonly on_exit: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u32 ignored_pid`, until load() */
  ignored_pid: number
}

/** The object: `open().load().attach()`. */
export class FlightRecorder extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): FlightRecorder {
  return new FlightRecorder(parts, options)
}

const parts: SkeletonParts = {
  name: 'flight-recorder',
  command: 'npx bpf-ringbuf gen build/bpf/flight-recorder.bpf.o -o examples/flight-recorder.bpf.ts',
  file: 'build/bpf/flight-recorder.bpf.o',
  types: [Crash, Call],
  maps: {
    calls: { type: 'ringbuf' },
    crashes: { type: 'ringbuf' },
  },
  rings: {
    crashes: Crash,
  },
  programs: ['on_call', 'on_exit'],
  globals: {
    ignored_pid: u32,
  },
}
