// From a target to a link.
import type { NativeLink } from '../addon/link.js'
import type { NativeProgram } from '../addon/program.js'
import { invalidType } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import { iterators, type IterTarget } from './iter.js'
import {
  type FreplaceTarget,
  kernelProbes,
  type KprobeMultiTarget,
  type KprobeTarget,
  type KretprobeTarget,
  type KsyscallTarget,
  type StructOpsTarget,
  type TraceTarget,
} from './kernel-probes.js'
import type { Kind } from './kind.js'
import {
  network,
  type NetfilterTarget,
  type NetkitTarget,
  type TcTarget,
  type TcxTarget,
  type XdpTarget,
} from './network.js'
import { perfEvents, type PerfEventTarget } from './perf-event.js'
import { nameOf } from './program-types.js'
import {
  type CgroupTarget,
  type NetnsTarget,
  sockets,
  type SocketTarget,
  type SockmapTarget,
} from './sockets.js'
import { type RawTracepointTarget, tracepoints, type TracepointTarget } from './tracepoints.js'
import {
  type UprobeMultiTarget,
  type UprobeTarget,
  type UsdtTarget,
  userProbes,
} from './user-probes.js'

/** The kinds of targets by the names that they have in an {@link AttachTarget}. */
export interface AttachTargets {
  /** At a function of the kernel, or at an instruction of it. */
  kprobe: KprobeTarget
  /** Where a function of the kernel returns. */
  kretprobe: KretprobeTarget
  /** At many functions of the kernel at once: Linux 5.18. */
  kprobeMulti: KprobeMultiTarget
  /** Where any of many functions of the kernel returns: Linux 5.18. */
  kretprobeMulti: KprobeMultiTarget
  /** At a system call by its name, whatever its function is called on this machine. */
  ksyscall: KsyscallTarget
  /** Where a system call returns. */
  kretsyscall: KsyscallTarget
  /** At a function of a program or library. */
  uprobe: UprobeTarget
  /** Where a function of a program or library returns. */
  uretprobe: UprobeTarget
  /** At many functions of a program or library at once: Linux 6.6. */
  uprobeMulti: UprobeMultiTarget
  /** Where any of many functions of a program or library returns: Linux 6.6. */
  uretprobeMulti: UprobeMultiTarget
  /** At a probe that the authors of a program or library have put into it. */
  usdt: UsdtTarget
  /** At a tracepoint, with the arguments as tracefs describes them. */
  tracepoint: TracepointTarget
  /** At a tracepoint, with the arguments as the kernel passes them. */
  rawTracepoint: RawTracepointTarget
  /** Where the section says: `tp_btf`, `fentry`, `fexit`, `fmod_ret` and `lsm`. */
  trace: TraceTarget
  /** In the place of a function of another BPF program. */
  freplace: FreplaceTarget
  /** As a function of the kernel's own tables, such as congestion control. */
  structOps: StructOpsTarget
  /** At each sample of a perf event: clocks, hardware counters. */
  perfEvent: PerfEventTarget
  /** At what the processes of a cgroup do. */
  cgroup: CgroupTarget
  /** At what happens in a network namespace: `flow_dissector`, `sk_lookup`. */
  netns: NetnsTarget
  /** At each packet that a network device receives, before the kernel's network stack. */
  xdp: XdpTarget
  /** At each packet of a network device, by the traffic control's `clsact`. */
  tc: TcTarget
  /** At each packet of a network device, as a link: Linux 6.6. */
  tcx: TcxTarget
  /** At each packet of a netkit device: Linux 6.7. */
  netkit: NetkitTarget
  /** At a hook of netfilter: Linux 6.4. */
  netfilter: NetfilterTarget
  /** At each packet of a socket. */
  socket: SocketTarget
  /** At the choice of one of many sockets that listen on one port. */
  reuseport: SocketTarget
  /** At what the sockets of a map send and receive. */
  sockmap: SockmapTarget
  /** At each element of what an iterator visits. */
  iter: IterTarget
}

type OneOf<T> = {
  [K in keyof T]: Record<K, T[K]> & Partial<Record<Exclude<keyof T, K>, never>>
}[keyof T]

/**
 * Where to attach a program: exactly one of these, such as
 * `{ kprobe: { symbol: 'vfs_read' } }`.
 */
export type AttachTarget = OneOf<AttachTargets>

const kinds: { [K in keyof AttachTargets]: Kind<AttachTargets[K]> } = {
  ...kernelProbes,
  ...userProbes,
  ...tracepoints,
  ...perfEvents,
  ...sockets,
  ...network,
  ...iterators,
}

/** @param target For messages: which program. */
export function attachTo(program: NativeProgram, target: string, where: AttachTarget): NativeLink {
  const [name, value] = onlyEntry(where)
  const kind = kinds[name] as Kind<unknown>
  const type = nameOf('program', program.type())
  if (!kind.types.includes(type)) {
    throw invalidType(
      `a program of type ${kind.types.join(' or ')}`,
      `a target of kind ${name}`,
      `${target} of type ${type}`,
    )
  }
  const { link, place, ...context } = kind.attach(program, value)
  if (typeof link !== 'number') return link
  throw failure('attach', target, link, { section: place, type, ...context })
}

function onlyEntry(target: unknown): [keyof AttachTargets, unknown] {
  if (typeof target !== 'object' || target === null) {
    throw invalidType('a target such as { kprobe: { symbol } }', 'target', target)
  }
  const entries = Object.entries(target).filter(([, value]) => value !== undefined)
  const [entry] = entries
  if (entry === undefined || entries.length > 1) {
    throw invalidType(`exactly one of ${Object.keys(kinds).join(', ')}`, 'target', target)
  }
  if (!Object.hasOwn(kinds, entry[0])) {
    throw invalidType(`one of ${Object.keys(kinds).join(', ')}`, 'the kind of a target', entry[0])
  }
  return entry as [keyof AttachTargets, unknown]
}
