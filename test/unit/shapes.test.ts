// Unions, bit-fields, enums, wide and big-endian integers, trailing arrays and own types:
// read and written, compiled and not.
import { inspect } from 'node:util'
import { readNarrowBits, readWideBits, writeBits } from '../../lib/types/bit-access.js'
import { bitField, bits } from '../../lib/types/bits.js'
import { enumeration } from '../../lib/types/enumeration.js'
import { Memory } from '../../lib/types/memory.js'
import { map } from '../../lib/types/own.js'
import { compileRead, createRead } from '../../lib/types/read.js'
import {
  array,
  at,
  bool,
  bytes,
  cstring,
  i128,
  i16,
  i32,
  i64,
  i8,
  pointer,
  struct,
  type Type,
  u128,
  u16,
  u32,
  u64,
  u8,
} from '../../lib/types/struct.js'
import { union } from '../../lib/types/union.js'
import { withIntegers } from '../../lib/types/with-integers.js'
import { createWrite, encode, sizeToWrite } from '../../lib/types/write.js'
import { decode } from './batch-writer.js'
import { misuse } from './misuse.js'
import { firstSeed, Random } from './random.js'

const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
/** Bytes of an integer, the highest of which is written first, in this machine's order. */
const ordered = (...octets: number[]): number[] => (little ? octets.reverse() : octets)

/** By each way of reading, also where nothing is aligned. */
function readAll<T>(type: Type<T>, record: readonly number[]): T[] {
  const memory = Memory.of(Uint8Array.from(record))
  const odd = Memory.of(Uint8Array.from([0xa5, ...record]))
  const { length } = record
  return [
    decode(type, Uint8Array.from(record)),
    compileRead(type)(memory, 0, length),
    createRead(type)(memory, 0, length),
    compileRead(type, 1)(odd, 1, 1 + length),
    createRead(type)(odd, 1, 1 + length),
  ]
}

function writeAll(type: Type, value: unknown): number[][] {
  const written = [[...encode(type, value, 'value')]]
  for (const start of [0, 1]) {
    const size = sizeToWrite(type, value, 'value')
    const memory = Memory.ofSize(size + 8)
    memory.u8.fill(0xa5)
    createWrite(type, start === 0 ? 8 : 1)(memory, start, value, 'value')
    written.push([...memory.u8.subarray(start, start + size)])
    expect([...memory.u8.subarray(start + size)].every((byte) => byte === 0xa5)).toBe(true)
  }
  return written
}

function times<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value)
}

const wide = [...times(15, 0xff), 0xfe]

describe('read and written are', () => {
  test.each<[string, Type, number[], unknown]>([
    ['pointer', pointer, ordered(0xff, 0xff, 0x88, 0, 0, 0, 0, 1), 0xffff880000000001n],
    ['u16.be', u16.be, [1, 0xbb], 443],
    ['i16.be', i16.be, [0xff, 0xfe], -2],
    ['u32.be', u32.be, [0x80, 2, 3, 4], 0x80020304],
    ['i32.be', i32.be, [0xff, 0xff, 0xff, 0xfe], -2],
    ['u64.be', u64.be, [0x80, 2, 3, 4, 5, 6, 7, 8], 0x8002030405060708n],
    ['i64.be', i64.be, [...times(7, 0xff), 0xfe], -2n],
    ['u64.be.number', u64.be.number, [0, 1, 3, 4, 5, 6, 7, 8], 0x1030405060708],
    ['i64.be.number', i64.be.number, [...times(7, 0xff), 0xfe], -2],
    ['u64.be.string', u64.be.string, [0, 0, 0, 0, 0, 0, 1, 0], '256'],
    ['u64.string', u64.string, times(8, 0xff), '18446744073709551615'],
    ['i64.string', i64.string, times(8, 0xff), '-1'],
    ['u128', u128, ordered(...wide), 2n ** 128n - 2n],
    ['i128', i128, ordered(...wide), -2n],
    ['i128 that is small', i128, ordered(...times(8, 0), 0x80, ...times(7, 0)), 2n ** 63n],
    ['i128.string', i128.string, ordered(...wide), '-2'],
    ['u128.number', u128.number, ordered(...times(15, 0), 9), 9],
    ['a name', enumeration(u8, { NONE: 0, READ: 1 }), [1], 'READ'],
    ['the first of two names', enumeration(u8, { READ: 1, ALSO: 1 }), [1], 'READ'],
    ['a number without a name', enumeration(u32, { NONE: 0 }), ordered(0, 0, 1, 0), 256],
    ['a name of a negative value', enumeration(i32, { FAILED: -1 }), times(4, 0xff), 'FAILED'],
    ['an enum as number', enumeration(u8, { READ: 1 }).number, [1], 1],
    ['a name in an enum of networks', enumeration(u16.be, { IP: 0x0800 }), [8, 0], 'IP'],
    [
      'a name in an enum of 64 bits',
      enumeration(u64, { ALL: 2n ** 64n - 1n }),
      times(8, 0xff),
      'ALL',
    ],
    [
      'a small number without a name in an enum of 64 bits',
      enumeration(i64, { NONE: 0 }),
      times(8, 0xff),
      -1,
    ],
    [
      'a large number without a name in an enum of 64 bits',
      enumeration(u64, { NONE: 0n }),
      times(8, 0xff),
      2n ** 64n - 1n,
    ],
    ['an enum of 64 bits as number', enumeration(i64, { A: 1 }).number, times(8, 0xff), -1],
    [
      'an own type',
      map(
        i8,
        (tenths) => tenths / 10,
        (degrees) => 10 * degrees,
      ),
      [25],
      2.5,
    ],
    [
      'an own type of an own type',
      map(
        map(u8, String, Number),
        (text) => [text],
        ([text = '']) => text,
      ),
      [7],
      ['7'],
    ],
    [
      'an own type of a tail',
      map(
        cstring(),
        (t) => t.length,
        (n) => 'x'.repeat(n),
      ),
      [120, 120, 0],
      2,
    ],
    ['a trailing array', array(u16), [...ordered(0, 1), ...ordered(0, 2)], [1, 2]],
    ['a trailing array of nothing', array(u64), [], []],
    [
      'bit-fields of big-endian units',
      bits(u16.be, { flags: 3, offset: 13 }),
      [0x60, 5],
      { flags: 3, offset: 5 },
    ],
  ])('%s', (_, type, record, value) => {
    expect(readAll(type, record)).toEqual(times(5, value))
    expect(writeAll(type, value)).toEqual(times(3, record))
    const inStruct = struct('s', { value: type })
    expect(readAll(inStruct, record)).toEqual(times(5, { value }))
    expect(writeAll(inStruct, { value })).toEqual(times(3, record))
  })

  test('what is left behind the last whole element of a trailing array is left off', () => {
    expect(readAll(array(u32), [...ordered(0, 0, 0, 1), 1, 2, 3])).toEqual(times(5, [1]))
    expect(readAll(struct('e', { a: u8, tail: array(u16) }), [1, 2, 3, 4, 5])).toEqual(
      times(5, { a: 1, tail: [little ? 0x0403 : 0x0304] }),
    )
  })

  test('a trailing array of arrays in a struct', () => {
    const type = struct('e', { a: u8, list: array(array(u8, 2)) })
    const list = [
      [1, 2],
      [3, 4],
    ]
    expect(readAll(type, [9, 1, 2, 3, 4])).toEqual(times(5, { a: 9, list }))
    expect(writeAll(type, { a: 9, list })).toEqual(times(3, [9, 1, 2, 3, 4]))
  })

  test.each([0, 1, 2, 3])('a trailing array of %i in turn', (length) => {
    const list = Array.from({ length }, (_, i) => ({ a: i, b: 2 ** i }))
    const type = struct('e', { list: array(struct('pair', { a: u8, b: u32 })) })
    for (const written of writeAll(type, { list })) {
      expect(readAll(type, written)).toEqual(times(5, { list }))
    }
  })
})

describe('bit-fields', () => {
  /** All bytes as one integer, of which a bit-field is a part. */
  const whole = (octets: Iterable<number>, isBigEndian: boolean): bigint =>
    [...octets].reduceRight(
      (sum, octet, i, { length }) =>
        sum + (BigInt(octet) << BigInt(8 * (isBigEndian ? length - 1 - i : i))),
      0n,
    )

  test('of every width at every bit are read and written, and nothing else', () => {
    const size = 16
    for (let width = 1; width <= 64; width++) {
      for (let bitOffset = 0; bitOffset < 8; bitOffset++) {
        const seed = firstSeed + 8 * width + bitOffset
        const random = new Random(seed)
        const octets = random.bytes(size)
        for (const signed of [false, true]) {
          const cut = (integer: bigint): bigint =>
            signed ? BigInt.asIntN(width, integer) : BigInt.asUintN(width, integer)
          for (const isBigEndian of [false, true]) {
            const shape = { bitOffset, width, signed, isBigEndian }
            const offset = random.integer(0, 5)
            const shift = BigInt(
              isBigEndian ? 8 * (size - offset) - bitOffset - width : 8 * offset + bitOffset,
            )
            const expected = cut(whole(octets, isBigEndian) >> shift)
            const read =
              width > 32
                ? readWideBits(octets, offset, shape)
                : BigInt(readNarrowBits(octets, offset, bitOffset, width, signed, isBigEndian))
            expect([seed, shape, read]).toEqual([seed, shape, expected])
            const copy = octets.slice()
            const other = cut(BigInt(random.u32()) * BigInt(random.u32()))
            writeBits(copy, offset, shape, other)
            const mask = (2n ** BigInt(width) - 1n) << shift
            const around = whole(octets, isBigEndian) & ~mask
            const written = around | (BigInt.asUintN(width, other) << shift)
            expect([seed, shape, whole(copy, isBigEndian)]).toEqual([seed, shape, written])
            if (isBigEndian === little) continue
            const type = bitField(bitOffset, width, signed)
            const value = width > 32 ? expected : Number(expected)
            const event = struct('e', { field: at(offset, type), end: at(size - 1, u8) })
            const fields = { field: value, end: octets[size - 1] }
            expect([seed, ...readAll(event, [...octets])]).toEqual([seed, ...times(5, fields)])
            for (const record of writeAll(event, fields)) {
              expect([seed, decode(event, Uint8Array.from(record))]).toEqual([seed, fields])
            }
          }
        }
      }
    }
  })

  test('of a unit follow each other as C has them', () => {
    // As clang and gcc store { version = 4, ihl = 5, rest = 0x123456 }.
    const type = bits(u32, { version: 4, ihl: 4, rest: 24 })
    const record = little ? [0x54, 0x56, 0x34, 0x12] : [0x45, 0x12, 0x34, 0x56]
    const value = { version: 4, ihl: 5, rest: 0x123456 }
    expect(readAll(type, record)).toEqual(times(5, value))
    expect(writeAll(type, value)).toEqual(times(3, record))
  })

  test('placed at one unit do not disturb each other, in any order', () => {
    const fields = {
      low: at(0, bits(u32, 3, 0)),
      middle: at(0, bits(i32, 20, 3)),
      high: at(0, bits(u32, 9, 23)),
      after: u8,
    }
    const value = { low: 5, middle: -3, high: 0x155, after: 7 }
    const unit = ((0x155 << 23) | ((-3 & 0xfffff) << 3) | 5) >>> 0
    const record = [...encode(u32, unit, ''), 7, 0, 0, 0]
    for (const names of [Object.keys(fields), Object.keys(fields).reverse()]) {
      const placed = names.map((name) => [name, fields[name as 'low']])
      // Reversed, the field behind the unit comes first.
      const type = struct('e', { ...Object.fromEntries(placed), after: at(4, u8) })
      expect(readAll(type, record)).toEqual(times(5, value))
      expect(writeAll(type, value)).toEqual(times(3, record))
    }
  })

  test('of more than 32 bits are bigint, and of signed units signed', () => {
    const type = bits(i64, { a: 1, b: 33, c: 30 })
    const value = { a: -1, b: -(2n ** 32n), c: 2 ** 29 - 1 }
    for (const record of writeAll(type, value)) {
      expect(readAll(type, record)).toEqual(times(5, value))
    }
  })

  test.each<[string, () => unknown, 'TypeError' | 'RangeError', string]>([
    [
      'a value that is too large',
      () => encode(bits(u32, 4, 0), 16, 'value'),
      'RangeError',
      'Expected an integer from 0 to 15 for value but received 16',
    ],
    [
      'a field that is too small',
      () => encode(bits(i32, { a: 4 }), { a: -9 }, 'value'),
      'RangeError',
      'Expected an integer from -8 to 7 for value.a but received -9',
    ],
    [
      'more bits than the unit has',
      () => bits(u8, { a: 4, b: 5 }),
      'RangeError',
      'Expected at most the 8 bits of u8 for bit-field "b" but received 9',
    ],
    [
      'a width of 0',
      () => bits(u8, { a: 0 }),
      'RangeError',
      'Expected an integer from 1 to 8 for the width of bit-field "a" but received 0',
    ],
    [
      'a shift beyond the unit',
      () => bits(u64, 4, 61),
      'RangeError',
      'Expected an integer from 0 to 60 for the shift of bits() but received 61',
    ],
    [
      'no shift',
      () => bits(u8, 4, undefined as never),
      'TypeError',
      'Expected an integer from 0 to 7 for the shift of bits() but received undefined',
    ],
    [
      'a unit that is no integer',
      () => bits(bool as never, { a: 1 }),
      'TypeError',
      "Expected an integer type of up to 64 bits for the unit of bits() but received 'bool'",
    ],
    [
      'a unit of 128 bits',
      () => bits(u128, { a: 1 }),
      'TypeError',
      "Expected an integer type of up to 64 bits for the unit of bits() but received 'u128'",
    ],
    [
      'no fields',
      () => bits(u8, {}),
      'TypeError',
      'Expected at least one bit-field for the fields of bits() but received {}',
    ],
    [
      'a name that is none',
      () => bits(u8, { 'a b': 1 }),
      'TypeError',
      "Expected a C identifier for the name of a bit-field but received 'a b'",
    ],
  ])('refuse %s', (_, use, name, message) => {
    expect(use).toThrow(misuse(name, message))
  })
})

describe('an enum', () => {
  const kind = enumeration(u32, { NONE: 0, READ: 1, ALSO: 1 })

  test.each<[unknown, number]>([
    ['READ', 1],
    ['ALSO', 1],
    [1, 1],
    [1n, 1],
    [77, 77],
  ])('is written by %p', (value, number) => {
    expect(writeAll(kind, value)).toEqual(times(3, ordered(0, 0, 0, number)))
    expect(writeAll(kind.number, value)).toEqual(times(3, ordered(0, 0, 0, number)))
  })

  test.each<[string, () => unknown, 'TypeError' | 'RangeError', string]>([
    [
      'a name that it does not have',
      () => writeAll(kind, 'WRITE'),
      'RangeError',
      "Expected one of NONE, READ, ALSO, or a number, for value but received 'WRITE'",
    ],
    [
      'a number that it has no room for',
      () => writeAll(kind, -1),
      'RangeError',
      'Expected an integer from 0 to 4294967295 for value but received -1',
    ],
    [
      'what is neither',
      () => writeAll(kind, true),
      'TypeError',
      'Expected an integer from 0 to 4294967295 for value but received true',
    ],
    [
      'a value that its unit does not have',
      () => enumeration(u8, { A: 256 }),
      'RangeError',
      'Expected an integer from 0 to 255 for the value of A but received 256',
    ],
    [
      'a bigint that its unit does not have',
      () => enumeration(u8, { A: 256n }),
      'RangeError',
      'Expected a value of 8 bits for the value of A but received 256n',
    ],
    [
      'a number that is not exact',
      () => enumeration(u64, { A: 2 ** 60 }),
      'RangeError',
      'Expected a bigint, or an integer within 2^53 - 1, for the value of A but received 1152921504606847000',
    ],
    [
      'a value that is text',
      () => enumeration(u64, { A: '1' as never }),
      'TypeError',
      "Expected a bigint, or an integer within 2^53 - 1, for the value of A but received '1'",
    ],
    [
      'a unit that is no integer',
      () => enumeration(cstring(4) as never, { A: 1 }),
      'TypeError',
      "Expected an integer type of up to 64 bits for the unit of enumeration() but received 'char[4]'",
    ],
    [
      'no names',
      () => enumeration(u8, {}),
      'TypeError',
      'Expected at least one name for the names of enumeration() but received {}',
    ],
    [
      'a name that is no identifier',
      () => enumeration(u8, { 'a-b': 1 }),
      'TypeError',
      "Expected a C identifier for a name of enumeration() but received 'a-b'",
    ],
  ])('refuses %s', (_, use, name, message) => {
    expect(use).toThrow(misuse(name, message))
  })

  test('as number is refused when it is not exact', () => {
    const type = enumeration(u64, { A: 1 }).number
    expect(() => decode(type, new Uint8Array(8).fill(0xff))).toThrow(RangeError)
    expect(() => createRead(type)(Memory.of(new Uint8Array(8).fill(0xff)), 0, 8)).toThrow(
      RangeError,
    )
  })
})

describe('a union', () => {
  const pair = struct('pair', { a: u8, b: u8 })
  const type = union('either', { word: u16.be, pair, high: at(1, u8), exact: u64.number })
  const event = struct('event', { id: u8, either: type, last: u8 })
  const record = [9, ...times(7, 0), 1, 2, ...times(6, 0), 5, ...times(7, 0)]

  test('has the size and the alignment of its members', () => {
    expect([type.size, type.align, event.size]).toEqual([8, 8, 24])
    expect(union({ a: u16, b: bytes(3) })).toMatchObject({ size: 4, align: 2 })
    expect(union({ a: u16, b: bytes(3) }, { packed: true })).toMatchObject({ size: 3, align: 1 })
  })

  test.each([0, 1, 2, 3, 4])('has members that read the same bytes, by way %i', (way) => {
    const { id, either, last } = readAll(event, record)[way] as ReturnType<
      typeof decode<typeof value>
    >
    expect([id, either.word, either.pair, either.high, last]).toEqual([
      9,
      0x0102,
      { a: 1, b: 2 },
      2,
      5,
    ])
  })
  const value = decode(event, Uint8Array.from(record))

  test('owns its bytes', () => {
    const memory = Memory.of(Uint8Array.from(record))
    const read = compileRead(event)(memory, 0, record.length)
    memory.u8.fill(0)
    expect([read.either.word, read.either.pair]).toEqual([0x0102, { a: 1, b: 2 }])
  })

  test('is copied by a view', () => {
    const lent = createRead(event.view())(Memory.of(Uint8Array.from(record)), 0, record.length)
    expect(lent.either.pair).toEqual({ a: 1, b: 2 })
  })

  test('reads a member only when it is used', () => {
    const lazy = union({ fine: u8, exact: u64.number })
    const read = decode(lazy, new Uint8Array(8).fill(0xff))
    expect(read.fine).toBe(255)
    expect(() => read.exact).toThrow(RangeError)
    expect(inspect(read)).toMatch(
      /^union \{\s+fine: 255,\s+exact: \[RangeError: Expected an integer/,
    )
  })

  test('is shown by console.log() and JSON.stringify(), and its members are listed', () => {
    const shown = decode(union('ip', { v4: u32.be, raw: bytes(4) }), Uint8Array.of(1, 2, 3, 4))
    expect(inspect({ shown })).toBe(
      '{ shown: union ip { v4: 16909060, raw: Uint8Array(4) [ 1, 2, 3, 4 ] } }',
    )
    expect(JSON.stringify([shown])).toBe('[{"v4":16909060,"raw":{"0":1,"1":2,"2":3,"3":4}}]')
    const listed: string[] = []
    for (const name in shown) listed.push(name)
    expect(listed).toEqual(['v4', 'raw'])
  })

  test('is equal to one of the same bytes, and no other', () => {
    const [one, same, other] = [1, 1, 2].map((octet) =>
      decode(union({ a: u8 }), Uint8Array.of(octet)),
    )
    expect(one).toEqual(same)
    expect(one).not.toEqual(other)
  })

  test('changes its bytes when a member is set', () => {
    const read = decode(event, Uint8Array.from(record))
    read.either.pair = { a: 7, b: 8 }
    expect([read.either.word, writeAll(event, read)[0]?.slice(8, 10)]).toEqual([0x0708, [7, 8]])
    expect(() => {
      read.either.word = 2 ** 16
    }).toThrow(
      misuse('RangeError', 'Expected an integer from 0 to 65535 for word but received 65536'),
    )
  })

  test('nests in arrays, structs and unions', () => {
    const inner = union({ a: u8, b: i8 })
    const outer = union({ list: array(inner, 2), both: struct('both', { x: inner, y: inner }) })
    for (const read of readAll(outer, [0xff, 1])) {
      expect(read.list.map(({ a, b }) => [a, b])).toEqual([
        [255, -1],
        [1, 1],
      ])
      expect(read.both.x.b).toBe(-1)
      expect(writeAll(outer, read)).toEqual(times(3, [0xff, 1]))
    }
  })

  test('may be read while another value of it is read', () => {
    const kept: { a: number; b: string }[] = []
    const own = map(u8, (octet) => `${String(octet)} ${String(kept[0]?.a)}`)
    const both = union({ a: u8, b: own })
    kept.push(decode(both, Uint8Array.of(1)))
    const second = decode(both, Uint8Array.of(2))
    expect([second.b, second.a, kept[0]?.b]).toEqual(['2 1', 2, '1 1'])
  })

  test('is written as it was read, by one member, and by of()', () => {
    expect(writeAll(event, value)).toEqual(times(3, record))
    expect(writeAll(type, { word: 0x0102 })).toEqual(times(3, [1, 2, ...times(6, 0)]))
    expect(writeAll(type, { high: 3, word: undefined })).toEqual(times(3, [0, 3, ...times(6, 0)]))
    const made = type.of({ pair: { a: 1, b: 2 } })
    expect(made.word).toBe(0x0102)
    expect(writeAll(event, { id: 9, either: made, last: 5 })).toEqual(times(3, record))
    // What another reader has read, or one of other integers.
    const again = withIntegers(type, 'string')
    expect(writeAll(again, value.either)).toEqual(times(3, record.slice(8, 16)))
  })

  const expected =
    'Expected a value that was read, or an object with exactly one of word, pair, high, exact, ' +
    'for value.either but received '
  test.each<[string, unknown, string]>([
    ['two members', { word: 1, high: 2 }, `${expected}{ word: 1, high: 2 }`],
    ['none', {}, `${expected}{}`],
    ['one that it does not have', { wrd: 1 }, `${expected}{ wrd: 1 }`],
    ['a value of another union', decode(union({ a: u64 }), new Uint8Array(8)), expected],
    ['a number', 5, 'Expected an object for value.either but received 5'],
    [
      'a member of another type',
      { word: '1' },
      "Expected an integer from 0 to 65535 for value.either.word but received '1'",
    ],
  ])('refuses %s', (_, either, message) => {
    expect(() => encode(event, { id: 1, either, last: 1 }, 'value')).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        message: expect.stringContaining(message) as string,
      }) as Error,
    )
  })

  test.each<[string, () => unknown, string]>([
    ['no members', () => union({}), 'Expected at least one member for union() but received {}'],
    [
      'a member of no type',
      () => union('u', { a: 4 as never }),
      'Expected a type such as u32, cstring(16) or struct(…) for member "a" of union "u" but received 4',
    ],
    [
      'a member without a length',
      () => union({ a: bytes() }),
      'Expected a type of fixed size for member "a" of union() but received \'bytes[]\'',
    ],
    [
      'a view',
      () => union({ a: pair.view() }),
      'Expected a type for member "a" of union() but received \'view of pair\'',
    ],
    [
      'no object',
      () => union(null as never),
      'Expected an object for the members of union() but received null',
    ],
    [
      'an option that is unknown',
      () => union({ a: u8 }, { paked: true } as never),
      "Expected one of packed, unchecked, checked, size for the name of an option but received 'paked'",
    ],
    [
      'to be checked and not',
      () => union('u', { a: u8 }, { checked: true, unchecked: true }),
      'Expected one of checked and unchecked for options but received { checked: true, unchecked: true }',
    ],
  ])('with %s is refused', (_, use, message) => {
    expect(use).toThrow(misuse('TypeError', message))
  })
})

describe('an own type', () => {
  const reads = (type: Type): (() => unknown)[] => [
    () => decode(type, Uint8Array.of(1)),
    () => compileRead(type)(Memory.of(Uint8Array.of(1)), 0, 1),
    () => createRead(type)(Memory.of(Uint8Array.of(1)), 0, 1),
  ]

  test('throws what its decode throws', () => {
    const error = new Error('mine')
    const type = map(u8, () => {
      throw error
    })
    for (const read of reads(struct('s', { a: type }))) expect(read).toThrow(error)
  })

  test('is given a value of its own and how messages call it', () => {
    const given: unknown[] = []
    const type = map(
      bytes(1),
      (own) => own,
      (own: Uint8Array, what) => {
        given.push(what)
        return own
      },
    )
    const [first, second] = [decode(type, Uint8Array.of(1)), decode(type, Uint8Array.of(2))]
    expect([first, second]).toEqual([Uint8Array.of(1), Uint8Array.of(2)])
    expect(writeAll(struct('s', { list: array(type, 1) }), { list: [first] })).toEqual(
      times(3, [1]),
    )
    expect(given).toEqual(times(3, 'value.list[0]'))
  })

  test('without an encode can only be read', () => {
    const message =
      'Expected a type that can be written (give map() of u8 an encode) for value.a but received 1'
    const type = struct('s', { a: map(u8, Number) })
    expect(() => encode(type, { a: 1 }, 'value')).toThrow(misuse('TypeError', message))
    expect(() => writeAll(type, { a: 1 })).toThrow(misuse('TypeError', message))
  })

  test('encodes to what its type takes', () => {
    const type = map(u8, String, (text: string) => text as never)
    expect(() => writeAll(type, 'x')).toThrow(
      misuse('TypeError', "Expected an integer from 0 to 255 for value but received 'x'"),
    )
  })

  test.each<[string, () => unknown, string]>([
    [
      'no decode',
      () => map(u8, undefined as never),
      'Expected a function for decode of map() but received undefined',
    ],
    [
      'an encode that is none',
      () => map(u8, String, 1 as never),
      'Expected a function for encode of map() but received 1',
    ],
    [
      'no type',
      () => map(1 as never, String),
      'Expected a type such as u32, cstring(16) or struct(…) for the type of map() but received 1',
    ],
    [
      'a view',
      () => map(struct('s', { a: u8 }).view(), String),
      "Expected a type that copies for map() but received 's'",
    ],
  ])('with %s is refused', (_, use, message) => {
    expect(use).toThrow(misuse('TypeError', message))
  })

  test('that takes the rest of the record must be the last field', () => {
    const tail = map(cstring(), (text) => text.length)
    expect(() => struct('s', { tail, a: u8 })).toThrow(/Expected the last field for "tail"/)
    expect(() => array(tail, 2)).toThrow(/Expected a type of fixed size/)
    const open = map(struct('s', { tail: bytes() }), ({ tail: rest }) => rest.length)
    expect(readAll(open, [1, 2, 3])).toEqual(times(5, 3))
    expect(() => struct('outer', { open })).toThrow(
      /Expected a type of fixed size for field "open"/,
    )
  })
})

describe('withIntegers()', () => {
  const inner = struct('inner', { time: u64, small: u8 })
  const type = struct('event', {
    big: i64,
    exact: u64.number,
    inner,
    list: array(u64, 1),
    either: union({ a: u64, b: u8 }),
    field: bits(u64, { low: 31, high: 33 }),
    kind: enumeration(u64, { NONE: 0 }),
    named: enumeration(u64, { NONE: 0 }),
    wide: u128,
    own: map(u64, (value) => value + 1n),
    mine: map(u64, (value) => [value]),
    tail: array(u64.be),
  })
  const value = {
    big: -5n,
    exact: 6,
    inner: { time: 7n, small: 1 },
    list: [8n],
    either: { a: 9n },
    field: { low: 10, high: 11n },
    kind: 12,
    named: 'NONE',
    wide: 13n,
    own: 0n,
    mine: [0n],
    tail: [14n],
  }
  const zeros = struct('zeros', { own: u64, mine: u64 })
  const record = [
    ...encode(
      struct('event', { ...fieldsOf(type), ...fieldsOf(zeros) } as never),
      { ...value, own: 1n, mine: 2n },
      'value',
    ),
  ]

  /** Those of a struct, as they were given. */
  function fieldsOf({ shape }: typeof type | typeof zeros): Record<string, unknown> {
    const { fields } = shape
    if (fields.length > 2) return Object.fromEntries(fields.map(({ name, type: of }) => [name, of]))
    return { own: u64, mine: u64 }
  }

  test.each(['string', 'number', 'bigint'] as const)('reads all as %s', (form) => {
    const of = (integer: number): unknown =>
      ({ string: String, number: Number, bigint: BigInt })[form](integer)
    for (const read of readAll(withIntegers(type, form), record)) {
      const { either, ...rest } = read
      expect(either.a).toBe(of(9))
      expect(rest).toEqual({
        big: of(-5),
        exact: 6,
        inner: { time: of(7), small: 1 },
        list: [of(8)],
        field: { low: 10, high: of(11) },
        kind: 12,
        named: 'NONE',
        wide: of(13),
        own: of(2),
        mine: [2n],
        tail: [of(14)],
      })
    }
  })

  test('makes what JSON takes', () => {
    const json = withIntegers(struct('e', { a: u64, b: union({ c: i64 }) }), 'string')
    const read = decode(json, new Uint8Array(16).fill(0xff))
    expect(JSON.stringify(read)).toBe('{"a":"18446744073709551615","b":{"c":"-1"}}')
  })

  test('writes what it reads', () => {
    const json = withIntegers(
      struct('e', { a: u64, b: array(i64, 1), c: i128, d: bits(i64, 40, 1) }),
      'string',
    )
    const read = { a: '18446744073709551615', b: ['-1'], c: '-2', d: '-3' }
    for (const written of writeAll(json, read))
      expect(readAll(json, written)).toEqual(times(5, read))
    expect(() => writeAll(json, { ...read, a: '1.5' })).toThrow(/Expected an integer from 0 to/)
    expect(() => writeAll(json, { ...read, b: ['9223372036854775808'] })).toThrow(RangeError)
    expect(() => writeAll(json, { ...read, d: '0x1' })).toThrow(/Expected an integer from/)
  })

  test('is the same type when there are none, and when it was made before', () => {
    const none = struct('none', { a: u32, b: cstring(4), c: union({ a: u8 }) })
    expect(withIntegers(none, 'string')).toBe(none)
    expect(withIntegers(type, 'string')).toBe(withIntegers(type, 'string'))
    expect(withIntegers(u64, 'bigint')).toBe(u64)
  })

  test('keeps the layout', () => {
    const packed = struct('p', { a: u8, b: u64, c: at(30, u64) }, { packed: true, checked: true })
    const { size, align, shape } = withIntegers(packed, 'number')
    expect([size, align]).toEqual([packed.size, packed.align])
    expect(shape).toMatchObject({ checked: true, unchecked: false })
    expect(shape.kind === 'struct' && shape.fields.map(({ offset }) => offset)).toEqual([0, 1, 30])
  })

  test('converts what a view lends', () => {
    const view = withIntegers(struct('e', { a: u64 }).view(), 'number')
    expect(
      createRead(view)(Memory.of(Uint8Array.from(ordered(0, 0, 0, 0, 0, 0, 0, 3))), 0, 8).a,
    ).toBe(3)
  })

  test('refuses other forms', () => {
    expect(() => withIntegers(u64, 'hex' as never)).toThrow(
      misuse(
        'TypeError',
        "Expected bigint, number or string for the form of withIntegers() but received 'hex'",
      ),
    )
    expect(() => withIntegers(1 as never, 'number')).toThrow(/for the type of withIntegers\(\)/)
  })
})
