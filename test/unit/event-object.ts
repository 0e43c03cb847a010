import type { Btf } from '../../lib/types/btf.js'
import { BpfObject } from '../../lib/object/object.js'
import { compileBpf } from './compilers.js'

const source = `
typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef long long __s64;

enum color { RED, GREEN };
struct inner { __u8 a; __u32 b; };
typedef struct { int x; const volatile char *pointer; } anonymous;

struct event {
  __u64 time;
  __s64 delta;
  __u32 pid;
  int ret;
  char comm[16];
  __u8 raw[6];
  _Bool ok;
  __s8 level;
  enum color color;
  __u16 port;
  struct inner inner;
  struct inner inners[2];
  __u32 grid[2][3];
  union { __u64 address; struct { __u32 low, high; }; };
  union { __u32 id; __u8 octets[4]; } key;
  anonymous typed;
  const volatile __u32 qualified;
  void *task;
  __u32 flag : 3, mode : 5;
  char tail[];
};

enum below { BELOW = -1, ABOVE };
struct bytes {
  char plain;
  __u8 octet;
  enum below below;
  _Bool flags[3];
  double ratio;
};
struct outer { struct inner aligned __attribute__((aligned(16))); char end; };

struct event *event;
struct bytes *numbers;
struct outer *outer;
anonymous *another;
const volatile int limit = 5;
const volatile _Bool enabled = 1;
static volatile char name[8] = "abc";
__u64 counter, total;
int sum(void) { return limit + enabled + name[1] + counter + total + event->pid + another->x + numbers->plain + outer->end; }
char LICENSE[] __attribute__((section("license"))) = "GPL";
`

/** An object file with a bit of everything that struct and layout tests ask for. */
export const eventObject = compileBpf(source)

/** Its BTF as a reader gets it: libbpf fills in where variables are. */
export function eventBtf(): Btf {
  using object = BpfObject.open(eventObject)
  return object.btf as Btf
}
