// What this machine offers to BPF programs.
import { existsSync, readFileSync, readlinkSync, statfsSync } from 'node:fs'
import { release } from 'node:os'
import { dirname } from 'node:path'

/** The facts that explain most failures. */
export interface SystemFacts {
  /** As `uname -r` says. */
  kernelRelease: string
  /** The highest capability that this kernel knows, /proc/sys/kernel/cap_last_cap. */
  lastCapability: number
  /** CapEff of /proc/self/status as a bit mask. */
  capabilities: bigint
  /** CapBnd likewise: what programs that this process executes may have at most. */
  boundingSet: bigint
  /** It runs in another user namespace than the machine's first. */
  userNamespace: boolean
  /** A seccomp filter is in force, as in containers. */
  seccompFilter: boolean
  /** /sys/kernel/btf/vmlinux exists. */
  kernelBtf: boolean
  /** tracefs is mounted where libbpf looks for it. */
  tracefs: boolean
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

export function readSystemFacts(): SystemFacts {
  const status = readText('/proc/self/status')
  const capabilities = (set: string): bigint =>
    BigInt(`0x${new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`)
  return {
    kernelRelease: release(),
    lastCapability: Number(readText('/proc/sys/kernel/cap_last_cap').trim() || 'NaN'),
    capabilities: capabilities('CapEff'),
    boundingSet: capabilities('CapBnd'),
    userNamespace: isLaterUserNamespace(),
    seccompFilter: /^Seccomp:\s*2$/m.test(status),
    kernelBtf: existsSync('/sys/kernel/btf/vmlinux'),
    tracefs: ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'].some(isTracefs),
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

/** The capabilities for BPF that this process lacks. */
export function missingCapabilities(facts: SystemFacts): CapabilityName[] {
  const has = (name: CapabilityName): boolean => includes(facts.capabilities, name)
  if (has('CAP_SYS_ADMIN')) return []
  if (!hasOwnCapabilities(facts)) return ['CAP_SYS_ADMIN']
  return (['CAP_BPF', 'CAP_PERFMON'] as const).filter((name) => !has(name))
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

/** Whether a set of capabilities has this one. */
export function includes(capabilities: bigint, name: CapabilityName): boolean {
  return ((capabilities >> capabilityBits[name]) & 1n) === 1n
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

/** Whether a file is, or would be, in a bpffs. */
export function isBpffs(path: string): boolean {
  const bpffsMagic = 0xcafe4a11 // BPF_FS_MAGIC, linux/magic.h
  try {
    // Signed on some machines.
    return statfsSync(dirname(path)).type >>> 0 === bpffsMagic
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
