// Made of ringbuf-output.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/ringbuf-output.bpf.o -o examples/ringbuf-output.bpf.ts
import { BpfSkeleton, cstring, struct, u32 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `struct exec_event`, 276 bytes. */
export interface ExecEvent {
  /** `__u32 pid` */
  pid: number
  /** `char comm[16]` */
  comm: string
  /** `char filename[256]` */
  filename: string
}

export const ExecEvent: Struct<ExecEvent> = struct('exec_event', {
  pid: u32,
  comm: cstring(16),
  filename: cstring(256),
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_RINGBUF */
  readonly events: BpfMap<never, never>
  /** BPF_MAP_TYPE_PERCPU_ARRAY */
  readonly scratch: BpfMap<number, ExecEvent[], ExecEvent | readonly ExecEvent[]>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly events: BpfRing<ExecEvent>
}

/** Its programs. */
export interface Programs {
  /** `SEC("tp_btf/sched_process_exec")` */
  readonly on_exec: BpfProgram
}

/** Its global variables. There are none. */
export type Globals = object

/** The object: `open().load().attach()`. */
export class RingbufOutput extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): RingbufOutput {
  return new RingbufOutput(parts, options)
}

const parts: SkeletonParts = {
  name: 'ringbuf-output',
  command: 'npx bpf-ringbuf gen build/bpf/ringbuf-output.bpf.o -o examples/ringbuf-output.bpf.ts',
  file: 'build/bpf/ringbuf-output.bpf.o',
  types: [ExecEvent],
  maps: {
    events: { type: 'ringbuf' },
    scratch: { type: 'percpu_array', key: u32, value: ExecEvent, perCpu: true },
  },
  rings: {
    events: ExecEvent,
  },
  programs: ['on_exec'],
  globals: {},
}
