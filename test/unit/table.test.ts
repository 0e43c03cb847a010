// Records as bpf-ringbuf prints them: tables that fit, and JSON.
import { jsonOf, jsonWriter } from '../../lib/cli/json.js'
import { Table } from '../../lib/cli/table.js'
import {
  array,
  bool,
  bytes,
  cstring,
  f64,
  i16,
  ipv4,
  mac,
  struct,
  u32,
  u64,
} from '../../lib/index.js'

const Event = struct('event', {
  time_ns: u64,
  pid: u32,
  comm: cstring(16),
  point: struct('point', { x: i16, y: i16 }),
  parts: array(u32, 2),
  raw: bytes(3),
  on: bool,
})

const event = {
  time_ns: 2n ** 64n - 1n,
  pid: 42,
  comm: 'bash',
  point: { x: -1, y: 2 },
  parts: [1, 2],
  raw: Uint8Array.of(0xab, 0, 1),
  on: true,
}

describe('a table', () => {
  test('without a width has columns as wide as the types', () => {
    const table = new Table(Event, undefined)
    expect([table.header, table.row(event)]).toEqual([
      '             time_ns         pid  comm             point.x  point.y  parts                     raw     on',
      '18446744073709551615          42  bash                  -1        2  [1,2]                     ab0001  true',
    ])
  })

  test('has room for addresses', () => {
    const table = new Table(struct('peer', { host: ipv4, port: mac }), undefined)
    const [host, port] = ['192.100.200.201', '02:00:5e:10:00:ff']
    expect(table.row({ host, port })).toBe(`${host}  ${port}`)
  })

  test.each([20, 40, 60, 80, 100, 120])('of %i columns has lines that fit', (columns) => {
    const long = { ...event, comm: 'a very long name'.repeat(3), pid: 2 ** 32 - 1 }
    const table = new Table(Event, columns)
    for (const line of [table.header, table.row(event), table.row(long)]) {
      expect(line.length).toBeLessThanOrEqual(columns)
    }
  })

  test('leaves out the last columns where there is no room, and names them', () => {
    const table = new Table(Event, 40)
    expect(table.omitted).toEqual(['point.y', 'parts', 'raw', 'on'])
    expect(table.header).toMatch(/^ +time_ns +pid +comm +point\.x$/)
  })

  test('cuts texts, and numbers never but at the end of a line', () => {
    const table = new Table(struct('two', { comm: cstring(64), pid: u32 }), 24)
    expect(table.row({ comm: 'x'.repeat(40), pid: 1234567 })).toBe(`${'x'.repeat(11)}…     1234567`)
  })

  test('shows what no terminal obeys', () => {
    const table = new Table(Event, undefined)
    expect(table.row({ ...event, comm: '\x1b[31m\n' })).toContain('\\x1b[31m\\x0a')
  })

  test('counts wide characters as wide', () => {
    const table = new Table(struct('one', { comm: cstring(64), on: bool }), 20)
    expect(table.row({ comm: '漢字漢字漢字漢字漢字', on: true })).toBe('漢字漢字漢字…  true')
  })

  test('has a dash for what a short record lacks', () => {
    expect(new Table(Event, undefined).row({ pid: 1 })).toMatch(/^ +- +1  - +/)
  })

  test('of what is no struct has one column', () => {
    const table = new Table(u64, undefined)
    expect([table.header.trim(), table.row(7n).trim()]).toEqual(['u64', '7'])
  })
})

describe('JSON', () => {
  test.each<[unknown, string]>([
    [2n ** 53n - 1n, '9007199254740991'],
    [2n ** 53n, '"9007199254740992"'],
    [-(2n ** 53n), '"-9007199254740992"'],
    [NaN, '"NaN"'],
    [-Infinity, '"-Infinity"'],
    [0.25, '0.25'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ['\x1b\u202e\u009b', '"\\u001b\\u202e\\u009b"'],
    ['ünï', '"ünï"'],
    [Uint8Array.of(1, 0xff), '"01ff"'],
    [new Uint8Array(100).fill(0xa0), `"${'a0'.repeat(100)}"`],
    [[1n, true, null, undefined], '[1,true,null,null]'],
    [{ a: { b: [] } }, '{"a":{"b":[]}}'],
  ])('of %p is %s', (value, text) => {
    expect(jsonOf(value)).toBe(text)
    expect(() => JSON.parse(text) as unknown).not.toThrow()
  })

  test('of a type is the same as of its values', () => {
    expect(jsonWriter(Event)(event)).toBe(jsonOf(event))
    expect(jsonWriter(f64)(0.5)).toBe('0.5')
  })

  test('shows the accessors of a class as members', () => {
    class Union {
      get wide(): bigint {
        return 1n
      }
    }
    Object.defineProperty(Union.prototype, 'wide', { enumerable: true })
    expect(jsonOf({ u: new Union() })).toBe('{"u":{"wide":1}}')
  })

  test('leaves out what a short record lacks', () => {
    expect(jsonWriter(struct('two', { a: u32, b: u32 }))({ b: 1 })).toBe('{"b":1}')
  })
})
