import { Btf } from '../../lib/types/btf.js'
import { BpfObject } from '../../lib/object/object.js'
import { typeFromBtf, unsupportedInBtf } from '../../lib/types/from-btf.js'
import { Memory } from '../../lib/types/memory.js'
import { compileRead } from '../../lib/types/read.js'
import { array, bytes, cstring, f64, struct, type Type, u32, u64 } from '../../lib/types/struct.js'
import { withIntegers } from '../../lib/types/with-integers.js'
import { createWrite, encode } from '../../lib/types/write.js'
import { BtfWriter } from './btf-writer.js'
import { compileBpf } from './compilers.js'
import { firstSeed, Random } from './random.js'
import { readInC } from './random-scalars.js'
import {
  declareC,
  encodeStruct,
  type Model,
  randomStruct,
  randomValue,
  shown,
  sizeAndAlign,
} from './random-struct.js'

const names = `
typedef unsigned char uint8_t; typedef signed char int8_t;
typedef unsigned short uint16_t; typedef short int16_t;
typedef unsigned int uint32_t; typedef int int32_t;
typedef unsigned long long uint64_t; typedef long long int64_t;
typedef _Bool bool;
`

/** What is read by a type of BTF, which knows of C's types alone, and of no list of bytes. */
function asInBtf(model: Model, value: unknown): unknown {
  switch (model.kind) {
    case 'scalar': {
      const view = new DataView(new ArrayBuffer(model.size))
      model.write(view, 0, value as never)
      return readInC(model, view, 0)
    }
    case 'array': {
      const { element } = model
      const isBytes = element.kind === 'scalar' && element.c === 'uint8_t'
      const items = (value as unknown[]).map((item) => asInBtf(element, item))
      return isBytes ? Uint8Array.from(items as number[]) : items
    }
    case 'union':
      return Object.fromEntries(
        model.members.map(({ name, model: member }) => [
          name,
          asInBtf(member, (value as Record<string, unknown>)[name]),
        ]),
      )
    case 'struct':
      return Object.fromEntries(
        model.fields.map(({ name, model: field }) => [
          name,
          asInBtf(field, (value as Record<string, unknown>)[name]),
        ]),
      )
    default:
      return value
  }
}

test('random structs are found in what clang makes of them, and read as the reference has them', () => {
  const random = new Random(firstSeed)
  const models = Array.from({ length: 100 }, (_, i) => randomStruct(random, `s${String(i)}`, false))
  const globals = models.map(({ name }) => `struct ${name} global_${name};\n`)
  using object = BpfObject.open(compileBpf([names, ...models.map(declareC), ...globals].join('')))
  const btf = object.btf as Btf
  const variables = btf.variables()
  for (const model of models) {
    const { type: id = 0 } = variables.find(({ name }) => name === `global_${model.name}`) ?? {}
    const type = typeFromBtf(btf, id)
    const value = randomValue(model, random) as Record<string, unknown>
    const record = encodeStruct(model, value, random)
    if (type === undefined) throw new Error(`no type for ${declareC(model)}`)
    const read = compileRead(type)(Memory.of(record), 0, record.length)
    const what = declareC(model)
    expect([what, type.size, shown(model, read)]).toEqual([
      what,
      sizeAndAlign(model).size,
      asInBtf(model, value),
    ])
  }
})

describe('a type of BTF is', () => {
  const w = new BtfWriter()
  const int = w.int('unsigned int', 4)
  const char = w.int('char', 1, { char: true })
  const flat = w.struct('flat', 8, [
    { name: 'a', type: int, bitOffset: 0 },
    { name: 'b', type: int, bitOffset: 32 },
  ])
  const anonymous = w.struct('outer', 24, [
    { name: 'first', type: int, bitOffset: 0 },
    { type: flat, bitOffset: 64 },
    { name: 'last', type: w.pointer(0), bitOffset: 128 },
  ])
  const list = w.struct('list', 16, [
    { name: 'next', type: w.pointer(w.nextId + 1), bitOffset: 0 },
    { name: 'value', type: int, bitOffset: 64 },
  ])
  const ids = {
    anonymous,
    list,
    typedef: w.typedef('name_t', w.const(w.volatile(w.array(char, 16)))),
    texts: w.array(w.array(char, 4), 2),
    lists: w.array(list, 2),
    double: w.float('double', 8),
    octets: w.array(w.int('unsigned char', 1), 3),
    padded: w.struct('padded', 64, [{ name: 'a', type: int, bitOffset: 0 }]),
  }
  const btf = new Btf(w.bytes())

  test.each<[keyof typeof ids, unknown, unknown]>([
    ['anonymous', undefined, { first: 1, a: 2, b: 3, last: 4n }],
    ['list', struct('list', { next: u64, value: u32 }), { next: 1n, value: 2 }],
    ['typedef', cstring(16), 'text'],
    ['texts', array(cstring(4), 2), ['ab', 'c']],
    ['double', f64, 0.1],
    ['octets', bytes(3), Uint8Array.of(1, 2, 3)],
    ['padded', undefined, { a: 1 }],
  ])('%s', (name, expected, value) => {
    const type = typeFromBtf(btf, ids[name])
    if (type === undefined) throw new Error('no type')
    if (expected !== undefined) {
      const { size, align } = expected as typeof type
      expect(type).toMatchObject({ size, align })
    }
    expect(type.size).toBe(btf.sizeOf(ids[name]))
    const written = encode(type, value, 'value')
    expect(written).toHaveLength(type.size)
    expect(compileRead(type)(Memory.of(written), 0, type.size)).toEqual(value)
  })
})

describe('of a union whose members are fields', () => {
  const w = new BtfWriter()
  const octet = w.int('unsigned char', 1)
  const int = w.int('unsigned int', 4)
  const wide = w.int('unsigned long long', 8)
  const member = (name: string, bitOffset = 0, type = int) => ({ name, type, bitOffset })
  // union { u8 a; struct { u32 x; union { u32 y; struct { u32 :32; u32 far, last; }; }; }; u64 z; }
  const deep = w.struct('', 12, [member('far', 32), member('last', 64)])
  const inner = w.union('', 12, [member('y'), { type: deep, bitOffset: 0 }])
  const pair = w.struct('', 16, [member('x'), { type: inner, bitOffset: 32 }])
  const members = [member('a', 0, octet), { type: pair, bitOffset: 0 }, member('z', 0, wide)]
  const choice = w.union('', 16, members)
  const outer = [member('id'), { type: choice, bitOffset: 32 }]
  const ids = { struct: w.struct('outer', 20, outer), union: w.union('whole', 16, members) }
  const btf = new Btf(w.bytes())

  const writers: [string, (type: Type, value: object) => number[]][] = [
    ['encode()', (type, value) => [...encode(type, value, 'value')]],
    [
      'createWrite()',
      (type, value) => {
        const memory = Memory.ofSize(type.size)
        memory.u8.fill(9)
        createWrite(type)(memory, 0, value, 'value')
        return [...memory.u8.subarray(0, type.size)]
      },
    ],
  ]

  const words = (...values: number[]): number[] => values.flatMap((value) => [value, 0, 0, 0])

  const enough: [object, number[]][] = [
    [{ a: 1 }, words(1, 0, 0, 0)],
    [{ z: 2 }, words(2, 0, 0, 0)],
    [{ x: 1, y: 2 }, words(1, 2, 0, 0)],
    [{ x: 1, far: 3, last: 4 }, words(1, 0, 3, 4)],
    [{ x: 1, y: 2, far: 3, last: 4 }, words(1, 2, 3, 4)],
  ]
  const tooLittle: [object, RegExp][] = [
    [{ x: 1 }, /^Expected an integer .* for value\.(y|far) but received undefined$/],
    [{ y: 1 }, / for value\.x but /],
    [{ x: 1, far: 1 }, / for value\.last but /],
    [{ x: 1, last: 1 }, / for value\.far but /],
  ]

  describe.each(writers)('by %s', (_, write) => {
    const types = { struct: findType(btf, ids.struct), union: findType(btf, ids.union) }
    const strings = withIntegers(types.struct, 'string')

    test.each(enough)('%p is enough', (value, expected) => {
      expect(write(types.struct, { id: 7, ...value })).toEqual([...words(7), ...expected])
      expect(write(strings, { id: 7, ...value })).toEqual([...words(7), ...expected])
      expect(write(types.union, value)).toEqual(expected)
    })

    test.each(tooLittle)('%p is not', (value, message) => {
      expect(() => write(types.struct, { id: 7, ...value })).toThrow(message)
      expect(() => write(types.union, value)).toThrow(message)
    })

    test('several members are for the struct that has all when it was read', () => {
      const all = { id: 7, a: 1, x: 1, y: 2, far: 2, last: 3, z: 2 ** 33 + 1 }
      expect(write(types.struct, all)).toEqual(words(7, 1, 2, 2, 3))
      expect(() => write(types.struct, { id: 7 })).toThrow(/ for value\.a but /)
      for (const value of [{}, { a: 1, z: 1 }, { b: 1 }]) {
        expect(() => write(types.union, value)).toThrow(/exactly one of a, x, y, far, last, z/)
      }
    })
  })
})

function findType(btf: Btf, id: number): Type {
  const type = typeFromBtf(btf, id)
  if (type === undefined) throw new Error('no type')
  return type
}

describe('there is no type for', () => {
  const w = new BtfWriter()
  const int = w.int('int', 4, { signed: true })
  const wide = w.int('unsigned __int128', 16)
  const bits = w.struct('bits', 16, [{ name: 'low', type: wide, bitOffset: 0, bitSize: 65 }])
  const forward = w.forward('unknown')
  // Each has two of the one before: 2^40 fields, and as many empty members.
  const doubled = (name: (i: number) => string, first: number): number => {
    let last = first
    for (let i = 0; i < 40; i++) {
      last = w.struct(`level${String(i)}`, 2 ** 20, [
        { name: name(0), type: last, bitOffset: 0 },
        { name: name(1), type: last, bitOffset: 0 },
      ])
    }
    return last
  }
  const many = doubled((i) => `m${String(i)}`, int)
  const empty = w.struct('empty', 0, [])
  const manyEmpty = doubled(() => '', empty)
  const member = (type: number, name = 'm'): number =>
    w.struct('outer', 64, [
      { name: 'before', type: int, bitOffset: 0 },
      { name, type, bitOffset: 32 },
    ])
  const cases: [string, number, { path: string; problem: string | RegExp }][] = [
    ['a bit-field of 65 bits', member(bits), { path: '.m.low', problem: 'a bit-field of 65 bits' }],
    [
      'an array of them',
      member(w.array(bits, 2)),
      { path: '.m[].low', problem: 'a bit-field of 65 bits' },
    ],
    [
      'a bit-field outside',
      w.struct('s', 4, [{ name: 'a', type: int, bitOffset: 30, bitSize: 3 }]),
      { path: '.a', problem: 'outside of its struct' },
    ],
    ['an anonymous number', member(int, ''), { path: '.(anonymous)', problem: /without a name/ }],
    ['24 bits', member(w.int('int24', 3)), { path: '.m', problem: 'int24 of 3 bytes' }],
    [
      'a union without members',
      w.union('u', 4, []),
      { path: '', problem: /union without members/ },
    ],
    ['long double', w.float('long double', 16), { path: '', problem: 'long double of 16 bytes' }],
    [
      'a forward declaration',
      member(forward),
      { path: '.m', problem: 'struct unknown without a size' },
    ],
    ['a struct without members', empty, { path: '', problem: 'a struct without members' }],
    ['a name that is no identifier', member(int, 'a-b'), { path: '.a-b', problem: /name/ }],
    ['two members of a name', member(int, 'before'), { path: '.before', problem: 'there twice' }],
    [
      'what is larger than a record can be',
      w.array(int, 2 ** 29),
      { path: '', problem: 'too large' },
    ],
    [
      'more fields than any struct has',
      many,
      { path: expect.any(String) as string, problem: /too many/ },
    ],
    [
      'more members than any struct has',
      manyEmpty,
      { path: expect.any(String) as string, problem: /./ },
    ],
    [
      'a member outside',
      w.struct('s', 2, [{ name: 'a', type: int, bitOffset: 0 }]),
      { path: '.a', problem: 'outside of its struct' },
    ],
    [
      'a tail between two bytes',
      w.struct('s', 4, [
        { name: 'a', type: int, bitOffset: 0 },
        { name: 'tail', type: w.array(int, 0), bitOffset: 35 },
      ]),
      { path: '.tail', problem: 'between two bytes' },
    ],
    [
      'a tail outside',
      w.struct('s', 4, [
        { name: 'a', type: int, bitOffset: 0 },
        { name: 'tail', type: w.array(int, 0), bitOffset: 40 },
      ]),
      { path: '.tail', problem: 'outside of its struct' },
    ],
  ]
  const btf = new Btf(w.bytes())

  test.each(cases)('%s', (_, id, { path, problem }) => {
    expect(typeFromBtf(btf, id, { tail: true })).toBeUndefined()
    expect(unsupportedInBtf(btf, id, { tail: true })).toEqual({
      path,
      problem: typeof problem === 'string' ? problem : (expect.stringMatching(problem) as string),
    })
  })
})
