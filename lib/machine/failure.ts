// Turns what native code returned into an error.
import { BpfError, closed, describeErrno, VerifierError } from '../errors/errors.js'
import { diagnose, type Failure } from './diagnose.js'
import { addon } from '../addon/addon.js'

const EBADF = 9

/**
 * The error for a negative result of a native call, with what libbpf printed
 * and what the machine tells about the cause.
 */
export function failure(
  operation: string,
  target: string,
  result: number,
  context: Pick<Failure, 'section' | 'ringBuffer'> = {},
): BpfError {
  const errno = -result
  if (errno === EBADF) return closed(operation, target)
  const log = addon().takeLog()
  const { code, hint } = diagnose({ operation, errno, log, ...context })
  return new BpfError(code, describeErrno(errno), { operation, target, errno, log, hint })
}

/** The error for a failed load: the verifier's, when it was the verifier. */
export function loadFailure(
  target: string,
  result: number,
  ringBuffer: boolean,
  sections: ReadonlyMap<string, string> = new Map(),
): BpfError {
  const log = addon().takeLog()
  const errno = -result
  const rejected = verifierLog(log)
  if (rejected !== undefined) {
    return new VerifierError(rejected.program, rejected.text, {
      operation: 'load',
      target,
      errno,
      log,
    })
  }
  const program = /^libbpf: prog '([^']*)': BPF program load failed/m.exec(log)?.[1]
  const section = sections.get(program ?? '')
  const { code, hint } = diagnose({ operation: 'load', errno, log, ringBuffer, section })
  // Of permissions libbpf can only guess.
  const reason = code === 'ERR_PERMISSION' ? undefined : libbpfReason(log)
  const problem = describeErrno(errno) + (reason === undefined ? '' : `: ${reason}`)
  return new BpfError(code, problem, {
    operation: 'load',
    target,
    errno,
    log,
    hint,
  })
}

/** What stands between libbpf's marks around the verifier's log. */
function verifierLog(log: string): { program: string; text: string } | undefined {
  const begin = /libbpf: prog '([^']*)': -- BEGIN PROG LOAD LOG --\n/.exec(log)
  if (begin === null) return undefined
  const start = begin.index + begin[0].length
  const end = log.indexOf('-- END PROG LOAD LOG --', start)
  const text = log.slice(start, end < 0 ? undefined : end)
  // Without a single instruction looked at it was not the verifier.
  return text.trim() === '' ? undefined : { program: begin[1] ?? '', text }
}

/** libbpf's first warning: the later ones say that this one made it fail. */
export function libbpfReason(log: string): string | undefined {
  const lines = log.split('\n').map((line) => line.replace(/^libbpf: /, '').trim())
  return lines.find((line) => line !== '')?.replace(/[.!]+$/, '')
}
