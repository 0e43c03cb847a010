import {
  array,
  at,
  bool,
  bytes,
  checkType,
  cstring,
  type Fields,
  i16,
  i32,
  i64,
  i8,
  type Placed,
  requiredBytes,
  struct,
  type Struct,
  type StructOptions,
  type Type,
  u16,
  u32,
  u64,
  u8,
} from '../../lib/types/struct.js'
import { map } from '../../lib/types/own.js'
import { compileRead } from '../../lib/types/read.js'
import type * as structModule from '../../lib/types/struct.js'
import { runC } from './compilers.js'
import { misuse } from './misuse.js'
import { firstSeed, Random } from './random.js'
import { declareC, randomStruct, structOf } from './random-struct.js'

interface Layout {
  size: number
  align: number
  fields: Record<string, { offset: number; size: number }>
}

function layoutOf({ size, align, shape }: Struct): Layout {
  const fields = shape.fields.map(({ name, offset, type }) => [name, { offset, size: type.size }])
  return { size, align, fields: Object.fromEntries(fields) as Layout['fields'] }
}

/** What the C compiler says of structs whose fields these types name. */
function layoutsInC(declarations: string, structs: readonly Struct[]): Record<string, Layout> {
  const prints = structs.map(({ name, shape }) => {
    const fields = shape.fields.map(
      (field) =>
        `printf("\\"${field.name}\\":{\\"offset\\":%zu,\\"size\\":%zu},", ` +
        `offsetof(struct ${name}, ${field.name}), ` +
        (field.type.size === 0 ? '(size_t)0' : `sizeof(((struct ${name} *)0)->${field.name})`) +
        ');',
    )
    return (
      `printf("\\"${name}\\":{\\"size\\":%zu,\\"align\\":%zu,\\"fields\\":{", ` +
      `sizeof(struct ${name}), _Alignof(struct ${name}));` +
      `${fields.join('\n')} puts("}},");`
    )
  })
  const json = runC(`
    #include <stdbool.h>
    #include <stddef.h>
    #include <stdint.h>
    #include <stdio.h>
    ${declarations}
    int main(void) { puts("{"); ${prints.join('\n')} puts("}"); return 0; }`)
  return JSON.parse(json.replace(/,(\s*\})/g, '$1')) as Record<string, Layout>
}

function layoutsHere(structs: readonly Struct[]): Record<string, Layout> {
  return Object.fromEntries(structs.map((declared) => [declared.name, layoutOf(declared)]))
}

describe('the layout is that of the C compiler', () => {
  test('for structs as they occur', () => {
    const inner = struct('inner', { flag: u8, value: u16 })
    const wide = struct('wide', { flag: u8, value: u64 })
    const tight = struct('tight', { flag: u8, value: u64 }, { packed: true })
    const declared: [string, Struct][] = [
      ['uint8_t flag; uint16_t value;', inner],
      ['uint8_t flag; uint64_t value;', wide],
      ['uint8_t flag; uint64_t value;', tight],
      [
        'uint8_t a; int8_t b; uint16_t c; int16_t d; uint32_t e; int32_t f; uint64_t g; int64_t h;',
        struct('every', { a: u8, b: i8, c: u16, d: i16, e: u32, f: i32, g: u64, h: i64 }),
      ],
      ['bool ok; uint32_t pid;', struct('boolean', { ok: bool, pid: u32 })],
      [
        'uint64_t a; uint64_t b; uint8_t c;',
        struct('numbers', { a: u64.number, b: i64.number, c: u8 }),
      ],
      ['uint32_t pid; char comm[5];', struct('text', { pid: u32, comm: cstring(5) })],
      ['char comm[3]; uint8_t raw[4];', struct('chars', { comm: cstring(3), raw: bytes(4) })],
      ['uint8_t a; uint16_t b[3];', struct('elements', { a: u8, b: array(u16, 3) })],
      ['uint8_t a; struct wide b; uint8_t c;', struct('nested', { a: u8, b: wide, c: u8 })],
      ['uint8_t a; struct tight b; uint8_t c;', struct('loose', { a: u8, b: tight, c: u8 })],
      [
        'uint8_t a; struct inner b[3]; uint8_t c[2][5];',
        struct('arrays', { a: u8, b: array(inner, 3), c: array(array(u8, 5), 2) }),
      ],
      [
        'uint8_t a; struct wide b; uint32_t c[2];',
        struct('packed', { a: u8, b: wide, c: array(u32, 2) }, { packed: true }),
      ],
      ['uint32_t a; uint8_t b; char tail[];', struct('open', { a: u32, b: u8, tail: cstring() })],
      ['uint16_t a; uint8_t tail[];', struct('open_bytes', { a: u16, tail: bytes() })],
    ]
    const isPacked = ({ name }: Struct): boolean => ['tight', 'packed'].includes(name)
    const inC = declared.map(
      ([members, type]) =>
        `struct ${type.name} { ${members} }` +
        `${isPacked(type) ? ' __attribute__((packed))' : ''};`,
    )
    const structs = declared.map(([, type]) => type)
    expect(layoutsHere(structs)).toEqual(layoutsInC(inC.join('\n'), structs))
  })

  test('for random structs', () => {
    const random = new Random(firstSeed)
    const models = Array.from({ length: 200 }, (_, i) =>
      randomStruct(random, `s${String(i)}`, false),
    )
    const structs = models.map(structOf)
    expect({ seed: firstSeed, ...layoutsHere(structs) }).toEqual({
      seed: firstSeed,
      ...layoutsInC(models.map(declareC).join(''), structs),
    })
  })
})

describe('at()', () => {
  test('places its field, and the next one follows it', () => {
    expect(layoutOf(struct('event', { a: u8, b: at(10, u16), c: u8, d: u32 }))).toEqual({
      size: 20,
      align: 4,
      fields: {
        a: { offset: 0, size: 1 },
        b: { offset: 10, size: 2 },
        c: { offset: 12, size: 1 },
        d: { offset: 16, size: 4 },
      },
    })
  })

  test('goes against the alignment and backwards, as a union does', () => {
    const event = struct('event', { a: u64, b: at(1, u32), c: at(0, u8), d: u8 })
    expect(layoutOf(event).fields).toMatchObject({
      b: { offset: 1 },
      c: { offset: 0 },
      d: { offset: 8 },
    })
  })

  test('places the open tail', () => {
    const event = struct('event', { a: u32, tail: at(5, bytes()) })
    expect([event.size, requiredBytes(event)]).toEqual([8, 5])
  })
})

describe('a record needs', () => {
  test.each<[string, Fields, StructOptions, number, number]>([
    ['no trailing padding', { a: u64, b: u8 }, {}, 16, 9],
    ['all of a packed struct', { a: u64, b: u8 }, { packed: true }, 9, 9],
    ['nothing of an open tail', { a: u32, tail: bytes() }, {}, 4, 4],
    ['the field that reaches furthest', { a: at(12, u32), b: at(0, u8) }, {}, 16, 16],
    ['padding inside a nested struct', { a: struct('inner', { a: u16, b: u8 }) }, {}, 4, 4],
  ])('%s', (_, fields, options, size, needed) => {
    const event = struct('event', fields, options)
    expect([event.size, requiredBytes(event)]).toEqual([size, needed])
  })
})

test('a type may be as large as the largest record', () => {
  expect(array(bytes(2 ** 10), 2 ** 20).size).toBe(2 ** 30)
  expect(struct('event', { last: at(2 ** 30 - 1, u8) }).size).toBe(2 ** 30)
})

test('a view has the name and the layout of its struct', () => {
  const event = struct('event', { a: u64, b: u8 })
  expect(event.view()).toMatchObject({ name: 'event', size: 16, align: 8 })
})

describe('misuse is refused', () => {
  const open = struct('open', { tail: bytes() })
  const closed = struct('closed', { a: u8 })
  const anything = (value: unknown): never => value as never

  test.each<[string, () => unknown, Error]>([
    [
      'a name that is no string',
      () => struct(anything(1), { a: u8 }),
      misuse('TypeError', 'Expected a string for the name of struct() but received 1'),
    ],
    [
      'fields that are no object',
      () => struct('event', anything('a')),
      misuse('TypeError', 'Expected an object for the fields of struct "event" but received \'a\''),
    ],
    [
      'null for fields',
      () => struct('event', anything(null)),
      misuse('TypeError', 'Expected an object for the fields of struct "event" but received null'),
    ],
    [
      'an array for fields',
      () => struct('event', anything([u8])),
      misuse(
        'TypeError',
        'Expected a C identifier for the name of a field of struct "event" but received \'0\'',
      ),
    ],
    [
      'no fields',
      () => struct('event', {}),
      misuse('TypeError', 'Expected at least one field for struct "event" but received {}'),
    ],
    ...['a-b', '1st', '', 'a b', 'a;b', 'ä', '__proto__', 'a\n'].map(
      (name): [string, () => unknown, Error] => [
        `the field name ${JSON.stringify(name)}`,
        () => struct('event', { [name]: u8 }),
        misuse(
          'TypeError',
          'Expected a C identifier for the name of a field of struct "event" but received ' +
            (name === 'a\n' ? "'a\\n'" : `'${name}'`),
        ),
      ],
    ),
    [
      'a type that was not called',
      () => struct('event', { comm: anything(cstring) }),
      misuse(
        'TypeError',
        'Expected a type such as u32, cstring(16) or struct(…) for field "comm" of struct "event" ' +
          'but received function cstring',
      ),
    ],
    [
      'undefined for a type',
      () => struct('event', { comm: anything(undefined) }),
      misuse(
        'TypeError',
        'Expected a type such as u32, cstring(16) or struct(…) for field "comm" of struct "event" ' +
          'but received undefined',
      ),
    ],
    [
      'a field after the open tail',
      () => struct('event', { tail: bytes(), pid: u32 }),
      misuse(
        'TypeError',
        'Expected the last field for "tail" of struct "event", which has no length ' +
          "but received 'pid'",
      ),
    ],
    [
      'a nested struct with an open tail',
      () => struct('event', { open }),
      misuse(
        'TypeError',
        'Expected a type of fixed size for field "open" of struct "event" but received \'struct open\'',
      ),
    ],
    [
      'a nested view',
      () => struct('event', { closed: closed.view() }),
      misuse(
        'TypeError',
        'Expected a type for field "closed" of struct "event" but received \'view of closed\'',
      ),
    ],
    [
      'an unknown option',
      () => struct('event', { a: u8 }, anything({ paked: true })),
      misuse(
        'TypeError',
        "Expected one of packed, unchecked, checked, size for the name of an option but received 'paked'",
      ),
    ],
    [
      'options that are no object',
      () => struct('event', { a: u8 }, anything(true)),
      misuse('TypeError', 'Expected an object for options but received true'),
    ],
    [
      'packed that is no boolean',
      () => struct('event', { a: u8 }, anything({ packed: 'yes' })),
      misuse('TypeError', "Expected a boolean for packed but received 'yes'"),
    ],
    [
      'a length of 0',
      () => cstring(0),
      misuse(
        'RangeError',
        'Expected an integer from 1 to 1073741824 for the length of cstring() but received 0',
      ),
    ],
    [
      'a length that is no number',
      () => bytes(anything('16')),
      misuse(
        'TypeError',
        "Expected an integer from 1 to 1073741824 for the length of bytes() but received '16'",
      ),
    ],
    [
      'a length that is no integer',
      () => bytes(1.5),
      misuse(
        'RangeError',
        'Expected an integer from 1 to 1073741824 for the length of bytes() but received 1.5',
      ),
    ],
    [
      'an array of no type',
      () => array(anything(4), 4),
      misuse(
        'TypeError',
        'Expected a type such as u32, cstring(16) or struct(…) for the element type of array() ' +
          'but received 4',
      ),
    ],
    ...([bytes(), cstring(), open, closed.view()] as Type[]).map(
      (type): [string, () => unknown, Error] => [
        `an array of ${type.shape.kind} ${type.name}`,
        () => array(type, 2),
        misuse(
          'TypeError',
          `Expected a type of fixed size for the element type of array() but received '${type.name}'`,
        ),
      ],
    ),
    [
      'an array larger than a record can be',
      () => array(u64, 2 ** 28),
      misuse('RangeError', 'Expected at most 1073741824 bytes for array() but received 2147483648'),
    ],
    [
      'a struct larger than a record can be',
      () => struct('event', { a: at(2 ** 30, u8) }),
      misuse(
        'RangeError',
        'Expected at most 1073741824 bytes for struct "event" but received 1073741825',
      ),
    ],
    [
      'a negative offset',
      () => at(-1, u8),
      misuse(
        'RangeError',
        'Expected an integer from 0 to 1073741824 for the offset of at() but received -1',
      ),
    ],
    [
      'an offset for no type',
      () => at(0, anything(undefined)),
      misuse(
        'TypeError',
        'Expected a type such as u32, cstring(16) or struct(…) for the type of at() ' +
          'but received undefined',
      ),
    ],
    [
      'a placed field made by hand with an offset that is none',
      () => struct('event', { a: { offset: 0.5, type: u8 } satisfies Placed }),
      misuse(
        'RangeError',
        'Expected an integer from 0 to 1073741824 for the offset of field "a" of struct "event" ' +
          'but received 0.5',
      ),
    ],
  ])('%s', (_, use, error) => {
    expect(use).toThrow(error)
  })
})

describe('a type that was not made here is none', () => {
  const event = struct('event', { pid: u32 })
  const foreign = (received: string): Error =>
    misuse(
      'TypeError',
      'Expected a type that this copy of bpf-ringbuf made, such as u32, cstring(16) or struct(…) ' +
        `for decoder but received ${received}`,
    )

  test.each<[string, unknown]>([
    ['parsed from JSON', JSON.parse(JSON.stringify(event))],
    ['cloned, as from a worker', structuredClone(Object.fromEntries(Object.entries(event)))],
    ['copied', { ...u32 }],
    ['derived from one', Object.create(event)],
  ])('%s', (_, type) => {
    expect(() => checkType(type, 'decoder')).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        message: expect.stringMatching(
          /^Expected a type that this copy of bpf-ringbuf made, such as u32, .* for decoder but /,
        ) as string,
      }) as Error,
    )
    expect(() => struct('outer', { inner: type as Type })).toThrow(/this copy of bpf-ringbuf made/)
    expect(() => array(type as Type, 2)).toThrow(/this copy of bpf-ringbuf made/)
    expect(() => at(0, type as Type)).toThrow(/this copy of bpf-ringbuf made/)
  })

  test('of another copy of the library', () => {
    let other: typeof structModule | undefined
    jest.isolateModules(() => {
      other = jest.requireActual<typeof structModule>('../../lib/types/struct.js')
    })
    const received = (other as typeof structModule).u8
    expect(() => checkType(received, 'decoder')).toThrow(
      foreign("{ name: 'u8', size: 1, align: 1, shape: [Object] }"),
    )
  })
})

test('a type cannot be changed once it is made', () => {
  const event = struct('event', { pid: u32, inner: struct('inner', { a: u8 }), list: array(u8, 2) })
  /** It, and all that it is made of. */
  const parts = (value: unknown): object[] =>
    typeof value === 'object' && value !== null
      ? [value, ...Object.values(value).flatMap(parts)]
      : []
  for (const type of [event, event.view(), u64, i64, bool, cstring(4), bytes(), array(event, 2)]) {
    expect(parts(type).filter((part) => !Object.isFrozen(part))).toEqual([])
  }
  expect(() => {
    ;(event.shape.fields as unknown[]).push({ name: 'x: alert(), y' })
  }).toThrow(TypeError)
  expect(() => {
    Object.assign(event.shape.fields[0] as object, { name: 'x: alert(), y' })
  }).toThrow(TypeError)
})

test('types in each other are refused when they are too many', () => {
  const nested: [string, (type: Type) => Type][] = [
    ['struct', (type) => struct('inner', { type })],
    ['array', (type) => array(type, 1)],
    ['map', (type) => map(type, (value) => value)],
  ]
  for (const [, wrap] of nested) {
    let type: Type = u32
    for (let depth = 1; depth < 100; depth++) type = wrap(type)
    expect(typeof compileRead(type)).toBe('function')
    expect(() => wrap(type)).toThrow(
      /^Expected at most 100 types in each other for .* received 101$/,
    )
  }
})
