// Tagged records: what tagged() takes, and what the loop makes of them.
import { UnknownTagError } from '../../lib/errors/errors.js'
import { compile } from '../../lib/stream/walk.js'
import {
  array,
  at,
  bytes,
  cstring,
  i16,
  i64,
  struct,
  type Type,
  u16,
  u32,
  u64,
  u8,
} from '../../lib/types/struct.js'
import { enumeration } from '../../lib/types/enumeration.js'
import { withIntegers } from '../../lib/types/with-integers.js'
import { tagged, type UnknownTags } from '../../lib/types/tagged.js'
import { encode } from '../../lib/types/write.js'
import { cursorOf, decodeAll, type TestRecord, writeBatch } from './batch-writer.js'
import { misuse } from './misuse.js'

const Exec = struct('exec', { type: u32, pid: u32, comm: cstring(8) })
const Exit = struct('exit', { type: u32, code: i64, at: u64 })
const exec = { type: 1, pid: 7, comm: 'sh' }
const exit = { type: 2, code: -5n, at: 2n ** 60n }
const execBytes = encode(Exec, exec, 'exec')
const exitBytes = encode(Exit, exit, 'exit')
const otherBytes = Uint8Array.from([9, 0, 0, 0, 1, 2, 3])

/** Walks records and tells what became of them. */
function walk(
  type: Type,
  records: readonly (TestRecord | Uint8Array)[],
  onRecord: ((record: never, origin: never) => unknown) | ((record: never) => unknown)[],
  flavour: 'ring' | 'perf' = 'ring',
) {
  const batch = writeBatch(
    records.map((each) => (each instanceof Uint8Array ? { bytes: each } : each)),
  )
  const cursor = cursorOf(batch)
  const tally = { unknown: 0 }
  compile(type, flavour, 'events', undefined, tally)(batch.arena, cursor, 0, onRecord)
  expect(cursor.position).toBe(batch.sizeBytes)
  return { cursor, unknown: tally.unknown, errors: cursor.errors }
}

describe('tagged records', () => {
  test('are what their tag says', () => {
    const Event = tagged('type', { 1: Exec, 2: Exit })
    expect(decodeAll(Event, [execBytes, exitBytes, execBytes])).toEqual([exec, exit, exec])
  })

  test('go each to the callback of its case', () => {
    const Event = tagged('type', { 2: Exit, 1: Exec })
    const seen: [string, unknown][] = []
    walk(
      Event,
      [execBytes, exitBytes],
      [(record) => seen.push(['exec', record]), (record) => seen.push(['exit', record])],
    )
    expect(seen).toEqual([
      ['exec', exec],
      ['exit', exit],
    ])
  })

  test('come with the ring, or the CPU', () => {
    const Event = tagged('type', { 1: Exec, 2: Exit })
    const onRecord = jest.fn()
    walk(Event, [{ bytes: execBytes, cpu: 3 }], onRecord, 'perf')
    walk(Event, [exitBytes], [jest.fn(), onRecord])
    expect(onRecord.mock.calls).toEqual([
      [exec, 3],
      [exit, 'events'],
    ])
  })

  test.each<[string, Type, (string | number)[]]>([
    ['u8', u8, [0, 1, 255]],
    ['i16', i16, [-32768, -1, 0, 32767]],
    ['u16', u16, [0, 65535]],
    ['u32', u32, [0, 2 ** 31, 2 ** 32 - 1]],
    ['u64', u64, [0, '4294967296', '18446744073709551615']],
    ['i64', i64, ['-9223372036854775808', '-1', '0', '9223372036854775807']],
    ['u64.number', u64.number, [0, 2 ** 53 - 1]],
    ['i64.number', i64.number, [-(2 ** 53 - 1), -1]],
  ])('have a tag of type %s, at any place', (_, type, tags) => {
    for (const offset of [0, 3, 8]) {
      const Case = struct('case', { before: u8, tag: at(offset + 1, type), after: u8 })
      const isWide = type === u64 || type === i64
      const values = tags.map((tag) => ({
        before: 1,
        tag: isWide ? BigInt(tag) : Number(tag),
        after: 2,
      }))
      const Event = tagged('tag', Object.fromEntries(tags.map((tag) => [tag, Case])) as never)
      const records = values.map((each) => encode(Case, each, 'case'))
      expect(decodeAll<unknown>(Event, records)).toEqual(values)
      const callbacks = tags.map(() => jest.fn())
      walk(Event, records, callbacks)
      for (const callback of callbacks) expect(callback).toHaveBeenCalledTimes(1)
    }
  })

  test('may be lent views, each with an accessor of its own', () => {
    const Event = tagged('type', { 1: Exec.view(), 2: Exit.view(), 3: Exit })
    const third = encode(Exit, { ...exit, type: 3 }, 'exit')
    const lent = new Set<unknown>()
    const seen: unknown[] = []
    walk(Event, [execBytes, exitBytes, execBytes, exitBytes, third], (record: object) => {
      lent.add(record)
      seen.push({ ...record })
    })
    expect(seen).toEqual([exec, exit, exec, exit, { ...exit, type: 3 }])
    expect(lent.size).toBe(3)
  })

  test('read a tail without a length, strings and arrays in each case', () => {
    const Tail = struct('tail', { type: u8, text: cstring() })
    const List = struct('list', { type: u8, items: array(u16, 2), names: array(cstring(4), 2) })
    const Event = tagged('type', { 1: Tail, 2: List })
    const tail = { type: 1, text: 'all of it' }
    const list = { type: 2, items: [1, 2], names: ['ab', 'c'] }
    const records = [encode(Tail, tail, ''), encode(List, list, ''), encode(Tail, tail, '')]
    expect(decodeAll<unknown>(Event, records)).toEqual([tail, list, tail])
  })

  test('hand on what callbacks return and throw', () => {
    const Event = tagged('type', { 1: Exec, 2: Exit })
    const result = {}
    const { cursor } = walk(
      Event,
      [execBytes, exitBytes],
      [
        () => result,
        () => {
          throw new Error('callback')
        },
      ],
    )
    expect(cursor.results[0]).toBe(result)
    expect(cursor.errors).toEqual([new Error('callback')])
    expect(cursor.records).toBe(2)
  })

  test('shorter than the tag, or than their case, are errors that carry the bytes', () => {
    const Event = tagged('type', { 1: Exec, 2: Exit })
    const cut = exitBytes.slice(0, 23)
    const onRecord = jest.fn()
    const { errors, unknown } = walk(
      Event,
      [new Uint8Array(3), cut, execBytes.slice(0, 15), execBytes],
      onRecord,
    )
    const tooShort = (target: string, needed: number, bytes: Uint8Array): unknown =>
      expect.objectContaining({
        code: 'ERR_RECORD_TOO_SHORT',
        message: `Cannot decode ${target}: the record has ${String(bytes.length)} bytes, the type needs ${String(needed)}`,
        bytes,
      })
    expect(errors).toEqual([
      tooShort('exec | exit', 4, new Uint8Array(3)),
      tooShort('exit', 24, cut),
      tooShort('exec', 16, execBytes.slice(0, 15)),
    ])
    expect(onRecord.mock.calls).toEqual([[exec, 'events']])
    expect(unknown).toBe(0)
  })
})

describe('a record whose tag no case has', () => {
  const eventOf = (unknown?: UnknownTags) =>
    tagged('type', { 1: Exec, 2: Exit }, unknown === undefined ? {} : { unknown })
  const records = [execBytes, otherBytes, exitBytes, otherBytes]

  test.each<[string, UnknownTags | undefined]>([
    ['by default', undefined],
    ['when told so', 'error'],
  ])('is an error that carries its bytes, %s', (_, unknown) => {
    const onRecord = jest.fn()
    const result = walk(eventOf(unknown), records, onRecord)
    const error = expect.objectContaining({
      name: 'UnknownTagError',
      code: 'ERR_UNKNOWN_TAG',
      message: expect.stringMatching(
        /^Cannot decode exec \| exit: the record's "type" is 9, and no case is for that\. /,
      ) as string,
      bytes: otherBytes,
      tag: 9,
    }) as Error
    expect(result.errors).toEqual([error, error])
    expect(result.errors[0]).toBeInstanceOf(UnknownTagError)
    expect(onRecord.mock.calls).toEqual([
      [exec, 'events'],
      [exit, 'events'],
    ])
    expect([result.unknown, result.cursor.records]).toEqual([2, 4])
  })

  test('is skipped and counted', () => {
    const onRecord = jest.fn()
    const { errors, unknown, cursor } = walk(eventOf('skip'), records, onRecord)
    expect(errors).toEqual([])
    expect(onRecord).toHaveBeenCalledTimes(2)
    expect([unknown, cursor.records]).toEqual([2, 4])
  })

  test('is a record of its bytes, for one callback and for that called "unknown"', () => {
    const record = { type: 'unknown', value: 9, bytes: otherBytes }
    const onRecord = jest.fn()
    expect(walk(eventOf('bytes'), records, onRecord)).toMatchObject({ errors: [], unknown: 2 })
    expect((onRecord.mock.calls as unknown[][]).map(([first]) => first)).toEqual([
      exec,
      record,
      exit,
      record,
    ])
    const callbacks = [jest.fn(), jest.fn(), jest.fn()]
    walk(eventOf('bytes'), records, callbacks)
    expect(callbacks.map(({ mock }) => mock.calls as unknown[][])).toEqual([
      [[exec, 'events']],
      [[exit, 'events']],
      [
        [record, 'events'],
        [record, 'events'],
      ],
    ])
  })

  test('keeps bytes of its own', () => {
    const batch = writeBatch([{ bytes: otherBytes }])
    const seen: { bytes: Uint8Array }[] = []
    const run = compile(eventOf('bytes'), 'ring')
    run(batch.arena, cursorOf(batch), 0, (record: never) => seen.push(record))
    batch.arena.u8.fill(0xff)
    expect(seen[0]?.bytes).toEqual(otherBytes)
  })

  test('has a value of 64 bits when the tag has', () => {
    const Case = struct('case', { type: u64 })
    const value = 2n ** 64n - 1n
    const [record] = decodeAll<unknown>(tagged('type', { 1: Case }, { unknown: 'bytes' }), [
      encode(Case, { type: value }, 'case'),
    ])
    expect(record).toMatchObject({ type: 'unknown', value })
  })
})

describe('an enum as tag', () => {
  const Kind = enumeration(u32, { EXEC: 1, EXIT: 2, FORK: 3, CLONE: 3 })
  const Started = struct('exec', { kind: Kind, pid: u32 })
  const Ended = struct('exit', { kind: Kind, code: u32 })
  const Other = struct('other', { kind: Kind, what: u32 })
  const started = { kind: 'EXEC', pid: 5 } as const
  const ended = { kind: 'EXIT', code: 6 } as const

  test('has its names as cases, and the numbers that have none', () => {
    // The compiler does not know which numbers have none.
    const cases: Record<string, Type<{ kind: string | number }>> = {
      EXEC: Started,
      EXIT: Ended,
      77: Other,
    }
    const Event = tagged('kind', cases)
    const records = [started, ended].map((each) =>
      encode({ EXEC: Started, EXIT: Ended }[each.kind], each, ''),
    )
    const other = { kind: 77, what: 1 }
    expect(decodeAll<unknown>(Event, [...records, encode(Other, other, '')])).toEqual([
      started,
      ended,
      other,
    ])
  })

  test('of an unknown record is its name, or the number without one', () => {
    const Event = tagged('kind', { EXEC: Started }, { unknown: 'bytes' })
    const forked = encode(Ended, { kind: 'FORK', code: 6 }, '')
    const [fork, other] = decodeAll(Event, [forked, otherBytes])
    expect([fork, other]).toEqual([
      { kind: 'unknown', value: 'FORK', bytes: forked },
      { kind: 'unknown', value: 9, bytes: otherBytes },
    ])
    const { errors } = walk(tagged('kind', { EXEC: Started }), [forked], jest.fn())
    expect(errors).toEqual([expect.objectContaining({ tag: 'FORK' })])
  })

  test('as a number has numbers as cases', () => {
    const Numbered = struct('exec', { kind: Kind.number, pid: u32 })
    const record = { kind: 1, pid: 5 }
    expect(decodeAll(tagged('kind', { 1: Numbered }), [encode(Numbered, record, '')])).toEqual([
      record,
    ])
  })

  test('may be an integer in another struct', () => {
    const Plain = struct('exit', { kind: u32, code: u32 })
    const Event = tagged('kind', { EXEC: Started, 2: Plain })
    const records = [encode(Started, started, ''), encode(Plain, { kind: 2, code: 6 }, '')]
    expect(decodeAll<unknown>(Event, records)).toEqual([started, { kind: 2, code: 6 }])
  })

  test.each<[string, Type, string, string]>([
    [
      'a name that it does not have',
      Started,
      'EXCE',
      'Expected an integer, EXEC, EXIT, FORK, CLONE for the tag of case EXCE of tagged("kind") but received \'EXCE\'',
    ],
    [
      'a number that has a name',
      Started,
      '1',
      'Expected EXEC, which records have for it, or a field that is the number of its enum, enumeration(…).number, for the tag of case 1 of tagged("kind") but received \'1\'',
    ],
    [
      'the second name of a value',
      Started,
      'CLONE',
      'Expected FORK for the tag of case CLONE of tagged("kind") but received \'CLONE\'',
    ],
    [
      'a name where it is a number',
      struct('exec', { kind: Kind.number }),
      'EXEC',
      'Expected an integer for the tag of case EXEC of tagged("kind") but received \'EXEC\'',
    ],
  ])('refuses %s', (_, type, key, message) => {
    const create = tagged as (...parameters: unknown[]) => unknown
    expect(() => create('kind', { [key]: type })).toThrow(misuse('TypeError', message))
  })

  test('of 64 bits, and with its highest byte first', () => {
    const Wide = enumeration(u64, { FIRST: 1n, LAST: 2n ** 64n - 1n })
    const A = struct('a', { kind: Wide, x: u8 })
    const B = struct('b', { kind: Wide, y: u8 })
    const a = { kind: 'FIRST', x: 1 } as const
    const b = { kind: 'LAST', y: 2 } as const
    const records = [encode(A, a, ''), encode(B, b, '')]
    expect(decodeAll<unknown>(tagged('kind', { FIRST: A, LAST: B }), records)).toEqual([a, b])
    const Be = struct('be', { type: u16.be })
    expect(decodeAll(tagged('type', { 258: Be }), [Uint8Array.of(1, 2)])).toEqual([{ type: 258 }])
  })
})

describe('64-bit integers of tagged records', () => {
  const Event = tagged('type', { 1: Exec, 2: Exit, 3: Exit.view() }, { unknown: 'bytes' })

  test.each(['number', 'string'] as const)('may be %p, in all cases', (form) => {
    const small = { type: 2, code: -5n, at: 77n }
    const record = encode(Exit, small, '')
    const viewed = encode(Exit, { ...small, type: 3 }, '')
    const made = form === 'number' ? { code: -5, at: 77 } : { code: '-5', at: '77' }
    const seen: unknown[] = []
    walk(withIntegers(Event, form), [execBytes, record, viewed], (each: object) =>
      seen.push({ ...each }),
    )
    expect(seen).toEqual([exec, { type: 2, ...made }, { type: 3, ...made }])
    expect(JSON.stringify(seen)).toContain(form === 'number' ? '"at":77' : '"at":"77"')
  })

  test('beyond 2^53 are an error as number', () => {
    const { errors } = walk(withIntegers(Event, 'number'), [exitBytes], jest.fn())
    expect(errors).toEqual([expect.any(RangeError)])
  })

  test('that say what they are stay that', () => {
    const Mixed = struct('mixed', { type: u8, a: u64.string, b: u64.number, c: u64 })
    const record = encode(Mixed, { type: 1, a: '1', b: 2, c: 3n }, '')
    const decode = (form: 'bigint' | 'number' | 'string'): unknown =>
      decodeAll<unknown>(withIntegers(tagged('type', { 1: Mixed }), form), [record])[0]
    expect([decode('bigint'), decode('number'), decode('string')]).toEqual([
      { type: 1, a: '1', b: 2, c: 3n },
      { type: 1, a: '1', b: 2, c: 3 },
      { type: 1, a: '1', b: 2, c: '3' },
    ])
  })

  test('as their tag', () => {
    const Wide = struct('wide', { type: u64 })
    const records = [1n, 2n].map((type) => encode(Wide, { type }, ''))
    const Either = tagged('type', { 1: Wide }, { unknown: 'bytes' })
    expect(decodeAll<unknown>(withIntegers(Either, 'string'), records)).toMatchObject([
      { type: '1' },
      { type: 'unknown', value: '2' },
    ])
  })
})

describe('tagged() refuses', () => {
  const create = tagged as (...parameters: unknown[]) => unknown
  const Wide = struct('wide', { type: u64, pid: u32 })
  const Signed = struct('signed', { type: at(0, i16) })
  const Later = struct('later', { pid: u32, type: u32 })

  test.each<[string, unknown[], 'TypeError' | 'RangeError', string]>([
    [
      'no name',
      [1, { 1: Exec }],
      'TypeError',
      'Expected the name of a field for the tag of tagged() but received 1',
    ],
    [
      'no cases',
      ['type', null],
      'TypeError',
      'Expected an object for the cases of tagged() but received null',
    ],
    [
      'an empty list of cases',
      ['type', {}],
      'TypeError',
      'Expected at least one case for the cases of tagged() but received {}',
    ],
    [
      'what is no type',
      ['type', { 1: 'exec' }],
      'TypeError',
      'Expected a type such as u32, cstring(16) or struct(…) for case 1 of tagged("type") but received \'exec\'',
    ],
    [
      'what is no struct',
      ['type', { 1: u32 }],
      'TypeError',
      'Expected a struct for case 1 of tagged("type") but received \'u32\'',
    ],
    [
      'tagged records in tagged ones',
      ['type', { 1: tagged('type', { 1: Exec }) }],
      'TypeError',
      'Expected a struct for case 1 of tagged("type") but received \'exec\'',
    ],
    [
      'a struct without the tag',
      ['kind', { 1: Exec }],
      'TypeError',
      'Expected a struct with an integer or enum "kind" for case 1 of tagged("kind") but received \'struct exec, which has none\'',
    ],
    [
      'a tag that is no integer',
      ['comm', { 1: Exec }],
      'TypeError',
      'Expected a struct with an integer or enum "comm" for case 1 of tagged("comm") but received \'char[8] comm\'',
    ],
    [
      'a tag of another size',
      ['type', { 1: Exec, 2: Wide }],
      'TypeError',
      'Expected the "type" that struct exec has, u32 at 0, for case 2 of tagged("type") but received \'that of struct wide, u64 at 0\'',
    ],
    [
      'a tag of another sign and size',
      ['type', { 1: Exec, 2: Signed }],
      'TypeError',
      'Expected the "type" that struct exec has, u32 at 0, for case 2 of tagged("type") but received \'that of struct signed, i16 at 0\'',
    ],
    [
      'a tag at another place',
      ['type', { 1: Exec, 2: Later.view() }],
      'TypeError',
      'Expected the "type" that struct exec has, u32 at 0, for case 2 of tagged("type") but received \'that of struct later, u32 at 4\'',
    ],
    [
      'a key that is no number',
      ['type', { exec: Exec }],
      'TypeError',
      'Expected an integer for the tag of case exec of tagged("type") but received \'exec\'',
    ],
    [
      'a key that is no integer',
      ['type', { 1.5: Exec }],
      'TypeError',
      'Expected an integer for the tag of case 1.5 of tagged("type") but received \'1.5\'',
    ],
    [
      'a key in other digits',
      ['type', { '01': Exec }],
      'TypeError',
      'Expected an integer for the tag of case 01 of tagged("type") but received \'01\'',
    ],
    [
      'a negative tag of an unsigned field',
      ['type', { [-1]: Exec }],
      'RangeError',
      'Expected a u32 of 32 bits for the tag of case -1 of tagged("type") but received -1n',
    ],
    [
      'a tag that the field cannot hold',
      ['type', { 4294967296: Exec }],
      'RangeError',
      'Expected a u32 of 32 bits for the tag of case 4294967296 of tagged("type") but received 4294967296n',
    ],
    [
      'an option that it does not have',
      ['type', { 1: Exec }, { unkown: 'skip' }],
      'TypeError',
      "Expected one of unknown for the name of an option but received 'unkown'",
    ],
    [
      'what is no way with unknown tags',
      ['type', { 1: Exec }, { unknown: 'drop' }],
      'TypeError',
      "Expected error, skip or bytes for unknown but received 'drop'",
    ],
    [
      'a tag that unknown records have besides',
      ['value', { 1: struct('v', { value: u8 }) }, { unknown: 'bytes' }],
      'TypeError',
      "Expected a tag that an unknown record does not have besides for tagged() but received 'value'",
    ],
  ])('%s', (_, parameters, name, message) => {
    expect(() => create(...parameters)).toThrow(misuse(name, message))
  })

  test('more fields than a type may have', () => {
    const many = (name: string): Type =>
      struct(name, {
        type: u32,
        ...Object.fromEntries(Array.from({ length: 40_000 }, (_, i) => [`f${String(i)}`, u8])),
      })
    expect(() => create('type', { 1: many('a'), 2: many('b') })).toThrow(
      misuse(
        'RangeError',
        'Expected at most 65536 fields for the cases of tagged() but received 80002',
      ),
    )
  })
})

describe('tagged records are no', () => {
  const Event = tagged('type', { 1: Exec, 2: Exit })

  test.each<[string, () => unknown, string]>([
    [
      'field',
      () => struct('outer', { inner: Event }),
      'Expected a type for field "inner" of struct "outer" but received \'tagged records: exec | exit\'',
    ],
    [
      'element',
      () => array(Event, 2),
      "Expected a type of fixed size for the element type of array() but received 'exec | exit'",
    ],
    [
      'value that is written',
      () => encode(Event, exec, 'value'),
      "Expected a type that copies for value but received 'tagged records: exec | exit'",
    ],
  ])('%s', (_, create, message) => {
    expect(create).toThrow(misuse('TypeError', message))
  })
})

test('the name of many cases is short', () => {
  const cases = Object.fromEntries(
    ['a', 'b', 'c', 'd', 'e', 'f', 'a'].map((name, i) => [
      i,
      struct(name, { type: u8, x: bytes(1) }),
    ]),
  )
  expect(tagged('type', cases).name).toBe('a | b | c | d | 2 more')
})
