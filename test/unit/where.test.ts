// The conditions of `bpf-ringbuf tail --where`: what they are true for, and how they say what
// is wrong with them.
import { UsageError } from '../../lib/cli/usage.js'
import { problemOfField } from '../../lib/cli/fields.js'
import { parseCondition } from '../../lib/cli/where.js'
import { array, bytes, cstring, struct, u32, u64 } from '../../lib/index.js'
import { thrownBy } from '../thrown.js'

const record = {
  pid: 42,
  wide: 2n ** 63n,
  small: 7n,
  minus: -3,
  ratio: 0.5,
  comm: 'ba"sh',
  on: true,
  nested: { list: [{ x: 1 }, { x: 2 }] },
  raw: Uint8Array.of(1, 0xab),
  not_there: undefined,
}

test.each([
  ['pid == 42', true],
  ['pid==0x2a', true],
  ['pid != 42', false],
  ['pid < 42 || pid > 42', false],
  ['pid >= 42 && pid <= 42', true],
  ['minus == -3', true],
  ['minus<-2', true],
  ['ratio == 0.5', true],
  ['wide == 9223372036854775808', true],
  ['wide > 9223372036854775807', true],
  ['small == 7', true],
  ['small == pid', false],
  ['pid & 2', true],
  ['pid & 1', false],
  ['wide & 0x8000000000000000 != 0', true],
  ['on', true],
  ['!on', false],
  ['!!on', true],
  ['on == true && on != false', true],
  ['comm == "ba\\"sh"', true],
  [`comm == 'ba"sh'`, true],
  ['comm contains "a\\"s"', true],
  ["comm startswith 'ba' && !(comm startswith 'sh')", true],
  ["'x' == comm", false],
  ['nested.list[1].x == 2', true],
  ['nested . list [ 0 ] . x == 1', true],
  ['raw[1] == 0xab', true],
  ['pid == 1 || pid == 2 && on', false],
  ['(pid == 1 || pid == 42) && on', true],
  ['pid == 42 || pid == 1 && pid == 2', true],
  ['not_there == 0', false],
  ['not_there != 0', true],
  ['not_there', false],
  ['comm == 42', false],
  ['comm < 42', false],
  ['comm != 42', true],
  ['nested == nested', false],
  ['nested', true],
  ['comm.constructor', false],
  ['nested.__proto__', false],
  ['nested.list[9].x == 1', false],
])('%s is %s', (expression, expected) => {
  expect(parseCondition(expression)(record)).toBe(expected)
})

test.each([
  ['', 1, 'expected a field'],
  ['pid ==', 7, 'expected a field'],
  ['pid = 42', 5, 'what is this?'],
  ['pid == 42 pid', 11, 'expected "&&", "||" or the end'],
  ['(pid == 42', 11, 'expected ")"'],
  ['pid == 42)', 10, 'expected "&&"'],
  ["comm == 'x", 9, 'a string without an end'],
  ['a.1', 3, 'expected a name'],
  ['a[b]', 3, 'expected a number'],
  ['a[1', 4, 'expected "]"'],
  ['a + 1', 3, 'what is this?'],
  ['12ab == 1', 1, 'what is this?'],
  ['&& a', 1, 'expected a field'],
  ['pid == 42 && pidd == 1', 14, 'record has no "pidd"; did you mean "pid"?'],
  ['pid.x', 1, 'pid is u32: it has no "x"'],
  ['args == 1 && args.x', 14, 'args is an array: args[0]'],
  ['args[2] == 1', 1, 'args has 2 elements'],
  ['raw.x', 1, 'raw has no "x"'],
])('%j is refused at column %i: %s', (expression, column, problem) => {
  const type = struct('record', {
    pid: u32,
    comm: cstring(16),
    args: array(u64, 2),
    raw: bytes(4),
    a: struct('a', { b: u32 }),
  })
  const error = thrownBy(() =>
    parseCondition(expression, (path) => {
      const wrong = path[0] === 'a' ? undefined : problemOfField(type, path)
      if (wrong !== undefined) throw new UsageError(wrong)
    }),
  )
  expect(error).toBeInstanceOf(UsageError)
  const [first = '', shown, place = ''] = error.message.split('\n')
  expect(first).toMatch(`--where, column ${column}: `)
  expect(first).toContain(problem)
  expect(shown).toBe(`  ${expression}`)
  expect(place.indexOf('^')).toBe(column + 1)
})

test('a condition that is nested without end is refused, not run out of stack', () => {
  const error = thrownBy(() => parseCondition('('.repeat(100_000) + '1'))
  expect(error).toBeInstanceOf(UsageError)
  expect(error.message).toContain('it is nested too deep')
  expect(parseCondition('!'.repeat(100_001) + '1')({})).toBe(false)
})
