import { BpfObject } from '../../lib/object/object.js'
import { Btf } from '../../lib/types/btf.js'
import { Memory } from '../../lib/types/memory.js'
import { compileRead, createRead } from '../../lib/types/read.js'
import type { Type } from '../../lib/types/type.js'
import { encode } from '../../lib/types/write.js'
import { BtfWriter } from './btf-writer.js'
import { compileBpf } from './compilers.js'
import { misuse } from './misuse.js'

const source = `
typedef unsigned char __u8; typedef unsigned short __u16; typedef unsigned int __u32;
typedef unsigned long long __u64; typedef signed char __s8;
enum color { RED, GREEN = 5, BLUE = 7 };
typedef enum { OFF, ON } mode_t;
union value { __u64 number; char text[8]; __u8 octets[4]; };
struct event {
  __u32 pid;
  enum color color;
  mode_t mode;
  char comm[8];
  char names[2][4];
  __u16 grid[2][3];
  union value value;
  union { __u32 v4; __u8 v6[16]; };
  struct { __u8 inner; __s8 deep; };
  __u32 low : 3, middle : 10;
  _Bool flag : 1;
  enum color hue : 4;
  int below : 5;
  void *task;
  __int128 large;
};
struct __attribute__((packed)) straddling { __u8 first; __u32 a : 20; __u64 b : 44; __u8 last; };
struct list { __u32 count; struct { __u32 id; __u32 value; } items[]; };
struct line { __u16 length; char text[]; };
typedef struct { int x; } alias;
struct event *event; union value *value; struct straddling *straddling; struct list *list;
struct line *line; alias *another; enum color *color;
int f(void) { return event->pid + value->number + straddling->first + list->count + line->length + another->x + *color; }
`

const btf = BpfObject.open(compileBpf(source)).btf as Btf

/** As it is read by compiled code and by none, and written again. */
function both(type: Type, record: Uint8Array): unknown {
  const memory = Memory.of(record)
  const value = compileRead(type)(memory, 0, record.length)
  expect(createRead(type)(memory, 0, record.length)).toEqual(value)
  return value
}

test('a struct decodes to what its C declaration says', () => {
  const Event = btf.struct('event')
  expect(Event.size).toBe(btf.sizeOf(btf.find('event', 'struct') ?? 0))
  const value = {
    pid: 42,
    color: 'GREEN',
    mode: 'ON',
    comm: 'bash',
    names: ['ab', 'c'],
    grid: [
      [1, 2, 3],
      [4, 5, 6],
    ],
    value: { number: 0x6261n },
    v4: 0x04030201,
    v6: Uint8Array.of(1, 2, 3, 4, ...new Array<number>(12).fill(9)),
    inner: 7,
    deep: -7,
    low: 5,
    middle: 1000,
    flag: true,
    hue: 'BLUE',
    below: -3,
    task: 0xffff888000000000n,
    large: -(2n ** 100n),
  }
  const record = encode(Event, value, 'event')
  const decoded = both(Event, record) as typeof value & { value: Record<string, unknown> }
  expect({ ...decoded, value: undefined }).toEqual({ ...value, value: undefined })
  expect([decoded.value.number, decoded.value['text'], decoded.value['octets']]).toEqual([
    0x6261n,
    'ab',
    Uint8Array.of(0x61, 0x62, 0, 0),
  ])
  expect(encode(Event, decoded, 'event')).toEqual(record)
})

test('of an anonymous union one member is enough to write, and bit-fields are all needed', () => {
  const Event = btf.struct('event')
  const { v4, v6, ...rest } = zeros() as Record<string, unknown>
  expect([v4, v6]).toEqual([0, new Uint8Array(16)])
  expect(both(Event, encode(Event, { ...rest, v4: 0x01020304 }, 'event'))).toMatchObject({
    v4: 0x01020304,
  })
  const six = new Uint8Array(16).fill(6)
  expect(both(Event, encode(Event, { ...rest, v6: six }, 'event'))).toMatchObject({ v6: six })
  // All may be given, as what is read has them all, when they agree.
  const differing = { ...rest, v4: 1, v6: six }
  expect(() => encode(Event, differing, 'event')).toThrow(/event\.v4 has .* for event\.v6 but /)
  const { middle, ...others } = rest
  expect(middle).toBe(0)
  expect(() => encode(Event, { ...others, v4 }, 'event')).toThrow(/ for event\.middle but /)
})

const network = BpfObject.open(
  compileBpf(`
typedef unsigned char __u8; typedef unsigned short __u16; typedef unsigned int __u32;
typedef unsigned long long __u64; typedef int __s32;
typedef __u16 __be16; typedef __u32 __be32; typedef __u64 __be64; typedef __be32 address_t;
typedef __s32 __be32_signed;
struct in6_addr { union { __u8 u6_addr8[16]; __be16 u6_addr16[8]; }; };
#define AS(type) __attribute__((btf_decl_tag(#type)))
struct endpoint {
  __be16 port; const __be16 ports[2]; __be32 host; address_t own; __be64 cookie; __u32 plain;
  __be32 address AS(ipv4); __u32 other AS(ipv4); __u8 hardware[6] AS(mac);
  __u8 both[2] AS(mac); __u8 six[16] AS(ipv6); struct in6_addr in6 AS(ipv6);
  union { __be32 v4 AS(ipv4); __u8 v6[16] AS(ipv6); };
};
__be32 global = 1;
struct endpoint *endpoint;
int f(void) { return endpoint->plain + global; }
`),
).btf as Btf

test('what linux/types.h calls big-endian is read and written so, and tags make addresses', () => {
  const Endpoint = network.struct('endpoint')
  const value = {
    port: 443,
    ports: [80, 8080],
    host: 0x7f000009,
    own: 0x0a000001,
    cookie: 0x0102030405060708n,
    plain: 1,
    address: '127.0.0.9',
    other: '192.0.2.1',
    hardware: '02:00:5e:10:00:ff',
    both: Uint8Array.of(1, 2),
    six: '2001:db8::1',
    in6: '::1',
  }
  const record = encode(Endpoint, { ...value, v6: '2001:db8::2' }, 'endpoint')
  const hex = Buffer.from(record).toString('hex')
  expect(hex.slice(0, 48)).toBe('01bb00501f900000' + '7f0000090a000001' + '0102030405060708')
  const decoded = both(Endpoint, record) as Record<string, unknown>
  expect(decoded).toMatchObject({ ...value, v4: '32.1.13.184', v6: '2001:db8::2' })
  expect(encode(network.typeOf('global'), 0x7f000001, 'global')).toEqual(
    Uint8Array.of(127, 0, 0, 1),
  )
  expect(both(network.struct('endpoint', { integers: 'string' }), record)).toMatchObject({
    cookie: String(0x0102030405060708n),
    address: '127.0.0.9',
  })
})

test('options say what enums, text and large integers are read as', () => {
  const options = { enums: 'number', chars: 'bytes', integers: 'string' } as const
  const Event = btf.struct('event', options)
  const record = new Uint8Array(Event.size).fill(1)
  expect(both(Event, record)).toMatchObject({
    color: 0x01010101,
    comm: new Uint8Array(8).fill(1),
    task: String(0x0101010101010101n),
  })
  const value = encode(btf.struct('event'), { ...zeros(), color: 7, hue: 7 }, 'event')
  expect(both(btf.struct('event'), value)).toMatchObject({ color: 'BLUE', hue: 'BLUE' })
  expect(both(btf.struct('event', { enums: 'number' }), value)).toMatchObject({
    color: 7,
    hue: 7,
  })
})

function zeros(): object {
  const Event = btf.struct('event')
  return compileRead(Event)(Memory.ofSize(Event.size), 0, Event.size)
}

test('values of enums that have no name stay numbers', () => {
  const Event = btf.struct('event')
  expect(both(Event, encode(Event, { ...zeros(), color: 6, hue: 6, mode: 9 }, 'e'))).toMatchObject({
    color: 6,
    hue: 6,
    mode: 9,
  })
})

test('bit-fields straddle what they like', () => {
  const value = { first: 1, a: 0xabcde, b: 0xfedcba98765n, last: 2 }
  const Straddling = btf.struct('straddling')
  expect(Straddling.size).toBe(10)
  const record = encode(Straddling, value, 'straddling')
  expect(Buffer.from(record).toString('hex')).toBe('01debc5a7698badcfe02')
  expect(both(Straddling, record)).toEqual(value)
})

test('flexible arrays take the rest of the record', () => {
  const List = btf.struct('list')
  const list = { count: 2, items: [1, 2].map((id) => ({ id, value: 10 * id })) }
  const record = encode(List, list, 'list')
  expect(record).toHaveLength(20)
  expect(both(List, record)).toEqual(list)
  const line = { length: 5, text: 'hello' }
  expect(both(btf.struct('line'), encode(btf.struct('line'), line, 'line'))).toEqual(line)
})

test('unions, enums, typedefs and variables are found by their names, and all by their ids', () => {
  const { value } = { value: both(btf.union('value'), Uint8Array.of(0x41, 0, 0, 0, 0, 0, 0, 0)) }
  expect(value).toMatchObject({ number: 0x41n, text: 'A' })
  const Color = btf.enum('color')
  expect(both(Color, Uint8Array.of(5, 0, 0, 0))).toBe('GREEN')
  expect(both(Color.number, Uint8Array.of(5, 0, 0, 0))).toBe(5)
  expect(both(btf.enum('mode_t'), Uint8Array.of(1, 0, 0, 0))).toBe('ON')
  expect(btf.struct('alias').size).toBe(4)
  expect(btf.typeOf('__u32').size).toBe(4)
  expect(btf.typeOf('event')).toBe(btf.struct('event'))
  expect(btf.typeOf(btf.find('event', 'struct') ?? 0)).toBe(btf.struct('event'))
  expect(both(btf.typeOf('another'), new Uint8Array(8).fill(1))).toBe(0x0101010101010101n)
})

describe('what there is not is an error:', () => {
  const error = (code: string, message: RegExp): Error =>
    expect.objectContaining({
      name: 'BpfError',
      code,
      message: expect.stringMatching(message) as string,
    }) as Error

  test.each<[string, () => unknown, string, RegExp]>([
    [
      'a name',
      () => btf.struct('evnet'),
      'ERR_NOT_FOUND',
      /^Cannot find struct "evnet": BTF has no struct of this name; did you mean "event"\? clang /,
    ],
    ['a name like none', () => btf.struct('xxxxxxxx'), 'ERR_NOT_FOUND', /of this name\. clang /],
    [
      'a union',
      () => btf.struct('value'),
      'ERR_NOT_FOUND',
      /: it is a union\. Use btf\.union\(\)$/,
    ],
    ['a struct', () => btf.union('event'), 'ERR_NOT_FOUND', /: it is a struct\. Use btf\.struct/],
    [
      'its typedef',
      () => btf.union('alias'),
      'ERR_NOT_FOUND',
      /: it is a struct\. Use btf\.struct/,
    ],
    ['a number', () => btf.struct('int'), 'ERR_NOT_FOUND', /: it is an int\. Use btf\.typeOf\(\)$/],
    ['an enum', () => btf.enum('colour'), 'ERR_NOT_FOUND', /did you mean "color"/],
    ['a type', () => btf.typeOf('__u3'), 'ERR_NOT_FOUND', /did you mean "__u(8|16|32|64)"/],
    ['void', () => btf.typeOf(0), 'ERR_UNSUPPORTED', /^Cannot decode void: it is void$/],
  ])('%s', (_, use, code, message) => {
    expect(use).toThrow(error(code, message))
  })

  test('a member without a type in JavaScript', () => {
    const w = new BtfWriter()
    const inner = w.struct('inner', 16, [
      { name: 'x', type: w.float('long double', 16), bitOffset: 0 },
    ])
    w.struct('event', 16, [{ name: 'inner', type: inner, bitOffset: 0 }])
    expect(() => new Btf(w.bytes()).struct('event')).toThrow(
      error(
        'ERR_UNSUPPORTED',
        /^Cannot decode struct "event": its member inner\.x is long double of 16 bytes$/,
      ),
    )
  })

  test('another byte order', () => {
    const w = new BtfWriter()
    w.struct('event', 4, [{ name: 'x', type: w.int('int', 4), bitOffset: 0 }])
    const isLittle = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
    expect(() => new Btf(w.bytes(!isLittle)).struct('event')).toThrow(
      error('ERR_UNSUPPORTED', /its byte order is not this machine's$/),
    )
  })

  test('an option', () => {
    expect(() => btf.struct('event', { enums: 'text' as never })).toThrow(
      misuse('TypeError', "Expected one of name, number for enums but received 'text'"),
    )
    expect(() => btf.struct('event', { enum: 'name' } as never)).toThrow(TypeError)
  })
})
