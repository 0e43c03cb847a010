// What a bare error number means when a program was to be attached.
import { addon } from '../addon/addon.js'
import type { Diagnosis, Failure } from './diagnosis.js'
import { kernelAtLeast, type SystemFacts } from './facts.js'
import { didYouMeanTracepoint } from './near-tracepoint.js'

const ENOENT = -2
const ESRCH = -3
const ENXIO = -6
const EBADF = -9
const EBUSY = -16
const EEXIST = -17
const EINVAL = -22
const ENODEV = -19
const EPROTO = -71
const EOPNOTSUPP = -95

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
  if (section.startsWith('xdp/')) return diagnoseXdp(failure.errno, section.slice(4))
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
    return {
      code: 'ERR_NOT_FOUND',
      hint: 'It has not all of these functions; of a stripped file, without .symtab, libbpf finds no lists of symbols: give a pattern or offsets',
    }
  }
  if (isUserProbe(section) && failure.errno === ESRCH) {
    return /USDT support/.test(failure.log)
      ? { code: 'ERR_KERNEL', hint: 'Its object has to include usdt.bpf.h of libbpf' }
      : { code: 'ERR_NOT_FOUND', hint: 'There is no such process' }
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

function diagnoseXdp(errno: number, place: string): Diagnosis | undefined {
  const isIndex = /^\d+$/.test(place)
  if (errno === EBUSY || errno === EEXIST) {
    const mode = errno === EBUSY ? '' : 'in another mode, '
    const ending = isIndex ? '"ip link" names it' : `see "ip link show ${place}"`
    return {
      code: errno === EBUSY ? 'ERR_BUSY' : 'ERR_EXISTS',
      hint: `The interface has an XDP program already, ${mode}and takes one: close the link of that one, or update() it; ${ending}`,
    }
  }
  if (errno !== EINVAL || !isIndex) return undefined
  return { code: 'ERR_KERNEL', hint: 'There may be no interface of this index, see "ip link"' }
}

function diagnosePerfEvent({ errno }: Failure, facts: SystemFacts): Diagnosis | undefined {
  if (errno === ESRCH) return { code: 'ERR_NOT_FOUND', hint: 'There is no such process' }
  if ([ENOENT, ENODEV, EOPNOTSUPP, EINVAL].includes(errno)) {
    return {
      code: 'ERR_UNSUPPORTED',
      hint:
        `This machine (Linux ${facts.kernelRelease}) has no such event, or no such CPU: ` +
        'virtual machines often lack hardware events; cpu-clock is everywhere',
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
