// What the kinds of targets have in common.
import { closeSync, openSync } from 'node:fs'
import type { NativeLink } from '../addon/link.js'
import type { NativeProgram } from '../addon/program.js'
import { BpfError, checkInteger, checkOptions, invalidType, outOfRange } from '../errors/errors.js'
import type { Failure, Needs } from '../machine/diagnosis.js'
import type { ProgramType } from './program-types.js'

/** What came of attaching, and what explains a failure. */
export interface Attempt extends Pick<Failure, 'needs' | 'perfEvent' | 'missing' | 'xdpMode'> {
  link: NativeLink | number
  /** The place as a section would name it. */
  place: string
}

/** A kind of target. */
export interface Kind<T> {
  /** The types of the programs that go there. */
  readonly types: readonly ProgramType[]
  /** Checks what was given, and attaches. */
  attach: (program: NativeProgram, target: T) => Attempt
}

/** A value for `bpf_get_attach_cookie()` in the program. */
export interface WithCookie {
  /** What `bpf_get_attach_cookie()` gives in the program. Linux 5.15. Default 0n. */
  cookie?: bigint | undefined
}

export const largestNumber = 2 ** 53 - 1
const largestWord = 2n ** 64n - 1n

/** Refuses what is no object, or has a property that is not known. */
export function checkTarget<const K extends string>(
  target: unknown,
  kind: string,
  known: readonly K[],
): Partial<Record<K, unknown>> {
  if (typeof target !== 'object' || target === null) throw invalidType('an object', kind, target)
  checkOptions(target, known)
  return target
}

/** Refuses all but a text that can be a C string. */
export function checkText(text: unknown, what: string): string {
  if (typeof text !== 'string') throw invalidType('a string', what, text)
  if (text === '' || text.includes('\0')) {
    throw outOfRange('a string that is not empty and has no NUL', what, text)
  }
  return text
}

export function checkWord(word: unknown, what: string): bigint {
  if (typeof word !== 'bigint') throw invalidType('a bigint', what, word)
  if (word < 0n || word > largestWord) throw outOfRange('a bigint from 0 to 2^64 - 1', what, word)
  return word
}

export function checkCookie(cookie: unknown): bigint {
  return cookie === undefined ? 0n : checkWord(cookie, 'cookie')
}

/** What a cookie needs, when one is given. */
export function cookieNeeds(
  cookie: bigint,
  needs: Needs = { feature: 'A cookie', kernel: [5, 15] },
): { needs?: Needs } {
  return cookie === 0n ? {} : { needs }
}

/** -1 for all processes. */
export function checkPid(pid: unknown): number {
  return pid === undefined ? -1 : checkInteger(pid, 'pid', 1, 2 ** 31 - 1)
}

export function checkOffset(offset: unknown, what = 'offset'): number {
  return offset === undefined ? 0 : checkInteger(offset, what, 0, largestNumber)
}

export function checkDescriptor(fd: unknown, what: string): number {
  return checkInteger(fd, what, 0, 2 ** 31 - 1)
}

/** Refuses all but a list with at least one item. */
export function checkList<T>(
  list: unknown,
  what: string,
  check: (item: unknown, what: string) => T,
): T[] {
  if (!Array.isArray(list)) throw invalidType('an array', what, list)
  if (list.length === 0) throw outOfRange('an array that is not empty', what, list)
  return Array.from(list as unknown[], (item, i) => check(item, `${what}[${String(i)}]`))
}

/** The descriptor of a map or program of this library. */
export function descriptorOf(
  value: unknown,
  kind: 'BpfMap' | 'BpfProgram' | 'BpfLink',
  what: string,
): number {
  const fd = typeof value === 'object' && value !== null && 'fd' in value ? value.fd : undefined
  if (typeof fd === 'number') return fd
  throw invalidType(`a ${kind}`, what, value)
}

/** Refuses a list that is not as long as another. */
export function checkLength(list: { length: number }, length: number, what: string): void {
  if (list.length === length) return
  throw outOfRange(`${String(length)} items`, what, list)
}

export function checkOneOf<const T extends string>(
  value: unknown,
  what: string,
  choices: readonly T[],
): T {
  const choice = choices.find((known) => known === value)
  if (choice !== undefined) return choice
  throw invalidType(`one of ${choices.join(', ')}`, what, value)
}

/** Uses a path or a descriptor as a descriptor. */
export function withDescriptor<R>(place: unknown, what: string, use: (fd: number) => R): R {
  if (typeof place === 'number') return use(checkDescriptor(place, what))
  if (typeof place !== 'string') throw invalidType('a path or a descriptor', what, place)
  const fd = openPath(checkText(place, what))
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}

function openPath(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (thrown) {
    const cause = thrown as NodeJS.ErrnoException
    const missing = cause.code === 'ENOENT' || cause.code === 'ENOTDIR'
    const denied = cause.code === 'EACCES' || cause.code === 'EPERM'
    throw new BpfError(
      missing ? 'ERR_FILE_NOT_FOUND' : denied ? 'ERR_PERMISSION' : 'ERR_KERNEL',
      missing ? 'there is no such file' : denied ? 'it is not readable' : cause.message,
      { operation: 'open', target: path, errno: cause.errno, cause },
    )
  }
}

/** The error for a map that is not in the program's object. */
export function noMap(operation: string, name: string): BpfError {
  return new BpfError('ERR_NOT_FOUND', 'its object has no such map', {
    operation,
    target: `map "${name}"`,
  })
}
