import {
  array,
  at,
  bool,
  bytes,
  cstring,
  f32,
  f64,
  i16,
  i32,
  i64,
  i8,
  struct,
  type Type,
  u16,
  u32,
  u64,
  u8,
} from '../../lib/types/struct.js'
import { compileRead, compileReadMany, compileReadPairs, createRead } from '../../lib/types/read.js'
import { Memory } from '../../lib/types/memory.js'
import { createWrite, encode, sizeToWrite } from '../../lib/types/write.js'
import { misuse } from './misuse.js'
import { firstSeed, Random } from './random.js'
import {
  chosenOf,
  encodeStruct,
  given,
  type Model,
  randomStruct,
  randomValue,
  shown,
  structOf,
} from './random-struct.js'

function f32Of(word: number): number {
  return new Float32Array(Uint32Array.of(word).buffer)[0] as number
}

const inner = struct('inner', { a: u8, b: u16 })
/** As of struct { __u8 id; union { __u16 low; __u8 all[4]; }; } */
const shared = struct('shared', { id: u8, low: at(2, u16), all: at(2, bytes(4)) })

/** By `createWrite()`, into memory that was used before, and nothing else of it. */
function write(type: Type, value: unknown, what: string, baseAlign = 8): Uint8Array {
  const size = type.shape.kind === 'view' ? 0 : sizeToWrite(type, value, what)
  const memory = Memory.of(new Uint8Array(size + 40).fill(0xa5))
  createWrite(type, baseAlign)(memory, 16 + (baseAlign % 8), value, what)
  const start = 16 + (baseAlign % 8)
  const around = [...memory.u8.subarray(0, start), ...memory.u8.subarray(start + size)]
  expect(around.every((byte) => byte === 0xa5 || byte === 0)).toBe(true)
  expect(around.filter((byte) => byte === 0).length).toBeLessThan(8)
  return memory.u8.slice(start, start + size)
}

const writers: [string, typeof write][] = [
  ['encode()', encode],
  ['createWrite()', write],
  ['createWrite(), unaligned', (type, value, what) => write(type, value, what, 1)],
]

describe.each(writers)('by %s a value is written as C has it', (_writer, encode) => {
  const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
  const ordered = (...octets: number[]): number[] => (little ? octets.reverse() : octets)

  test.each<[string, Type, unknown, number[]]>([
    ['u8', u8, 255, [255]],
    ['i8', i8, -1, [255]],
    ['u16', u16, 0x0102, ordered(1, 2)],
    ['i16', i16, -2, ordered(255, 254)],
    ['u32', u32, 0x01020304, ordered(1, 2, 3, 4)],
    ['i32', i32, -2, ordered(255, 255, 255, 254)],
    ['u64', u64, 0x0102030405060708n, ordered(1, 2, 3, 4, 5, 6, 7, 8)],
    ['u64 of a number', u64, 1, ordered(0, 0, 0, 0, 0, 0, 0, 1)],
    ['u64.number', u64.number, 2 ** 53 - 1, ordered(0, 31, 255, 255, 255, 255, 255, 255)],
    ['i64', i64, -2n, ordered(255, 255, 255, 255, 255, 255, 255, 254)],
    ['u32 of a bigint', u32, 5n, ordered(0, 0, 0, 5)],
    ['u64 of a large number', u64, 2 ** 52 + 1, ordered(0, 16, 0, 0, 0, 0, 0, 1)],
    ['i64 of a number', i64, -(2 ** 40) - 1, ordered(255, 255, 254, 255, 255, 255, 255, 255)],
    ['i64.number of a bigint', i64.number, -2n, ordered(255, 255, 255, 255, 255, 255, 255, 254)],
    ['minus zero', u32, -0, [0, 0, 0, 0]],
    ['bool', bool, true, [1]],
    ['f32', f32, -1.5, ordered(0xbf, 0xc0, 0, 0)],
    ['f64', f64, 1e300, ordered(0x7e, 0x37, 0xe4, 0x3c, 0x88, 0, 0x75, 0x9c)],
    ['text, and zeros behind it', cstring(4), 'é', [0xc3, 0xa9, 0, 0]],
    ['bytes', bytes(2), Uint8Array.of(1, 2), [1, 2]],
    ['bytes without a length', bytes(), Uint8Array.of(1, 2, 3), [1, 2, 3]],
    ['text without a length', cstring(), 'ab', [0x61, 0x62, 0]],
    ['an array', array(u8, 3), [1, 2, 3], [1, 2, 3]],
    ['a struct with zeros between fields', inner, { a: 1, b: 0 }, [1, 0, 0, 0]],
    ['a placed field', struct('e', { a: at(2, u8) }), { a: 1 }, [0, 0, 1]],
    [
      'a tail',
      struct('e', { a: u16, tail: bytes() }),
      { a: 0, tail: Uint8Array.of(7, 8, 9) },
      [0, 0, 7, 8, 9],
    ],
    [
      'fields in another order, and one of a prototype',
      inner,
      Object.assign(Object.create({ a: 1, none: 1 }) as object, { b: 0 }),
      [1, 0, 0, 0],
    ],
    [
      'overlapping fields',
      struct('e', { a: at(4, u8), b: at(0, inner), c: at(2, u8) }),
      { a: 9, b: { a: 1, b: 0x0707 }, c: 7 },
      [1, 0, 7, 7, 9, 0],
    ],
    ['one of two fields that share bytes', shared, { id: 1, low: 0x0202 }, [1, 0, 2, 2, 0, 0]],
    ['the other one', shared, { id: 1, all: Uint8Array.of(2, 3, 4, 5) }, [1, 0, 2, 3, 4, 5]],
    [
      'both, which agree',
      shared,
      { id: 1, low: 0x0202, all: Uint8Array.of(2, 2, 4, 5) },
      [1, 0, 2, 2, 4, 5],
    ],
    [
      'text and the bytes that it was read from, with what is behind its NUL',
      struct('e', { all: bytes(4), text: at(0, cstring(4)), is: at(1, bool) }),
      { all: Uint8Array.of(0x61, 0, 0x62, 0xff), text: 'a', is: false },
      [0x61, 0, 0x62, 0xff],
    ],
    [
      'a list and a number of the padding in its structs',
      struct('e', { list: array(inner, 1), all: at(0, u32), real: at(0, f32) }),
      { list: [{ a: 1, b: 0 }], all: 0x0101, real: f32Of(0x0101) },
      ordered(0, 0, 1, 1),
    ],
    [
      'one of them within another one',
      struct('e', { number: u32, inner: at(0, shared) }),
      { inner: { id: 1, low: 0x0202 } },
      [1, 0, 2, 2, 0, 0, 0, 0],
    ],
    [
      'a tail behind fields that share bytes, zeros in its elements',
      struct('e', { low: u16, all: at(0, bytes(2)), tail: array(inner) }),
      { all: Uint8Array.of(1, 2), tail: [{ a: 3, b: 0 }] },
      [1, 2, 3, 0, 0, 0],
    ],
    ['an empty tail', struct('e', { a: u8, tail: bytes() }), { a: 1, tail: new Uint8Array() }, [1]],
  ])('%s', (_, type, value, expected) => {
    expect([...encode(type, value, 'value')]).toEqual(expected)
  })
})

describe.each(writers)('by %s a value is refused', (_writer, encode) => {
  const event = struct('event', { pid: u32, inner, list: array(u8, 2) })
  const whole = { pid: 1, inner: { a: 1, b: 2 }, list: [1, 2] }
  const text = 'Expected a string of at most 3 bytes in UTF-8 without NUL for value but received '

  test.each<[string, Type, unknown, 'TypeError' | 'RangeError', string]>([
    [
      'with fields that share bytes and differ',
      shared,
      { id: 1, low: 5, all: new Uint8Array(4) },
      'RangeError',
      'Expected the bytes that value.low has (one of the two is enough) for value.all but received Uint8Array(4) [ 0, 0, 0, 0 ]',
    ],
    [
      'with text and other bytes',
      struct('e', { all: bytes(4), text: at(0, cstring(4)) }),
      { all: Uint8Array.of(0x61, 0, 0x62, 0), text: 'b' },
      'RangeError',
      "Expected the bytes that value.all has (one of the two is enough) for value.text but received 'b'",
    ],
    [
      'without any of the fields that share bytes',
      shared,
      { id: 1 },
      'TypeError',
      'Expected an integer from 0 to 65535 for value.low but received undefined',
    ],
    [
      'that is too large',
      u8,
      256,
      'RangeError',
      'Expected an integer from 0 to 255 for value but received 256',
    ],
    [
      'that is no integer',
      u8,
      1.5,
      'RangeError',
      'Expected an integer from 0 to 255 for value but received 1.5',
    ],
    [
      'that is no number',
      i8,
      '1',
      'TypeError',
      "Expected an integer from -128 to 127 for value but received '1'",
    ],
    [
      'that is negative',
      u32,
      -1,
      'RangeError',
      'Expected an integer from 0 to 4294967295 for value but received -1',
    ],
    [
      'that is a large bigint',
      u64,
      2n ** 64n,
      'RangeError',
      'Expected an integer from 0 to 18446744073709551615 for value but received 18446744073709551616n',
    ],
    [
      'that is beyond 2^53 as a number',
      i64,
      -(2 ** 53),
      'RangeError',
      'Expected a bigint, as numbers are not exact from 2 ** 53 on, for value but received -9007199254740992',
    ],
    [
      'that is an object with a value',
      u32,
      { valueOf: () => 1 },
      'TypeError',
      'Expected an integer from 0 to 4294967295 for value but received { valueOf: [Function: valueOf] }',
    ],
    [
      'that is a bigint for a float',
      f64,
      1n,
      'TypeError',
      'Expected a number for value but received 1n',
    ],
    ['that is no boolean', bool, 1, 'TypeError', 'Expected a boolean for value but received 1'],
    ['text without room for the NUL', cstring(4), 'abcd', 'RangeError', `${text}'abcd'`],
    ['text with a NUL', cstring(4), 'a\0', 'RangeError', `${text}'a\\x00'`],
    [
      'text that UTF-8 has no bytes for',
      cstring(8),
      'a\ud800',
      'RangeError',
      "Expected a string whose surrogates come in pairs for value but received 'a\\ud800'",
    ],
    ...(
      [
        [u64, 'a bigint'],
        [u64.string, 'its digits as a string'],
      ] as const
    ).map(([type, exact]): [string, Type, unknown, 'RangeError', string] => [
      `that is a number which is not exact, for ${type.name}`,
      type,
      2 ** 53,
      'RangeError',
      `Expected ${exact}, as numbers are not exact from 2 ** 53 on, for value but received 9007199254740992`,
    ]),
    [
      'bytes of another length',
      bytes(2),
      Uint8Array.of(1),
      'RangeError',
      'Expected a Uint8Array of 2 bytes for value but received Uint8Array(1) [ 1 ]',
    ],
    [
      'text for bytes',
      bytes(2),
      'ab',
      'TypeError',
      "Expected a Uint8Array of 2 bytes for value but received 'ab'",
    ],
    [
      'a list of another length',
      array(u8, 2),
      [1],
      'RangeError',
      'Expected a list of 2 elements for value but received [ 1 ]',
    ],
    [
      'an element',
      event,
      { ...whole, list: [1, -1] },
      'RangeError',
      'Expected an integer from 0 to 255 for value.list[1] but received -1',
    ],
    [
      'a field of a struct in a struct',
      event,
      { ...whole, inner: { a: 1, b: true } },
      'TypeError',
      'Expected an integer from 0 to 65535 for value.inner.b but received true',
    ],
    [
      'a missing field',
      event,
      { inner: { a: 1, b: 2 }, list: [1, 2] },
      'TypeError',
      'Expected an integer from 0 to 4294967295 for value.pid but received undefined',
    ],
    [
      'a field that the struct does not have',
      event,
      { ...whole, ppid: 1 },
      'TypeError',
      "Expected one of pid, inner, list for the name of a field of value but received 'ppid'",
    ],
    [
      'what is no struct',
      event,
      null,
      'TypeError',
      'Expected an object for value but received null',
    ],
    [
      'for a view',
      event.view(),
      whole,
      'TypeError',
      "Expected a type that copies for value but received 'view of event'",
    ],
  ])('%s', (_, type, value, name, message) => {
    expect(() => encode(type, value, 'value')).toThrow(misuse(name, message))
  })
})

test('random structs are written as they are read, and as the reference writes them', () => {
  for (let i = 0; i < 200; i++) {
    const seed = firstSeed + i
    const random = new Random(seed)
    const isOpen = random.chance(0.5)
    const model = randomStruct(random, 'event', isOpen)
    const type = structOf(model)
    const value = randomValue(model, random)
    const written: Uint8Array[] = []
    try {
      for (const [, encode] of writers) written.push(encode(type, given(model, value), 'value'))
    } catch (error) {
      // Text may fill its field when it is read, and not when it is written.
      expect([seed, (error as Error).message]).toEqual([seed, expect.stringMatching(/without NUL/)])
      expect([seed, hasFullText(model, value)]).toEqual([seed, true])
      continue
    }
    // The same, zeros between fields included.
    expect([seed, written[1], written[2]]).toEqual([seed, written[0], written[0]])
    const reference = encodeStruct(model, value as Record<string, unknown>, random)
    for (const record of [written[0] as Uint8Array, reference]) {
      const memory = Memory.of(record)
      const whole = [createRead(type), compileRead(type)].map((read) =>
        read(memory, 0, record.length),
      )
      const all = (read: unknown): unknown => shown(model, read)
      expect([seed, ...whole.map(all)]).toEqual([seed, value, value])
      // What was read is written as it was, the members of unions that are not used included.
      const again = writers.map(([, encode]) => encode(type, whole[0], 'value'))
      expect([seed, ...again]).toEqual([seed, written[0], written[0], written[0]])
      // One behind the other, at each alignment.
      const stride = record.length + random.integer(0, 3)
      const copies = Memory.of(new Uint8Array(3 * stride + record.length))
      for (const at of [0, 1, 2, 3]) copies.u8.set(record, at * stride)
      const many = compileReadMany(type, record.length, stride)(copies, 0, 4)
      expect([seed, many.map(all)]).toEqual([seed, [value, value, value, value]])
      const column = { type, sizeBytes: record.length, strideBytes: stride }
      const key = { type: u8, sizeBytes: 1, strideBytes: 1 }
      const both = Memory.of(new Uint8Array(8 + copies.u8.length))
      both.u8.set([7, 8])
      both.u8.set(copies.u8, 8)
      const pairs = compileReadPairs(key, column)(both, 0, 8, 2)
      expect([seed, pairs.map(([id, read]) => [id, all(read)])]).toEqual([
        seed,
        [
          [7, value],
          [8, value],
        ],
      ])
    }
  }
})

test('a getter of a value may encode another one', () => {
  const value = {
    a: 1,
    get b(): number {
      return encode(u16, 5, 'other')[0] as number
    },
  }
  expect([...encode(struct('e', { a: u8, b: u8 }), value, 'value')]).toEqual([
    1,
    encode(u16, 5, 'x')[0],
  ])
})

test('a type of very many fields is written and read without code of its own', () => {
  const row = struct(
    'row',
    Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`f${String(i)}`, u8])),
  )
  const table = struct(
    'table',
    Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`r${String(i)}`, row])),
  )
  const bytesOfTable = Uint8Array.from({ length: 3600 }, (_, i) => i & 255)
  const value = compileRead(table)(Memory.of(bytesOfTable), 0, 3600)
  expect(write(table, value, 'value')).toEqual(bytesOfTable)
})

function hasFullText(model: Model, value: unknown): boolean {
  switch (model.kind) {
    case 'cstring':
      return model.length !== undefined && Buffer.byteLength(value as string) === model.length
    case 'array':
      return (value as unknown[]).some((item) => hasFullText(model.element, item))
    case 'union': {
      const name = chosenOf(value)
      return model.members.some(
        (member) =>
          member.name === name &&
          hasFullText(member.model, (value as Record<string, unknown>)[name]),
      )
    }
    case 'struct':
      return model.fields.some((field) =>
        hasFullText(field.model, (value as Record<string, unknown>)[field.name]),
      )
    default:
      return false
  }
}
