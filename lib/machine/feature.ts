// Answers to questions about this machine.
import { type Addon, addon } from '../addon/addon.js'
import { BpfError, describeErrno } from '../errors/errors.js'
import { diagnose } from './diagnose.js'
import { includes, type SystemFacts } from './facts.js'

/** What is known about one feature. */
export interface Feature {
  /**
   * `unknown` is when it cannot be told, as by a process that may not try:
   * neither yes nor no.
   */
  readonly answer: 'yes' | 'no' | 'unknown'
  /** What was tried or seen, in words. */
  readonly why: string
  /** What was found where there is more to say, such as a path or a setting. */
  readonly value?: string | number
}

export function yes(why: string, value?: string | number): Feature {
  return feature('yes', why, value)
}

export function no(why: string, value?: string | number): Feature {
  return feature('no', why, value)
}

export function unknown(why: string, value?: string | number): Feature {
  return feature('unknown', why, value)
}

/** Yes or no. */
export function whether(is: boolean, why: string, value?: string | number): Feature {
  return feature(is ? 'yes' : 'no', why, value)
}

export function feature(answer: Feature['answer'], why: string, value?: string | number): Feature {
  return Object.freeze({ answer, why, ...(value === undefined ? {} : { value }) })
}

const EPERM = -1
const ENOSYS = -38
/** ENOENT, ESRCH, E2BIG, ENODEV, EINVAL, ENOSYS, EOPNOTSUPP, ENOTSUPP: what one gets for what is not there. */
const saysNo = new Set([-2, -3, -7, -19, -22, ENOSYS, -95, -524])

/** What was tried, to explain how it failed. */
interface Tried {
  /** The addon's answer: negative is an error number. */
  result: number
  /** What it means when it worked, in words. */
  worked: string
  /** What zero means, of probes that say so. */
  lacks?: string
  /** The kernel that has it, where the error says nothing: `Linux 6.6`. */
  needs?: string | undefined
  /** As an object file would have it. */
  section?: string | undefined
  operation?: 'load' | 'attach'
  log?: string
}

/** Tells a kernel that lacks something from one that does not let this process try. */
export function judge(tried: Tried, facts: SystemFacts): Feature {
  const { result, worked, lacks, needs, section, operation = 'load', log = '' } = tried
  if (result > 0 || (result === 0 && lacks === undefined)) return yes(worked)
  if (result === 0) return no(lacks ?? '')
  const { code, hint } = diagnose({ operation, errno: result, log, section }, facts)
  const problem = hint ?? `${describeErrno(result)}${deniedBy(result, facts)}`
  // A seccomp filter may say that there is no such call.
  const filtered = result === ENOSYS && facts.seccompFilter
  const isNo = code === 'ERR_UNSUPPORTED' || (code !== 'ERR_PERMISSION' && saysNo.has(result))
  if (!isNo || filtered) return unknown(problem)
  return no(
    hint === undefined && needs !== undefined
      ? `It needs ${needs}, this is ${facts.kernelRelease}: ${problem}`
      : problem,
  )
}

/** Which capability it might be for want of, where those for BPF are not. */
function deniedBy(result: number, facts: SystemFacts): string {
  const networks = ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN'] as const
  const lacks = networks.every((name) => !includes(facts.capabilities, name))
  return result === EPERM && lacks ? ': give the process CAP_NET_ADMIN' : ''
}

/** Asks the addon; where it cannot be loaded, nothing can be told. */
export function ask(question: (native: Addon) => Feature): Feature {
  const native = loadedAddon()
  return native instanceof BpfError ? unknown(addonProblem(native)) : question(native)
}

/** As hints are: what is wrong, a colon, what to do. */
export function addonProblem(error: BpfError): string {
  return `${problemOf(error).replace(': ', ', ')}: ${error.hint ?? 'see its documentation'}`
}

/** An error's message without its hint. */
export function problemOf({ message, hint }: BpfError): string {
  return hint === undefined ? message : message.slice(0, -`. ${hint}`.length)
}

/** The addon, or why it cannot be loaded. */
export function loadedAddon(): Addon | BpfError {
  try {
    return addon()
  } catch (error) {
    if (error instanceof BpfError) return error
    throw error
  }
}
