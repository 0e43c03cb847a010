// What generated modules say of types that BTF alone does not tell.
import { generateModule } from '../../lib/gen/module.js'
import { BpfObject } from '../../lib/object/object.js'
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
