// The C program that says what records of random structs hold, and how its words are
// those of a decoder.
import { type CStruct, type Leaf, prelude } from './random-c.js'

/**
 * Prints the size of each struct and of its records, or, of records on standard input,
 * what is in them. In front of each are its index and length, of 4 bytes each.
 */
export function readerInC(structs: readonly CStruct[]): string {
  const sizes = structs.map(({ name, tail }) => {
    const of = `struct ${name}`
    const record =
      tail === undefined
        ? `sizeof(${of})`
        : `__builtin_offsetof(${of}, ${tail.name}) + ` +
          `${String(tail.count)} * sizeof(((${of} *)0)->${tail.name}[0])`
    return `printf("%zu %zu\\n", sizeof(${of}), (size_t)(${record}));`
  })
  const readers = structs.map(
    ({ name, leaves }) => `static void read_${name}(void) {
  struct ${name} *v = (void *)record;
${leaves.map((each) => `  ${printed(each)}`).join('\n')}
  putchar('\\n');
}`,
  )
  const names = structs.map(({ name }) => `read_${name}`)
  return `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
${prelude}static unsigned char record[1 << 16] __attribute__((aligned(64)));
${structs.map(({ declaration }) => declaration).join('')}
static void whole(unsigned __int128 n) {
  printf("%016llx%016llx ", (unsigned long long)(n >> 64), (unsigned long long)n);
}
static void real(double d) {
  unsigned long long bits;
  memcpy(&bits, &d, 8);
  if (d != d) printf("nan "); else printf("%016llx ", bits);
}
static void hex(const volatile void *p, int n) {
  for (int i = 0; i < n; i++) printf("%02x", ((const volatile unsigned char *)p)[i]);
  putchar(' ');
}
${readers.join('\n')}
static void (*const readers[])(void) = { ${names.join(', ')} };
int main(int argc, char **argv) {
  unsigned head[2];
  if (argc > 1) { ${sizes.join(' ')} return 0; }
  while (fread(head, 4, 2, stdin) == 2) {
    memset(record, 0x5a, sizeof(record));
    if (head[1] > sizeof(record) || fread(record, 1, head[1], stdin) != head[1]) return 1;
    readers[head[0]]();
  }
  return 0;
}
`
}

function printed({ c, kind, length, isBitField }: Leaf): string {
  switch (kind) {
    case 'unsigned':
      return `printf("%llu ", (unsigned long long)(*v)${c});`
    case 'signed':
      return `printf("%lld ", (long long)(*v)${c});`
    case 'unsigned128':
    case 'signed128':
      return `whole((*v)${c});`
    case 'float':
      return `real((*v)${c});`
    case 'bool':
      return isBitField
        ? `printf("%d ", (*v)${c});`
        : `printf("%d ", *(const volatile unsigned char *)&(*v)${c} != 0);`
    case 'text':
    case 'bytes':
      return `hex(&(*v)${c}, ${String(length)});`
  }
}

/** What a decoder must give for what the C program printed. */
export function valueOf(
  { kind, names }: Leaf,
  text: string,
  { asNumbers, asBytes }: { asNumbers: boolean; asBytes: boolean },
): unknown {
  switch (kind) {
    case 'unsigned':
    case 'signed': {
      const name = asNumbers ? undefined : names?.get(text)
      if (name !== undefined) return name
      return BigInt(text)
    }
    case 'unsigned128':
      return BigInt(`0x${text}`)
    case 'signed128':
      return BigInt.asIntN(128, BigInt(`0x${text}`))
    case 'float': {
      if (text === 'nan') return NaN
      return new Float64Array(BigUint64Array.of(BigInt(`0x${text}`)).buffer)[0]
    }
    case 'bool':
      return text === '1'
    case 'text': {
      if (asBytes) return text
      const bytes = Buffer.from(text, 'hex')
      const stop = bytes.indexOf(0)
      return bytes.subarray(0, stop < 0 ? bytes.length : stop).toString('utf8')
    }
    case 'bytes':
      return text
  }
}
