// Made of off-cpu.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/off-cpu.bpf.o -o examples/off-cpu.bpf.ts
import { BpfSkeleton, array, cstring, i32, struct, u32, u64 } from 'bpf-ringbuf'
import type { BpfMap, BpfProgram, SkeletonOptions, SkeletonParts, Struct } from 'bpf-ringbuf'

/** `struct stacks_of`, 28 bytes. */
export interface StacksOf {
  /** `__u32 pid` */
  pid: number
  /** `__s32 kernel_stack` */
  kernel_stack: number
  /** `__s32 user_stack` */
  user_stack: number
  /** `char comm[16]` */
  comm: string
}

export const StacksOf: Struct<StacksOf> = struct('stacks_of', {
  pid: u32,
  kernel_stack: i32,
  user_stack: i32,
  comm: cstring(16),
})

/** `struct start`, 40 bytes. */
export interface Start {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `struct stacks_of stacks` */
  stacks: StacksOf
}

export const Start: Struct<Start> = struct('start', {
  time_ns: u64,
  stacks: StacksOf,
})

/** `struct sum`, 16 bytes. */
export interface Sum {
  /** `__u64 total_ns` */
  total_ns: bigint
  /** `__u64 count` */
  count: bigint
}

export const Sum: Struct<Sum> = struct('sum', {
  total_ns: u64,
  count: u64,
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_STACK_TRACE */
  readonly stacks: BpfMap<number, bigint[]>
  /** BPF_MAP_TYPE_HASH */
  readonly starts: BpfMap<number, Start>
  /** BPF_MAP_TYPE_HASH */
  readonly sums: BpfMap<StacksOf, Sum>
}

/** Its rings: records are read from them. There are none. */
export type Rings = object

/** Its programs. */
export interface Programs {
  /** `SEC("tp_btf/sched_switch")` */
  readonly on_switch: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `__u64 missed` */
  missed: bigint
  /** `__u64 missed_stacks` */
  missed_stacks: bigint
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
  /** `const volatile __u64 shortest_ns`, until load() */
  shortest_ns: bigint
}

/** The object: `open().load().attach()`. */
export class OffCpu extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): OffCpu {
  return new OffCpu(parts, options)
}

const parts: SkeletonParts = {
  name: 'off-cpu',
  command: 'npx bpf-ringbuf gen build/bpf/off-cpu.bpf.o -o examples/off-cpu.bpf.ts',
  file: 'build/bpf/off-cpu.bpf.o',
  types: [],
  maps: {
    stacks: { type: 'stack_trace', key: u32, value: array(u64, 127) },
    starts: { type: 'hash', key: u32, value: Start },
    sums: { type: 'hash', key: StacksOf, value: Sum },
  },
  rings: {},
  programs: ['on_switch'],
  globals: {
    missed: u64,
    missed_stacks: u64,
    only_pid: u32,
    shortest_ns: u64,
  },
}
