import { lostFrame } from '../../lib/stream/batch.js'
import type * as decoderModule from '../../lib/stream/walk.js'
import { compile } from '../../lib/stream/walk.js'
import { RecordTooShortError } from '../../lib/errors/errors.js'
import {
  array,
  at,
  bool,
  bytes,
  cstring,
  i16,
  i32,
  i64,
  i8,
  requiredBytes,
  struct,
  type Type,
  u16,
  u32,
  u64,
  u8,
  type Value,
} from '../../lib/types/struct.js'
import { memoryNames } from '../../lib/types/place.js'
import type * as structModule from '../../lib/types/struct.js'
import { cursorOf, decode, decodeAll, type TestRecord, writeBatch } from './batch-writer.js'
import { misuse } from './misuse.js'
import { firstSeed, Random } from './random.js'
import { encodeStruct, randomStruct, randomValue, shown, structOf } from './random-struct.js'

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** The bytes of an integer in this machine's order. */
function integer(size: number, value: bigint | number): Uint8Array {
  const word = new DataView(new ArrayBuffer(8))
  word.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), littleEndian)
  return new Uint8Array(word.buffer).slice(littleEndian ? 0 : 8 - size, littleEndian ? size : 8)
}

function concat(...parts: (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

/** Walks records of one type, and tells what the callback got and what was raised. */
function walk<T>(
  type: Type<T>,
  records: readonly TestRecord[],
  onRecord: (record: T, cpu?: number) => unknown,
  flavour: 'ring' | 'perf' = 'ring',
): ReturnType<typeof cursorOf> {
  const batch = writeBatch(records)
  const cursor = cursorOf(batch)
  compile(type, flavour)(batch.arena, cursor, 0, onRecord)
  return cursor
}

describe('integers are decoded', () => {
  const values: [Type, string, number, (number | bigint)[]][] = [
    [u8, 'u8', 1, [0, 1, 0x7f, 0x80, 0xff]],
    [i8, 'i8', 1, [0, 1, 0x7f, -1, -0x80]],
    [u16, 'u16', 2, [0, 1, 0x0102, 0x8000, 0xffff]],
    [i16, 'i16', 2, [0, 0x0102, 0x7fff, -1, -0x8000]],
    [u32, 'u32', 4, [0, 0x01020304, 0x80000000, 0xffffffff]],
    [i32, 'i32', 4, [0, 0x01020304, 0x7fffffff, -1, -0x80000000]],
    [u64, 'u64', 8, [0n, 0x0102030405060708n, 1n << 63n, 2n ** 64n - 1n]],
    [i64, 'i64', 8, [0n, 0x0102030405060708n, 2n ** 63n - 1n, -1n, -(2n ** 63n)]],
    [u64.number, 'u64.number', 8, [0, 1, 2 ** 32 - 1, 2 ** 32, 0x1020304050607, 2 ** 53 - 1]],
    [
      i64.number,
      'i64.number',
      8,
      [0, 1, -1, -(2 ** 31), 2 ** 32, -(2 ** 32), -(2 ** 32) - 1, 2 ** 53 - 1, -(2 ** 53 - 1)],
    ],
  ]
  const cases = values.flatMap(([type, name, size, list]) =>
    list.map((value) => [name, value, type, integer(size, value)] as const),
  )

  test.each(cases)('%s %p as a whole record', (_, value, type, record) => {
    expect(decode(type, record)).toBe(value)
  })

  test.each(cases)('%s %p at every offset of a packed struct', (_, value, type, record) => {
    for (let offset = 1; offset <= 8; offset++) {
      const packed = struct(
        'p',
        { before: bytes(offset), value: type, after: u8 },
        { packed: true },
      )
      const decoded = decode(packed, concat(new Uint8Array(offset).fill(0xff), record, [7]))
      expect({ offset, value: decoded.value, after: decoded.after }).toEqual({
        offset,
        value,
        after: 7,
      })
    }
  })

  test.each(cases)('%s %p with at()', (_, value, type, record) => {
    const placed = struct('p', { value: at(5, type) })
    expect(decode(placed, concat([1, 2, 3, 4, 5], record))).toEqual({ value })
  })

  test.each(cases)('%s %p through a view', (_, value, type, record) => {
    const seen: unknown[] = []
    walk(struct('v', { value: type }).view(), [{ bytes: record }], (view) => seen.push(view.value))
    expect(seen).toEqual([value])
  })
})

describe('a 64-bit integer as number', () => {
  const beyond: [string, Type, bigint][] = [
    ['u64.number', u64.number, 2n ** 53n],
    ['u64.number', u64.number, 2n ** 63n],
    ['u64.number', u64.number, 2n ** 64n - 1n],
    ['i64.number', i64.number, 2n ** 53n],
    ['i64.number', i64.number, 2n ** 53n + 1n],
    ['i64.number', i64.number, 2n ** 63n - 1n],
    ['i64.number', i64.number, -(2n ** 53n)],
    ['i64.number', i64.number, -(2n ** 53n) - 1n],
    ['i64.number', i64.number, -(2n ** 63n)],
  ]

  test.each(beyond)('%s refuses %p', (_, type, value) => {
    const error = misuse(
      'RangeError',
      'Expected an integer within 2^53 - 1 (declare the field as u64 or i64 for a bigint) ' +
        `for a 64-bit field read as number but received ${String(value)}n`,
    )
    expect(() => decode(type, integer(8, value))).toThrow(error)
    const packed = struct('p', { before: u8, value: type }, { packed: true })
    expect(() => decode(packed, concat([0], integer(8, value)))).toThrow(error)
  })
})

test.each([
  [0, false],
  [1, true],
  [2, true],
  [0xff, true],
])('a bool of %d is %p', (byte, value) => {
  expect(decode(bool, Uint8Array.of(byte))).toBe(value)
})

describe('a cstring is', () => {
  const cases: [string, readonly number[] | Buffer, string][] = [
    ['the text up to the first NUL', [0x61, 0x62, 0, 0x63], 'ab'],
    ['empty when it begins with NUL', [0, 0x61, 0x62, 0x63], ''],
    ['all of the field when there is no NUL', [0x61, 0x62, 0x63, 0x64], 'abcd'],
    ['ASCII from 1 to 127', [1, 9, 0x7f, 0], '\u0001\t\u007f'],
    ['UTF-8 of two bytes', Buffer.from('éß'), 'éß'],
    ['UTF-8 of three bytes', Buffer.from('€\0'), '€'],
    ['UTF-8 of four bytes', Buffer.from('🐝'), '🐝'],
    ['a byte order mark too', Buffer.from('\ufeffa'), '\ufeffa'],
    ['not changed by bytes after the NUL', [0x61, 0, 0xff, 0xff], 'a'],
    ['U+FFFD for a byte that is no UTF-8', [0x61, 0xff, 0x62, 0], 'a\ufffdb'],
    ['U+FFFD for Latin-1', [0xe9, 0x74, 0xe9, 0], '\ufffdt\ufffd'],
    ['U+FFFD for a character that is cut off by the end', [0x61, 0x62, 0xe2, 0x82], 'ab\ufffd'],
    ['U+FFFD for a character that is cut off by a NUL', [0x61, 0xe2, 0x82, 0], 'a\ufffd'],
  ]

  test.each(cases)('%s', (_, record, text) => {
    const filled = concat(record)
    expect(decode(cstring(4), filled)).toBe(text)
    expect(decode(cstring(), filled)).toBe(text)
    const event = struct('event', { a: u8, text: at(3, cstring(4)), b: u8 })
    expect(decode(event, concat([1, 2, 3], filled, [0x7a]))).toEqual({ a: 1, text, b: 0x7a })
  })

  // Words are read at once where the field is aligned.
  test.each([0, 1, 2, 3, 4])('the same at any offset and length, from %i on', (offset) => {
    const size = 13
    const event = struct('event', { text: at(offset, cstring(size)), after: at(32, u8) })
    for (let length = 0; length <= size; length++) {
      for (const odd of ['\u0001', '\u007f', 'é', '\u0080']) {
        for (let place = 0; place <= length - Buffer.byteLength(odd); place++) {
          const text = odd.padStart(place + odd.length, 'x')
          const field = Buffer.from(text.padEnd(length - Buffer.byteLength(odd) + odd.length, 'y'))
          // Behind the NUL there is what was there before.
          const record = Buffer.alloc(40, 0xff)
          field.copy(record, offset)
          if (length < size) record[offset + length] = 0
          expect(decode(event, record)).toEqual({ text: field.toString(), after: 0xff })
        }
      }
    }
  })

  test('empty when nothing is left for it', () => {
    const event = struct('event', { a: u32, tail: cstring() })
    expect(decode(event, integer(4, 5))).toEqual({ a: 5, tail: '' })
  })

  test.each(['object', 'view'])('the same when it comes again, in every field of an %s', (kind) => {
    const names = array(cstring(8), 2)
    const event = struct('event', { comm: cstring(8), names, path: cstring() })
    const expected = Array.from({ length: 1000 }, (_, i) => {
      const comm = `c${String(i % 3)}`
      return { comm, names: ['é', `n${String(i % 7)}`], path: `/usr/bin/${comm}/${String(i)}` }
    })
    const records = expected.map(({ comm, names, path }) => ({
      bytes: concat(
        ...[comm, ...names].map((text) => Buffer.alloc(8, `${text}\0`)),
        Buffer.from(path),
      ),
    }))
    const seen: unknown[] = []
    const take = ({ comm, names, path }: Value<typeof event>): unknown =>
      seen.push({ comm, names, path })
    walk(kind === 'view' ? event.view() : event, records, take)
    expect(seen).toEqual(expected)
  })

  test('kept from reading the record after it', () => {
    const records = [Uint8Array.of(0x61), Uint8Array.of(0x62, 0x63), new Uint8Array(0)]
    expect(decodeAll(cstring(), records)).toEqual(['a', 'bc', ''])
  })
})

describe('bytes', () => {
  test.each<[string, Type<Uint8Array>, number[], number[]]>([
    ['of a length', bytes(3), [1, 2, 3, 4, 5], [1, 2, 3]],
    ['without a length take all of the record', bytes(), [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]],
    ['of an empty record are empty', bytes(), [], []],
  ])('%s', (_, type, record, expected) => {
    expect(decode(type, Uint8Array.from(record))).toEqual(Uint8Array.from(expected))
  })

  test('are a copy, which outlives the batch', () => {
    const event = struct('event', { fixed: bytes(2), tail: bytes() })
    const batch = writeBatch([{ bytes: Uint8Array.of(1, 2, 3, 4) }])
    const seen: { fixed: Uint8Array; tail: Uint8Array }[] = []
    compile(event, 'ring')(batch.arena, cursorOf(batch), 0, (record: never) => seen.push(record))
    batch.arena.u8.fill(0xff)
    expect(seen).toEqual([{ fixed: Uint8Array.of(1, 2), tail: Uint8Array.of(3, 4) }])
    expect(seen[0]?.fixed.buffer.byteLength).toBe(2)
  })
})

describe('arrays and structs', () => {
  test('nest in each other', () => {
    const point = struct('point', { x: u8, y: i16 })
    const line = struct('line', { name: cstring(3), ends: array(point, 2) })
    const event = struct('event', { id: u8, lines: array(line, 2), last: point })
    const pointBytes = (x: number, y: number): Uint8Array => concat([x, 0xee], integer(2, y))
    const record = concat(
      [9, 0xee],
      concat(Buffer.from('ab\0'), [0xee], pointBytes(1, -2), pointBytes(3, -4)),
      concat(Buffer.from('cde'), [0xee], pointBytes(5, -6), pointBytes(7, -8)),
      pointBytes(10, 1000),
    )
    const expected = {
      id: 9,
      lines: [
        {
          name: 'ab',
          ends: [
            { x: 1, y: -2 },
            { x: 3, y: -4 },
          ],
        },
        {
          name: 'cde',
          ends: [
            { x: 5, y: -6 },
            { x: 7, y: -8 },
          ],
        },
      ],
      last: { x: 10, y: 1000 },
    }
    expect(decode(event, record)).toEqual(expected)
  })

  test('may be whole records', () => {
    expect(decode(array(u16, 2), concat(integer(2, 1), integer(2, 2)))).toEqual([1, 2])
    expect(decode(array(array(u8, 2), 2), Uint8Array.of(1, 2, 3, 4))).toEqual([
      [1, 2],
      [3, 4],
    ])
  })

  test('have elements whose size leaves the others unaligned', () => {
    const entry = struct('entry', { flag: u8, value: u32, time: u64 }, { packed: true })
    const event = struct('event', { entries: array(entry, 3) }, { packed: true })
    const entryBytes = (i: number): Uint8Array =>
      concat([i], integer(4, 0x01010101 * i), integer(8, -i))
    const decoded = decode(event, concat(entryBytes(1), entryBytes(2), entryBytes(3)))
    expect(decoded.entries).toEqual(
      [1, 2, 3].map((i) => ({
        flag: i,
        value: 0x01010101 * i,
        time: 2n ** 64n - BigInt(i),
      })),
    )
  })

  test('have fields with names that JavaScript uses itself', () => {
    const names = ['constructor', 'toString', 'class', 'arena', 'o', 'end', 'u32', 'length', 'i0']
    const event = struct('event', Object.fromEntries(names.map((name) => [name, array(u8, 1)])))
    const values = Object.fromEntries(names.map((name, i) => [name, [i]]))
    const record = Uint8Array.from(names.keys())
    expect(decode(event, record)).toEqual(values)
    const copies: unknown[] = []
    walk(event.view(), [{ bytes: record }], (view) => copies.push({ ...view }))
    expect(copies).toEqual([values])
  })
})

describe('a record', () => {
  const event = struct('event', { a: u32, b: u8 })

  test('longer than its type is decoded', () => {
    const record = concat(integer(4, 7), [8], new Uint8Array(100).fill(0xff))
    expect(decode(event, record)).toEqual({ a: 7, b: 8 })
  })

  test('without the trailing padding is decoded', () => {
    expect(decode(event, concat(integer(4, 7), [8]))).toEqual({ a: 7, b: 8 })
  })

  test.each<[string, Type, number]>([
    ['a struct', event, 5],
    ['a view', event.view(), 5],
    ['a bare integer', u32, 4],
    ['an array', array(u16, 3), 6],
    ['a cstring', cstring(16), 16],
    ['bytes', bytes(9), 9],
    ['a struct with an open tail', struct('open', { a: u16, b: at(7, bytes()) }), 7],
  ])('shorter than its type, %s, is an error that carries the bytes', (_, type, needed) => {
    expect(requiredBytes(type)).toBe(needed)
    const whole = Uint8Array.from({ length: needed }, (_, i) => i)
    const calls = jest.fn()
    const cursor = walk(
      type,
      [{ bytes: whole.slice(0, needed - 1) }, { bytes: whole.slice(0, 0) }, { bytes: whole }],
      calls,
    )
    const tooShort = (length: number): unknown =>
      expect.objectContaining({
        name: 'RecordTooShortError',
        code: 'ERR_RECORD_TOO_SHORT',
        message: `Cannot decode ${type.name}: the record has ${String(length)} bytes, the type needs ${String(needed)}`,
        bytes: whole.slice(0, length),
      })
    expect(cursor.errors).toEqual([tooShort(needed - 1), tooShort(0)])
    expect(cursor.errors[0]).toBeInstanceOf(RecordTooShortError)
    expect(calls).toHaveBeenCalledTimes(1)
  })

  test('that cannot be decoded does not keep the others from the callback', () => {
    const records = [1, 2 ** 53, 2].map((value) => ({ bytes: integer(8, BigInt(value)) }))
    const seen: number[] = []
    const cursor = walk(u64.number, records, (value) => seen.push(value))
    expect(seen).toEqual([1, 2])
    expect(cursor.errors).toEqual([expect.any(RangeError)])
  })
})

describe('a walk', () => {
  const numbered = (...sources: number[]): TestRecord[] =>
    sources.map((source, i) => ({ bytes: integer(4, i), source }))

  test('hands out the records in order, whatever their lengths', () => {
    const records = Array.from({ length: 40 }, (_, i) => new Uint8Array(i).fill(i))
    expect(decodeAll(bytes(), records)).toEqual(records)
  })

  test('of an empty batch calls nobody', () => {
    expect(walk(u32, [], jest.fn())).toMatchObject({ position: 0, records: 0, errors: [] })
  })

  test('leaves the cursor at the end, with the number of records', () => {
    const batch = writeBatch(numbered(0, 0, 0))
    const cursor = cursorOf(batch)
    compile(u32, 'ring')(batch.arena, cursor, 0, () => undefined)
    expect(cursor).toMatchObject({ position: batch.sizeBytes, records: 3, limit: Infinity })
  })

  test('ends after the record whose callback stops it, and goes on from there', () => {
    const batch = writeBatch(numbered(0, 0, 0))
    const cursor = cursorOf(batch)
    const seen: number[] = []
    const onRecord = (value: number): void => {
      seen.push(value)
      if (value === 1) cursor.limit = 0
    }
    const run = compile(u32, 'ring')
    run(batch.arena, cursor, 0, onRecord)
    expect({ seen, position: cursor.position }).toEqual({ seen: [0, 1], position: 32 })
    run(batch.arena, cursor, 0, onRecord)
    expect(seen).toEqual([0, 1])
    cursor.limit = Infinity
    run(batch.arena, cursor, 0, onRecord)
    expect({ seen, records: cursor.records }).toEqual({ seen: [0, 1, 2], records: 3 })
  })

  test('ends after as many records as its limit says, and goes on from there', () => {
    const batch = writeBatch(numbered(0, 0, 0, 0, 0))
    const cursor = cursorOf(batch)
    const seen: number[] = []
    const run = compile(u32, 'ring')
    for (const limit of [2, 3, 3, 9]) {
      cursor.limit = limit
      run(batch.arena, cursor, 0, (value: number) => seen.push(value))
    }
    expect({ seen, records: cursor.records }).toEqual({ seen: [0, 1, 2, 3, 4], records: 5 })
  })

  test('hands on the objects that callbacks return, and nothing else', () => {
    const results = [Promise.resolve(), undefined, null, 5, 'text', []]
    const cursor = walk(u32, numbered(0, 0, 0, 0, 0, 0), (value) => results[value])
    expect(cursor.results).toEqual([results[0], []])
    expect(cursor.results[0]).toBe(results[0])
  })

  test('raises what callbacks throw, and delivers the rest', () => {
    const seen: number[] = []
    const cursor = walk(u32, numbered(0, 0, 0, 0), (value) => {
      seen.push(value)
      if (value % 2 === 0) throw new Error(`callback ${String(value)}`)
    })
    expect(seen).toEqual([0, 1, 2, 3])
    expect(cursor.errors).toEqual([new Error('callback 0'), new Error('callback 2')])
    expect(cursor.records).toBe(4)
  })

  test('ends when raising stops it', () => {
    const batch = writeBatch(numbered(0, 0, 0))
    const cursor = cursorOf(batch)
    cursor.raise = () => {
      cursor.limit = 0
    }
    const onRecord = jest.fn(() => {
      throw new Error('callback')
    })
    compile(u32, 'ring')(batch.arena, cursor, 0, onRecord)
    expect(onRecord).toHaveBeenCalledTimes(1)
    expect(cursor.position).toBe(16)
  })

  test('stops at a record of another source', () => {
    const batch = writeBatch(numbered(0, 0, 3, 0x7fff, 0x7fff, 0))
    const cursor = cursorOf(batch)
    const seen: [number, number][] = []
    const run = compile(u32, 'ring')
    for (const source of [0, 3, 0x7fff, 0]) {
      run(batch.arena, cursor, source, (value: number) => seen.push([source, value]))
    }
    expect(seen).toEqual([
      [0, 0],
      [0, 1],
      [3, 2],
      [0x7fff, 3],
      [0x7fff, 4],
      [0, 5],
    ])
    expect(cursor.position).toBe(batch.sizeBytes)
  })

  test('stops at the message that the kernel lost records of its source', () => {
    const lost = { bytes: integer(8, 5), source: (lostFrame >>> 16) + 2 }
    const batch = writeBatch([{ bytes: integer(4, 1), source: 2 }, lost])
    const cursor = cursorOf(batch)
    const seen: number[] = []
    compile(u32, 'perf')(batch.arena, cursor, 2, (value: number) => seen.push(value))
    expect([seen, cursor.position]).toEqual([[1], 16])
  })

  test('begins where the cursor stands', () => {
    const batch = writeBatch(numbered(0, 0, 0))
    const seen: number[] = []
    const cursor = { ...cursorOf(batch), position: 16, end: 32 }
    compile(u32, 'ring')(batch.arena, cursor, 0, (value: number) => seen.push(value))
    expect(seen).toEqual([1])
  })

  test('gives the callback of a ring its name', () => {
    const batch = writeBatch(numbered(0, 0))
    const seen: unknown[] = []
    const take = (value: number, name: string): unknown => seen.push([value, name])
    compile(u32, 'ring', "it's `a` ring")(batch.arena, cursorOf(batch), 0, take)
    expect(seen).toEqual([
      [0, "it's `a` ring"],
      [1, "it's `a` ring"],
    ])
  })

  test('passes the CPU with the records of a perf buffer', () => {
    const records = [0, 1, 0xffff].map((cpu) => ({ bytes: integer(4, cpu + 5), cpu }))
    const onRecord = jest.fn()
    walk(u32, records, onRecord, 'perf')
    expect(onRecord.mock.calls).toEqual([
      [5, 0],
      [6, 1],
      [65540, 65535],
    ])
  })

  test('is a function of its own for each reader', () => {
    const type = struct('event', { a: u8 })
    expect(compile(type, 'ring')).not.toBe(compile(type, 'ring'))
  })

  test.each(['', 'with space', "it's", 'a\nthrow 1', '\u2028throw 1', '*/', '%', 'ü', '\ud800'])(
    'is compiled for a struct with the name %j',
    (name) => {
      expect(decode(struct(name, { a: u8 }), Uint8Array.of(1))).toEqual({ a: 1 })
    },
  )
})

describe('a view', () => {
  const event = struct('event', { id: u32, text: cstring(4), pair: array(u8, 2), tail: bytes() })
  const record = (id: number, text: string, tail: number[]): TestRecord => ({
    bytes: concat(integer(4, id), Buffer.from(text.padEnd(4, '\0')), [id, id + 1], tail),
  })

  test('is one accessor for all records, read when it is used', () => {
    const views = new Set<unknown>()
    const batch = writeBatch([record(1, 'a', []), record(2, 'b', [9, 8])])
    const seen: unknown[] = []
    compile(event.view(), 'ring')(
      batch.arena,
      cursorOf(batch),
      0,
      (view: { id: number; tail: Uint8Array }) => {
        views.add(view)
        const { id } = view
        batch.arena.u8.fill(0x7f, 8, 12)
        seen.push([id, view.id, view.tail])
      },
    )
    expect(seen).toEqual([
      [1, 0x7f7f7f7f, new Uint8Array(0)],
      [2, 2, Uint8Array.of(9, 8)],
    ])
    expect(views.size).toBe(1)
  })

  test('is copied by a spread', () => {
    const copies: unknown[] = []
    walk(event.view(), [record(1, 'a', [5]), record(2, 'bcde', [])], (view) =>
      copies.push({ ...view }),
    )
    expect(copies).toEqual([
      { id: 1, text: 'a', pair: [1, 2], tail: Uint8Array.of(5) },
      { id: 2, text: 'bcde', pair: [2, 3], tail: new Uint8Array(0) },
    ])
  })

  test('cannot be written to', () => {
    const cursor = walk(event.view(), [record(1, 'a', [])], (view) => {
      ;(view as { id: number }).id = 2
    })
    expect(cursor.errors).toEqual([expect.any(TypeError)])
  })

  test('is not disturbed by another reader of the same type', () => {
    const seen: number[] = []
    const type = event.view()
    walk(type, [record(1, 'a', []), record(2, 'b', [])], (outer) => {
      walk(type, [record(10, 'x', []), record(11, 'y', [])], (inner) => seen.push(inner.id))
      seen.push(outer.id)
    })
    expect(seen).toEqual([10, 11, 1, 10, 11, 2])
  })

  test('comes with the CPU from a perf buffer', () => {
    const seen: unknown[] = []
    walk(
      event.view(),
      [{ ...record(1, 'a', []), cpu: 3 }],
      (view, cpu) => seen.push([view.id, cpu]),
      'perf',
    )
    expect(seen).toEqual([[1, 3]])
  })
})

describe('random structs survive the round trip', () => {
  const cases = 1500

  test.each(['struct', 'view'])('as a %s', (mode) => {
    for (let seed = firstSeed; seed < firstSeed + cases; seed++) {
      const random = new Random(seed)
      const model = randomStruct(random, 'event', true)
      const values = Array.from({ length: random.integer(1, 3) }, () => randomValue(model, random))
      const isOpen = model.fields.some(({ name }) => name === 'tail')
      const records = values.map((value) => {
        const record = encodeStruct(model, value as Record<string, unknown>, random)
        return isOpen ? record : concat(record, random.bytes(random.integer(0, 9)))
      })
      const type = structOf(model)
      const decoded: unknown[] = []
      const cursor = walk(
        mode === 'view' ? type.view() : type,
        records.map((record) => ({ bytes: record })),
        (value) => decoded.push(shown(model, value)),
      )
      expect({ seed, decoded, errors: cursor.errors }).toEqual({
        seed,
        decoded: values,
        errors: [],
      })
    }
  })
})

// Typed arrays have the machine's own order, so only what goes through a
// DataView can be tried in the other: the fields of packed structs.
test('a getter of a view names what it reads alone, so that V8 inlines many of them', () => {
  expect(memoryNames('u32[(start + 4) >>> 2] + view.getUint16(start, true)')).toBe(
    'const { view, u32 } = memory',
  )
  expect(memoryNames('read128(memory, u8s)')).toBe('')
})

test('unaligned fields are read in the byte order of the machine, here the other one', () => {
  const other = decoderOfOtherByteOrder()
  const event = other.struct(
    'event',
    {
      a: other.u8,
      b: other.u16,
      c: other.i32,
      d: other.u64,
      e: other.u64.number,
      f: other.i64.number,
    },
    { packed: true },
  )
  const reversed = (size: number, value: bigint | number): Uint8Array =>
    integer(size, value).reverse()
  const record = concat(
    [1],
    reversed(2, 0x0102),
    reversed(4, -5),
    reversed(8, 0x0102030405060708n),
    reversed(8, 2 ** 40 + 3),
    reversed(8, -(2 ** 40) - 3),
  )
  const batch = writeBatch([{ bytes: record }])
  const cursor = cursorOf(batch)
  const seen: unknown[] = []
  other.compile(event, 'ring')(batch.arena, cursor, 0, (value: unknown) => seen.push(value))
  expect({ seen, errors: cursor.errors }).toEqual({
    seen: [{ a: 1, b: 0x0102, c: -5, d: 0x0102030405060708n, e: 2 ** 40 + 3, f: -(2 ** 40) - 3 }],
    errors: [],
  })
})

type Decoder = typeof decoderModule & typeof structModule

/** The decoder as it is when the machine's byte order seems to be the other one. */
function decoderOfOtherByteOrder(): Decoder {
  const swapped = class {
    readonly buffer = Uint8Array.from(littleEndian ? [0, 1] : [1, 0]).buffer
  }
  const native = globalThis.Uint16Array
  let decoder: Decoder | undefined
  globalThis.Uint16Array = swapped as unknown as typeof Uint16Array
  try {
    jest.isolateModules(() => {
      decoder = {
        ...jest.requireActual<typeof decoderModule>('../../lib/stream/walk.js'),
        ...jest.requireActual<typeof structModule>('../../lib/types/struct.js'),
      }
    })
  } finally {
    globalThis.Uint16Array = native
  }
  return decoder as Decoder
}
