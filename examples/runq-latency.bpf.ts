// Made of runq-latency.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/runq-latency.bpf.o -o examples/runq-latency.bpf.ts
import { BpfSkeleton, array, bool, cstring, struct, u32, u64 } from 'bpf-ringbuf'
import type { BpfMap, BpfProgram, SkeletonOptions, SkeletonParts, Struct } from 'bpf-ringbuf'

/** `struct process`, 20 bytes. */
export interface Process {
  /** `__u32 pid` */
  pid: number
  /** `char comm[16]` */
  comm: string
}

export const Process: Struct<Process> = struct('process', {
  pid: u32,
  comm: cstring(16),
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
  readonly waiting: BpfMap<number, bigint>
  /** BPF_MAP_TYPE_HASH */
  readonly histograms: BpfMap<Process, Histogram>
}

/** Its rings: records are read from them. There are none. */
export type Rings = object

/** Its programs. */
export interface Programs {
  /** `SEC("tp_btf/sched_wakeup")` */
  readonly on_wakeup: BpfProgram
  /** `SEC("tp_btf/sched_wakeup_new")` */
  readonly on_new: BpfProgram
  /** `SEC("tp_btf/sched_switch")` */
  readonly on_switch: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `__u64 missed` */
  missed: bigint
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
  /** `const volatile _Bool by_process`, until load() */
  by_process: boolean
  /** `const struct histogram empty_histogram`, until load() */
  empty_histogram: Histogram
}

/** The object: `open().load().attach()`. */
export class RunqLatency extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): RunqLatency {
  return new RunqLatency(parts, options)
}

const parts: SkeletonParts = {
  name: 'runq-latency',
  command: 'npx bpf-ringbuf gen build/bpf/runq-latency.bpf.o -o examples/runq-latency.bpf.ts',
  file: 'build/bpf/runq-latency.bpf.o',
  types: [],
  maps: {
    waiting: { type: 'hash', key: u32, value: u64 },
    histograms: { type: 'hash', key: Process, value: Histogram },
  },
  rings: {},
  programs: ['on_wakeup', 'on_new', 'on_switch'],
  globals: {
    missed: u64,
    only_pid: u32,
    by_process: bool,
    empty_histogram: Histogram,
  },
}
