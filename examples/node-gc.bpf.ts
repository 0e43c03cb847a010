// Made of node-gc.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/node-gc.bpf.o -o examples/node-gc.bpf.ts
import { BpfSkeleton, cstring, enumeration, struct, u32, u64 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  Enumeration,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `enum kind`, 4 bytes. */
export type Kind = 'SCAVENGE' | 'MARK_COMPACT' | 'MINOR_MARK' | 'INCREMENTAL_STEP' | number

export const Kind: Enumeration<Kind> = enumeration(u32, {
  SCAVENGE: 1,
  MARK_COMPACT: 2,
  MINOR_MARK: 3,
  INCREMENTAL_STEP: 4,
})

/** `struct event`, 96 bytes. */
export interface Event {
  /** `__u64 start_ns` */
  start_ns: bigint
  /** `__u64 end_ns` */
  end_ns: bigint
  /** `__u32 pid` */
  pid: number
  /** `__u32 tid` */
  tid: number
  /** `enum kind kind` */
  kind: Kind
  /** `char reason[64]` */
  reason: string
}

export const Event: Struct<Event> = struct('event', {
  start_ns: u64,
  end_ns: u64,
  pid: u32,
  tid: u32,
  kind: Kind,
  reason: cstring(64),
})

/** `struct pause`, 24 bytes. */
export interface Pause {
  /** `__u64 start_ns` */
  start_ns: bigint
  /** `__u64 reason` */
  reason: bigint
  /** `enum kind kind` */
  kind: Kind
  /** `__u32 depth` */
  depth: number
}

export const Pause: Struct<Pause> = struct('pause', {
  start_ns: u64,
  reason: u64,
  kind: Kind,
  depth: u32,
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly collections: BpfMap<number, Pause>
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly steps: BpfMap<number, Pause>
  /** BPF_MAP_TYPE_RINGBUF */
  readonly events: BpfMap<never, never>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly events: BpfRing<Event>
}

/** Its programs. */
export interface Programs {
  /** `SEC("uprobe")` */
  readonly on_collect: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_scavenge: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_mark_compact: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_minor_mark: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_perform: BpfProgram
  /** `SEC("uprobe")` */
  readonly on_step: BpfProgram
  /** `SEC("uretprobe")` */
  readonly on_collected: BpfProgram
  /** `SEC("uretprobe")` */
  readonly on_step_end: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
  /** `const volatile __u32 ignored_pid`, until load() */
  ignored_pid: number
  /** `const volatile __u64 least_ns`, until load() */
  least_ns: bigint
}

/** The object: `open().load().attach()`. */
export class NodeGc extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): NodeGc {
  return new NodeGc(parts, options)
}

const parts: SkeletonParts = {
  name: 'node-gc',
  command: 'npx bpf-ringbuf gen build/bpf/node-gc.bpf.o -o examples/node-gc.bpf.ts',
  file: 'build/bpf/node-gc.bpf.o',
  types: [Event],
  maps: {
    collections: { type: 'lru_hash', key: u32, value: Pause },
    steps: { type: 'lru_hash', key: u32, value: Pause },
    events: { type: 'ringbuf' },
  },
  rings: {
    events: Event,
  },
  programs: [
    'on_collect',
    'on_scavenge',
    'on_mark_compact',
    'on_minor_mark',
    'on_perform',
    'on_step',
    'on_collected',
    'on_step_end',
  ],
  globals: {
    only_pid: u32,
    ignored_pid: u32,
    least_ns: u64,
  },
}
