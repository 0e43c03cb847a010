// Random structs as C programs have them: packed, aligned, nested, unions, bit-fields,
// enums, arrays, typedefs, flexible tails.
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
  /** A flexible array at its end, and how many elements of it `leaves` has. */
  tail?: { name: string; count: number }
}

/** What a compiler's BTF cannot say is left out. */
export interface Abilities {
  /** Enums of 64 bits, and whether 32 bits are signed. */
  wideEnums: boolean
  int128: boolean
  floats: boolean
  arraysOfArrays: boolean
  namelessBits: boolean
  /** On pointers and members. */
  tags: boolean
}

type Kind = Leaf['kind']

interface Declared {
  /** With NAME for its declarator. */
  c: string
  leaves: Leaf[]
  isArray?: boolean
  /** Of `char` and `unsigned char`: what an array of them is. */
  asArray?: 'text' | 'bytes'
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

const pointers = [
  'void *NAME',
  'struct forward *const NAME',
  'int (*NAME)(void *)',
  'const char *const *NAME',
  'int (*NAME)[4]',
]
const taggedPointers = ['int __attribute__((btf_type_tag("user"))) *NAME']

export const prelude = 'typedef unsigned int u32_t; struct forward;\n'

const mostLeaves = 120

export function randomCStruct(random: Random, name: string, abilities: Abilities): CStruct {
  const scope: Scope = { random, abilities, name, before: [], count: 0, leaves: 0 }
  const { c, leaves } = composite(scope, 'struct', name, 0)
  const tail = random.chance(0.15) ? tailOf(scope) : undefined
  const whole = tail === undefined ? c : c.replace(/ }([^}]*)$/, ` ${tail.c}; }$1`)
  const declaration = `${scope.before.join('')}${whole.replace(/ NAME$/, '')};\n`
  if (tail === undefined) return { name, declaration, leaves }
  const { name: tailName, count } = tail
  return {
    name,
    declaration,
    leaves: [...leaves, ...tail.leaves],
    tail: { name: tailName, count },
  }
}

/** A flexible array, with the elements that its records have. */
function tailOf(scope: Scope): Declared & { name: string; count: number } {
  const found = type(scope, 2)
  const isRefused = found.isArray === true && !scope.abilities.arraysOfArrays
  const element = isRefused ? { c: 'int NAME', leaves: [leaf('signed')] } : found
  const count = scope.random.integer(0, 3)
  const name = nextName(scope)
  const array = arrayOf(element, count, '')
  return {
    name,
    count,
    c: array.c.replace('NAME', name),
    leaves: count === 0 ? [] : within(array.leaves, name),
  }
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
  if (kind < (parent === 'struct' ? 5 : 2)) return bitField(scope)
  if (random.chance(0.03)) {
    const empty = random.pick(['int NAME[0]', 'struct {} NAME', 'struct forward *NAME[0]'])
    return { c: empty.replace('NAME', nextName(scope)), leaves: [] }
  }
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
      : scope.abilities.tags && random.chance(0.03)
        ? ' __attribute__((btf_decl_tag("key:value")))'
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
    const [c, asArray] = random.pick([
      ['char', 'text'],
      ['unsigned char', 'bytes'],
    ] as const)
    const one = { c: `${c} NAME`, leaves: [leaf('signed')], asArray }
    return arrayOf(one, random.integer(1, 20))
  }
  if (kind < 5 && !isSmall) {
    const element = type(scope, depth + 1)
    const isRefused = element.isArray === true && !abilities.arraysOfArrays
    return isRefused ? element : arrayOf(element, random.integer(1, 3))
  }
  if (kind < 7) {
    const { c, kind: sign, names, bits } = enumeration(scope, abilities.wideEnums)
    return { c: `${c} NAME`, leaves: [{ ...leaf(sign, 0, names), isWide: bits === 64 }] }
  }
  if (kind < 8) {
    const c = random.pick([...pointers, ...(abilities.tags ? taggedPointers : [])])
    return { c, leaves: [leaf('unsigned')] }
  }
  if (kind < 11 && !isSmall) return namedComposite(scope, depth)
  if (kind < 12) return { c: '_Bool NAME', leaves: [leaf('bool')] }
  if (kind < 14 && abilities.floats) {
    return { c: `${random.pick(['float', 'double'])} NAME`, leaves: [leaf('float')] }
  }
  if (kind < 15 && abilities.int128) {
    return random.chance(0.5)
      ? { c: '__int128 NAME', leaves: [leaf('signed128')] }
      : { c: 'unsigned __int128 NAME', leaves: [leaf('unsigned128')] }
  }
  if (kind < 17 && depth < 3) return typedefOf(scope, type(scope, depth + 1))
  const [c, sign] = random.pick(integers)
  const qualifier = random.pick(['', '', '', 'const ', 'volatile ', 'const volatile '])
  const asArray = c === 'char' ? 'text' : c === 'unsigned char' ? 'bytes' : undefined
  const found = { c: `${qualifier}${c} NAME`, leaves: [leaf(sign)] }
  return asArray === undefined ? found : { ...found, asArray }
}

function namedComposite(scope: Scope, depth: number): Declared {
  const { random } = scope
  const tag = `${scope.name}_${String(scope.count++)}`
  const found = composite(scope, random.pick(['struct', 'struct', 'union']), tag, depth + 1)
  if (random.chance(0.5)) return found
  // Declared before, and used by its name.
  const [before, after] = random.chance(0.3)
    ? [`#pragma pack(push, ${String(random.pick([1, 2, 4]))})\n`, '#pragma pack(pop)\n']
    : ['', '']
  scope.before.push(`${before}${found.c.replace(/ NAME$/, '')};\n${after}`)
  return { c: `${/^\w+ \w+/.exec(found.c)?.[0] ?? ''} NAME`, leaves: found.leaves }
}

/** By one name or more, of which each may qualify what is behind it. */
function typedefOf(scope: Scope, behind: Declared): Declared {
  const { random } = scope
  let { c } = behind
  for (let left = random.integer(1, 3); left > 0; left--) {
    const name = `${scope.name}_t${String(scope.count++)}`
    // Less than its natural alignment: what has more could not be in an array.
    const aligned = random.chance(0.1) ? ' __attribute__((aligned(1)))' : ''
    const qualifier = random.pick(['', '', '', 'const ', 'volatile '])
    scope.before.push(`typedef ${qualifier}${c.replace('NAME', name)}${aligned};\n`)
    c = `${name} NAME`
  }
  return { ...behind, c }
}

/** @param written What stands between its brackets. */
function arrayOf(
  { c: element, leaves, asArray }: Declared,
  length: number,
  written = String(length),
): Declared {
  const c = element.replace('NAME', `NAME[${written}]`)
  if (asArray !== undefined) return { c, leaves: [leaf(asArray, length)], isArray: true }
  const indices = Array.from({ length }, (_, i) => i)
  // In C the index of the outer array comes first.
  return { c, leaves: indices.flatMap((i) => within(leaves, i)), isArray: true }
}

function enumeration(
  scope: Scope,
  mayBeWide: boolean,
): { c: string; kind: 'signed' | 'unsigned'; names: Map<string, string>; bits: number } {
  const { random, abilities } = scope
  const bits = mayBeWide && random.chance(0.2) ? 64 : 32
  const isSigned = random.chance(0.4)
  const isPacked = bits === 32 && random.chance(0.2)
  const values = [0n, BigInt(random.integer(1, 9)), BigInt(random.integer(10, 100))]
  if (isSigned) values.push(-1n, -BigInt(random.integer(2, 90)))
  else if (abilities.wideEnums && !isPacked && random.chance(0.3)) values.push(0xffffffffn)
  const isHalf = isPacked && random.chance(0.5)
  if (isHalf) values.push(300n)
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
  const packed = isPacked ? ' __attribute__((packed))' : ''
  scope.before.push(`enum ${prefix} { ${all.join(', ')} }${packed};\n`)
  const kind = isSigned ? 'signed' : 'unsigned'
  return { c: `enum ${prefix}`, kind, names, bits: isHalf ? 16 : isPacked ? 8 : bits }
}
