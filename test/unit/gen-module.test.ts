// What generated modules say of types that BTF alone does not tell.
import { generateModule } from '../../lib/gen/module.js'
import { bits, i16, struct, u8 } from '../../lib/index.js'
import { BpfObject } from '../../lib/object/object.js'
import { checkMatch } from '../../lib/skeleton/match.js'
import { at } from '../../lib/types/fields.js'
import { compileBpf } from './compilers.js'

function moduleOf(source: string): string {
  using object = BpfObject.open(compileBpf(source))
  return generateModule(object, {
    types: [],
    rings: new Map(),
    specifier: 'bpf-ringbuf',
    fileName: 'net.bpf.o',
    file: 'net.bpf.o',
    command: 'gen',
    embedded: undefined,
  })
}

test('big-endian integers and addresses of maps, globals and records are what they are', () => {
  const text = moduleOf(`
typedef unsigned char __u8; typedef unsigned short __u16; typedef unsigned int __u32;
typedef __u16 __be16; typedef __u32 __be32;
#define AS(type) __attribute__((btf_decl_tag(#type)))
struct peer { __be32 host; __be16 port; };
struct connected { struct peer peer; __be32 address AS(ipv4); __u8 hardware[6] AS(mac); };
struct { int (*type)[1]; int (*max_entries)[8]; __be32 *key; struct peer *value; } peers
  __attribute__((section(".maps"), used));
__be16 only_port = 1;
struct connected *unused_connected;
int f(void) { return only_port + unused_connected->peer.port; }
`)
  expect(text).toMatch(/host: u32\.be,\s+port: u16\.be,/)
  expect(text).toMatch(/address: ipv4,\s+hardware: mac,/)
  expect(text).toMatch(/`__be32 address` \*\/\s+address: string\s/)
  expect(text).toContain("type: 'hash', key: u32.be, value: Peer")
  expect(text).toContain('only_port: u16.be')
  expect(text).toMatch(/import \{[^}]*\bipv4\b[^}]*\bmac\b[^}]*\} from 'bpf-ringbuf'/)
})

test('bit-fields of enums and booleans are numbers, and match their object', () => {
  const source = `
enum kind { NONE, FIRST, LAST = 200 };
struct event { enum kind kind : 8; _Bool last : 1; unsigned rest : 7; short size; };
struct { int (*type)[1]; int (*max_entries)[8]; int *key; struct event *value; } events
  __attribute__((section(".maps"), used));
int f(void) { return 0; }
`
  const text = moduleOf(source)
  expect(text).toMatch(
    /kind: bits\(u8, 8, 0\),\s+last: bits\(u8, 1, 0\),\s+rest: at\(1, bits\(u8, 7, 1\)\),\s+size: i16,/,
  )
  expect(text).toMatch(/`enum kind kind : 8` \*\/\s+kind: number\s/)
  expect(text).toMatch(/last : 1` \*\/\s+last: number\s/)

  using object = BpfObject.open(compileBpf(source))
  const check = (kindBits: number): void => {
    const fields = { kind: bits(u8, kindBits, 0), last: at(1, bits(u8, 1, 0)), size: at(2, i16) }
    const event = struct('event', { ...fields, rest: at(1, bits(u8, 7, 1)) })
    const parts = { name: 'agent', command: 'gen', file: '', programs: [], globals: {} }
    checkMatch(object, { ...parts, maps: {}, rings: {}, types: [event] })
  }
  check(8)
  expect(() => {
    check(7)
  }).toThrow(/kind of struct event: it was 7 bits of u8 and is 8 bits of/)
})
