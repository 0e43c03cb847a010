import { inspect } from 'node:util'
import {
  BpfError,
  checkInteger,
  checkOptions,
  describeErrno,
  invalidType,
  outOfRange,
  RecordTooShortError,
  VerifierError,
} from '../../lib/errors/errors.js'
import { misuse } from './misuse.js'

describe('a BpfError', () => {
  const cause = new Error('the cause')
  const error = new BpfError('ERR_KERNEL', 'EPERM (operation not permitted)', {
    operation: 'load',
    target: 'object "snoop"',
    errno: -1,
    log: 'libbpf: failed\n',
    hint: 'Run it as root',
    cause,
  })

  test('says what failed, why, and what to do', () => {
    expect(error.message).toBe(
      'Cannot load object "snoop": EPERM (operation not permitted). Run it as root',
    )
  })

  test('carries the details', () => {
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      name: 'BpfError',
      code: 'ERR_KERNEL',
      operation: 'load',
      target: 'object "snoop"',
      errno: -1,
      log: 'libbpf: failed\n',
      hint: 'Run it as root',
    })
    expect(error.cause).toBe(cause)
  })

  test('says no more than there is', () => {
    const bare = new BpfError('ERR_CLOSED', 'it is closed', {
      operation: 'read',
      target: 'map "m"',
    })
    expect(bare.message).toBe('Cannot read map "m": it is closed')
    expect(bare).toMatchObject({ errno: undefined, hint: undefined, log: '' })
    expect(bare).not.toHaveProperty('cause')
  })
})

describe('a VerifierError', () => {
  // As the kernel writes them.
  const outOfBounds = `0: R1=ctx() R10=fp0
0: (79) r1 = *(u64 *)(r1 +0)
func 'sched_process_exit' arg0 has btf_id 114 type STRUCT 'task_struct'
1: R1=trusted_ptr_task_struct()
1: (07) r1 += 100000000               ; R1=trusted_ptr_task_struct(off=0x5f5e100)
2: (79) r0 = *(u64 *)(r1 +0)
access beyond struct task_struct at off 100000000 size 8
processed 3 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`
  const withStatistics = `R1 invalid mem access 'scalar'
verification time 1074 usec
stack depth 24+0
processed 812 insns (limit 1000000) max_states_per_insn 4 total_states 60 peak_states 60 mark_read 9
`
  const relocation = `1: <invalid CO-RE relocation>
failed to resolve CO-RE relocation <byte_off> [8] struct task_struct.no_such (0:0 @ offset 0)
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`
  const loop = `0: (05) goto pc-1
infinite loop detected at insn 0
cur state: R1=ctx() R10=fp0
old state: R1=ctx() R10=fp0
processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`
  const explanation = `Verification failed: Register Type Safety: Invalid dereference

Reason:
  R0 may be NULL here (a nullable map value pointer).

Suggestion:
  Add a NULL check before the access.

processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`
  const explained = `7: (79) r0 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'

${explanation}`

  test.each<[string, string, string]>([
    [
      'the reason, which stands before its explanation',
      explained,
      "R0 invalid mem access 'map_value_or_null' (11 lines omitted, see error.verifierLog)",
    ],
    [
      'what the explanation is about, when there is nothing else',
      explanation,
      'Verification failed: Register Type Safety: Invalid dereference (8 lines omitted, see error.verifierLog)',
    ],
    [
      'the reason, which stands before the statistics',
      outOfBounds,
      'access beyond struct task_struct at off 100000000 size 8 (7 lines omitted, see error.verifierLog)',
    ],
    [
      'the reason, which stands before more statistics',
      withStatistics,
      "R1 invalid mem access 'scalar' (3 lines omitted, see error.verifierLog)",
    ],
    [
      'the field that this kernel does not have',
      relocation,
      'failed to resolve CO-RE relocation <byte_off> [8] struct task_struct.no_such (0:0 @ offset 0) ' +
        '(2 lines omitted, see error.verifierLog)',
    ],
    [
      'an endless loop, which stands before the states',
      loop,
      'infinite loop detected at insn 0 (4 lines omitted, see error.verifierLog)',
    ],
    ['a single line', 'unreachable insn 5\n', 'unreachable insn 5'],
    [
      'one line of two',
      'unreachable insn 5\nprocessed 0 insns (limit 1000000)\n',
      'unreachable insn 5 (1 line omitted, see error.verifierLog)',
    ],
    ['that there is none', '\n', 'no reason given'],
  ])('says %s', (_, log, reason) => {
    const error = new VerifierError('on_exit', log, { operation: 'load', target: 'object "snoop"' })
    expect(error.message).toBe(
      `Cannot load object "snoop": the verifier rejected program "on_exit": ${reason}`,
    )
  })

  test('carries the whole log', () => {
    const error = new VerifierError('on_exit', outOfBounds, {
      operation: 'load',
      target: 'object "snoop"',
      errno: -13,
      log: `libbpf: begin\n${outOfBounds}libbpf: end\n`,
    })
    expect(error).toBeInstanceOf(BpfError)
    expect(error).toMatchObject({
      name: 'VerifierError',
      code: 'ERR_VERIFIER',
      errno: -13,
      program: 'on_exit',
      verifierLog: outOfBounds,
      log: `libbpf: begin\n${outOfBounds}libbpf: end\n`,
    })
  })

  test('keeps the log out of what is printed', () => {
    const log = 'R0 invalid\n'.repeat(100_000)
    const error = new VerifierError('on_exit', log, { operation: 'load', target: 'object', log })
    expect(Object.keys(error)).not.toContain('log')
    expect(Object.keys(error)).not.toContain('verifierLog')
    for (const text of [inspect(error), JSON.stringify(error), String(error)]) {
      expect(text.length).toBeLessThan(3000)
    }
  })
})

test('a RecordTooShortError carries the record', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  const error = new RecordTooShortError('event', 8, bytes)
  expect(error).toBeInstanceOf(BpfError)
  expect(error).toMatchObject({
    name: 'RecordTooShortError',
    code: 'ERR_RECORD_TOO_SHORT',
    message: 'Cannot decode event: the record has 3 bytes, the type needs 8',
    bytes,
  })
})

describe('describeErrno() knows', () => {
  test.each([
    [-1, 'EPERM (operation not permitted)'],
    [-2, 'ENOENT (no such file or directory)'],
    [-95, 'EOPNOTSUPP (operation is not supported)'],
    [-28, 'ENOSPC (no space left on device)'],
    [-116, 'ESTALE'],
    [-524, 'ENOTSUPP (operation is not supported)'],
    [-4001, 'the object format is invalid'],
    [-4007, 'the verifier rejected it'],
    [-99999, 'error -99999'],
    [0, 'error 0'],
  ])('%d', (errno, text) => {
    expect(describeErrno(errno)).toBe(text)
  })
})

describe('misuse says what was received', () => {
  test.each<[string, unknown, string]>([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a string', 'text', "'text'"],
    ['a long string', 'x'.repeat(1000), `'${'x'.repeat(80)}'... 920 more characters`],
    ['a bigint', 5n, '5n'],
    ['NaN', NaN, 'NaN'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['a function', checkInteger, 'function checkInteger'],
    [
      'a function without a name',
      (
        () => () =>
          1
      )(),
      'function (anonymous)',
    ],
    ['a class', Map, 'function Map'],
    ['an object', { a: { b: { c: 1 } } }, '{ a: [Object] }'],
    ['an object without a prototype', Object.create(null), '[Object: null prototype] {}'],
  ])('%s', (_, received, text) => {
    expect(() => {
      throw invalidType('a thing', 'what', received)
    }).toThrow(misuse('TypeError', `Expected a thing for what but received ${text}`))
    expect(() => {
      throw outOfRange('a thing', 'what', received)
    }).toThrow(misuse('RangeError', `Expected a thing for what but received ${text}`))
  })
})

describe('checkInteger()', () => {
  test.each([0, 5, 10])('returns %d', (value) => {
    expect(checkInteger(value, 'size', 0, 10)).toBe(value)
  })

  test.each<[unknown, 'TypeError' | 'RangeError', string]>([
    [-1, 'RangeError', '-1'],
    [11, 'RangeError', '11'],
    [0.5, 'RangeError', '0.5'],
    [NaN, 'RangeError', 'NaN'],
    [Infinity, 'RangeError', 'Infinity'],
    ['5', 'TypeError', "'5'"],
    [5n, 'TypeError', '5n'],
    [undefined, 'TypeError', 'undefined'],
    [null, 'TypeError', 'null'],
  ])('refuses %p', (value, name, received) => {
    expect(() => checkInteger(value, 'size', 0, 10)).toThrow(
      misuse(name, `Expected an integer from 0 to 10 for size but received ${received}`),
    )
  })
})

describe('checkOptions()', () => {
  test.each([[{}], [{ a: 1 }], [{ a: undefined, b: 2 }]])('takes %p', (options) => {
    expect(() => checkOptions(options, ['a', 'b'])).not.toThrow()
  })

  test.each<[unknown, string]>([
    [{ c: 1 }, "Expected one of a, b for the name of an option but received 'c'"],
    [{ a: 1, A: 1 }, "Expected one of a, b for the name of an option but received 'A'"],
    [null, 'Expected an object for options but received null'],
    ['a', "Expected an object for options but received 'a'"],
    [1, 'Expected an object for options but received 1'],
  ])('refuses %p', (options, message) => {
    expect(() => checkOptions(options, ['a', 'b'])).toThrow(misuse('TypeError', message))
  })
})
