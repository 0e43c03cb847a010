// Functions of the kernel, while it runs.
import type { NativeProgram } from '../addon/program.js'
import { invalidType, outOfRange } from '../errors/errors.js'
import {
  type Attempt,
  checkCookie,
  checkLength,
  checkList,
  checkOffset,
  checkTarget,
  checkText,
  checkWord,
  cookieNeeds,
  descriptorOf,
  type Kind,
  noMap,
  type WithCookie,
} from './kind.js'
import { numberOf } from './program-types.js'

/** A function of the kernel, see /proc/kallsyms. */
export interface KprobeTarget extends WithCookie {
  /** The name of the function. */
  symbol: string
  /** In bytes from its beginning; of kretprobe none. Default 0. */
  offset?: number | undefined
}

/** The return of a function of the kernel. */
export interface KretprobeTarget extends WithCookie {
  /** The name of the function. */
  symbol: string
}

/**
 * Many functions of the kernel at once: those that a pattern of `*` and `?`
 * matches, or a list, with a cookie for each. Linux 5.18 with CONFIG_FPROBE. The
 * program's section has to be `kprobe.multi` or `kretprobe.multi`.
 */
export type KprobeMultiTarget =
  | { pattern: string; symbols?: undefined; cookies?: undefined }
  | { symbols: readonly string[]; cookies?: readonly bigint[] | undefined; pattern?: undefined }

/** A system call by its name, such as `openat`. */
export interface KsyscallTarget extends WithCookie {
  /** The name of the system call, without a prefix. */
  syscall: string
}

function probe(section: 'kprobe' | 'kretprobe'): Kind<KprobeTarget> {
  const isReturn = section === 'kretprobe'
  return {
    types: ['kprobe'],
    attach: (program, target) => {
      checkTarget(target, section, isReturn ? ['symbol', 'cookie'] : ['symbol', 'offset', 'cookie'])
      checkSingle(program, section)
      const symbol = checkText(target.symbol, 'symbol')
      const offset = checkOffset(target.offset)
      const cookie = checkCookie(target.cookie)
      return {
        link: program.attachKprobe(symbol, offset, cookie, isReturn),
        place: `${section}/${symbol}`,
        ...cookieNeeds(cookie),
      }
    },
  }
}

function multiProbe(section: 'kprobe.multi' | 'kretprobe.multi'): Kind<KprobeMultiTarget> {
  return {
    types: ['kprobe'],
    attach: (program, target) => {
      checkTarget(target, section, ['pattern', 'symbols', 'cookies'])
      checkSection(program, section, ['trace_kprobe_multi', 'trace_kprobe_session'])
      const { pattern, symbols, cookies } = checkMany(target)
      return {
        link: program.attachKprobeMulti(pattern, symbols, cookies, section === 'kretprobe.multi'),
        place: `${section}/${pattern === '' ? symbols.join(',') : pattern}`,
        needs: { feature: 'kprobe.multi', kernel: [5, 18] },
      }
    },
  }
}

/** Refuses a program that the kernel would: one for many places at once has a section of its own. */
export function checkSection(
  program: NativeProgram,
  section: string,
  types: readonly string[],
): void {
  if (!isOneOf(program, types)) throw wrongSection(program, section)
}

const forMany = [
  'trace_kprobe_multi',
  'trace_kprobe_session',
  'trace_uprobe_multi',
  'trace_uprobe_session',
]

/** The same of a program for many places, where it should be one for a single place. */
export function checkSingle(program: NativeProgram, section: string): void {
  if (isOneOf(program, forMany)) throw wrongSection(program, section)
}

function isOneOf(program: NativeProgram, types: readonly string[]): boolean {
  const type = program.expectedAttachType()
  return types.some((name) => numberOf('attach', name) === type)
}

/** The error for a program that was loaded for another kind of target. */
export function wrongSection(program: NativeProgram, section: string): TypeError {
  return invalidType(
    `a program whose section is "${section}"`,
    'this kind of target',
    `program "${program.name()}" of section "${program.section()}"`,
  )
}

/** Of the two one is empty. */
export interface Many {
  pattern: string
  symbols: string[]
  cookies: BigUint64Array
}

/** A pattern, or a list with cookies. */
export function checkMany(target: {
  pattern?: unknown
  symbols?: unknown
  cookies?: unknown
}): Many {
  if (target.pattern !== undefined) {
    const pattern = checkText(target.pattern, 'pattern')
    for (const name of ['symbols', 'cookies'] as const) {
      const given = target[name]
      if (given !== undefined) throw invalidType('nothing, with a pattern,', name, given)
    }
    return { pattern, symbols: [], cookies: new BigUint64Array(0) }
  }
  const symbols = checkList(target.symbols, 'symbols', checkText)
  // libbpf and the kernel would count it once, and say that a function is missing.
  const twice = symbols.find((symbol, i) => symbols.indexOf(symbol) !== i)
  if (twice !== undefined) throw outOfRange('each function once', 'symbols', twice)
  const cookies =
    target.cookies === undefined ? [] : checkList(target.cookies, 'cookies', checkWord)
  if (target.cookies !== undefined) checkLength(cookies, symbols.length, 'cookies')
  return { pattern: '', symbols, cookies: BigUint64Array.from(cookies) }
}

function systemCall(section: 'ksyscall' | 'kretsyscall'): Kind<KsyscallTarget> {
  return {
    types: ['kprobe'],
    attach: (program, target) => {
      checkTarget(target, section, ['syscall', 'cookie'])
      checkSingle(program, section)
      const syscall = checkText(target.syscall, 'syscall')
      const cookie = checkCookie(target.cookie)
      return {
        link: program.attachKsyscall(syscall, cookie, section === 'kretsyscall'),
        place: `${section}/${syscall}`,
        ...cookieNeeds(cookie),
      }
    },
  }
}

/**
 * What the program was loaded for, its section or `setAttachTarget()`: a
 * `tp_btf`, `fentry`, `fexit`, `fmod_ret` or `lsm` program, with a cookie, which
 * needs Linux 5.19.
 */
export type TraceTarget = WithCookie

const trace: Kind<TraceTarget> = {
  types: ['tracing', 'lsm'],
  attach: (program: NativeProgram, target): Attempt => {
    checkTarget(target, 'trace', ['cookie'])
    const cookie = checkCookie(target.cookie)
    return {
      link: program.attachTrace(cookie),
      place: program.section(),
      ...cookieNeeds(cookie, { feature: 'A cookie of it', kernel: [5, 19] }),
    }
  },
}

/** A function of another BPF program that is loaded: this program takes its place. */
export interface FreplaceTarget {
  /** The `BpfProgram` that has the function. */
  program: { readonly fd: number }
  /** The function's name in C. */
  symbol: string
}

const freplace: Kind<FreplaceTarget> = {
  types: ['ext'],
  attach: (program, target) => {
    checkTarget(target, 'freplace', ['program', 'symbol'])
    const symbol = checkText(target.symbol, 'symbol')
    return {
      link: program.attachFreplace(descriptorOf(target.program, 'BpfProgram', 'program'), symbol),
      place: `freplace/${symbol}`,
      needs: { feature: 'freplace of another program', kernel: [5, 10] },
    }
  },
}

/** A `struct_ops` map of the program's object, by its name. */
export type StructOpsTarget = string

const structOps: Kind<StructOpsTarget> = {
  types: ['struct_ops'],
  attach: (program, target) => {
    const map = checkText(target, 'structOps')
    const link = program.attachStructOps(map)
    const ENOENT = -2
    if (link === ENOENT) throw noMap('attach', map)
    return { link, place: `struct_ops/${map}` }
  },
}

export const kernelProbes = {
  kprobe: probe('kprobe'),
  kretprobe: probe('kretprobe') as Kind<KretprobeTarget>,
  kprobeMulti: multiProbe('kprobe.multi'),
  kretprobeMulti: multiProbe('kretprobe.multi'),
  ksyscall: systemCall('ksyscall'),
  kretsyscall: systemCall('kretsyscall'),
  trace,
  freplace,
  structOps,
}
