// What a bare error number of the kernel means on this machine.
import { hintOfErrno } from '../errors/errors.js'
import { diagnoseAttach, isKprobe, isTracepoint, isUserProbe } from './diagnose-attach.js'
import type { DeclaredMap, Diagnosis, Failure, Needs } from './diagnosis.js'
import {
  type CapabilityName,
  hasOwnCapabilities,
  includes,
  kernelAtLeast,
  missingCapabilities,
  readSystemFacts,
  readText,
  type SystemFacts,
} from './facts.js'

const EPERM = -1
const ESRCH = -3
const E2BIG = -7
const EBADF = -9
const ENOMEM = -12
const EACCES = -13
const EBUSY = -16
const EEXIST = -17
const EINVAL = -22
const ENOSYS = -38
const EOPNOTSUPP = -95
const ENOTSUPP = -524

/** The first libbpf that knows a section, where 1.0 does not. */
const sectionsSince: Readonly<Record<string, string>> = {
  'uprobe.multi': '1.3',
  'uprobe.multi.s': '1.3',
  'uretprobe.multi': '1.3',
  'uretprobe.multi.s': '1.3',
  tcx: '1.3',
  netkit: '1.3',
  netfilter: '1.3',
  'kprobe.session': '1.5',
  'uprobe.session': '1.6',
}

/**
 * Explains a failure. The kernel reports old memlock limits, missing
 * capabilities, lockdown, missing BTF and an unmounted tracefs all as a bare
 * EPERM or ENOENT; looking at the machine afterwards tells them apart.
 */
export function diagnose(failure: Failure, facts: SystemFacts = readSystemFacts()): Diagnosis {
  const { errno, operation, section } = failure
  if (failure.needs !== undefined) {
    const diagnosis = diagnoseLack(errno, failure.needs, facts)
    if (diagnosis !== undefined) return diagnosis
  }
  if (errno === EPERM || errno === EACCES) return diagnosePermission(failure, facts)
  const hint = hintOfErrno(errno)
  if (hint !== undefined) return { code: 'ERR_KERNEL', hint }
  if (failure.lacksMaps !== undefined) return { code: 'ERR_UNSUPPORTED', hint: failure.lacksMaps }
  const declared = failure.map === undefined ? undefined : misdeclared(failure.map)
  if (declared !== undefined) return { code: 'ERR_KERNEL', hint: declared }
  if (failure.lacksOverwriting === true) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint:
        `Rings that overwrite (BPF_F_RB_OVERWRITE) need Linux 6.19 or newer, this is ${facts.kernelRelease}: ` +
        'declare BPFRB_FLIGHT_RECORDER(), which takes a perf buffer here unless usePerfBuffer is false',
    }
  }
  if (failure.lacksRingBuffers === true) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `BPF ring buffers need Linux 5.8 or newer, this is ${facts.kernelRelease}; use a perf buffer`,
    }
  }
  if (failure.lacksUserRingBuffers === true) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `User ring buffers need Linux 6.1 or newer, this is ${facts.kernelRelease}`,
    }
  }
  const unknown = /missing BPF prog type, check ELF section name '([^'/]*)/.exec(failure.log)?.[1]
  const since = sectionsSince[unknown ?? '']
  if (unknown !== undefined) {
    return {
      code: since === undefined ? 'ERR_OBJECT_FORMAT' : 'ERR_UNSUPPORTED',
      hint:
        since === undefined
          ? `libbpf knows no section "${unknown}": see SEC() in its documentation, or set the program's type before load`
          : `Sections "${unknown}" need libbpf ${since} or newer where this package was built: install it, then run "npm_config_build_from_source=true npm rebuild bpf-ringbuf"`,
    }
  }
  if (/failed .*to (open BPF FS mount at|create BPF token from) /.test(failure.log)) {
    return {
      code: 'ERR_KERNEL',
      hint: 'BpfObject.open() or the environment variable LIBBPF_BPF_TOKEN_PATH names that path: it has to be a BPF file system with delegation',
    }
  }
  if (needsKernelBtf(failure) && !facts.kernelBtf) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint:
        'The kernel has no BTF (/sys/kernel/btf/vmlinux is missing), which CO-RE, tp_btf and fentry need: ' +
        'use a kernel built with CONFIG_DEBUG_INFO_BTF=y',
    }
  }
  if (operation === 'attach') {
    const diagnosis = diagnoseAttach(failure, facts)
    if (diagnosis !== undefined) return diagnosis
  }
  if (errno === ESRCH && /kernel BTF type ID|in (kernel|vmlinux) BTF/i.test(failure.log)) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `This kernel (${facts.kernelRelease}) has no such tracepoint or function`,
    }
  }
  if (/no BTF-based attach target is specified/.test(failure.log)) {
    return {
      code: 'ERR_KERNEL',
      hint: 'Its section has to name what it attaches to, as "fentry/vfs_read" does',
    }
  }
  if (errno === ENOTSUPP || errno === EOPNOTSUPP) {
    if (operation === 'run') {
      return {
        code: 'ERR_UNSUPPORTED',
        hint: `This kernel (${facts.kernelRelease}) does not run such programs on demand: it runs packets' programs, raw_tp (Linux 5.10) and syscall (Linux 5.14)`,
      }
    }
    return (
      diagnoseRefused(failure, facts) ?? {
        code: 'ERR_UNSUPPORTED',
        hint: `This kernel (${facts.kernelRelease}) does not support it`,
      }
    )
  }
  if (section === 'syscall' && errno === EINVAL && !kernelAtLeast(facts, 5, 14)) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `"syscall" programs need Linux 5.14 or newer, this is ${facts.kernelRelease}`,
    }
  }
  if (errno === ENOMEM && operation === 'read') {
    return {
      code: 'ERR_KERNEL',
      hint: 'A reader maps the ring, or pagesPerCpu pages of each CPU: take fewer, or raise the limit of memory, of the cgroup or by "ulimit -v"',
    }
  }
  if (errno === ENOMEM && operation !== 'run') {
    return {
      code: 'ERR_KERNEL',
      hint: "Lower the maps' maxEntries, or raise the memory limit of the cgroup",
    }
  }
  if (errno === EEXIST) return { code: 'ERR_EXISTS' }
  if (errno === EBUSY) return { code: 'ERR_BUSY' }
  return { code: 'ERR_KERNEL' }
}

/** Whether the kernel or libbpf is too old for it. */
function diagnoseLack(
  errno: number,
  { feature, kernel, libbpf }: Needs,
  facts: SystemFacts,
): Diagnosis | undefined {
  if (errno === ENOSYS && libbpf !== undefined) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `${feature} needs libbpf ${libbpf} or newer where this package was built: install it, then run "npm_config_build_from_source=true npm rebuild bpf-ringbuf"`,
    }
  }
  if (kernel === undefined || kernelAtLeast(facts, ...kernel)) return undefined
  if (![EINVAL, EOPNOTSUPP, ENOTSUPP, E2BIG, EBADF].includes(errno)) return undefined
  return {
    code: 'ERR_UNSUPPORTED',
    hint: `${feature} needs Linux ${kernel.join('.')} or newer, this is ${facts.kernelRelease}`,
  }
}

/** What is wrong with the declaration of a map that the kernel refused. */
function misdeclared({ type, keySize, valueSize, maxEntries }: DeclaredMap): string | undefined {
  if (maxEntries === 0 && type !== 'perf_event_array') {
    return 'Its max_entries is 0: declare __uint(max_entries, …), or set maxEntries before load()'
  }
  if (['ringbuf', 'user_ringbuf'].includes(type) && (keySize !== 0 || valueSize !== 0)) {
    return 'A ring buffer has neither key nor value: remove __type(key, …) and __type(value, …)'
  }
  if (valueSize === 0 && !withoutValue.has(type)) {
    return 'Its value has no size: declare __type(value, …) or __uint(value_size, …)'
  }
  return undefined
}

/** Types of maps whose values may have no size, or have one that libbpf fills in. */
const withoutValue = new Set(['ringbuf', 'user_ringbuf', 'arena', 'perf_event_array', 'struct_ops'])

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
  const missing = lackedBy(failure, facts)
  if (missing.length > 0) {
    return { code: 'ERR_PERMISSION', hint: explainMissing(missing, facts) }
  }
  if (failure.operation === 'attach' && failure.errno === EACCES && isTracepoint(failure.section)) {
    return {
      code: 'ERR_PERMISSION',
      hint: 'tracefs is not readable by this user: run as root, or use tp_btf or raw_tp, which need none',
    }
  }
  if (
    failure.operation === 'attach' &&
    failure.errno === EACCES &&
    !includes(facts.capabilities, 'CAP_SYS_ADMIN') &&
    (isUserProbe(failure.section ?? '') || isKprobe(failure.section ?? ''))
  ) {
    return {
      code: 'ERR_PERMISSION',
      hint: `This kernel (${facts.kernelRelease}) lets only CAP_SYS_ADMIN attach such probes: run as root`,
    }
  }
  if (failure.section?.startsWith('netkit/') && failure.errno === EACCES) {
    return {
      code: 'ERR_KERNEL',
      hint: "It is the peer of a pair: give the primary device, and side: 'peer'",
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
  return diagnoseRefused(failure, facts) ?? { code: 'ERR_PERMISSION' }
}

/** The capabilities that would have permitted it, all at once. */
function lackedBy(failure: Failure, facts: SystemFacts): CapabilityName[] {
  const { privilege, type, map, types = [] } = failure
  if (privilege === undefined) {
    const own = [type, map?.type].filter((one) => one !== undefined)
    return missingCapabilities(facts, [...own, ...types])
  }
  return includes(facts.capabilities, privilege) ? [] : [privilege]
}

/** Kinds of programs that some kernels do not permit, whoever asks. */
function diagnoseRefused({ section = '' }: Failure, facts: SystemFacts): Diagnosis | undefined {
  const refused = `This kernel (${facts.kernelRelease}) refuses`
  if (/^(fentry|fexit|fmod_ret|lsm|freplace)(\.s)?(\/|$)/.test(section)) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `${refused} BPF trampolines (fentry, fexit, LSM): use tp_btf, raw_tp or a tracepoint`,
    }
  }
  if (section.startsWith('iter')) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `${refused} iterators of this kind, "${section}": read maps through BpfMap instead`,
    }
  }
  return undefined
}

/** What the verifier forbids a process that lacks a capability, and others not. */
const forbidden =
  /cannot use helper|unknown func|pointer (arithmetic|comparison)|leaks addr|prohibited|for !root/

/** Why the verifier may have rejected a program of this process, and not one of root's. */
export function verifierHint(
  log: string,
  type: string | undefined,
  facts: SystemFacts = readSystemFacts(),
): string | undefined {
  const missing = forbidden.test(log)
    ? missingCapabilities(facts, type === undefined ? [] : [type])
    : []
  return missing.length === 0 ? undefined : explainMissing(missing, facts)
}

/** Whether this process can be given what it lacks, or its container must be. */
function explainMissing(missing: readonly CapabilityName[], facts: SystemFacts): string {
  const names = missing.join(', ').replace(/, (?=[^,]*$)/, ' and ')
  const withheld = missing.filter((name) => !includes(facts.boundingSet, name))
  if (withheld.length === 0) {
    const all = missing.includes('CAP_NET_ADMIN')
      ? 'CAP_BPF, CAP_PERFMON and, for programs of networks and cgroups, CAP_NET_ADMIN'
      : hasOwnCapabilities(facts) && !missing.includes('CAP_SYS_ADMIN')
        ? 'both CAP_BPF and CAP_PERFMON'
        : names
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
  if (!/^lsm(\.s)?(\/|$)/.test(section) || list === '' || list.split(',').includes('bpf')) return
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
