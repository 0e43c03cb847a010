// Made of file-life.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/file-life.bpf.o -o examples/file-life.bpf.ts
import { BpfSkeleton, bytes, cstring, pointer, struct, u32, u64 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `struct life`, 64 bytes. */
export interface Life {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u64 age_ns` */
  age_ns: bigint
  /** `__u32 pid` */
  pid: number
  /** `__u32 uid` */
  uid: number
  /** `__u32 creator_pid` */
  creator_pid: number
  /** `char comm[16]` */
  comm: string
  /** `char creator_comm[16]` */
  creator_comm: string
  /** `char path[]` */
  path: string
}

export const Life: Struct<Life> = struct('life', {
  time_ns: u64,
  age_ns: u64,
  pid: u32,
  uid: u32,
  creator_pid: u32,
  comm: cstring(16),
  creator_comm: cstring(16),
  path: cstring(),
})

/** `struct name`, 16 bytes. */
export interface Name {
  /** `__u64 hash` */
  hash: bigint
  /** `__u64 index` */
  index: bigint
}

export const Name: Struct<Name> = struct('name', {
  hash: u64,
  index: u64,
})

/** `struct birth`, 48 bytes. */
export interface Birth {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `struct dentry *dentry` */
  dentry: bigint
  /** `struct inode *inode` */
  inode: bigint
  /** `__u32 pid` */
  pid: number
  /** `char comm[16]` */
  comm: string
}

export const Birth: Struct<Birth> = struct('birth', {
  time_ns: u64,
  dentry: pointer,
  inode: pointer,
  pid: u32,
  comm: cstring(16),
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_RINGBUF */
  readonly lives: BpfMap<never, never>
  /** BPF_MAP_TYPE_PERCPU_ARRAY */
  readonly scratch: BpfMap<number, Uint8Array[], Uint8Array | readonly Uint8Array[]>
  /** BPF_MAP_TYPE_LRU_HASH */
  readonly births: BpfMap<Name, Birth>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly lives: BpfRing<Life>
}

/** Its programs. */
export interface Programs {
  /** `SEC("tp_btf/sys_exit")` */
  readonly on_exit: BpfProgram
}

/** Its global variables. */
export interface Globals {
  /** `const volatile __u32 only_pid`, until load() */
  only_pid: number
  /** `const volatile __u32 only_uid`, until load() */
  only_uid: number
  /** `const volatile __u64 max_ns`, until load() */
  max_ns: bigint
}

/** The object: `open().load().attach()`. */
export class FileLife extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): FileLife {
  return new FileLife(parts, options)
}

const parts: SkeletonParts = {
  name: 'file-life',
  command: 'npx bpf-ringbuf gen build/bpf/file-life.bpf.o -o examples/file-life.bpf.ts',
  file: 'build/bpf/file-life.bpf.o',
  types: [Life],
  maps: {
    lives: { type: 'ringbuf' },
    scratch: { type: 'percpu_array', key: u32, value: bytes(4416), perCpu: true },
    births: { type: 'lru_hash', key: Name, value: Birth },
  },
  rings: {
    lives: Life,
  },
  programs: ['on_exit'],
  globals: {
    only_pid: u32,
    only_uid: u32,
    max_ns: u64,
  },
}
