// Made of block-latency.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/block-latency.bpf.o -o examples/block-latency.bpf.ts
import { BpfSkeleton, array, bool, cstring, struct, u32, u64 } from 'bpf-ringbuf'
import type { BpfMap, BpfProgram, SkeletonOptions, SkeletonParts, Struct } from 'bpf-ringbuf'

/** `struct operation`, 36 bytes. */
export interface Operation {
  /** `char disk[32]` */
  disk: string
  /** `__u32 number` */
  number: number
}

export const Operation: Struct<Operation> = struct('operation', {
  disk: cstring(32),
  number: u32,
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
  readonly issued: BpfMap<bigint, bigint>
  /** BPF_MAP_TYPE_HASH */
  readonly histograms: BpfMap<Operation, Histogram>
}

/** Its rings: records are read from them. There are none. */
export type Rings = object

/** Its programs. */
export interface Programs {
  /** `SEC("tp_btf/block_rq_issue")` */
  readonly on_issue: BpfProgram
  /** `SEC("tp_btf/block_rq_issue")` */
  readonly on_issue_of_queue: BpfProgram
  /** `SEC("tp_btf/block_rq_complete")` */
  readonly on_complete: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `__u64 missed` */
  missed: bigint
  /** `const volatile char only_disk[32]`, until load() */
  only_disk: string
  /** `const volatile _Bool with_queue`, until load() */
  with_queue: boolean
  /** `const struct histogram empty_histogram`, until load() */
  empty_histogram: Histogram
}

/** The object: `open().load().attach()`. */
export class BlockLatency extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): BlockLatency {
  return new BlockLatency(parts, options)
}

const parts: SkeletonParts = {
  name: 'block-latency',
  command: 'npx bpf-ringbuf gen build/bpf/block-latency.bpf.o -o examples/block-latency.bpf.ts',
  file: 'build/bpf/block-latency.bpf.o',
  types: [],
  maps: {
    issued: { type: 'hash', key: u64, value: u64 },
    histograms: { type: 'hash', key: Operation, value: Histogram },
  },
  rings: {},
  programs: ['on_issue', 'on_issue_of_queue', 'on_complete'],
  globals: {
    missed: u64,
    only_disk: cstring(32),
    with_queue: bool,
    empty_histogram: Histogram,
  },
}
