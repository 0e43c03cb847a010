import { BpfError, closed, VerifierError } from '../../lib/errors/errors.js'
import { failure, libbpfReason, loadFailure } from '../../lib/machine/failure.js'
import * as features from '../../lib/machine/diagnose.js'
import type { DeclaredMap } from '../../lib/machine/diagnosis.js'
import * as native from '../../lib/addon/addon.js'

/** Lets libbpf have printed this, on a kernel that has ring buffers or not, of any kind. */
function printed(log: string, probed = 1): void {
  jest.spyOn(native, 'addon').mockReturnValue({
    takeLog: () => log,
    probeMapType: () => probed,
    mapTypeNames: () => ['unspec', 'hash', 'bloom_filter'],
    probe: () => (probed === 0 ? -22 : 0),
  } as unknown as native.Addon)
}

const nothing = { sections: new Map<string, string>(), maps: new Map<string, DeclaredMap>() }
const ring = { name: 'events', type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 4096 }

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
      message: 'Cannot read map "events": E2BIG (argument list too long): it failed',
      operation: 'read',
      target: 'map "events"',
      errno: -7,
      log: 'libbpf: it failed\n',
    })
  })

  test('has the hint of the diagnosis', () => {
    printed('')
    const error = failure('attach', 'program "p"', -524, { section: 'fentry/f' })
    expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED', hint: expect.any(String) as string })
    expect(error.message).toContain(error.hint)
  })

  test('is not ERR_CLOSED when the kernel knows no such descriptor', () => {
    printed('')
    expect(failure('read', 'map "events"', -9)).toMatchObject({
      code: 'ERR_KERNEL',
      message: 'Cannot read map "events": EBADF (bad file descriptor)',
      errno: -9,
    })
    expect(closed('read', 'map "events"')).toMatchObject({
      code: 'ERR_CLOSED',
      message: 'Cannot read map "events": it is closed',
    })
  })

  test("says libbpf's reason", () => {
    printed("libbpf: elf: failed to find symbol 'f' in '/lib/libc.so.6'\n")
    expect(failure('attach', 'program "p"', -2, { section: 'uprobe/libc.so.6:f' })).toMatchObject({
      code: 'ERR_NOT_FOUND',
      message:
        'Cannot attach program "p": ENOENT (no such file or directory): ' +
        "elf: failed to find symbol 'f' in '/lib/libc.so.6'",
    })
  })
})

describe('loadFailure()', () => {
  test("is the verifier's when the verifier wrote a log", () => {
    printed(rejected)
    const error = loadFailure('object "snoop"', -22, nothing)
    expect(error).toBeInstanceOf(VerifierError)
    expect(error).toMatchObject({
      code: 'ERR_VERIFIER',
      errno: -22,
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
    expect(loadFailure('object "snoop"', -22, nothing)).toMatchObject({
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
    const error = loadFailure('object "snoop"', -7, nothing)
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
    const error = loadFailure('object "snoop"', -524, { ...nothing, sections })
    expect(diagnosis.mock.calls).toMatchObject([
      [{ operation: 'load', section: 'fentry/vfs_read' }],
    ])
    expect(error.code).toBe('ERR_UNSUPPORTED')
  })

  test.each([-11, -24, -524])('is not the verifier with errno %d, whatever it printed', (errno) => {
    printed(rejected)
    const error = loadFailure('object "snoop"', errno, nothing)
    expect(error).not.toBeInstanceOf(VerifierError)
    expect(error).toMatchObject({ name: 'BpfError', errno })
  })

  test.each<[string, string, number, number, string]>([
    ['a ring that this kernel lacks', 'events', -22, 0, 'ERR_UNSUPPORTED'],
    ['a ring that it has', 'events', -22, 1, 'ERR_KERNEL'],
    ['another map that it lacks', 'values', -22, 0, 'ERR_UNSUPPORTED'],
    ['another map that it has', 'values', -22, 1, 'ERR_KERNEL'],
    ['another map that is not permitted', 'values', -1, 0, 'ERR_PERMISSION'],
    ['a ring that is not permitted', 'events', -1, 0, 'ERR_PERMISSION'],
  ])('probes the kernel for the sake of %s', (_, name, errno, probed, code) => {
    printed(`libbpf: map '${name}': failed to create: Something(${String(errno)})\n`, probed)
    const maps = new Map<string, DeclaredMap>([
      ['events', ring],
      ['values', { ...ring, name: 'values', type: 'hash', keySize: 4, valueSize: 8 }],
    ])
    expect(loadFailure('object "snoop"', errno, { ...nothing, maps }).code).toBe(code)
  })

  test.each([
    [0, /^Rings that overwrite/],
    [1, undefined],
  ])('probes the kernel for a ring that overwrites: %i', (probed, hint) => {
    printed("libbpf: map 'events': failed to create: Invalid argument(-22)\n", probed)
    const maps = new Map<string, DeclaredMap>([['events', { ...ring, overwrites: true }]])
    const error = loadFailure('object "snoop"', -22, { ...nothing, maps })
    expect(error.code).toBe(hint === undefined ? 'ERR_KERNEL' : 'ERR_UNSUPPORTED')
    if (hint !== undefined) expect(error.hint).toMatch(hint)
  })

  test('leaves out what libbpf guesses of missing permissions', () => {
    printed(`libbpf: Error in bpf_object__probe_loading():Operation not permitted(1). Couldn't load trivial BPF program.
`)
    expect(loadFailure('object "snoop"', -1, nothing)).toMatchObject({
      code: 'ERR_PERMISSION',
      message: expect.not.stringContaining('trivial') as string,
      log: expect.stringContaining('trivial') as string,
    })
  })

  test('says no reason when libbpf printed none', () => {
    printed('')
    expect(loadFailure('object "snoop"', -7, nothing).message).toBe(
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
    [
      'not that a map is created without BTF',
      'libbpf: Error in bpf_create_map_xattr(m):Invalid argument(-22). Retrying without BTF.\n' +
        "libbpf: map 'm': failed to create: Invalid argument(-22)\n",
      "map 'm': failed to create: Invalid argument(-22)",
    ],
    [
      'not that a section is skipped',
      'libbpf: elf: skipping unrecognized data section(5) .other\nlibbpf: it failed\n',
      'it failed',
    ],
    [
      'not what is said of BTF that the kernel does not take',
      'libbpf: BTF loading error: -22\nlibbpf: -- BEGIN BTF LOAD LOG ---\nmagic: 0xeb9f\n' +
        '-- END BTF LOAD LOG --\n' +
        'libbpf: Error loading .BTF into kernel: -22. BTF is optional, ignoring.\n' +
        'libbpf: it failed\n',
      'it failed',
    ],
    [
      'without a function that only C programs can call',
      "libbpf: prog 'f': no BTF-based attach target is specified, use bpf_program__set_attach_target()\n",
      "prog 'f': no BTF-based attach target is specified",
    ],
  ])('%s', (_, log, reason) => {
    expect(libbpfReason(log)).toBe(reason)
  })
})
