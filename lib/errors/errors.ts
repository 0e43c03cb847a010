import { constants } from 'node:os'
import { getSystemErrorMap, inspect } from 'node:util'

/**
 * What went wrong, as a stable string: the contract to test against. The
 * message may change, the code does not.
 *
 * - `ERR_ADDON`: the native addon cannot be loaded here.
 * - `ERR_BUSY`: somebody else has it, such as another reader of the same map.
 * - `ERR_CLOSED`: this program closed the object, link or reader before.
 * - `ERR_EXISTS`: there is one already.
 * - `ERR_FILE_NOT_FOUND`: there is no such file.
 * - `ERR_FULL`: there is no room left in a map or ring.
 * - `ERR_KERNEL`: the kernel or libbpf refused, see `errno`, `log` and `hint`.
 * - `ERR_LAYOUT`: a struct does not match the object's BTF.
 * - `ERR_MAP_TYPE`: the map is of another type than the operation needs.
 * - `ERR_NO_BTF`: the object has no BTF, which the operation needs.
 * - `ERR_NOT_FOUND`: no map, program, variable or symbol of this name.
 * - `ERR_OBJECT_FORMAT`: not a BPF object file of this machine's byte order.
 * - `ERR_PERMISSION`: privileges are missing, see `hint`.
 * - `ERR_RECORD_TOO_SHORT`: a record is shorter than its type.
 * - `ERR_STATE`: the operation does not fit the phase, such as configuring after load.
 * - `ERR_TIMEOUT`: it did not happen within the time given.
 * - `ERR_UNKNOWN_TAG`: a tagged record has a tag that no case is for.
 * - `ERR_UNSUPPORTED`: this kernel lacks a feature, see `hint`.
 * - `ERR_VERIFIER`: the kernel's verifier rejected a program.
 */
export type BpfErrorCode =
  | 'ERR_ADDON'
  | 'ERR_BUSY'
  | 'ERR_CLOSED'
  | 'ERR_EXISTS'
  | 'ERR_FILE_NOT_FOUND'
  | 'ERR_FULL'
  | 'ERR_KERNEL'
  | 'ERR_LAYOUT'
  | 'ERR_MAP_TYPE'
  | 'ERR_NO_BTF'
  | 'ERR_NOT_FOUND'
  | 'ERR_OBJECT_FORMAT'
  | 'ERR_PERMISSION'
  | 'ERR_RECORD_TOO_SHORT'
  | 'ERR_STATE'
  | 'ERR_TIMEOUT'
  | 'ERR_UNKNOWN_TAG'
  | 'ERR_UNSUPPORTED'
  | 'ERR_VERIFIER'

/** What a {@link BpfError} carries besides its message. */
export interface BpfErrorDetails {
  /** What was tried, such as `load` or `attach`. */
  operation: string
  /** What it was tried on: an object's, map's, program's or field's name. */
  target: string
  /**
   * The error number, when the kernel or libbpf gave one: negative, as Node has
   * it, -1 for EPERM.
   */
  errno?: number | undefined
  /** What libbpf printed during the operation, complete. */
  log?: string | undefined
  /** What to do about it. */
  hint?: string | undefined
  /** The error that this one comes from. */
  cause?: unknown
}

/**
 * Every failure that is not misuse of the API. Misuse is a `TypeError` or
 * `RangeError` that says "Expected X for Y but received Z".
 */
export class BpfError extends Error {
  /** The class of the error, as all errors of JavaScript have it. */
  override readonly name: string = 'BpfError'
  /** What went wrong: test against this. */
  readonly code: BpfErrorCode
  /** What was tried, such as `load` or `attach`. */
  readonly operation: string
  /** What it was tried on, such as `program "on_exec"`. */
  readonly target: string
  /** The error number of the kernel or of libbpf, negative, where there was one. */
  readonly errno: number | undefined
  /** What libbpf printed during the operation, complete; empty when it was silent. */
  readonly log: string
  /** What to do about it, where that is known; the message ends with it. */
  readonly hint: string | undefined

  /** Puts the message together: what was tried, on what, the problem and the hint. */
  constructor(code: BpfErrorCode, problem: string, details: BpfErrorDetails) {
    // Some problems end with a question.
    const end = problem.endsWith('?') ? ' ' : '. '
    const { hint = hintOfErrno(details.errno) } = details
    const advice = hint === undefined ? '' : `${end}${hint}`
    super(
      `Cannot ${details.operation} ${details.target}: ${problem}${advice}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    )
    this.code = code
    this.operation = details.operation
    this.target = details.target
    this.errno = details.errno
    this.hint = hint
    this.log = details.log ?? ''
    hide(this, 'log')
  }
}

/**
 * The kernel's verifier rejected a program. The message has the last useful
 * line; `verifierLog` and `log` are complete.
 */
export class VerifierError extends BpfError {
  /** The class of the error. */
  override readonly name = 'VerifierError'
  /** The program that was rejected, by its name in C. */
  readonly program: string
  /** What the verifier wrote about this program, complete. */
  readonly verifierLog: string

  /** Takes the last useful line of the log into the message. */
  constructor(program: string, verifierLog: string, details: BpfErrorDetails) {
    const lines = verifierLog.trimEnd().split('\n')
    const useful = lastUsefulLine(lines)
    const omitted = lines.length - 1
    super(
      'ERR_VERIFIER',
      `the verifier rejected program "${program}": ${useful}` +
        (omitted > 0
          ? ` (${String(omitted)} line${omitted === 1 ? '' : 's'} omitted, see error.verifierLog)`
          : ''),
      details,
    )
    this.program = program
    this.verifierLog = verifierLog
    hide(this, 'verifierLog')
  }
}

export const EMFILE = -24
export const ENFILE = -23

/** What to do about an error number that means the same wherever it comes from. */
export function hintOfErrno(errno: number | undefined): string | undefined {
  if (errno === EMFILE) {
    return 'Raise the limit of open files ("ulimit -n", of a service LimitNOFILE=), or close some'
  }
  if (errno === ENFILE) {
    return 'The machine has no file descriptors left: see /proc/sys/fs/file-max'
  }
  return undefined
}

/** The error for using what was closed. */
export function closed(operation: string, target: string): BpfError {
  return new BpfError('ERR_CLOSED', 'it is closed', { operation, target })
}

/** Keeps a text of perhaps megabytes out of what console.log() prints. */
function hide(error: BpfError, property: string): void {
  Object.defineProperty(error, property, { enumerable: false })
}

/** A record that is shorter than the type it should hold. */
export class RecordTooShortError extends BpfError {
  /** The class of the error. */
  override readonly name = 'RecordTooShortError'
  /** A copy of the record. */
  readonly bytes: Uint8Array

  /** Says how many bytes the record has and how many its type needs. */
  constructor(typeName: string, sizeBytes: number, bytes: Uint8Array) {
    super(
      'ERR_RECORD_TOO_SHORT',
      `the record has ${String(bytes.length)} bytes, the type needs ${String(sizeBytes)}`,
      { operation: 'decode', target: typeName },
    )
    this.bytes = bytes
  }
}

/** A tagged record whose tag none of the cases has. */
export class UnknownTagError extends BpfError {
  /** The class of the error. */
  override readonly name = 'UnknownTagError'
  /** A copy of the record. */
  readonly bytes: Uint8Array
  /** As the record would have it: a name, if an enum has one for it. */
  readonly tag: number | bigint | string

  /** Says which tag the record has. */
  constructor(typeName: string, field: string, tag: UnknownTagError['tag'], bytes: Uint8Array) {
    super('ERR_UNKNOWN_TAG', `the record's "${field}" is ${String(tag)}, and no case is for that`, {
      operation: 'decode',
      target: typeName,
      hint: "Add one to tagged(), or say what becomes of such records: { unknown: 'skip' }, or 'bytes'",
    })
    this.bytes = bytes
    this.tag = tag
  }
}

/**
 * The verifier ends with states and statistics; the reason stands before them.
 * Newer kernels then explain it on many lines, which end with a suggestion.
 */
function lastUsefulLine(lines: readonly string[]): string {
  const statistics =
    /^(cur state:|old state:|processed \d+ insns|verification time|stack depth|total time|\s*$|-- END|mark_precise)/
  const explanation = lines.findIndex((line) => line.startsWith('Verification failed: '))
  for (let i = (explanation < 0 ? lines.length : explanation) - 1; i >= 0; i--) {
    const line = lines[i]
    if (line !== undefined && !statistics.test(line)) return line.trim()
  }
  return lines[explanation] ?? 'no reason given'
}

/** LIBBPF_ERRNO__*, libbpf.h. */
const libbpfErrors = new Map<number, string>([
  [-4000, 'libelf failed'],
  [-4001, 'the object format is invalid'],
  [-4002, 'the kernel version is not given'],
  [-4003, 'the byte order does not match'],
  [-4004, 'internal error in libbpf'],
  [-4005, 'relocation failed'],
  [-4006, 'loading failed, the cause is unknown'],
  [-4007, 'the verifier rejected it'],
  [-4008, 'the program is too big'],
  [-4009, 'the kernel version is wrong'],
  [-4010, 'the kernel does not support this program type'],
  [-4011, 'wrong process id in a netlink message'],
  [-4012, 'invalid netlink sequence'],
  [-4013, 'invalid netlink message'],
])

/** Numbers that Node does not know, or words for sockets only. */
const kernelErrors = new Map<number, string>([
  [-95, 'EOPNOTSUPP (operation is not supported)'],
  [-524, 'ENOTSUPP (operation is not supported)'],
])

/** A negative error number in words, such as "EPERM (operation not permitted)". */
export function describeErrno(errno: number): string {
  const ours = kernelErrors.get(errno) ?? libbpfErrors.get(errno)
  if (ours !== undefined) return ours
  const known = getSystemErrorMap().get(errno)
  if (known !== undefined) return `${known[0]} (${known[1]})`
  const name = Object.entries(constants.errno).find(([, value]) => value === -errno)?.[0]
  return name ?? `error ${String(errno)}`
}

function describeReceived(received: unknown): string {
  if (typeof received === 'function') return `function ${received.name || '(anonymous)'}`
  return inspect(received, { depth: 0, breakLength: Infinity, maxStringLength: 80 })
}

/** Misuse: a value of the wrong type. */
export function invalidType(expected: string, what: string, received: unknown): TypeError {
  const error = new TypeError(
    `Expected ${expected} for ${what} but received ${describeReceived(received)}`,
  )
  return Object.assign(error, { code: 'ERR_INVALID_ARG_TYPE' })
}

/** Misuse: a value out of its range. */
export function outOfRange(expected: string, what: string, received: unknown): RangeError {
  const error = new RangeError(
    `Expected ${expected} for ${what} but received ${describeReceived(received)}`,
  )
  return Object.assign(error, { code: 'ERR_OUT_OF_RANGE' })
}

/** The bytes under any view, as native code takes them. */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

/** Refuses everything but an integer from `min` to `max`. */
export function checkInteger(value: unknown, what: string, min: number, max: number): number {
  const expected = `an integer from ${String(min)} to ${String(max)}`
  if (typeof value !== 'number') throw invalidType(expected, what, value)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(expected, what, value)
  }
  return value
}

/** The sum of the bits that a list of flags names; refuses a name that has none. */
export function checkFlags(
  flags: unknown,
  what: string,
  bits: Readonly<Record<string, number>>,
): number {
  if (!Array.isArray(flags)) throw invalidType('an array', what, flags)
  return flags.reduce<number>((sum, flag: unknown) => {
    const bit = typeof flag === 'string' && Object.hasOwn(bits, flag) ? bits[flag] : undefined
    if (bit !== undefined) return sum | bit
    throw invalidType(`one of ${Object.keys(bits).join(', ')}`, what, flag)
  }, 0)
}

/** Refuses options that are no object. */
export function checkObject(options: unknown): asserts options is object {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidType('an object', 'options', options)
  }
}

/** Refuses options that are no object or have a name that is not `known`. */
export function checkOptions(options: unknown, known: readonly string[]): void {
  checkObject(options)
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw invalidType(`one of ${known.join(', ')}`, 'the name of an option', name)
    }
  }
}
