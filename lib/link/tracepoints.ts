// Tracepoints of the kernel.
import {
  checkCookie,
  checkTarget,
  checkText,
  cookieNeeds,
  type Kind,
  type WithCookie,
} from './kind.js'

/** A tracepoint, see /sys/kernel/tracing/available_events: needs tracefs. */
export interface TracepointTarget extends WithCookie {
  /** Such as `syscalls`. */
  category: string
  /** Such as `sys_enter_openat`. */
  name: string
}

/** The raw arguments of a tracepoint. A cookie needs Linux 6.10 and libbpf 1.5. */
export interface RawTracepointTarget extends WithCookie {
  /** Such as `sched_switch`. */
  name: string
}

const tracepoint: Kind<TracepointTarget> = {
  types: ['tracepoint'],
  attach: (program, target) => {
    checkTarget(target, 'tracepoint', ['category', 'name', 'cookie'])
    const category = checkText(target.category, 'category')
    const name = checkText(target.name, 'name')
    const cookie = checkCookie(target.cookie)
    return {
      link: program.attachTracepoint(category, name, cookie),
      place: `tp/${category}/${name}`,
      ...cookieNeeds(cookie),
    }
  },
}

const rawTracepoint: Kind<RawTracepointTarget> = {
  types: ['raw_tracepoint', 'raw_tracepoint_writable'],
  attach: (program, target) => {
    checkTarget(target, 'rawTracepoint', ['name', 'cookie'])
    const name = checkText(target.name, 'name')
    const cookie = checkCookie(target.cookie)
    return {
      link: program.attachRawTracepoint(name, cookie),
      place: `raw_tp/${name}`,
      ...cookieNeeds(cookie, {
        feature: 'A cookie of a raw tracepoint',
        kernel: [6, 10],
        libbpf: '1.5',
      }),
    }
  },
}

export const tracepoints = { tracepoint, rawTracepoint }
