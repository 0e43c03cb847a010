import { runInNewContext } from 'node:vm'
import { bitField, bits } from '../../lib/types/bits.js'
import { Btf } from '../../lib/types/btf.js'
import { enumeration } from '../../lib/types/enumeration.js'
import { checkLayout, type Described, markSame } from '../../lib/types/layout.js'
import { map } from '../../lib/types/own.js'
import {
  array,
  at,
  bool,
  bytes,
  cstring,
  type Fields,
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
import { deadlineMs } from '../until.js'
import { BtfWriter } from './btf-writer.js'
import { eventBtf } from './event-object.js'

const btf = eventBtf()
const object = { name: 'event', btf }
const inner = struct('inner', { a: u8, b: u32 })
const first = struct('inner', { a: u8 })

/** All that BTF has of struct event but its bit-fields. */
const whole = {
  time: u64,
  delta: i64,
  pid: u32,
  ret: i32,
  comm: cstring(16),
  raw: bytes(6),
  ok: bool,
  level: i8,
  color: u32,
  port: u16,
  inner,
  inners: array(inner, 2),
  grid: array(array(u32, 3), 2),
  address: u64,
  low: at(104, u32),
  high: at(108, u32),
  key: u32,
  typed: at(120, struct('typed', { x: i32, pointer: u64 })),
  qualified: u32,
  task: u64,
  tail: at(153, cstring()),
}

describe('a layout passes', () => {
  test.each<[string, Type]>([
    ['when it is the whole struct', struct('event', whole)],
    ['when it is a view', struct('event', whole).view()],
    ['when fields are left out', struct('event', { ret: at(20, i32), comm: cstring(16) })],
    ['when it is no struct', u32],
    ['when it is an array of structs', array(array(inner, 2), 3)],
    ['when it is declared as unchecked', struct('event', { pid: u8 }, { unchecked: true })],
    ['by the name of a typedef', struct('anonymous', { x: i32, pointer: u64 })],
    ['with a time as number', struct('event', { time: u64.number, delta: i64.number })],
    ['with an enum as signed', struct('event', { color: at(48, i32) })],
    ['with a char as either sign', struct('bytes', { plain: u8 })],
    ['with a char as either sign', struct('bytes', { plain: i8 })],
    ['with a byte as bool', struct('bytes', { octet: at(1, bool) })],
    ['with an enum of either sign as signed', struct('bytes', { below: at(4, i32) })],
    ['with the last fields of a nested struct left out', struct('event', { inner: at(56, first) })],
    ['with the padding of an aligned struct left out', struct('outer', { aligned: inner })],
    ['with text as bytes', struct('event', { comm: at(24, bytes(16)) })],
    ['with bytes as text', struct('event', { raw: at(40, cstring(6)) })],
    ['with bytes as an array', struct('event', { raw: at(40, array(u8, 6)) })],
    ['with anything as bytes', struct('event', { inners: at(64, bytes(16)) })],
    ['with a pointer as bytes', struct('event', { task: at(144, bytes(8)) })],
    ['with a tail of bytes', struct('event', { tail: at(153, bytes()) })],
    ['with a pointer', struct('event', { task: at(144, pointer) })],
    ['with an integer of networks', struct('event', { port: at(52, u16.be) })],
    ['with a named union', struct('event', { key: at(112, union({ id: u32, octets: bytes(4) })) })],
    [
      'with an anonymous union, of which a member is that of a struct in it',
      struct('event', { sides: at(104, union({ address: u64, high: at(4, u32) })) }),
    ],
    [
      'with all bit-fields of a unit',
      struct('event', { all: at(152, bits(u8, { flag: 3, mode: 5 })) }),
    ],
    ['with one bit-field of them', struct('event', { mode: at(152, bits(u8, 5, 3)) })],
    ['with a bit-field by its bytes', struct('event', { mode: at(152, bitField(3, 5, false)) })],
    ['with bits of what is no bit-field', struct('event', { pid: at(16, bits(u32, 4, 28)) })],
    ['with all bits of an integer', struct('event', { pid: at(16, bits(u32, { a: 16, b: 16 })) })],
    ['with an enum', struct('event', { color: at(48, enumeration(u32, { RED: 0, GREEN: 1 })) })],
    ['with names for an integer', struct('event', { pid: at(16, enumeration(u32, { INIT: 1 })) })],
    ['with an own type', struct('event', { pid: at(16, map(u32, String)) })],
    ['with an own type of a struct', map(struct('event', { pid: at(16, u32) }), ({ pid }) => pid)],
    ['with a list at its end', struct('event', { tail: at(153, array(i8)) })],
    ['with text for its wide integers', withIntegers(struct('event', whole), 'string')],
    ['when it must be there', struct('event', whole, { checked: true })],
    ['when it is a union', union('event', { time: u64, delta: at(8, i64) })],
    [
      'with a union as the struct of one side',
      struct('event', { key: at(112, struct('side', { octets: array(u8, 4) })) }),
    ],
  ])('%s', (_, type) => {
    expect(() => checkLayout(type, object)).not.toThrow()
  })
})

describe('a layout is refused, naming the field', () => {
  const wrongInner = struct('inner', { a: u8, b: i32 })

  test.each<[string, Fields, string, string]>([
    ['a wrong offset', { time: u64, pid: u32 }, 'event.pid', 'its offset is 8 here and 16 in BTF'],
    [
      'the first of several',
      { time: u64, delta: i64, ret: i32, pid: u32 },
      'event.ret',
      'its offset is 16 here and 20 in BTF',
    ],
    [
      'a name that BTF does not have',
      { time: u64, ppid: u32 },
      'event.ppid',
      'BTF has no such field; it has time, delta, pid, ret, comm, raw, ok, level, color, port, ' +
        'inner, inners, grid, address, low, high, key, typed, qualified, task, flag, mode, tail',
    ],
    [
      'pointers for a number of 4 bytes',
      { pid: at(16, pointer) },
      'event.pid',
      'it is pointer here and __u32 in BTF',
    ],
    ['128 bits', { time: u128 }, 'event.time', 'it is u128 here and __u64 in BTF'],
    [
      'a member of a union',
      { key: at(112, union({ id: u32, octets: bytes(3) })) },
      'event.key.octets',
      'it has 3 bytes here and 4 (__u8[4]) in BTF',
    ],
    [
      'a union that is larger',
      { key: at(112, union({ id: u64 })) },
      'event.key',
      'it has 8 bytes here and 4 in BTF',
    ],
    [
      'a union for what is none',
      { pid: at(16, union('id', { a: u32 })) },
      'event.pid',
      'it is union id here and __u32 in BTF',
    ],
    [
      'a member of an anonymous union',
      { sides: at(104, union({ address: u64, high: u32 })) },
      'event.sides.high',
      'its offset is 104 here and 108 in BTF',
    ],
    [
      'a bit-field of another width',
      { all: at(152, bits(u8, { flag: 2, mode: 5 })) },
      'event.all.flag',
      'its width in bits is 2 here and 3 in BTF',
    ],
    [
      'a bit-field at another bit',
      { mode: at(152, bits(u8, 5, 2)) },
      'event.mode',
      'its offset in bits is 1218 here and 1219 in BTF',
    ],
    [
      'a bit-field with a sign',
      { mode: at(152, bits(i8, 5, 3)) },
      'event.mode',
      'it is signed here and unsigned in BTF',
    ],
    [
      'bits of an integer of another size',
      { pid: at(16, bits(u64, { a: 64 })) },
      'event.pid',
      'it is struct bits of u64 here and __u32 in BTF',
    ],
    [
      'an enum of another size',
      { color: at(48, enumeration(u8, { RED: 0 })) },
      'event.color',
      'it is enum here and enum color in BTF',
    ],
    [
      'what an own type is made from',
      { pid: at(16, map(i32, String)) },
      'event.pid',
      'it is i32 here and __u32 in BTF',
    ],
    ['a number that is too small', { time: u32 }, 'event.time', 'it is u32 here and __u64 in BTF'],
    [
      'a number that is too large',
      { port: at(52, u32) },
      'event.port',
      'it is u32 here and __u16 in BTF',
    ],
    [
      'an unsigned number that is signed',
      { ret: at(20, u32) },
      'event.ret',
      'it is u32 here and int in BTF',
    ],
    [
      'a signed number that is unsigned',
      { pid: at(16, i32) },
      'event.pid',
      'it is i32 here and __u32 in BTF',
    ],
    [
      'the sign of 64 bits as number',
      { time: i64.number },
      'event.time',
      'it is i64 here and __u64 in BTF',
    ],
    ['the sign of 16 bits', { port: at(52, i16) }, 'event.port', 'it is i16 here and __u16 in BTF'],
    [
      'a number for text',
      { comm: at(24, u64) },
      'event.comm',
      'it is u64 here and char[16] in BTF',
    ],
    [
      'a number for an array of its size',
      { key: at(112, struct('side', { octets: u32 })) },
      'event.key.octets',
      'it is u32 here and __u8[4] in BTF',
    ],
    ['a byte for a number', { pid: at(16, bool) }, 'event.pid', 'it is bool here and __u32 in BTF'],
    [
      'an enum of another size',
      { color: at(48, u8) },
      'event.color',
      'it is u8 here and enum color in BTF',
    ],
    [
      'a pointer of another size',
      { task: at(144, u32) },
      'event.task',
      'it is u32 here and void * in BTF',
    ],
    [
      'text that is too long',
      { comm: at(24, cstring(32)) },
      'event.comm',
      'it has 32 bytes here and 16 (char[16]) in BTF',
    ],
    [
      'text that is too short',
      { comm: at(24, cstring(8)) },
      'event.comm',
      'it has 8 bytes here and 16 (char[16]) in BTF',
    ],
    [
      'bytes of another length',
      { raw: at(40, bytes(4)) },
      'event.raw',
      'it has 4 bytes here and 6 (__u8[6]) in BTF',
    ],
    [
      'a length for the tail',
      { tail: at(153, cstring(8)) },
      'event.tail',
      'it has 8 bytes here and 0 (char[]) in BTF',
    ],
    [
      'text for a number',
      { pid: at(16, cstring(4)) },
      'event.pid',
      'it is char[4] here and __u32 in BTF',
    ],
    [
      'text for an array of numbers',
      { grid: at(80, cstring(24)) },
      'event.grid',
      'it is char[24] here and __u32[2][3] in BTF',
    ],
    [
      'an array of another length',
      { inners: at(64, array(inner, 3)) },
      'event.inners',
      'it is inner[3] here and struct inner[2] in BTF',
    ],
    [
      'an array of what is none',
      { pid: at(16, array(u8, 4)) },
      'event.pid',
      'it is u8[4] here and __u32 in BTF',
    ],
    [
      'an array of arrays the other way round',
      { grid: at(80, array(array(u32, 2), 3)) },
      'event.grid',
      'it is u32[3][2] here and __u32[2][3] in BTF',
    ],
    [
      'the element of an array',
      { grid: at(80, array(array(i32, 3), 2)) },
      'event.grid[][]',
      'it is i32 here and __u32 in BTF',
    ],
    [
      'a field of a nested struct',
      { inner: at(56, wrongInner) },
      'event.inner.b',
      'it is i32 here and __u32 in BTF',
    ],
    [
      'a field of a struct in an array',
      { inners: at(64, array(wrongInner, 2)) },
      'event.inners[].b',
      'it is i32 here and __u32 in BTF',
    ],
    [
      'the size of a struct in an array',
      { inners: at(64, array(first, 2)) },
      'event.inners[]',
      'it has 1 bytes here and 8 in BTF',
    ],
    [
      'a nested struct that is larger',
      { inner: at(56, struct('inner', { a: u8, b: u32, c: at(12, u32) })) },
      'event.inner',
      'it has 16 bytes here and 8 in BTF',
    ],
    [
      'a byte that is signed',
      { level: at(47, u8) },
      'event.level',
      'it is u8 here and __s8 in BTF',
    ],
    [
      'a byte that is unsigned',
      { raw: at(40, array(i8, 6)) },
      'event.raw[]',
      'it is i8 here and __u8 in BTF',
    ],
    ['a byte for a bool', { ok: at(46, u8) }, 'event.ok', 'it is u8 here and _Bool in BTF'],
    [
      'a signed number for a pointer',
      { task: at(144, i64) },
      'event.task',
      'it is i64 here and void * in BTF',
    ],
    [
      'a field that takes the rest and is not the last',
      { comm: at(24, cstring()) },
      'event.comm',
      'it takes the rest of the record, and in BTF raw follows it',
    ],
    [
      'a struct for a number',
      { pid: at(16, struct('inner', { a: u32 })) },
      'event.pid',
      'it is struct inner here and __u32 in BTF',
    ],
    ['a bit-field', { flag: at(152, u8) }, 'event.flag', 'it is a bit-field of 3 bits in BTF'],
    [
      'a field of an anonymous struct in an anonymous union',
      { high: at(104, u32) },
      'event.high',
      'its offset is 104 here and 108 in BTF',
    ],
  ])('%s', (_, fields, field, problem) => {
    const target = `field "${field}"`
    const error = expect.objectContaining({
      name: 'BpfError',
      code: 'ERR_LAYOUT',
      target,
      message: `Cannot decode ${target}: ${problem}. Declare the struct as the BPF program does`,
    }) as Error
    const type = struct('event', fields)
    expect(() => checkLayout(type, object)).toThrow(error)
    expect(() => checkLayout(type.view(), object)).toThrow(error)
  })
})

describe('a struct of another name is refused for', () => {
  test.each<[string, Type, string, string]>([
    [
      'an enum with negative values',
      struct('bytes', { below: at(4, u32) }),
      'bytes.below',
      'it is u32 here and enum below in BTF',
    ],
    [
      'text that is three bools',
      struct('bytes', { flags: at(8, cstring(3)) }),
      'bytes.flags',
      'it is char[3] here and _Bool[3] in BTF',
    ],
    [
      'a double',
      struct('bytes', { ratio: at(16, i64) }),
      'bytes.ratio',
      'it is i64 here and double in BTF',
    ],
    [
      'a double',
      struct('bytes', { ratio: at(16, u64.number) }),
      'bytes.ratio',
      'it is u64 here and double in BTF',
    ],
    [
      'an element of an array that is the record',
      array(array(struct('inner', { a: u8, b: i32 }), 2), 2),
      'inner.b',
      'it is i32 here and __u32 in BTF',
    ],
    [
      'the size of an element of an array that is the record',
      array(first, 2),
      'inner',
      'it has 1 bytes here and 8 in BTF',
    ],
  ])('%s', (_, type, field, problem) => {
    const message = `Cannot decode field "${field}": ${problem}. Declare the struct as the BPF program does`
    expect(() => checkLayout(type, object)).toThrow(
      expect.objectContaining({ code: 'ERR_LAYOUT', message }) as Error,
    )
  })
})

describe('of two structs with one name, as in linked objects', () => {
  const w = new BtfWriter()
  const int = w.int('int', 4, { signed: true })
  const long = w.int('unsigned long', 8)
  w.struct('event', 4, [{ name: 'code', type: int, bitOffset: 0 }])
  w.struct('event', 16, [
    { name: 'time', type: long, bitOffset: 0 },
    { name: 'code', type: int, bitOffset: 64 },
  ])
  const linked = { name: 'linked', btf: new Btf(w.bytes()) }

  test.each([[{ code: i32 }], [{ time: u64, code: i32 }]])('one is enough: %j', (fields) => {
    expect(() => checkLayout(struct('event', fields), linked)).not.toThrow()
  })

  test('what is neither is refused, and both are listed', () => {
    expect(() => checkLayout(struct('event', { time: u64, code: u32 }), linked)).toThrow(
      expect.objectContaining({
        code: 'ERR_LAYOUT',
        message:
          'Cannot decode struct "event": BTF has 2 structs of this name and it is none of them: ' +
          '(1) field "event.time": BTF has no such field; it has code; ' +
          '(2) field "event.code": it is u32 here and int in BTF. ' +
          'Declare the struct as the BPF program does',
      }) as Error,
    )
  })
})

describe('what cannot be checked', () => {
  let warnings: jest.SpyInstance

  beforeEach(() => {
    warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  })

  afterEach(() => {
    warnings.mockRestore()
  })

  test.each<[string, Btf | undefined, string, string]>([
    ['other', btf, 'struct of this name in its BTF', 'Is the name right?'],
    ['', btf, 'struct of this name in its BTF', 'Is the name right?'],
    ['evnt', btf, 'struct of this name in its BTF; did you mean "event"?', 'Is the name right?'],
    ['event', undefined, 'BTF', 'Compile it with clang -g'],
  ])('is a warning, once for each struct "%s" and object', (name, known, missing, hint) => {
    // As wrong as can be for the anonymous structs that there are.
    const type = struct(name, { x: at(100, u64) })
    for (const described of [
      { name: 'one', btf: known },
      { name: 'two', btf: known },
    ]) {
      checkLayout(type, described)
      checkLayout(type.view(), described)
      checkLayout(array(type, 2), described)
    }
    const warning = (object: string): unknown => [
      `The layout of struct "${name}" is not checked: object "${object}" has no ${missing}`,
      {
        code: 'BPF_RINGBUF_UNCHECKED_LAYOUT',
        detail: expect.stringMatching(`^${hint.replaceAll('?', '\\?')}.*unchecked: true`) as string,
      },
    ]
    expect(warnings.mock.calls).toEqual([warning('one'), warning('two')])
  })

  test('is none when the struct says so, and for what is no struct', () => {
    const unnamed = { name: 'object', btf: undefined }
    checkLayout(struct('evnet', { a: u8 }, { unchecked: true }), unnamed)
    checkLayout(array(struct('evnet', { a: u8 }, { unchecked: true }), 2), unnamed)
    for (const type of [u32, bytes(), cstring(4), array(u8, 2)]) checkLayout(type, unnamed)
    expect(warnings).not.toHaveBeenCalled()
  })
})

describe('of an enum', () => {
  const check = (names: Record<string, number>) => (): void =>
    checkLayout(struct('event', { color: at(48, enumeration(u32, names)) }), object)

  test('some names and their values pass', () => {
    expect(check({ GREEN: 1 })).not.toThrow()
    expect(check({ GREEN: 1, RED: 0 })).not.toThrow()
  })

  test.each([
    ['another value', { RED: 0, GREEN: 2 }, 'GREEN is 2 here and 1 in BTF'],
    ['a misspelt name', { RED: 0, GREN: 1 }, 'its enum has no GREN in BTF; it has GREEN'],
    ['another name', { BLUE: 0 }, 'its enum has no BLUE in BTF; it has RED, GREEN'],
  ])('%s is refused', (_, names, problem) => {
    const message = `Cannot decode field "event.color": ${problem}. Declare the struct as the BPF program does`
    expect(check(names)).toThrow(expect.objectContaining({ code: 'ERR_LAYOUT', message }) as Error)
  })
})

describe('a struct that must be checked is refused', () => {
  const keep =
    'clang leaves out what only local variables use, unless a global refers to it: ' +
    'struct NAME *unused __attribute__((unused))'
  const required = (name: string): Type => struct(name, { pid: u32 }, { checked: true })

  test.each<[string, Type, Described | undefined, string, string]>([
    [
      'when BTF has none of its name, with those that are near',
      required('evnet'),
      object,
      'ERR_LAYOUT',
      `Cannot check the layout of struct "evnet": object "event" has no struct of this name in its BTF; did you mean "event"? ${keep}`,
    ],
    [
      'when none is near',
      array(required('nothing_like_it'), 2),
      object,
      'ERR_LAYOUT',
      `Cannot check the layout of struct "nothing_like_it": object "event" has no struct of this name in its BTF. ${keep}`,
    ],
    [
      'also as a union, in an own type',
      map(union('inne', { a: u8 }, { checked: true }), String),
      object,
      'ERR_LAYOUT',
      `Cannot check the layout of union "inne": object "event" has no union of this name in its BTF; did you mean "inner"? ${keep}`,
    ],
    [
      'when the object has no BTF',
      required('event'),
      { name: 'bare', btf: undefined },
      'ERR_NO_BTF',
      'Cannot check the layout of struct "event": object "bare" has no BTF. Compile it with clang -g',
    ],
    [
      'when there is no object',
      required('event'),
      undefined,
      'ERR_NO_BTF',
      'Cannot check the layout of struct "event": the map is of no object, whose BTF would say it',
    ],
  ])('%s', (_, type, described, code, message) => {
    const error = expect.objectContaining({ name: 'BpfError', code, message }) as Error
    expect(() => checkLayout(type, described)).toThrow(error)
  })

  test('and one that need not be is not looked for without an object', () => {
    expect(() => checkLayout(struct('event', { pid: u8 }), undefined)).not.toThrow()
  })
})

describe('in malformed BTF', () => {
  // That it is damaged, or that it has no such field.
  const refused = expect.objectContaining({
    name: 'BpfError',
    code: expect.stringMatching(/^ERR_(OBJECT_FORMAT|LAYOUT)$/) as string,
  }) as Error

  /** Looking for a field ends, whatever the BTF says. */
  function checkToItsEnd(build: (writer: BtfWriter) => unknown): void {
    const writer = new BtfWriter()
    build(writer)
    const damaged = new Btf(writer.bytes())
    const check = (): void =>
      checkLayout(struct('event', { pid: u32 }), { name: 'damaged', btf: damaged })
    runInNewContext('check()', { check }, { timeout: deadlineMs })
  }

  test('an anonymous member that contains itself is refused', () => {
    expect(() => checkToItsEnd((w) => w.struct('event', 8, [{ type: 1, bitOffset: 0 }]))).toThrow(
      refused,
    )
  })

  test('anonymous members that double with each level are refused', () => {
    expect(() =>
      checkToItsEnd((w) => {
        for (let level = 1; level < 40; level++) {
          const next = { type: level + 1, bitOffset: 0 }
          w.struct(level === 1 ? 'event' : '', 8, [next, next])
        }
        w.struct('', 8, [])
      }),
    ).toThrow(refused)
  })
})

test('what was compared whole with this BTF is not compared again', () => {
  const type = struct('event', { pid: u32 })
  expect(() => checkLayout(type, object)).toThrow('offset')
  markSame(type, btf)
  checkLayout(type, object)
  checkLayout(type.view(), object)
  expect(() => checkLayout(type, { name: 'other', btf: eventBtf() })).toThrow('offset')
})
