// What this machine offers to BPF programs.
import { existsSync, readFileSync, readlinkSync, statfsSync } from 'node:fs'
import { release } from 'node:os'

/** The facts that explain most failures. */
export interface SystemFacts {
  /** As `uname -r` says. */
  kernelRelease: string
  /** The highest capability that this kernel knows, /proc/sys/kernel/cap_last_cap. */
  lastCapability: number
  /** CapEff of /proc/self/status as a bit mask; nothing where that cannot be read. */
  capabilities: bigint | undefined
  /** CapBnd likewise: what programs that this process executes may have at most. */
  boundingSet: bigint | undefined
  /** It runs in another user namespace than the machine's first. */
  userNamespace: boolean
  /** A seccomp filter is in force, as in containers. */
  seccompFilter: boolean
  /** /sys/kernel/btf/vmlinux exists. */
  kernelBtf: boolean
  /** tracefs is mounted where libbpf looks for it. */
  tracefs: boolean
  /** The kernel has kprobes. */
  kprobes: boolean
  /** kernel.perf_event_max_sample_rate; NaN when it cannot be read. */
  maxSampleRate: number
  /** The kernel's lockdown mode: "none", "integrity" or "confidentiality". */
  lockdown: string
}

/** The numbers of the capabilities that count for BPF, linux/capability.h. */
const capabilityBits = {
  CAP_NET_ADMIN: 12n,
  CAP_SYS_ADMIN: 21n,
  CAP_SYS_RESOURCE: 24n,
  CAP_PERFMON: 38n,
  CAP_BPF: 39n,
} as const
export type CapabilityName = keyof typeof capabilityBits

/** The kernel has a folder here for each of its sources of events; none where sysfs is hidden. */
const eventSources = '/sys/bus/event_source/devices'

const statusPath = '/proc/self/status'

/** Why the capabilities are not known. */
export function statusProblem(): string {
  if (!existsSync(statusPath)) return `There is no ${statusPath}: mount /proc`
  return `${statusPath} cannot be read: this process may have no descriptors left, see "ulimit -n"`
}

export function readSystemFacts(): SystemFacts {
  const status = readText(statusPath)
  const capabilities = (set: string): bigint | undefined => {
    const [, digits] = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status) ?? []
    return digits === undefined ? undefined : BigInt(`0x${digits}`)
  }
  return {
    kernelRelease: release(),
    lastCapability: Number(readText('/proc/sys/kernel/cap_last_cap').trim() || 'NaN'),
    capabilities: capabilities('CapEff'),
    boundingSet: capabilities('CapBnd'),
    userNamespace: isLaterUserNamespace(),
    seccompFilter: /^Seccomp:\s*2$/m.test(status),
    kernelBtf: existsSync('/sys/kernel/btf/vmlinux'),
    tracefs: ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'].some(isTracefs),
    kprobes: !existsSync(eventSources) || existsSync(`${eventSources}/kprobe`),
    maxSampleRate: Number(readText('/proc/sys/kernel/perf_event_max_sample_rate').trim() || 'NaN'),
    lockdown: /\[(\w+)\]/.exec(readText('/sys/kernel/security/lockdown'))?.[1] ?? 'none',
  }
}

/** Whether the kernel release is `major.minor` or newer. */
export function kernelAtLeast(facts: SystemFacts, major: number, minor: number): boolean {
  const version = /^(\d+)\.(\d+)/.exec(facts.kernelRelease)
  if (version === null) return true
  const [found, needed] = [Number(version[1]), Number(version[2])]
  return found > major || (found === major && needed >= minor)
}

/** Types of programs and maps that need CAP_NET_ADMIN too, as bpf_prog_load() and map_create() ask. */
const networkTypes = new Set([
  'sched_cls',
  'sched_act',
  'xdp',
  'lwt_in',
  'lwt_out',
  'lwt_xmit',
  'lwt_seg6local',
  'sk_skb',
  'sk_msg',
  'flow_dissector',
  'cgroup_device',
  'cgroup_sock',
  'cgroup_sock_addr',
  'cgroup_sockopt',
  'cgroup_sysctl',
  'sock_ops',
  'netfilter',
  // To attach, which is when the kernel asks.
  'cgroup_skb',
  'sockmap',
  'sockhash',
  'devmap',
  'devmap_hash',
  'xskmap',
])

/**
 * The capabilities for BPF that this process lacks.
 *
 * @param types Of programs and maps, as libbpf calls them.
 */
export function missingCapabilities(
  facts: SystemFacts,
  types: readonly string[] = [],
): CapabilityName[] {
  const has = (name: CapabilityName): boolean => includes(facts.capabilities, name)
  if (has('CAP_SYS_ADMIN')) return []
  if (!hasOwnCapabilities(facts)) return ['CAP_SYS_ADMIN']
  const needed: CapabilityName[] = ['CAP_BPF', 'CAP_PERFMON']
  if (types.some((type) => networkTypes.has(type))) needed.push('CAP_NET_ADMIN')
  return needed.filter((name) => !has(name))
}

/**
 * Whether BPF has capabilities of its own here, as since Linux 5.8; before,
 * CAP_SYS_ADMIN covers everything.
 */
export function hasOwnCapabilities(facts: SystemFacts): boolean {
  return Number.isNaN(facts.lastCapability)
    ? kernelAtLeast(facts, 5, 8)
    : facts.lastCapability >= capabilityBits.CAP_BPF
}

/** Whether a set of capabilities has this one, or may have it as far as is known. */
export function includes(capabilities: bigint | undefined, name: CapabilityName): boolean {
  return capabilities === undefined || ((capabilities >> capabilityBits[name]) & 1n) === 1n
}

/** The text of a file of /proc or /sys; nothing when it cannot be read. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function isLaterUserNamespace(): boolean {
  const firstInode = 0xeffffffd // PROC_USER_INIT_INO, linux/proc_ns.h
  try {
    return readlinkSync('/proc/self/ns/user') !== `user:[${String(firstInode)}]`
  } catch {
    return false
  }
}

function isTracefs(path: string): boolean {
  const tracefsMagic = 0x74726163 // TRACEFS_MAGIC, linux/magic.h
  try {
    return statfsSync(path).type === tracefsMagic
  } catch {
    return false
  }
}
