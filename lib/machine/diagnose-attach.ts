// What a bare error number means when a program was to be attached.
import { addon } from '../addon/addon.js'
import type { Diagnosis, Failure } from './diagnosis.js'
import { kernelAtLeast, type SystemFacts } from './facts.js'
import { didYouMeanRawTracepoint, didYouMeanTracepoint } from './near-tracepoint.js'

const ENOENT = -2
const ESRCH = -3
const ENXIO = -6
const ENOEXEC = -8
const EBADF = -9
const EBUSY = -16
const EEXIST = -17
const EINVAL = -22
const ENODEV = -19
const EPROTO = -71
const EOPNOTSUPP = -95
const ENOTSUPP = -524

/** What to do where there are no kprobes of any kind. */
const withoutKprobes = 'use tp_btf, raw_tp or a tracepoint'

/**
 * The same of attaching, where that is not a matter of permissions.
 *
 * @param events Where tracefs has its tracepoints, if not at its usual place.
 */
export function diagnoseAttach(
  failure: Failure,
  facts: SystemFacts,
  events?: string,
): Diagnosis | undefined {
  const section = failure.section ?? ''
  if (/^perf_event/.test(section)) return diagnosePerfEvent(failure, facts)
  if (/^cgroup\//.test(section) && [EBADF, EINVAL].includes(failure.errno)) {
    return {
      code: 'ERR_KERNEL',
      hint: 'It has to be a directory of cgroup version 2, see "findmnt -t cgroup2"',
    }
  }
  if (failure.errno === ENODEV) return { code: 'ERR_NOT_FOUND' }
  if (section.startsWith('xdp/')) return diagnoseXdp(failure, section.slice(4))
  if (/^(tcx|netkit)\//.test(section) && failure.errno === EEXIST) {
    return {
      code: 'ERR_EXISTS',
      hint: 'The program is attached there already, and such a place takes each program once',
    }
  }
  if (section.startsWith('struct_ops/') && failure.errno === EEXIST) {
    return {
      code: 'ERR_EXISTS',
      hint: 'The kernel has one of this name, which may have outlived its process: "bpf-ringbuf map list" has it with its id, and "bpf-ringbuf map delete ID 0" takes it out',
    }
  }
  if (section.startsWith('struct_ops/') && failure.errno === EBUSY) {
    return { code: 'ERR_STATE', hint: 'The map is attached already: close its link before' }
  }
  // EINVAL is of a link of another kind.
  const isNoPlace = failure.errno === ENOENT && /^(tcx|netkit)\//.test(section)
  if (isNoPlace || (failure.errno === EINVAL && section.startsWith('tcx/'))) {
    return {
      code: 'ERR_NOT_FOUND',
      hint: 'The link that it is to be before or after is not of this interface and direction',
    }
  }
  if (section.startsWith('netkit/')) return diagnoseNetkit(failure.errno, facts)
  if (/qdisc kind is unknown/.test(failure.log)) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `This kernel (${facts.kernelRelease}) has no clsact qdisc: it needs CONFIG_NET_CLS_ACT and the module sch_ingress`,
    }
  }
  if (failure.errno === EPROTO) {
    return otherUsdtHeader(addon().libbpfVersion)
  }
  if (/^u(ret)?probe\.multi/.test(section) && failure.errno === ENOENT && failure.log === '') {
    return { code: 'ERR_NOT_FOUND', hint: explainNoFunctions(failure.missing) }
  }
  if (/^usdt/.test(section) && failure.errno === ENOENT && failure.log === '') {
    const [, path = '', probe = ''] = /^usdt[^/]*\/(.*):([^:]*:[^:]*)$/.exec(section) ?? []
    return { code: 'ERR_NOT_FOUND', hint: `It has no probe ${probe}: see "readelf -n ${path}"` }
  }
  if (isUserProbe(section) && /ambiguous match/.test(failure.log)) {
    return {
      code: 'ERR_KERNEL',
      hint: 'The file has several functions of this name: give an offset, functionsOf() has them',
    }
  }
  if (
    isUserProbe(section) &&
    ([ENOEXEC, ENOTSUPP].includes(failure.errno) ||
      (failure.errno === EINVAL && /failed to create u(ret)?probe /.test(failure.log)))
  ) {
    return {
      code: 'ERR_KERNEL',
      hint: 'The kernel puts no probe there: give an offset at which an instruction begins, see "objdump -d"',
    }
  }
  if (isUserProbe(section) && failure.errno === ESRCH) {
    return /USDT support/.test(failure.log)
      ? { code: 'ERR_KERNEL', hint: 'Its object has to include usdt.bpf.h of libbpf' }
      : { code: 'ERR_NOT_FOUND', hint: 'There is no such process' }
  }
  if (failure.errno === ENOENT && /^raw_(tp|tracepoint)/.test(section)) {
    const name = section.replace(/^[^/]*\//, '')
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `This kernel (${facts.kernelRelease}) has no raw tracepoint ${name}${didYouMeanRawTracepoint(name, events)}`,
    }
  }
  if (failure.errno === EEXIST && /^raw_(tp|tracepoint)/.test(section)) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `Before Linux 6.10 a raw tracepoint takes a program once, this is ${facts.kernelRelease}: close the first link before`,
    }
  }
  const isMultiKprobe = /^k(ret)?probe\.multi/.test(section)
  const isRefused = [ENOENT, EINVAL, EOPNOTSUPP].includes(failure.errno)
  if (isKprobe(section) && !isMultiKprobe && isRefused && !facts.kprobes) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `This kernel (${facts.kernelRelease}) has no kprobes, it was built without CONFIG_KPROBES or CONFIG_KPROBE_EVENTS: ${withoutKprobes}`,
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
      const place = section.replace(/^[^/]*\//, '')
      return {
        code: 'ERR_UNSUPPORTED',
        hint: `This kernel (${facts.kernelRelease}) has no tracepoint ${place}: see /sys/kernel/tracing/available_events${didYouMeanTracepoint(place, events)}`,
      }
    }
  }
  if (isTracepoint(section) && failure.errno === EINVAL && failure.log === '') {
    return { code: 'ERR_KERNEL', hint: 'Its section has to be "tp/CATEGORY/NAME"' }
  }
  if (isUserProbe(section) && failure.errno === ENOENT) {
    if (/failed to (open|resolve full path)/.test(failure.log)) {
      return { code: 'ERR_FILE_NOT_FOUND' }
    }
    if (/symbol|USDT/.test(failure.log)) return { code: 'ERR_NOT_FOUND' }
  }
  if (isMultiKprobe && (failure.errno === EOPNOTSUPP || !kernelAtLeast(facts, 5, 18))) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `kprobe.multi needs Linux 5.18 or newer with CONFIG_FPROBE, this is ${facts.kernelRelease}: ${facts.kprobes ? 'use kprobe' : withoutKprobes}`,
    }
  }
  if (isKprobe(section) && isRefused) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `This kernel (${facts.kernelRelease}) has no such function to probe, or no kprobes (CONFIG_KPROBES)`,
    }
  }
  return undefined
}

/**
 * What to do about an object whose usdt.bpf.h does not fit the libbpf that is loaded.
 *
 * @param loaded Its version, such as "v1.7".
 */
export function otherUsdtHeader(loaded: string): Diagnosis {
  return {
    code: 'ERR_UNSUPPORTED',
    hint: `The object has the usdt.bpf.h of another libbpf than ${loaded}, which is loaded; its layout differs since 1.7: compile it with https://github.com/libbpf/libbpf/blob/${loaded}.0/src/usdt.bpf.h as DIR/bpf/usdt.bpf.h and -I DIR -I /usr/include/bpf, or run "npm_config_build_from_source=true npm rebuild bpf-ringbuf", which takes the libbpf of this system`,
  }
}

function diagnoseNetkit(errno: number, facts: SystemFacts): Diagnosis | undefined {
  if (errno === EOPNOTSUPP) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `netkit needs Linux 6.7 or newer with CONFIG_NETKIT, this is ${facts.kernelRelease}: use tcx`,
    }
  }
  if (errno !== ENXIO) return undefined
  return { code: 'ERR_KERNEL', hint: 'The interface is no netkit device, whose programs these are' }
}

function explainNoFunctions(missing: readonly string[] | undefined): string {
  if (missing === undefined) return 'It has no function that the pattern matches'
  return missing.length > 0
    ? `It has no function ${missing.join(', ')}`
    : 'libbpf looks for a list of symbols in .symtab, which strip takes off: give offsets, functionsOf() has them, or a pattern'
}

function diagnoseXdp({ errno, xdpMode }: Failure, place: string): Diagnosis | undefined {
  const isIndex = /^\d+$/.test(place)
  if (errno === EBUSY || errno === EEXIST) {
    const mode = errno === EBUSY ? '' : 'in another mode, '
    const ending = isIndex ? '"ip link" names it' : `see "ip link show ${place}"`
    return {
      code: errno === EBUSY ? 'ERR_BUSY' : 'ERR_EXISTS',
      hint: `The interface has an XDP program already, ${mode}and takes one: close the link of that one, or update() it; ${ending}`,
    }
  }
  const isHardware = xdpMode === 'hardware' && errno === EINVAL && !isIndex
  if (isHardware || (errno === EOPNOTSUPP && xdpMode !== undefined && xdpMode !== 'skb')) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint: `The driver of the interface has no XDP of the mode '${xdpMode}': give 'skb', or no mode`,
    }
  }
  if (errno !== EINVAL || !isIndex) return undefined
  return { code: 'ERR_KERNEL', hint: 'There may be no interface of this index, see "ip link"' }
}

function diagnosePerfEvent(
  { errno, perfEvent }: Failure,
  facts: SystemFacts,
): Diagnosis | undefined {
  const { isSoftware = false, ofCgroup = false, hz = 0 } = perfEvent ?? {}
  if (errno === ESRCH) return { code: 'ERR_NOT_FOUND', hint: 'There is no such process' }
  // Of a hierarchy without the controller the kernel says ENOENT, as of an event that it lacks.
  if (ofCgroup && (errno === EBADF || (errno === ENOENT && isSoftware))) {
    return {
      code: 'ERR_KERNEL',
      hint: 'Its cgroup has to be a directory of version 2, or of version 1 where that has the controller perf_event: see "findmnt -t cgroup,cgroup2"',
    }
  }
  if (errno === EINVAL && hz > facts.maxSampleRate) {
    return {
      code: 'ERR_KERNEL',
      hint: `The sysctl kernel.perf_event_max_sample_rate is ${String(facts.maxSampleRate)}: give fewer hz, or raise it`,
    }
  }
  if ([ENOENT, ENODEV, EOPNOTSUPP, EINVAL].includes(errno)) {
    const lacking = `This machine (Linux ${facts.kernelRelease}) has no such event, or no such CPU`
    return {
      code: 'ERR_UNSUPPORTED',
      hint: isSoftware
        ? `${lacking}: see /sys/devices/system/cpu/online`
        : `${lacking}: virtual machines often lack hardware events; cpu-clock is everywhere`,
    }
  }
  return undefined
}

export function isTracepoint(section: string | undefined): boolean {
  return section !== undefined && /^(tp|tracepoint)\//.test(section)
}

export function isUserProbe(section: string): boolean {
  return /^(u(ret)?probe|usdt)/.test(section)
}

export function isKprobe(section: string): boolean {
  return /^k(ret)?(probe|syscall)/.test(section)
}
