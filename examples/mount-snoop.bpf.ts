// Made of mount-snoop.bpf.o by bpf-ringbuf: to change it, make it again.
// npx bpf-ringbuf gen build/bpf/mount-snoop.bpf.o -o examples/mount-snoop.bpf.ts
import { BpfSkeleton, bool, cstring, enumeration, i32, struct, u32, u64 } from 'bpf-ringbuf'
import type {
  BpfMap,
  BpfProgram,
  BpfRing,
  Enumeration,
  SkeletonOptions,
  SkeletonParts,
  Struct,
} from 'bpf-ringbuf'

/** `enum mount_call`, 4 bytes. */
export type MountCall =
  | 'MOUNT'
  | 'UMOUNT2'
  | 'PIVOT_ROOT'
  | 'OPEN_TREE'
  | 'MOVE_MOUNT'
  | 'FSOPEN'
  | 'FSCONFIG'
  | 'FSMOUNT'
  | 'FSPICK'
  | 'MOUNT_SETATTR'
  | number

export const MountCall: Enumeration<MountCall> = enumeration(u32, {
  MOUNT: 0,
  UMOUNT2: 1,
  PIVOT_ROOT: 2,
  OPEN_TREE: 3,
  MOVE_MOUNT: 4,
  FSOPEN: 5,
  FSCONFIG: 6,
  FSMOUNT: 7,
  FSPICK: 8,
  MOUNT_SETATTR: 9,
})

/** `struct mount`, 4216 bytes. */
export interface Mount {
  /** `__u64 time_ns` */
  time_ns: bigint
  /** `__u64 flags` */
  flags: bigint
  /** `__u32 pid` */
  pid: number
  /** `__u32 uid` */
  uid: number
  /** `__u32 mount_namespace` */
  mount_namespace: number
  /** `enum mount_call call` */
  call: MountCall
  /** `__s32 result` */
  result: number
  /** `char comm[16]` */
  comm: string
  /** `char type[64]` */
  type: string
  /** `char source[1024]` */
  source: string
  /** `char target[1024]` */
  target: string
  /** `char options[2048]` */
  options: string
}

export const Mount: Struct<Mount> = struct('mount', {
  time_ns: u64,
  flags: u64,
  pid: u32,
  uid: u32,
  mount_namespace: u32,
  call: MountCall,
  result: i32,
  comm: cstring(16),
  type: cstring(64),
  source: cstring(1024),
  target: cstring(1024),
  options: cstring(2048),
})

/** Its maps. */
export interface Maps {
  /** BPF_MAP_TYPE_RINGBUF */
  readonly mounts: BpfMap<never, never>
}

/** Its rings: records are read from them. */
export interface Rings {
  readonly mounts: BpfRing<Mount>
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
  /** `const volatile _Bool only_failed`, until load() */
  only_failed: boolean
}

/** The object: `open().load().attach()`. */
export class MountSnoop extends BpfSkeleton<Maps, Rings, Programs, Globals> {}

/**
 * Opens the object, which is found beside this module or beside its source.
 *
 * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.
 */
export function open(options?: SkeletonOptions): MountSnoop {
  return new MountSnoop(parts, options)
}

const parts: SkeletonParts = {
  name: 'mount-snoop',
  command: 'npx bpf-ringbuf gen build/bpf/mount-snoop.bpf.o -o examples/mount-snoop.bpf.ts',
  file: 'build/bpf/mount-snoop.bpf.o',
  types: [Mount],
  maps: {
    mounts: { type: 'ringbuf' },
  },
  rings: {
    mounts: Mount,
  },
  programs: ['on_exit'],
  globals: {
    only_pid: u32,
    only_uid: u32,
    only_failed: bool,
  },
}
