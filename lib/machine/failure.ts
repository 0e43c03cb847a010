// Turns what native code returned into an error.
import { BpfError, describeErrno, VerifierError } from '../errors/errors.js'
import { addon } from '../addon/addon.js'
import { diagnose, verifierHint } from './diagnose.js'
import type { DeclaredMap, Failure, Needs } from './diagnosis.js'
import { whyNoMapsOf } from './map-types.js'
import {
  lacksKprobeMulti,
  lacksNetkit,
  lacksOverwriting,
  lacksRingBuffers,
  lacksUserRingBuffers,
} from './probes.js'

const EINVAL = -22
const EOPNOTSUPP = -95

/** Not the verifier's, though libbpf prints its log: EAGAIN, EMFILE, ENOTSUPP. */
const neverVerifier = new Set([-11, -24, -524])

/**
 * The error for a negative result of a native call, with what libbpf printed
 * and what the machine tells about the cause.
 */
export function failure(
  operation: string,
  target: string,
  errno: number,
  context: Omit<Failure, 'operation' | 'errno' | 'log'> = {},
): BpfError {
  const log = addon().takeLog()
  const isLacking = operation === 'attach' && errno < 0 && lacksKindOf(context.section ?? '', errno)
  return explained(target, { operation, errno: isLacking ? EOPNOTSUPP : errno, log, ...context })
}

/** Whether the kernel lacks what attaches there, where the error may say so or anything else. */
function lacksKindOf(section: string, errno: number): boolean {
  // Newer libbpf first asks tracefs which functions there are, and then fails for its want.
  if (/^k(ret)?probe\.multi/.test(section)) return lacksKprobeMulti()
  return section.startsWith('netkit/') && errno === EINVAL && lacksNetkit()
}

/** Types of programs that are younger than ring buffers. */
const typeNeeds: Record<string, Needs> = {
  sk_lookup: { feature: 'A program of type sk_lookup', kernel: [5, 9] },
  netfilter: { feature: 'A program of type netfilter', kernel: [6, 4] },
}

/** What an object consists of, to explain why it was not loaded. */
export interface Parts {
  /** The sections of programs by their names. */
  sections: ReadonlyMap<string, string>
  /** The types of the programs that were to be loaded by their names, as libbpf calls them. */
  types?: ReadonlyMap<string, string>
  maps: ReadonlyMap<string, DeclaredMap>
  /** What the verifier wrote about a program that has a log of its own. */
  logOf?: (program: string) => string
}

/** The error for a failed load: the verifier's, when it was the verifier. */
export function loadFailure(
  target: string,
  errno: number,
  { sections, types, maps, logOf }: Parts,
): BpfError {
  const log = addon().takeLog()
  const program = /^libbpf: prog '([^']*)': BPF program load failed/m.exec(log)?.[1]
  const own = program === undefined ? '' : (logOf?.(program) ?? '')
  const rejected = neverVerifier.has(errno)
    ? undefined
    : program !== undefined && isVerdict(own)
      ? { program, text: own }
      : verifierLog(log)
  if (rejected !== undefined) {
    return new VerifierError(rejected.program, rejected.text, {
      operation: 'load',
      target,
      errno,
      log,
      hint: verifierHint(rejected.text, types?.get(rejected.program)),
    })
  }
  const map = maps.get(/^libbpf: map '([^']*)': failed to create/m.exec(log)?.[1] ?? '')
  return explained(target, {
    operation: 'load',
    errno,
    log,
    section: sections.get(program ?? ''),
    type: types?.get(program ?? ''),
    types: [...(types?.values() ?? []), ...typesOf(maps)],
    needs: typeNeeds[types?.get(program ?? '') ?? ''],
    map,
    lacksMaps: map === undefined || isRing(map) ? undefined : whyNoMapsOf(map.type),
    lacksOverwriting: map?.overwrites === true && lacksOverwriting(),
    lacksRingBuffers: map?.type === 'ringbuf' && lacksRingBuffers(),
    lacksUserRingBuffers: map?.type === 'user_ringbuf' && lacksUserRingBuffers(),
  })
}

function typesOf(maps: ReadonlyMap<string, DeclaredMap>): string[] {
  const created = [...maps.values()].filter(({ autocreate = true }) => autocreate)
  return created.map(({ type }) => type)
}

/** Of which there is more to say than that the kernel has none. */
function isRing({ type }: DeclaredMap): boolean {
  return type === 'ringbuf' || type === 'user_ringbuf'
}

function explained(target: string, failure: Failure): BpfError {
  const { operation, errno, log } = failure
  const { code, hint } = diagnose(failure)
  // Of permissions libbpf can only guess.
  const reason = code === 'ERR_PERMISSION' ? undefined : libbpfReason(log)
  const problem = describeErrno(errno) + (reason === undefined ? '' : `: ${reason}`)
  return new BpfError(code, problem, { operation, target, errno, log, hint })
}

/** What stands between libbpf's marks around the verifier's log. */
function verifierLog(log: string): { program: string; text: string } | undefined {
  const begin = /libbpf: prog '([^']*)': -- BEGIN PROG LOAD LOG --\n/.exec(log)
  if (begin === null) return undefined
  const start = begin.index + begin[0].length
  const end = log.indexOf('-- END PROG LOAD LOG --', start)
  const text = log.slice(start, end < 0 ? undefined : end)
  return isVerdict(text) ? { program: begin[1] ?? '', text } : undefined
}

/** Without a single instruction looked at it was not the verifier. */
function isVerdict(text: string): boolean {
  return !/^(processed 0 insns.*)?$/.test(text.trim())
}

/** Warnings after which libbpf goes on. */
const harmless =
  /\bskipping\b|\bignor(e|ed|ing)\b|Retrying without BTF|BTF loading error|^Detection of kernel/i

/**
 * Libbpf's first warning of a failure: the later ones say that this one made it
 * fail. What libbpf advises to C programs only is left out.
 */
export function libbpfReason(log: string): string | undefined {
  const lines = log
    .replace(/^.*-- BEGIN (BTF|PROG) LOAD LOG --[^]*?-- END \1 LOAD LOG --$/gm, '')
    .split('\n')
    .map((line) => line.replace(/^libbpf: /, '').trim())
  return lines
    .find((line) => line !== '' && !harmless.test(line))
    ?.replace(/, use bpf_\w+\(\)/, '')
    .replace(/[.!]+$/, '')
}
