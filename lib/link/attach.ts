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
  kprobe: KprobeTarget
  kretprobe: KretprobeTarget
  kprobeMulti: KprobeMultiTarget
  kretprobeMulti: KprobeMultiTarget
  ksyscall: KsyscallTarget
  kretsyscall: KsyscallTarget
  uprobe: UprobeTarget
  uretprobe: UprobeTarget
  uprobeMulti: UprobeMultiTarget
  uretprobeMulti: UprobeMultiTarget
  usdt: UsdtTarget
  tracepoint: TracepointTarget
  rawTracepoint: RawTracepointTarget
  trace: TraceTarget
  freplace: FreplaceTarget
  structOps: StructOpsTarget
  perfEvent: PerfEventTarget
  cgroup: CgroupTarget
  netns: NetnsTarget
  xdp: XdpTarget
  tc: TcTarget
  tcx: TcxTarget
  netkit: NetkitTarget
  netfilter: NetfilterTarget
  socket: SocketTarget
  reuseport: SocketTarget
  sockmap: SockmapTarget
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
  const { link, place, needs } = kind.attach(program, value)
  if (typeof link !== 'number') return link
  throw failure('attach', target, link, { section: place, needs })
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
