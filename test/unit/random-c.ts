// Random structs as C programs have them: packed, aligned, nested, unions, bit-fields,
// enums, arrays; and the C program that says what they hold.
import type { Random } from './random.js'

/** What C reads by itself: a number, a text, a list of bytes. */
export interface Leaf {
  /** To its value in what is decoded. */
  path: readonly (string | number)[]
  /** An expression in C. */
  c: string
  kind: 'unsigned' | 'signed' | 'unsigned128' | 'signed128' | 'float' | 'bool' | 'text' | 'bytes'
  isBitField: boolean
  /** Of text and bytes. */
  length: number
  /** Of an enum of 64 bits, whose numbers may be too large. */
  isWide?: boolean
  /** Of an enum, the first name of each value. */
  names?: ReadonlyMap<string, string>
}

export interface CStruct {
  name: string
  /** With those of what it contains. */
  declaration: string
  leaves: readonly Leaf[]
}

/** What a compiler's BTF cannot say is left out. */
export interface Abilities {
  /** Enums of 64 bits, and whether 32 bits are signed. */
  wideEnums: boolean
  int128: boolean
  floats: boolean
  arraysOfArrays: boolean
  namelessBits: boolean
}

type Kind = Leaf['kind']

interface Declared {
  /** With NAME for its declarator. */
  c: string
  leaves: Leaf[]
}

interface Scope {
  random: Random
  abilities: Abilities
  name: string
  /** Of enums and structs that are declared before. */
  before: string[]
  count: number
  leaves: number
}

const integers: readonly (readonly [c: string, kind: Kind, bits: number])[] = [
  ['char', 'signed', 8],
  ['signed char', 'signed', 8],
  ['unsigned char', 'unsigned', 8],
  ['short', 'signed', 16],
  ['unsigned short', 'unsigned', 16],
  ['int', 'signed', 32],
  ['unsigned int', 'unsigned', 32],
  ['long', 'signed', 64],
  ['unsigned long', 'unsigned', 64],
  ['long long', 'signed', 64],
  ['unsigned long long', 'unsigned', 64],
  ['u32_t', 'unsigned', 32],
]

export const prelude = 'typedef unsigned int u32_t; struct forward;\n'

const mostLeaves = 120

export function randomCStruct(random: Random, name: string, abilities: Abilities): CStruct {
  const scope: Scope = { random, abilities, name, before: [], count: 0, leaves: 0 }
  const { c, leaves } = composite(scope, 'struct', name, 0)
  const declaration = `${scope.before.join('')}${c.replace(' NAME', '')};\n`
  return { name, declaration, leaves }
}

function leaf(kind: Kind, length = 0, names?: Leaf['names']): Leaf {
  const named = names === undefined ? {} : { names }
  return { path: [], c: '', kind, isBitField: false, length, ...named }
}

/** With a member's name in front of all paths. */
function within(leaves: readonly Leaf[], ...names: (string | number)[]): Leaf[] {
  const c = names.map((name) => (typeof name === 'number' ? `[${String(name)}]` : `.${name}`))
  return leaves.map((each) => ({
    ...each,
    path: [...names, ...each.path],
    c: `${c.join('')}${each.c}`,
  }))
}

function composite(scope: Scope, kind: 'struct' | 'union', tag: string, depth: number): Declared {
  const { random } = scope
  const members: string[] = []
  const leaves: Leaf[] = []
  for (let left = random.integer(1, depth === 0 ? 9 : 4); left > 0; left--) {
    const found = member(scope, depth, kind)
    members.push(`${found.c};`)
    leaves.push(...found.leaves)
  }
  if (leaves.length === 0) {
    const found = scalarMember(scope)
    members.push(`${found.c};`)
    leaves.push(...found.leaves)
  }
  const attributes = [
    random.chance(0.25) ? 'packed' : '',
    random.chance(0.1) ? `aligned(${String(random.pick([1, 2, 4, 8, 16, 32]))})` : '',
  ].filter((attribute) => attribute !== '')
  const attribute = attributes.length === 0 ? '' : ` __attribute__((${attributes.join(', ')}))`
  return { c: `${kind} ${tag} { ${members.join(' ')} }${attribute} NAME`, leaves }
}

function nextName(scope: Scope): string {
  return `f${String(scope.count++)}`
}

function member(scope: Scope, depth: number, parent: 'struct' | 'union'): Declared {
  const { random } = scope
  const kind = random.integer(0, 19)
  if (kind < 5 && parent === 'struct') return bitField(scope)
  if (kind < 7 && depth < 3 && scope.leaves < mostLeaves) {
    // An anonymous one has attributes, and no name of its own.
    const anonymous = composite(scope, random.pick(['struct', 'union']), '', depth + 1)
    return { c: anonymous.c.replace(/ NAME$/, ''), leaves: anonymous.leaves }
  }
  const name = nextName(scope)
  const { c, leaves } = type(scope, depth)
  scope.leaves += leaves.length
  const aligned = random.chance(0.07)
    ? ` __attribute__((aligned(${String(random.pick([1, 2, 4, 8, 16, 32]))})))`
    : random.chance(0.05)
      ? ' __attribute__((packed))'
      : ''
  return { c: `${c.replace('NAME', name)}${aligned}`, leaves: within(leaves, name) }
}

function scalarMember(scope: Scope): Declared {
  const name = nextName(scope)
  return { c: `int ${name}`, leaves: within([leaf('signed')], name) }
}

function bitField(scope: Scope): Declared {
  const { random } = scope
  if (scope.abilities.namelessBits && random.chance(0.08))
    return { c: `int : ${String(random.pick([0, 3, 9]))}`, leaves: [] }
  const name = nextName(scope)
  const asMember = (c: string, width: number, found: Leaf): Declared => ({
    c: `${c} ${name} : ${String(width)}`,
    leaves: within([{ ...found, isBitField: true }], name),
  })
  if (random.chance(0.15)) return asMember('_Bool', 1, leaf('bool'))
  if (random.chance(0.15)) {
    const { c, kind, names, bits } = enumeration(scope, false)
    const width = random.integer(1, bits)
    const isWhole = [...names].filter(([value]) => fits(BigInt(value), width, kind === 'signed'))
    return asMember(c, width, leaf(kind, 0, new Map(isWhole)))
  }
  const [c, kind, bits] = random.pick(integers.slice(1))
  return asMember(c, random.integer(1, bits), leaf(kind))
}

function fits(value: bigint, width: number, isSigned: boolean): boolean {
  return value === (isSigned ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value))
}

function type(scope: Scope, depth: number): Declared {
  const { random, abilities } = scope
  const kind = random.integer(0, 19)
  const isSmall = depth >= 3 || scope.leaves >= mostLeaves
  if (kind < 2) {
    const length = random.integer(1, 20)
    const isText = random.chance(0.6)
    const c = isText ? 'char' : 'unsigned char'
    return {
      c: `${c} NAME[${String(length)}]`,
      leaves: [leaf(isText ? 'text' : 'bytes', length)],
    }
  }
  if (kind < 5 && !isSmall) return arrayOf(scope, depth)
  if (kind < 7) {
    const { c, kind: sign, names, bits } = enumeration(scope, abilities.wideEnums)
    return { c: `${c} NAME`, leaves: [{ ...leaf(sign, 0, names), isWide: bits === 64 }] }
  }
  if (kind < 8) {
    const c = random.pick(['void *NAME', 'struct forward *const NAME', 'int (*NAME)(void *)'])
    return { c, leaves: [leaf('unsigned')] }
  }
  if (kind < 11 && !isSmall) {
    const tag = `${scope.name}_${String(scope.count++)}`
    const found = composite(scope, random.pick(['struct', 'struct', 'union']), tag, depth + 1)
    if (random.chance(0.5)) return found
    // Declared before, and used by its name.
    scope.before.push(`${found.c.replace(/ NAME$/, '')};\n`)
    return { c: `${/^\w+ \w+/.exec(found.c)?.[0] ?? ''} NAME`, leaves: found.leaves }
  }
  if (kind < 12) return { c: '_Bool NAME', leaves: [leaf('bool')] }
  if (kind < 14 && abilities.floats) {
    return { c: `${random.pick(['float', 'double'])} NAME`, leaves: [leaf('float')] }
  }
  if (kind < 15 && abilities.int128) {
    return random.chance(0.5)
      ? { c: '__int128 NAME', leaves: [leaf('signed128')] }
      : { c: 'unsigned __int128 NAME', leaves: [leaf('unsigned128')] }
  }
  const [c, sign] = random.pick(integers)
  const qualifier = random.pick(['', '', '', 'const ', 'volatile ', 'const volatile '])
  return { c: `${qualifier}${c} NAME`, leaves: [leaf(sign)] }
}

function arrayOf(scope: Scope, depth: number): Declared {
  const { random } = scope
  const element = type(scope, depth + 1)
  if (!scope.abilities.arraysOfArrays && element.c.includes('NAME[')) return element
  const length = random.integer(1, 3)
  const first = element.leaves[0]
  const isByte = /^(const |volatile )*(unsigned )?char NAME$/.test(element.c)
  const c = element.c.replace('NAME', `NAME[${String(length)}]`)
  if (isByte && first !== undefined) {
    const isText = !element.c.includes('unsigned')
    return { c, leaves: [leaf(isText ? 'text' : 'bytes', length)] }
  }
  const indices = Array.from({ length }, (_, i) => i)
  // In C the index of the outer array comes first.
  return { c, leaves: indices.flatMap((i) => within(element.leaves, i)) }
}

function enumeration(
  scope: Scope,
  mayBeWide: boolean,
): { c: string; kind: 'signed' | 'unsigned'; names: Map<string, string>; bits: number } {
  const { random, abilities } = scope
  const bits = mayBeWide && random.chance(0.2) ? 64 : 32
  const isSigned = random.chance(0.4)
  const values = [0n, BigInt(random.integer(1, 9)), BigInt(random.integer(10, 100))]
  if (isSigned) values.push(-1n, -BigInt(random.integer(2, 90)))
  else if (abilities.wideEnums && random.chance(0.3)) values.push(0xffffffffn)
  if (bits === 64) values.push(isSigned ? -(1n << 40n) : 1n << 63n)
  const prefix = `${scope.name}_e${String(scope.count++)}`
  const names = new Map<string, string>()
  const all = values.map((value, i) => {
    const name = `${prefix}_${String(i)}`
    if (!names.has(String(value))) names.set(String(value), name)
    const literal =
      value < 0n
        ? `${String(value)}${bits === 64 ? 'll' : ''}`
        : `${String(value)}${bits === 64 ? 'ull' : ''}`
    return `${name} = ${literal}`
  })
  scope.before.push(`enum ${prefix} { ${all.join(', ')} };\n`)
  return { c: `enum ${prefix}`, kind: isSigned ? 'signed' : 'unsigned', names, bits }
}

/** Prints the size of each struct, or, of records on standard input, what is in them. */
export function readerInC(structs: readonly CStruct[]): string {
  const sizes = structs.map(({ name }) => `printf("%zu\\n", sizeof(struct ${name}));`)
  const readers = structs.map(
    ({ name, leaves }) => `static void read_${name}(void) {
  static struct ${name} v;
  if (fread((void *)&v, 1, sizeof(v), stdin) != sizeof(v)) exit(1);
${leaves.map((each) => `  ${printed(each)}`).join('\n')}
  putchar('\\n');
}`,
  )
  const names = structs.map(({ name }) => `read_${name}`)
  return `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
${prelude}${structs.map(({ declaration }) => declaration).join('')}
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
  unsigned index;
  if (argc > 1) { ${sizes.join(' ')} return 0; }
  while (fread(&index, 4, 1, stdin) == 1) readers[index]();
  return 0;
}
`
}

function printed({ c, kind, length, isBitField }: Leaf): string {
  switch (kind) {
    case 'unsigned':
      return `printf("%llu ", (unsigned long long)v${c});`
    case 'signed':
      return `printf("%lld ", (long long)v${c});`
    case 'unsigned128':
    case 'signed128':
      return `whole(v${c});`
    case 'float':
      return `real(v${c});`
    case 'bool':
      return isBitField
        ? `printf("%d ", v${c});`
        : `printf("%d ", *(const volatile unsigned char *)&v${c} != 0);`
    case 'text':
    case 'bytes':
      return `hex(&v${c}, ${String(length)});`
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
