// What this machine offers to BPF programs, and what a bare error number of the
// kernel means on it.
import { existsSync, readFileSync, readlinkSync, statfsSync } from 'node:fs'
import { release } from 'node:os'
import type { BpfErrorCode } from '../errors/errors.js'

/** The facts that explain most failures. */
export interface SystemFacts {
  /** As `uname -r` says. */
  kernelRelease: string
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

const capabilityBits = { CAP_SYS_ADMIN: 21n, CAP_PERFMON: 38n, CAP_BPF: 39n } as const
type CapabilityName = keyof typeof capabilityBits

export function readSystemFacts(): SystemFacts {
  const status = readText('/proc/self/status')
  const capabilities = (set: string): bigint =>
    BigInt(`0x${new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`)
  return {
    kernelRelease: release(),
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
  // Before 5.8 CAP_SYS_ADMIN covered everything (capability.h).
  if (!kernelAtLeast(facts, 5, 8)) return ['CAP_SYS_ADMIN']
  return (['CAP_BPF', 'CAP_PERFMON'] as const).filter((name) => !has(name))
}

function includes(capabilities: bigint, name: CapabilityName): boolean {
  return ((capabilities >> capabilityBits[name]) & 1n) === 1n
}

/** A failure of the kernel, to be explained. */
export interface Failure {
  operation: string
  errno: number
  log: string
  /** The section of the program that was loaded or attached, if it was one. */
  section?: string | undefined
  /** The object has a ring buffer. */
  ringBuffer?: boolean | undefined
}

/** What a failure means: which kind it is, and what to do. */
export interface Diagnosis {
  code: BpfErrorCode
  hint?: string
}

const EPERM = 1
const ENOENT = 2
const ESRCH = 3
const ENOMEM = 12
const EACCES = 13
const EEXIST = 17
const EINVAL = 22
const EOPNOTSUPP = 95
const ENOTSUPP = 524

/**
 * Explains a failure. The kernel reports old memlock limits, missing
 * capabilities, lockdown, missing BTF and an unmounted tracefs all as a bare
 * EPERM or ENOENT; looking at the machine afterwards tells them apart.
 */
export function diagnose(failure: Failure, facts: SystemFacts = readSystemFacts()): Diagnosis {
  const { errno } = failure
  if (failure.ringBuffer === true && !kernelAtLeast(facts, 5, 8)) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `BPF ring buffers need Linux 5.8 or newer, this is ${facts.kernelRelease}; use a perf buffer`,
    }
  }
  if (errno === EPERM || errno === EACCES) return diagnosePermission(failure, facts)
  if (needsKernelBtf(failure) && !facts.kernelBtf) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint:
        'The kernel has no BTF (/sys/kernel/btf/vmlinux is missing), which CO-RE, tp_btf and fentry need: ' +
        'use a kernel built with CONFIG_DEBUG_INFO_BTF=y',
    }
  }
  if (failure.operation === 'attach') {
    const diagnosis = diagnoseAttach(failure, facts)
    if (diagnosis !== undefined) return diagnosis
  }
  if (errno === ESRCH && /kernel BTF type ID|in (kernel|vmlinux) BTF/i.test(failure.log)) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `This kernel (${facts.kernelRelease}) has no such tracepoint or function`,
    }
  }
  if (errno === ENOTSUPP || errno === EOPNOTSUPP) {
    return (
      diagnoseTrampoline(failure, facts) ?? {
        code: 'ERR_UNSUPPORTED',
        hint: `This kernel (${facts.kernelRelease}) does not support it`,
      }
    )
  }
  if (failure.section === 'syscall' && errno === EINVAL && !kernelAtLeast(facts, 5, 14)) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `"syscall" programs need Linux 5.14 or newer, this is ${facts.kernelRelease}`,
    }
  }
  if (errno === ENOMEM) {
    return {
      code: 'ERR_KERNEL',
      hint: "Lower the maps' maxEntries, or raise the memory limit of the cgroup",
    }
  }
  return { code: 'ERR_KERNEL' }
}

function diagnosePermission(failure: Failure, facts: SystemFacts): Diagnosis {
  // Full capabilities of such a namespace are none to bpf(2).
  if (facts.userNamespace) {
    return {
      code: 'ERR_PERMISSION',
      hint:
        'This is a user namespace, as in a rootless container, and its capabilities do not count for BPF: ' +
        'run outside of it, or have root start the container',
    }
  }
  const missing = missingCapabilities(facts)
  if (missing.length > 0) {
    return { code: 'ERR_PERMISSION', hint: explainMissing(missing, facts) }
  }
  if (failure.operation === 'attach' && failure.errno === EACCES && isTracepoint(failure.section)) {
    return {
      code: 'ERR_PERMISSION',
      hint: 'tracefs is not readable by this user: run as root, or use tp_btf or raw_tp, which need none',
    }
  }
  if (facts.lockdown === 'confidentiality') {
    return {
      code: 'ERR_PERMISSION',
      hint: 'Kernel lockdown is in confidentiality mode, which forbids tracing programs to read memory',
    }
  }
  if (!kernelAtLeast(facts, 5, 11) && /memlock|ulimit -l/i.test(failure.log)) {
    return {
      code: 'ERR_PERMISSION',
      hint:
        'Before Linux 5.11 BPF memory counts against RLIMIT_MEMLOCK: ' +
        'raise it ("ulimit -l unlimited", of a container "--ulimit memlock=-1")',
    }
  }
  if (facts.seccompFilter) {
    return {
      code: 'ERR_PERMISSION',
      hint:
        'A seccomp filter may forbid bpf(2) or perf_event_open(2): ' +
        'start the container with --security-opt seccomp=unconfined, or with a profile that allows both',
    }
  }
  return diagnoseTrampoline(failure, facts) ?? { code: 'ERR_PERMISSION' }
}

function diagnoseTrampoline({ section = '' }: Failure, facts: SystemFacts): Diagnosis | undefined {
  if (!/^(fentry|fexit|fmod_ret|lsm)(\.s)?\//.test(section)) return undefined
  return {
    code: 'ERR_UNSUPPORTED',
    hint: `This kernel (${facts.kernelRelease}) refuses BPF trampolines (fentry, fexit, LSM): use tp_btf, raw_tp or a tracepoint`,
  }
}

/** Whether this process can be given what it lacks, or its container must be. */
function explainMissing(missing: readonly CapabilityName[], facts: SystemFacts): string {
  const names = missing.join(' and ')
  const withheld = missing.filter((name) => !includes(facts.boundingSet, name))
  if (withheld.length === 0) {
    const all = kernelAtLeast(facts, 5, 8) ? 'both CAP_BPF and CAP_PERFMON' : names
    return (
      `The process lacks ${names}: run it as root, or give it ${all} ` +
      '(a service by AmbientCapabilities=, an image by setcap on its node)'
    )
  }
  const options = withheld.map((name) => `--cap-add ${name.replace('CAP_', '')}`)
  // Older profiles allow bpf(2) with CAP_SYS_ADMIN only.
  if (facts.seccompFilter && !withheld.includes('CAP_SYS_ADMIN')) {
    options.push('--security-opt seccomp=unconfined')
  }
  return (
    `The process lacks ${names}, which not even root has here: ` +
    `start the container with ${options.join(' ')} (a service with CapabilityBoundingSet=)`
  )
}

function diagnoseAttach(failure: Failure, facts: SystemFacts): Diagnosis | undefined {
  const section = failure.section ?? ''
  if (failure.errno === EOPNOTSUPP && section !== '' && !section.includes('/')) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: 'Its section does not say where to attach it, as "tp_btf/sched_process_exec" does',
    }
  }
  if (failure.errno === ENOENT && /^raw_(tp|tracepoint)/.test(section)) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `This kernel (${facts.kernelRelease}) has no raw tracepoint ${section.replace(/^[^/]*\//, '')}`,
    }
  }
  if (failure.errno === EEXIST && /^raw_(tp|tracepoint)/.test(section)) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `Before Linux 6.10 a raw tracepoint takes a program once, this is ${facts.kernelRelease}: close the first link before`,
    }
  }
  if (failure.errno === ENOENT && (isTracepoint(section) || isKprobe(section))) {
    if (!facts.tracefs) {
      return {
        code: 'ERR_UNSUPPORTED',
        hint:
          'tracefs is not mounted: run "mount -t tracefs tracefs /sys/kernel/tracing" on the host, ' +
          'start a container with -v /sys/kernel/tracing:/sys/kernel/tracing:ro, ' +
          'or use tp_btf or raw_tp, which need none',
      }
    }
    if (isTracepoint(section)) {
      return {
        code: 'ERR_UNSUPPORTED',
        hint: `This kernel (${facts.kernelRelease}) has no tracepoint ${section.replace(/^[^/]*\//, '')}: see /sys/kernel/tracing/available_events`,
      }
    }
  }
  if (
    /^k(ret)?probe\.multi/.test(section) &&
    (failure.errno === EOPNOTSUPP || !kernelAtLeast(facts, 5, 18))
  ) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `kprobe.multi needs Linux 5.18 or newer with CONFIG_FPROBE, this is ${facts.kernelRelease}: use kprobe`,
    }
  }
  if (isKprobe(section) && [ENOENT, EINVAL, EOPNOTSUPP].includes(failure.errno)) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `This kernel (${facts.kernelRelease}) has no such function to probe, or no kprobes (CONFIG_KPROBES)`,
    }
  }
  return undefined
}

function isTracepoint(section: string | undefined): boolean {
  return section !== undefined && /^(tp|tracepoint)\//.test(section)
}

function isKprobe(section: string): boolean {
  return /^k(ret)?(probe|syscall)/.test(section)
}

/**
 * Why a kernel would take an LSM program and never run it: it boots with a list
 * of security modules, in which "bpf" may be missing.
 *
 * @param modules What /sys/kernel/security/lsm says; nothing when securityfs is not mounted.
 */
export function lsmProblem(
  section: string,
  modules: string = readText('/sys/kernel/security/lsm'),
): Diagnosis | undefined {
  const list = modules.trim()
  if (!/^lsm(\.s)?\//.test(section) || list === '' || list.split(',').includes('bpf')) return
  return {
    code: 'ERR_UNSUPPORTED',
    hint: `Boot the kernel with "lsm=${list},bpf"`,
  }
}

function needsKernelBtf(failure: Failure): boolean {
  return /vmlinux BTF|valid kernel BTF|Error loading vmlinux|failed to find valid kernel/i.test(
    failure.log,
  )
}

function readText(path: string): string {
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
