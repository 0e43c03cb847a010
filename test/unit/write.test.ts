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
  struct,
  type Type,
  u16,
  u32,
  u64,
  u8,
} from '../../lib/types/struct.js'
import { createRead } from '../../lib/types/read.js'
import { Memory } from '../../lib/types/memory.js'
import { encode } from '../../lib/types/write.js'
import { misuse } from './misuse.js'
import { firstSeed, Random } from './random.js'
import { encodeStruct, type Model, randomStruct, randomValue, structOf } from './random-struct.js'

const inner = struct('inner', { a: u8, b: u16 })

describe('a value is written as C has it', () => {
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
    ['bool', bool, true, [1]],
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
    ['an empty tail', struct('e', { a: u8, tail: bytes() }), { a: 1, tail: new Uint8Array() }, [1]],
  ])('%s', (_, type, value, expected) => {
    expect([...encode(type, value, 'value')]).toEqual(expected)
  })
})

describe('a value is refused', () => {
  const event = struct('event', { pid: u32, inner, list: array(u8, 2) })
  const whole = { pid: 1, inner: { a: 1, b: 2 }, list: [1, 2] }
  const text = 'Expected a string of at most 3 bytes in UTF-8 without NUL for value but received '

  test.each<[string, Type, unknown, 'TypeError' | 'RangeError', string]>([
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
    ['that is no boolean', bool, 1, 'TypeError', 'Expected a boolean for value but received 1'],
    ['text without room for the NUL', cstring(4), 'abcd', 'RangeError', `${text}'abcd'`],
    ['text with a NUL', cstring(4), 'a\0', 'RangeError', `${text}'a\\x00'`],
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
  for (let i = 0; i < 500; i++) {
    const seed = firstSeed + i
    const random = new Random(seed)
    const model = randomStruct(random, 'event', random.chance(0.5))
    const type = structOf(model)
    const value = randomValue(model, random)
    let written: Uint8Array
    try {
      written = encode(type, value, 'value')
    } catch (error) {
      // Text may fill its field when it is read, and not when it is written.
      expect([seed, (error as Error).message]).toEqual([seed, expect.stringMatching(/without NUL/)])
      expect([seed, hasFullText(model, value)]).toEqual([seed, true])
      continue
    }
    const read = createRead(type)
    const reference = encodeStruct(model, value as Record<string, unknown>, random)
    for (const record of [written, reference]) {
      expect([seed, read(Memory.of(record), 0, record.length)]).toEqual([seed, value])
    }
  }
})

function hasFullText(model: Model, value: unknown): boolean {
  switch (model.kind) {
    case 'cstring':
      return model.length !== undefined && Buffer.byteLength(value as string) === model.length
    case 'array':
      return (value as unknown[]).some((item) => hasFullText(model.element, item))
    case 'struct':
      return model.fields.some((field) =>
        hasFullText(field.model, (value as Record<string, unknown>)[field.name]),
      )
    default:
      return false
  }
}
