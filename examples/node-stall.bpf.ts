// Made of node-stall.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/node-stall.bpf.o -o examples/node-stall.bpf.ts
import { BpfSkeleton, array, enumeration, struct, u32, u64 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  Enumeration,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `enum state`, 4 bytes. */
export type State = 'RUNNING' | 'ASLEEP' | 'PREEMPTED' | number

export const State: Enumeration<State> = enumeration(u32, {
  RUNNING: 0,
  ASLEEP: 1,
  PREEMPTED: 2,
})

/** `struct event`, 552 bytes. */
export interface Event {
  /** `__u64 since_ns` */
  since_ns: bigint
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u64 weight_ns` */
  weight_ns: bigint
  /** `__u32 pid` */
  pid: number
  /** `__u32 tid` */
  tid: number
  /** `__u32 is_end` */
  is_end: number
  /** `enum state state` */
  state: State
  /** `__u64 stack[64]` */
  stack: bigint[]
}

export const Event: Struct<Event> = struct('event', {
  since_ns: u64,
  time_ns: u64,
  weight_ns: u64,
  pid: u32,
  tid: u32,
  is_end: u32,
  state: State,
  stack: array(u64, 64),
})

/** `struct loop`, 560 bytes. */
export interface Loop {
  /** `__u64 id` */
  id: bigint
  /** `__u64 frame` */
  frame: bigint
  /** `__u64 since_ns` */
  since_ns: bigint
  /** `__u64 stopped_ns` */
  stopped_ns: bigint
  /** `__u32 pid` */
  pid: number
  /** `enum state state` */
  state: State
  /** `__u32 is_within` */
  is_within: number
  /** `__u32 reserved` */
  reserved: number
  /** `__u64 stack[64]` */
  stack: bigint[]
}

export const Loop: Struct<Loop> = struct('loop', {
  id: u64,
  frame: u64,
  since_ns: u64,
  stopped_ns: u64,
  pid: u32,
  state: State,
  is_within: u32,
  reserved: u32,
  stack: array(u64, 64),
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly loops: BpfMap<number, Loop>
  /** BPF_MAP_TYPE_RINGBUF */
  readonly events: BpfMap<never, never>
  /** BPF_MAP_TYPE_ARRAY */
  readonly first: BpfMap<number, Loop>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly events: BpfRing<Event>
}

/** Its programs. */
export interface Programs {
  /** `SEC("uprobe")` */
  readonly on_poll: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_work: BpfProgram
  /** `SEC("perf_event")` */
  readonly on_sample: BpfProgram
  /** `SEC("tp_btf/sched_switch")` */
  readonly on_switch: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
  /** `const volatile __u32 ignored_pid`, until load() */
  ignored_pid: number
  /** `const volatile __u64 least_ns`, until load() */
  least_ns: bigint
  /** `const volatile __u64 period_ns`, until load() */
  period_ns: bigint
}

/** The object: `open().load().attach()`. */
export class NodeStall extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): NodeStall {
  return new NodeStall(parts, options)
}

const parts: SkeletonParts = {
  name: 'node-stall',
  command: 'npx bpf-ringbuf gen build/bpf/node-stall.bpf.o -o examples/node-stall.bpf.ts',
  file: 'build/bpf/node-stall.bpf.o',
  types: [Event],
  maps: {
    loops: { type: 'lru_hash', key: u32, value: Loop },
    events: { type: 'ringbuf' },
    first: { type: 'array', key: u32, value: Loop },
  },
  rings: {
    events: Event,
  },
  programs: ['on_poll', 'on_work', 'on_sample', 'on_switch'],
  globals: {
    only_pid: u32,
    ignored_pid: u32,
    least_ns: u64,
    period_ns: u64,
  },
}
