import { BpfError, closed, VerifierError } from '../../lib/errors/errors.js'
import { failure, libbpfReason, loadFailure } from '../../lib/machine/failure.js'
import * as features from '../../lib/machine/diagnose.js'
import * as native from '../../lib/addon/addon.js'

/** Lets libbpf have printed this. */
function printed(log: string): void {
  jest.spyOn(native, 'addon').mockReturnValue({ takeLog: () => log } as native.Addon)
}

afterEach(() => {
  jest.restoreAllMocks()
})

const verifierLog = `0: R1=ctx() R10=fp0
0: (85) call unknown#9999
invalid func unknown#9999
processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`
const rejected = `libbpf: prog 'on_exec': BPF program load failed: Invalid argument
libbpf: prog 'on_exec': -- BEGIN PROG LOAD LOG --
${verifierLog}-- END PROG LOAD LOG --
libbpf: prog 'on_exec': failed to load: -22
libbpf: failed to load object 'snoop'
`

describe('failure()', () => {
  test('has the number in words, the code and what libbpf printed', () => {
    printed('libbpf: it failed\n')
    expect(failure('read', 'map "events"', -7)).toMatchObject({
      name: 'BpfError',
      code: 'ERR_KERNEL',
      message: 'Cannot read map "events": E2BIG (argument list too long)',
      operation: 'read',
      target: 'map "events"',
      errno: 7,
      log: 'libbpf: it failed\n',
    })
  })

  test('has the hint of the diagnosis', () => {
    printed('')
    const error = failure('attach', 'program "p"', -524, { section: 'fentry/f' })
    expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED', hint: expect.any(String) as string })
    expect(error.message).toContain(error.hint)
  })

  test('is ERR_CLOSED for a handle that is gone', () => {
    expect(failure('read', 'map "events"', -9)).toEqual(closed('read', 'map "events"'))
    expect(closed('read', 'map "events"')).toMatchObject({
      code: 'ERR_CLOSED',
      message: 'Cannot read map "events": it is closed',
    })
  })
})

describe('loadFailure()', () => {
  test("is the verifier's when the verifier wrote a log", () => {
    printed(rejected)
    const error = loadFailure('object "snoop"', -22, false)
    expect(error).toBeInstanceOf(VerifierError)
    expect(error).toMatchObject({
      code: 'ERR_VERIFIER',
      errno: 22,
      program: 'on_exec',
      verifierLog,
      log: rejected,
      message:
        'Cannot load object "snoop": the verifier rejected program "on_exec": ' +
        'invalid func unknown#9999 (3 lines omitted, see error.verifierLog)',
    })
  })

  test('keeps a log that was cut off', () => {
    printed(rejected.slice(0, rejected.indexOf('processed')))
    expect(loadFailure('object "snoop"', -22, false)).toMatchObject({
      program: 'on_exec',
      verifierLog: verifierLog.slice(0, verifierLog.indexOf('processed')),
    })
  })

  test('is not the verifier when its log is empty', () => {
    const log = `libbpf: prog 'f': BPF program load failed: Argument list too long
libbpf: prog 'f': -- BEGIN PROG LOAD LOG --
-- END PROG LOAD LOG --
libbpf: prog 'f': failed to load: -7
`
    printed(log)
    const error = loadFailure('object "snoop"', -7, false)
    expect(error).not.toBeInstanceOf(VerifierError)
    expect(error).toBeInstanceOf(BpfError)
    expect(error).toMatchObject({
      code: 'ERR_KERNEL',
      log,
      message:
        'Cannot load object "snoop": E2BIG (argument list too long): ' +
        "prog 'f': BPF program load failed: Argument list too long",
    })
  })

  test('knows the section of the program that the kernel refused', () => {
    printed(`libbpf: prog 'on_read': BPF program load failed: Unknown error 524
libbpf: prog 'on_read': failed to load: -524
libbpf: failed to load object 'snoop'
`)
    const sections = new Map([
      ['on_exec', 'tp_btf/sched_process_exec'],
      ['on_read', 'fentry/vfs_read'],
    ])
    const diagnosis = jest.spyOn(features, 'diagnose')
    const error = loadFailure('object "snoop"', -524, false, sections)
    expect(diagnosis.mock.calls).toMatchObject([
      [{ operation: 'load', section: 'fentry/vfs_read' }],
    ])
    expect(error.code).toBe('ERR_UNSUPPORTED')
  })

  test('leaves out what libbpf guesses of missing permissions', () => {
    printed(`libbpf: Error in bpf_object__probe_loading():Operation not permitted(1). Couldn't load trivial BPF program.
`)
    expect(loadFailure('object "snoop"', -1, false)).toMatchObject({
      code: 'ERR_PERMISSION',
      message: expect.not.stringContaining('trivial') as string,
      log: expect.stringContaining('trivial') as string,
    })
  })

  test('says no reason when libbpf printed none', () => {
    printed('')
    expect(loadFailure('object "snoop"', -7, false).message).toBe(
      'Cannot load object "snoop": E2BIG (argument list too long)',
    )
  })
})

describe('libbpfReason() is', () => {
  test.each<[string, string, string | undefined]>([
    ['the first warning', 'libbpf: first\nlibbpf: second\n', 'first'],
    ['not an empty line', '\n  \nlibbpf: first\n', 'first'],
    ['a line that has no prefix', 'first\n', 'first'],
    ['nothing when nothing was printed', '', undefined],
  ])('%s', (_, log, reason) => {
    expect(libbpfReason(log)).toBe(reason)
  })
})
