import type { BtfStruct, BtfType } from '../../lib/btf/types.js'
import { BpfError } from '../../lib/errors/errors.js'
import { checkLayout } from '../../lib/types/layout.js'
import { Btf } from '../../lib/types/btf.js'
import { array, at, bytes, cstring, struct, u32, u8 } from '../../lib/types/struct.js'
import { BtfWriter } from './btf-writer.js'
import { sectionContents } from './elf-file.js'
import { eventBtf, eventObject } from './event-object.js'
import { misuse } from './misuse.js'
import { firstSeed, Random } from './random.js'

function parse(build: (writer: BtfWriter) => unknown): Btf {
  const writer = new BtfWriter()
  build(writer)
  return new Btf(writer.bytes())
}

/** Type 1 is what `build` adds last but for the types that it needs. */
function typeOf(build: (writer: BtfWriter) => number): {
  type: BtfType
  size: number
  description: string
} {
  const writer = new BtfWriter()
  const id = build(writer)
  const btf = new Btf(writer.bytes())
  return { type: btf.type(id), size: btf.sizeOf(id), description: btf.describe(id) }
}

/** The struct or union of this name, or that a typedef of the name stands for. */
function structOf(btf: Btf, name: string): BtfStruct | undefined {
  return btf.structs(name)[0]
}

/** @param at The byte of the data that is wrong. */
const malformed = (problem: string, at = '\\d+'): unknown =>
  expect.objectContaining({
    name: 'BpfError',
    code: 'ERR_OBJECT_FORMAT',
    message: expect.stringMatching(
      new RegExp(`^Cannot read BTF: ${problem}, at byte ${at}$`),
    ) as string,
  })

describe('a type is described', () => {
  const unsigned = { kind: 'int', name: 'unsigned int', size: 4, signed: false, bool: false }

  test.each<[string, (writer: BtfWriter) => number, unknown, number, string]>([
    ['unsigned', (w) => w.int('unsigned int', 4), unsigned, 4, 'unsigned int'],
    [
      'signed',
      (w) => w.int('long', 8, { signed: true }),
      { kind: 'int', name: 'long', size: 8, signed: true, bool: false },
      8,
      'long',
    ],
    [
      'char',
      (w) => w.int('char', 1, { signed: true, char: true }),
      { kind: 'int', name: 'char', size: 1, signed: true, bool: false },
      1,
      'char',
    ],
    [
      'bool',
      (w) => w.int('_Bool', 1, { bool: true }),
      { kind: 'int', name: '_Bool', size: 1, signed: false, bool: true },
      1,
      '_Bool',
    ],
    ['pointer', (w) => w.pointer(0), { kind: 'pointer', size: 8, to: 0 }, 8, 'void *'],
    [
      'enum',
      (w) => w.enum('color', 4, { RED: 0, GREEN: 1 }),
      {
        kind: 'enum',
        name: 'color',
        size: 4,
        signed: false,
        values: [
          { name: 'RED', value: 0 },
          { name: 'GREEN', value: 1 },
        ],
      },
      4,
      'enum color',
    ],
    [
      'signed enum',
      (w) => w.enum('', 4, { NEGATIVE: 0xffffffff }, true),
      {
        kind: 'enum',
        name: '',
        size: 4,
        signed: true,
        values: [{ name: 'NEGATIVE', value: -1 }],
      },
      4,
      'enum {…}',
    ],
    [
      'enum that looks signed, of a compiler that does not say so',
      (w) => w.enum('level', 4, { LOW: 0xfffffffe }),
      { kind: 'enum', name: 'level', size: 4, signed: true, values: [{ name: 'LOW', value: -2 }] },
      4,
      'enum level',
    ],
    [
      'unsigned enum of a compiler that says which are signed',
      (w) => {
        w.enum('', 4, { BELOW: 0xffffffff }, true)
        return w.enum('mask', 4, { ALL: 0xffffffff })
      },
      {
        kind: 'enum',
        name: 'mask',
        size: 4,
        signed: false,
        values: [{ name: 'ALL', value: 0xffffffff }],
      },
      4,
      'enum mask',
    ],
    [
      'enum of 64 bits',
      (w) => w.enum64('huge', 8, { HUGE: 1n << 40n }),
      {
        kind: 'enum',
        name: 'huge',
        size: 8,
        signed: false,
        values: [{ name: 'HUGE', value: 1n << 40n }],
      },
      8,
      'enum huge',
    ],
    [
      'signed enum of 64 bits',
      (w) => w.enum64('deep', 8, { DEEP: -(1n << 40n) }, true),
      {
        kind: 'enum',
        name: 'deep',
        size: 8,
        signed: true,
        values: [{ name: 'DEEP', value: -(1n << 40n) }],
      },
      8,
      'enum deep',
    ],
    ['float', (w) => w.float('double', 8), { kind: 'float', name: 'double', size: 8 }, 8, 'double'],
    [
      'array',
      (w) => w.array(w.int('char', 1), 16),
      { kind: 'array', element: 1, count: 16 },
      16,
      'char[16]',
    ],
    [
      'array of arrays',
      (w) => w.array(w.array(w.int('int', 4), 3), 2),
      { kind: 'array', element: 2, count: 2 },
      24,
      'int[2][3]',
    ],
    [
      'array of pointers',
      (w) => w.array(w.pointer(0), 5),
      { kind: 'array', element: 1, count: 5 },
      40,
      'void *[5]',
    ],
    [
      'struct',
      (w) => w.struct('point', 8, [{ name: 'x', type: w.int('int', 4), bitOffset: 32 }]),
      {
        kind: 'struct',
        name: 'point',
        size: 8,
        members: [{ name: 'x', type: 1, bitOffset: 32, bitSize: 0 }],
      },
      8,
      'struct point',
    ],
    [
      'struct with bit-fields',
      (w) =>
        w.struct('flags', 4, [
          { name: 'plain', type: w.int('int', 4), bitOffset: 0 },
          { name: 'bits', type: 1, bitOffset: 35, bitSize: 5 },
        ]),
      {
        kind: 'struct',
        name: 'flags',
        size: 4,
        members: [
          { name: 'plain', type: 1, bitOffset: 0, bitSize: 0 },
          { name: 'bits', type: 1, bitOffset: 35, bitSize: 5 },
        ],
      },
      4,
      'struct flags',
    ],
    [
      'anonymous union',
      (w) => w.union('', 4, [{ name: 'x', type: w.int('int', 4), bitOffset: 0 }]),
      {
        kind: 'union',
        name: '',
        size: 4,
        members: [{ name: 'x', type: 1, bitOffset: 0, bitSize: 0 }],
      },
      4,
      'union {…}',
    ],
    [
      'struct with bit-fields as integers of their own',
      (w) =>
        w.struct('old', 4, [
          { name: 'low', type: w.bits('unsigned int', 4, 0, 3), bitOffset: 0 },
          { name: 'high', type: w.const(w.bits('int', 4, 3, 5, true)), bitOffset: 8 },
        ]),
      {
        kind: 'struct',
        name: 'old',
        size: 4,
        members: [
          { name: 'low', type: 1, bitOffset: 0, bitSize: 3 },
          { name: 'high', type: 3, bitOffset: 11, bitSize: 5 },
        ],
      },
      4,
      'struct old',
    ],
    [
      'forward declaration',
      (w) => w.forward('task'),
      { kind: 'forward', name: 'task', union: false },
      0,
      'struct task',
    ],
    [
      'forward declaration of a union',
      (w) => w.forward('value', true),
      { kind: 'forward', name: 'value', union: true },
      0,
      'union value',
    ],
    [
      'function',
      (w) => w.function('main', w.prototype(w.int('int', 4), { argument: 1 }), 0),
      {
        kind: 'function',
        name: 'main',
        linkage: 'static',
        returns: 1,
        parameters: [{ name: 'argument', type: 1 }],
      },
      0,
      'static int main(int argument)',
    ],
    [
      'prototype',
      (w) => w.prototype(0, { argument: w.int('int', 4) }),
      { kind: 'prototype', returns: 0, parameters: [{ name: 'argument', type: 1 }] },
      0,
      'void (int argument)',
    ],
    [
      'variable',
      (w) => w.variable('limit', w.array(w.int('int', 4), 3), 2),
      { kind: 'variable', name: 'limit', linkage: 'extern', type: 2 },
      12,
      'extern int limit[3]',
    ],
    [
      'section',
      (w) =>
        w.section('.bss', [{ type: w.variable('limit', w.int('int', 4)), offset: 8, size: 4 }]),
      {
        kind: 'section',
        name: '.bss',
        size: 0,
        contents: [{ type: 2, offset: 8, size: 4 }],
      },
      0,
      'SEC(".bss")',
    ],
    [
      'declaration tag',
      (w) => w.declarationTag('user', w.struct('s', 0, []), 3),
      { kind: 'declaration tag', name: 'user', type: 1, part: 3 },
      0,
      '__attribute__((btf_decl_tag("user")))',
    ],
    ...(
      [
        ['typedef', (w, id) => w.typedef('__u32', id), '__u32'],
        ['const', (w, id) => w.const(id), 'const unsigned int'],
        ['volatile', (w, id) => w.volatile(id), 'volatile unsigned int'],
        ['restrict', (w, id) => w.restrict(id), 'restrict unsigned int'],
        [
          'type tag',
          (w, id) => w.typeTag('user', id),
          'unsigned int __attribute__((btf_type_tag("user")))',
        ],
        [
          'attribute',
          (w, id) => w.typeTag('address_space(1)', id, true),
          'unsigned int __attribute__((address_space(1)))',
        ],
        [
          'several of these',
          (w, id) => w.const(w.volatile(w.typedef('a', w.typedef('b', id)))),
          'const volatile a',
        ],
      ] as [string, (writer: BtfWriter, id: number) => number, string][]
    ).map(([name, wrap, text]): [string, (w: BtfWriter) => number, unknown, number, string] => [
      `${name}, as what is behind it`,
      (w) => wrap(w, w.int('unsigned int', 4)),
      unsigned,
      4,
      text,
    ]),
  ])('%s', (_, build, type, size, description) => {
    expect(typeOf(build)).toEqual({ type, size, description })
  })

  test('void, the type 0', () => {
    const btf = parse(() => undefined)
    expect([btf.type(0), btf.sizeOf(0), btf.describe(0)]).toEqual([{ kind: 'void' }, 0, 'void'])
  })
})

describe('struct()', () => {
  const member = (w: BtfWriter): { name: string; type: number; bitOffset: number } => ({
    name: 'x',
    type: w.int('int', 4),
    bitOffset: 0,
  })

  test.each<[string, (writer: BtfWriter) => unknown, unknown]>([
    [
      'finds a struct by its name',
      (w) => w.struct('event', 4, [member(w)]),
      { kind: 'struct', name: 'event' },
    ],
    [
      'finds a union by its name',
      (w) => w.union('event', 4, [member(w)]),
      { kind: 'union', name: 'event' },
    ],
    [
      'finds a typedef of an anonymous struct',
      (w) => w.typedef('event', w.struct('', 4, [member(w)])),
      { kind: 'struct', name: '' },
    ],
    [
      'finds a typedef of a struct of another name',
      (w) => w.typedef('event', w.typedef('event_t', w.struct('event_s', 4, [member(w)]))),
      { kind: 'struct', name: 'event_s' },
    ],
    [
      'prefers the struct to a typedef',
      (w) => {
        w.typedef('event', w.struct('', 8, [member(w)]))
        w.struct('event', 4, [])
      },
      { name: 'event', size: 4 },
    ],
    [
      'passes over a forward declaration',
      (w) => {
        w.forward('event')
        w.struct('event', 4, [])
      },
      { name: 'event', size: 4 },
    ],
  ])('%s', (_, build, expected) => {
    expect(structOf(parse(build), 'event')).toMatchObject(expected as object)
  })

  test.each<[string, (writer: BtfWriter) => unknown]>([
    ['there is none', () => undefined],
    ['another has a longer name', (w) => w.struct('events', 4, [])],
    ['a typedef of the name is an integer', (w) => w.typedef('event', w.int('int', 4))],
    ['an enum has the name', (w) => w.enum('event', 4, {})],
    ['it is a forward declaration', (w) => w.forward('event')],
  ])('finds nothing when %s', (_, build) => {
    expect(structOf(parse(build), 'event')).toBeUndefined()
  })

  test('reads names in UTF-8', () => {
    expect(
      structOf(
        parse((w) => w.struct('größe', 4, [])),
        'größe',
      ),
    ).toMatchObject({ size: 4 })
  })
})

test('variables() are those of the sections for data', () => {
  const btf = parse((w) => {
    const int = w.int('int', 4)
    const variable = (name: string): { type: number; offset: number; size: number } => ({
      type: w.variable(name, int),
      offset: 8,
      size: 4,
    })
    for (const section of ['.rodata', '.data', '.bss', '.rodata.str', '.data.events']) {
      w.section(section, [variable(`in ${section}`)])
    }
    for (const section of ['.maps', 'license', '.kconfig']) w.section(section, [variable(section)])
    w.section('.bss', [])
  })
  expect(btf.variables()).toEqual(
    ['.rodata', '.data', '.bss', '.rodata.str', '.data.events'].map((section) => ({
      name: `in ${section}`,
      section,
      offset: 8,
      size: 4,
      type: 1,
    })),
  )
})

test('the other byte order is read as well', () => {
  const writer = new BtfWriter()
  const int = writer.int('int', 4, { signed: true })
  writer.struct('event', 8, [{ name: 'pid', type: int, bitOffset: 32 }])
  const [little, big] = [new Btf(writer.bytes(true)), new Btf(writer.bytes(false))]
  expect(structOf(big, 'event')).toEqual(structOf(little, 'event'))
  expect(big.type(int)).toEqual(little.type(int))
})

test.each([0, 1, 2, 3])('data may lie in a larger buffer, after %d bytes', (before) => {
  const writer = new BtfWriter()
  const int = writer.int('int', 4, { signed: true })
  writer.struct('event', 8, [{ name: 'pid', type: int, bitOffset: 32 }])
  for (const littleEndian of [true, false]) {
    const data = writer.bytes(littleEndian)
    const larger = new Uint8Array(data.length + 10).fill(0xff)
    larger.set(data, before)
    const copy = larger.slice()
    const btf = new Btf(larger.subarray(before))
    expect(structOf(btf, 'event')).toEqual(structOf(new Btf(data), 'event'))
    expect(btf.variables()).toEqual([])
    expect(larger).toEqual(copy)
  }
})

describe('what clang makes', () => {
  const btf = eventBtf()
  const members = (name: string): object =>
    Object.fromEntries(
      (structOf(btf, name)?.members ?? []).map((member) => [
        member.name,
        [member.bitOffset / 8, btf.describe(member.type), btf.sizeOf(member.type)],
      ]),
    )

  test('a struct has its members with offsets, types and sizes', () => {
    expect(members('event')).toMatchObject({
      time: [0, '__u64', 8],
      delta: [8, '__s64', 8],
      pid: [16, '__u32', 4],
      ret: [20, 'int', 4],
      comm: [24, 'char[16]', 16],
      raw: [40, '__u8[6]', 6],
      ok: [46, '_Bool', 1],
      level: [47, '__s8', 1],
      color: [48, 'enum color', 4],
      port: [52, '__u16', 2],
      inner: [56, 'struct inner', 8],
      inners: [64, 'struct inner[2]', 16],
      grid: [80, '__u32[2][3]', 24],
      '': [104, 'union {…}', 8],
      key: [112, 'union {…}', 4],
      typed: [120, 'anonymous', 16],
      qualified: [136, 'const volatile __u32', 4],
      task: [144, 'void *', 8],
      tail: [153, 'char[]', 0],
    })
  })

  test('bit-fields have a size in bits', () => {
    const bitFields = structOf(btf, 'event')?.members.filter(({ bitSize }) => bitSize > 0)
    expect(bitFields).toMatchObject([
      { name: 'flag', bitOffset: 152 * 8, bitSize: 3 },
      { name: 'mode', bitOffset: 152 * 8 + 3, bitSize: 5 },
    ])
  })

  test('an anonymous struct has the name of its typedef', () => {
    expect(members('anonymous')).toEqual({
      x: [0, 'int', 4],
      pointer: [8, 'const volatile char *', 8],
    })
  })

  test('variables have their section, offset and type', () => {
    const found = btf
      .variables()
      .map(({ name, section, size, type }) => [name, [section, size, btf.describe(type)]])
    expect(Object.fromEntries(found)).toEqual({
      numbers: ['.bss', 8, 'struct bytes *'],
      outer: ['.bss', 8, 'struct outer *'],
      limit: ['.rodata', 4, 'const volatile int'],
      enabled: ['.rodata', 1, 'const volatile _Bool'],
      name: ['.data', 8, 'volatile char[8]'],
      event: ['.bss', 8, 'struct event *'],
      another: ['.bss', 8, 'anonymous *'],
      counter: ['.bss', 8, '__u64'],
      total: ['.bss', 8, '__u64'],
    })
  })

  test('variables of one section do not overlap', () => {
    const inBss = btf.variables().filter(({ section }) => section === '.bss')
    expect(inBss.map(({ offset }) => offset).sort((a, b) => a - b)).toEqual([0, 8, 16, 24, 32, 40])
  })
})

describe('malformed data is refused', () => {
  test('that is no bytes', () => {
    expect(() => new Btf('BTF' as never)).toThrow(
      misuse('TypeError', "Expected a Uint8Array for data but received 'BTF'"),
    )
  })

  const word = (at: number, value: number): ((data: DataView) => void) => {
    return (data) => data.setUint32(at, value, true)
  }

  test.each<[string, (data: DataView) => void, string, number]>([
    ['a wrong magic number', word(0, 0x464c457f), 'its magic number is wrong', 0],
    ['a header of 4 GiB', word(4, 0xffffffff), 'its sections are larger than the data', 8],
    ['a header of 20 bytes', word(4, 20), 'its header is too small', 4],
    ['types of 4 GiB', word(12, 0xffffffff), 'its sections are larger than the data', 8],
    ['strings of 4 GiB', word(20, 0xffffffff), 'its sections are larger than the data', 16],
    ['types between words', word(8, 2), 'its types are not aligned', 8],
    ['types that lie within the strings', word(16, 8), 'its sections overlap', 16],
    ['types that end within one', word(12, 14), 'it ends within a type', 12],
    ['types that end within the words of one', word(12, 12), 'it ends within a type', 24],
    ['a name beyond the strings', word(24, 1000), 'a name lies outside its strings', 24],
    ['strings without an end', word(20, 3), 'a name does not end', 42],
    ['no strings', word(20, 0), 'it has no strings', 20],
    [
      'strings that do not begin with an empty one',
      word(40, 0x616161),
      'its first name is not empty',
      40,
    ],
    ['an unknown kind', word(28, 31 << 24), 'it has a type of the unknown kind 31', 28],
  ])('%s', (_, change, problem, at) => {
    const writer = new BtfWriter()
    writer.int('int', 4)
    const data = writer.bytes()
    change(new DataView(data.buffer))
    expect(() => new Btf(data)).toThrow(malformed(problem, String(at)) as Error)
  })

  const deep = 70
  const tooDeep = 'its types are nested too deep'
  const itself = 'a type contains itself'
  test.each<[string, (writer: BtfWriter) => unknown, string, number]>([
    ['a typedef of none', (w) => w.typedef('a', 9), 'type 9 does not exist', 32],
    ['a typedef of itself', (w) => w.typedef('a', 1), itself, 32],
    ['typedefs of each other', (w) => w.typedef('a', w.typedef('b', 2)), itself, 44],
    ['an array of itself', (w) => w.array(1, 2), itself, 36],
    [
      'too many arrays of arrays',
      (w) => Array.from({ length: deep }).reduce<number>((id) => w.array(id, 1), w.int('int', 4)),
      tooDeep,
      1552,
    ],
    [
      'types that are nested for ever',
      (w) => {
        for (let id = 2; id < 100_000; id++) w.typedef('t', id)
        w.int('int', 4)
      },
      tooDeep,
      800,
    ],
  ])('%s', (_, build, problem, at) => {
    expect(() => parse(build)).toThrow(malformed(problem, String(at)) as Error)
  })

  test.each([5, -1, 1.5, NaN])('an id that is none: %d', (id) => {
    const btf = parse((w) => w.int('int', 4))
    for (const ask of ['type', 'declaration', 'kind', 'name', 'sizeOf', 'describe'] as const) {
      expect(() => btf[ask](id)).toThrow(
        misuse(
          'RangeError',
          `Expected an integer from 0 to 1 for the id of a type but received ${String(id)}`,
        ),
      )
    }
  })

  test('a section for data with what is no variable', () => {
    const build = (w: BtfWriter): unknown =>
      w.section('.bss', [{ type: w.int('int', 4), offset: 0, size: 4 }])
    expect(() => parse(build)).toThrow(malformed('a section contains what is no variable') as Error)
  })
})

describe('types that say nonsense of each other are refused:', () => {
  const int = (w: BtfWriter): number => w.int('int', 4)
  const missing = 'type 99 does not exist'

  test.each<[string, (writer: BtfWriter) => unknown, string]>([
    ['a pointer to nothing', (w) => w.pointer(99), missing],
    ['an array of nothing', (w) => w.array(99, 1, int(w)), missing],
    ['an array indexed by nothing', (w) => w.array(int(w), 1, 99), missing],
    [
      'a member of no type',
      (w) =>
        w.struct('s', 8, [
          { type: int(w), bitOffset: 0 },
          { type: 99, bitOffset: 32 },
        ]),
      missing,
    ],
    ['a side of no type', (w) => w.union('u', 4, [{ type: 99, bitOffset: 0 }]), missing],
    ['a typedef of nothing', (w) => w.typedef('t', 99), missing],
    ['a volatile nothing', (w) => w.volatile(99), missing],
    ['a const nothing', (w) => w.const(99), missing],
    ['a restrict nothing', (w) => w.restrict(99), missing],
    ['a tagged nothing', (w) => w.typeTag('user', 99), missing],
    ['a declaration tag on nothing', (w) => w.declarationTag('tag', 99), missing],
    ['a function of no prototype', (w) => w.function('f', 99), missing],
    ['a prototype that returns nothing known', (w) => w.prototype(99, {}), missing],
    ['a parameter of no type', (w) => w.prototype(0, { first: int(w), second: 99 }), missing],
    ['a variable of no type', (w) => w.variable('v', 99), missing],
    [
      'a section of no variable',
      (w) =>
        w.section('.bss', [
          { type: w.variable('v', int(w)), offset: 0, size: 4 },
          { type: 99, offset: 4, size: 4 },
        ]),
      missing,
    ],
    ['a typedef of itself', (w) => w.typedef('t', 1), 'a type contains itself'],
    ['an array of itself', (w) => w.array(1, 1, 0), 'a type contains itself'],
    [
      'a struct within itself',
      (w) => w.struct('s', 4, [{ name: 'x', type: w.nextId, bitOffset: 0 }]),
      'a type contains itself',
    ],
    [
      'structs within each other',
      (w) => {
        w.struct('a', 4, [{ name: 'x', type: w.const(3), bitOffset: 0 }])
        w.union('b', 4, [{ name: 'y', type: w.array(2, 1, 0), bitOffset: 0 }])
      },
      'a type contains itself',
    ],
    ['an integer of 17 bytes', (w) => w.int('int', 17), 'an integer is too large'],
    [
      'an integer of 33 bits in 4 bytes',
      (w) => w.bits('int', 4, 1, 32),
      'an integer has more bits than its bytes',
    ],
    [
      'a member whose name is nowhere',
      named(4, (w) => [0, int(w), 0, 999, 1, 0]),
      'a name lies outside its strings',
    ],
    [
      'a side whose name is nowhere',
      named(5, (w) => [0, int(w), 0, 999, 1, 0]),
      'a name lies outside its strings',
    ],
    [
      'a value whose name is nowhere',
      named(6, () => [0, 1, 999, 2]),
      'a name lies outside its strings',
    ],
    [
      'a value of 64 bits whose name is nowhere',
      named(19, () => [0, 1, 0, 999, 2, 0]),
      'a name lies outside its strings',
    ],
    [
      'a parameter whose name is nowhere',
      named(13, (w) => [0, int(w), 999, 1]),
      'a name lies outside its strings',
    ],
  ])('%s', (_, build, problem) => {
    expect(() => parse(build)).toThrow(malformed(problem) as Error)
  })

  /** A type of two parts, given as words. */
  function named(
    kind: number,
    part: (writer: BtfWriter) => number[],
  ): (writer: BtfWriter) => number {
    return (writer) => {
      const data = part(writer)
      return writer.raw('', kind, 2, 0, data)
    }
  }

  test.each<[string, (writer: BtfWriter) => unknown]>([
    [
      'types without end that pointers lead through',
      (w) => w.struct('list', 8, [{ name: 'next', type: w.pointer(2), bitOffset: 0 }]),
    ],
    ['an integer of 16 bytes', (w) => w.int('__int128', 16)],
    ['void', (w) => w.const(0)],
    [
      'a type that is in many others',
      (w) => {
        let id = w.int('int', 4)
        for (let level = 0; level < 40; level++) {
          id = w.struct('', 4, [
            { type: id, bitOffset: 0 },
            { type: id, bitOffset: 0 },
          ])
        }
      },
    ],
  ])('but not %s', (_, build) => {
    const btf = parse(build)
    for (let id = 0; id < btf.typeCount; id++) expect(btf.describe(id)).not.toBe('')
  })
})

describe('a function', () => {
  test('has parameters and a result', () => {
    let [int, pointer] = [0, 0]
    const btf = parse((w) => {
      int = w.int('int', 4)
      pointer = w.pointer(w.struct('file', 0, []))
      const prototype = w.prototype(int, { file: pointer, count: int })
      w.function('other', w.prototype(0, {}))
      w.function('read', prototype)
    })
    const parameters = [
      { name: 'file', type: pointer },
      { name: 'count', type: int },
    ]
    const function_ = { kind: 'function', linkage: 'global' }
    expect(btf.function('read')).toEqual({ ...function_, name: 'read', returns: int, parameters })
    expect(btf.function('other')).toEqual({
      ...function_,
      name: 'other',
      returns: 0,
      parameters: [],
    })
    expect(btf.function('file')).toBeUndefined()
  })

  test('has a prototype, or the data is malformed', () => {
    expect(() => parse((w) => w.function('read', w.int('int', 4)))).toThrow(
      malformed('a function has no prototype') as Error,
    )
  })
})

describe('damaged data is parsed or refused, and does nothing else', () => {
  /** What the damage should reach: each kind, and references between them. */
  function everyKind(): Uint8Array {
    const w = new BtfWriter()
    const int = w.int('int', 4, { signed: true })
    const char = w.int('char', 1, { char: true })
    const text = w.array(char, 16)
    const inner = w.struct('inner', 8, [{ name: 'a', type: int, bitOffset: 0 }])
    const hidden = w.struct('', 8, [
      { name: 'low', type: int, bitOffset: 0 },
      { name: 'high', type: int, bitOffset: 32 },
    ])
    const union = w.union('', 8, [
      { name: 'whole', type: w.float('double', 8), bitOffset: 0 },
      { type: hidden, bitOffset: 0 },
    ])
    const event = w.struct('event', 96, [
      { name: 'pid', type: w.const(w.typedef('__u32', int)), bitOffset: 0 },
      { name: 'comm', type: w.volatile(w.typeTag('user', text)), bitOffset: 32 },
      { type: union, bitOffset: 192 },
      { name: 'inners', type: w.array(inner, 3), bitOffset: 256 },
      { name: 'next', type: w.restrict(w.pointer(w.nextId + 2)), bitOffset: 448 },
    ])
    w.typedef('alias', event)
    w.struct('flags', 4, [
      { name: 'a', type: int, bitOffset: 0, bitSize: 3 },
      { name: 'b', type: w.enum('color', 4, { RED: 0, GREEN: 1 }), bitOffset: 3, bitSize: 5 },
    ])
    w.enum64('huge', 8, { HUGE: 1n << 40n })
    w.forward('task')
    w.function('main', w.prototype(int, { context: w.pointer(0) }))
    w.declarationTag('tag', event)
    const variable = w.variable('limit', w.const(int))
    w.section('.rodata', [{ type: variable, offset: 0, size: 4 }])
    w.section('.bss', [{ type: w.variable('events', event), offset: 0, size: 96 }])
    return w.bytes()
  }

  // An error, as there would be a warning for each damaged byte.
  const checked = { checked: true }
  const inner = struct('inner', { a: u32, b: u32 }, checked)
  const declared = ['event', 'alias', 'inner', 'flags', 'anonymous'].flatMap((name) => [
    struct(
      name,
      {
        pid: u32,
        comm: cstring(16),
        low: at(24, u32),
        inners: at(32, array(inner, 3)),
      },
      checked,
    ),
    struct(name, { missing: u8 }, checked),
    struct(name, { high: at(28, u32), next: at(56, bytes(8)), tail: bytes() }, checked),
    struct(name, { a: u32 }, checked).view(),
  ])

  /** Uses all there is; gives the errors that say something else than that it is damaged. */
  function wrongErrors(data: Uint8Array): unknown[] {
    const errors: unknown[] = []
    const attempt = <T>(use: () => T, ...codes: string[]): T | undefined => {
      try {
        return use()
      } catch (error) {
        const expected = ['ERR_OBJECT_FORMAT', ...codes]
        if (!(error instanceof BpfError) || !expected.includes(error.code)) errors.push(error)
        return undefined
      }
    }
    const btf = attempt(() => new Btf(data))
    if (btf === undefined) return errors
    attempt(() => btf.variables())
    for (const type of declared) {
      attempt(() => structOf(btf, type.name))
      attempt(() => checkLayout(type, { name: 'random', btf }), 'ERR_LAYOUT')
    }
    for (let id = 0; id < btf.typeCount; id++) {
      attempt(() => btf.type(id))
      attempt(() => btf.sizeOf(id))
      attempt(() => btf.describe(id))
    }
    return errors
  }

  const intact: [string, Uint8Array][] = [
    ['written by hand', everyKind()],
    ['made by clang', sectionContents(eventObject, '.BTF')],
  ]

  test.each(intact)('%s, cut off anywhere', (_, data) => {
    expect(() => new Btf(data)).not.toThrow()
    expect(wrongErrors(data)).toEqual([])
    for (let length = 0; length < data.length; length++) {
      expect(() => new Btf(data.slice(0, length))).toThrow(
        expect.objectContaining({ code: 'ERR_OBJECT_FORMAT' }) as Error,
      )
    }
  })

  test.each(intact)('%s, with single bytes changed', (_, data) => {
    for (let at = 0; at < data.length; at++) {
      for (const byte of [0, 4, 0xff]) {
        const damaged = data.slice()
        damaged[at] = byte
        expect({ at, byte, errors: wrongErrors(damaged) }).toEqual({ at, byte, errors: [] })
      }
    }
  })

  test.each(intact)('%s, with random damage', (_, data) => {
    for (let seed = firstSeed; seed < firstSeed + 1000; seed++) {
      const random = new Random(seed)
      const damaged = data.slice()
      for (let count = random.integer(1, 6); count > 0; count--) {
        const at = random.integer(0, data.length - 1)
        // Most numbers in it are small.
        damaged[at] = random.chance(0.5) ? random.integer(0, 40) : random.integer(0, 255)
      }
      expect({ seed, errors: wrongErrors(damaged) }).toEqual({ seed, errors: [] })
    }
  })
})
