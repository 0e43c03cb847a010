// What is decoded by BTF is what a C program with the same struct reads from the same
// bytes, whichever compiler made the BTF. `make interop` takes 10,000 structs.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BtfMember } from '../../lib/btf/types.js'
import { Btf } from '../../lib/types/btf.js'
import { Memory } from '../../lib/types/memory.js'
import { compileRead, createRead } from '../../lib/types/read.js'
import type { Type } from '../../lib/types/type.js'
import { createWrite, encode } from '../../lib/types/write.js'
import { inDirectory } from './compilers.js'
import { sectionContents } from './elf-file.js'
import { firstSeed, Random } from './random.js'
import { type Abilities, type CStruct, type Leaf, prelude, randomCStruct } from './random-c.js'
import { readerInC, valueOf } from './reader-in-c.js'

const wanted = Number(process.env['INTEROP_STRUCTS'] ?? 300)
const perCompile = 100

interface Compiler {
  name: string
  command: string
  flags: readonly string[]
  host: string
  abilities: Abilities
  /** Through `bpftool gen object`. */
  linked?: boolean
  bigEndian?: readonly string[]
}

const all = {
  wideEnums: true,
  int128: true,
  floats: true,
  arraysOfArrays: true,
  namelessBits: true,
  tags: true,
}
const old = { ...all, wideEnums: false }

function clang(version: number): Compiler[] {
  const command = `clang-${String(version)}`
  const cpus = version < 18 ? ['v1', 'v3'] : ['v1', 'v3', 'v4']
  const bigEndian = ['-target', 'bpfeb', '-g', '-O2']
  return cpus.map((cpu) => ({
    name: `${command} -mcpu=${cpu}`,
    command,
    flags: ['-target', 'bpf', '-g', '-O2', `-mcpu=${cpu}`],
    host: command,
    abilities: version < 15 ? old : all,
    linked: cpu === 'v3',
    bigEndian,
  }))
}

const gcc: Compiler = {
  name: 'bpf-gcc',
  command: 'bpf-gcc',
  flags: ['-gbtf', '-O2'],
  host: 'gcc',
  // It aligns 128 bits otherwise than the host does. That of Debian 12 says nonsense of
  // arrays of arrays, and of what follows nameless bit-fields in packed structs.
  abilities: {
    wideEnums: false,
    int128: false,
    floats: false,
    arraysOfArrays: false,
    namelessBits: false,
    tags: false,
  },
}

const isInstalled = (command: string): boolean =>
  (process.env['PATH'] ?? '').split(':').some((path) => existsSync(join(path, command)))
const versions = Array.from({ length: 30 }, (_, i) => 40 - i).filter((version) =>
  isInstalled(`clang-${String(version)}`),
)
const [newest, ...older] = versions
const oldest = older.at(-1)
const clangs = [newest, oldest].flatMap((version) => (version === undefined ? [] : clang(version)))
const compilers = [...clangs, ...(isInstalled('bpf-gcc') ? [gcc] : [])]
const hasBpftool = isInstalled('bpftool')

interface Compiled {
  btf: Btf
  big: Btf | undefined
  /** Of each struct itself, and of its records. */
  sizes: number[][]
  /** What the C program prints of records. */
  read: (records: Uint8Array) => string[]
}

function compile<T>(compiler: Compiler, structs: readonly CStruct[], use: (c: Compiled) => T): T {
  return inDirectory((directory) => {
    const run = (command: string, args: readonly string[], input?: Uint8Array): Buffer =>
      execFileSync(command, args, {
        cwd: directory,
        stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
        ...(input === undefined ? {} : { input }),
        maxBuffer: 2 ** 28,
      })
    const source = structs.map(
      ({ declaration, name }) => `${declaration}struct ${name} global_${name};\n`,
    )
    writeFileSync(join(directory, 'object.bpf.c'), prelude + source.join(''))
    writeFileSync(join(directory, 'reader.c'), readerInC(structs))
    const { command, flags, host, bigEndian } = compiler
    const make = (name: string, options: readonly string[]): Uint8Array => {
      run(command, [...options, '-w', '-c', 'object.bpf.c', '-o', name])
      return readFileSync(join(directory, name))
    }
    let object = make('object.bpf.o', flags)
    if (compiler.linked === true && hasBpftool) {
      run('bpftool', ['gen', 'object', 'linked.bpf.o', 'object.bpf.o'])
      object = readFileSync(join(directory, 'linked.bpf.o'))
    }
    const big = bigEndian === undefined ? undefined : make('big.bpf.o', bigEndian)
    run(host, ['-w', '-O0', 'reader.c', '-o', 'reader'])
    const lines = (text: Buffer): string[] => text.toString().trimEnd().split('\n')
    return use({
      btf: new Btf(sectionContents(object, '.BTF')),
      big: big === undefined ? undefined : new Btf(sectionContents(big, '.BTF')),
      sizes: lines(run(join(directory, 'reader'), ['sizes'])).map((line) =>
        line.split(' ').map(Number),
      ),
      read: (records) => lines(run(join(directory, 'reader'), [], records)),
    })
  })
}

interface Case {
  index: number
  record: Uint8Array
  /** By the decoder that is compiled, and by the one that is not. */
  decoded: unknown[]
  asNumbers: boolean
  asBytes: boolean
  /** It was written again, and what C makes of that comes next, once or more. */
  written: { what: string; without: ReadonlySet<unknown> }[]
}

/** By C's words and the decoder's. */
function difference(leaf: Leaf, text: string, one: Case): string {
  return one.decoded.map((value) => differenceOf(leaf, text, one, value)).find(Boolean) ?? ''
}

function differenceOf(leaf: Leaf, text: string, one: Case, value: unknown): string {
  let found = value
  for (const name of leaf.path) found = (found as Record<string, unknown>)[name]
  if (found instanceof Uint8Array) found = Buffer.from(found).toString('hex')
  if (typeof found === 'number' && leaf.kind.endsWith('signed')) found = BigInt(found)
  const expected = valueOf(leaf, text, one)
  if (Object.is(found, expected)) return ''
  return `v${leaf.c}: C reads ${String(expected)}, the decoder ${String(found)}`
}

/** By the writer that is not compiled and the one that is, over what was there before. */
function written(type: Type, value: unknown, declaration: string): Uint8Array {
  const bytes = encode(type, value, type.name)
  const memory = Memory.of(new Uint8Array(bytes.length + 16).fill(0xa5))
  createWrite(type)(memory, 8, value, type.name)
  const compiled = memory.u8.subarray(8, 8 + bytes.length)
  const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex')
  expect([declaration, hex(compiled)]).toEqual([declaration, hex(bytes)])
  return bytes
}

function check(compiler: Compiler, structs: readonly CStruct[], random: Random): void {
  compile(compiler, structs, ({ btf, big, sizes, read }) => {
    const cases: Case[] = []
    const input: Uint8Array[] = []
    const put = (index: number, record: Uint8Array): void => {
      input.push(new Uint8Array(Uint32Array.of(index, record.length).buffer), record)
    }
    for (const [index, { name, leaves, declaration, tail }] of structs.entries()) {
      const asNumbers = leaves.every(({ isWide }) => isWide !== true)
      const asText = btf.struct(name)
      const enums = asNumbers ? 'number' : 'name'
      const asWritten = btf.struct(name, { enums, chars: 'bytes' })
      const [size, length = 0] = sizes[index] ?? []
      expect([declaration, asText.size]).toEqual([declaration, size])
      // An array of none at the end is a tail, too: what is written ends there.
      const isWhole = tail !== undefined || !declaration.includes('[0]')
      // Of these, one may be written as another that C takes for the same.
      const isExact = leaves.every(({ kind }) => kind !== 'bool' && kind !== 'float')
      for (const form of ['text', 'any bytes', 'zeros and ones']) {
        const asBytes = form !== 'text'
        const type = asBytes ? asWritten : asText
        const isSparse = form === 'zeros and ones'
        const record = random.bytes(length).map((byte) => (isSparse ? byte & 1 : byte))
        const memory = Memory.of(record)
        const decoded = compileRead(type)(memory, 0, record.length)
        const again = createRead(type)(memory, 0, record.length)
        put(index, record)
        const rewritten: Case['written'] = []
        if (asBytes && (isExact || isSparse)) {
          const write = (what: string, without: ReadonlySet<unknown>): void => {
            const given = Object.entries(decoded).filter(([field]) => !without.has(field))
            const bytes = written(type, Object.fromEntries(given), declaration)
            if (isWhole) expect([declaration, bytes.length]).toEqual([declaration, length])
            put(index, bytes)
            rewritten.push({ what, without })
          }
          write('is written as', new Set())
          const without = hiddenByUnions(btf, name, random)
          if (without.size > 0) write(`without ${[...without].join(', ')} is written as`, without)
        }
        cases.push({
          index,
          record,
          decoded: [decoded, again],
          asNumbers: asBytes && asNumbers,
          asBytes,
          written: rewritten,
        })
        if (tail !== undefined && form !== 'text') {
          const { length: count } = (decoded as Record<string, { length: number }>)[tail.name] ?? {}
          expect([declaration, count]).toEqual([declaration, tail.count])
        }
      }
      if (big !== undefined) expect(layoutOf(big, name)).toEqual(layoutOf(btf, name))
    }
    const printed = read(Buffer.concat(input))
    const words = (text: string | undefined): string[] => (text ?? '').trimEnd().split(' ')
    let line = 0
    for (const one of cases) {
      const { leaves, declaration } = structs[one.index] as CStruct
      const expected = words(printed[line++])
      const differences = leaves.map((leaf, i) => difference(leaf, expected[i] ?? 'nothing', one))
      const wrong = differences.filter((each) => each !== '')
      for (const { what, without } of one.written) {
        const found = words(printed[line++])
        for (const [i, { path, c }] of leaves.entries()) {
          if (without.has(path[0]) || found[i] === expected[i]) continue
          wrong.push(`v${c}: ${String(expected[i])} ${what} ${String(found[i])}`)
        }
      }
      if (wrong.length > 0) {
        throw new Error(`${compiler.name}, ${declaration}\n${wrong.slice(0, 10).join('\n')}`)
      }
    }
  })
}

/**
 * Of each anonymous union in a struct, the fields of all members but one that has any: writing
 * does without them.
 */
function hiddenByUnions(btf: Btf, name: string, random: Random): Set<string> {
  const shown = new Set<string>()
  const hidden = new Set<string>()
  const walk = (members: readonly BtfMember[], isShown: boolean): void => {
    for (const { name, type } of members) {
      const inner = btf.type(type)
      if (name !== '') {
        if (btf.sizeOf(type) > 0) (isShown ? shown : hidden).add(name)
      } else if (inner.kind === 'struct') {
        walk(inner.members, isShown)
      } else if (inner.kind === 'union' && inner.members.length > 0) {
        const chosen = random.pick(inner.members)
        const before = shown.size
        walk([chosen], isShown)
        const areOthersShown = isShown && shown.size === before
        for (const each of inner.members) if (each !== chosen) walk([each], areOthersShown)
      }
    }
  }
  walk(btf.structs(name)[0]?.members ?? [], true)
  return hidden
}

/** Where its members are. */
function layoutOf(btf: Btf, name: string, seen = new Set<string>()): unknown {
  const [declared] = btf.structs(name)
  if (declared === undefined || seen.has(name)) return undefined
  seen.add(name)
  const members = declared.members.map(({ name: member, bitOffset, bitSize, type }) => [
    member,
    bitOffset,
    bitSize,
    btf.sizeOf(type),
  ])
  return [declared.kind, declared.size, members]
}

test('there is a compiler', () => {
  expect(compilers.length).toBeGreaterThan(0)
})

/** All that the library reads, as it stands in the text of a struct. */
const shapes: Readonly<Record<string, RegExp>> = {
  'a union with a name': /union s\d+_\d+ \{[^}]*\} \w+;/,
  'an anonymous union': /union {2}\{/,
  'an array of unions': /union s\d+_\d+ \w*\[\d\]/,
  'an anonymous struct in an anonymous union': /union {2}\{[^}]*struct {2}\{/,
  'a bit-field across units': /int \w+ : (2\d|3[01]); [^;:]*int \w+ : (2\d|3[01]);/,
  'a bit-field in a packed struct': / : \d+;[^{}]*\} __attribute__\(\(packed/,
  'a bit-field in a union': /union \w* ?\{ [^;{}]* : \d+;/,
  'a bit-field of an enum': /enum \w+ \w+ : \d/,
  'a bit-field of 64 bits': /long \w+ : (3[3-9]|[456]\d)/,
  'a bit-field without a name': /int : \d/,
  'a bool bit-field': /_Bool \w+ : 1/,
  'an enum with a sign': /enum \w+ \{[^}]*= -/,
  'an enum of 64 bits': /enum \w+ \{[^}]*\dull/,
  'an enum of 8 bits': /enum \w+ \{[^}0-9]*(\w+ = -?\d\d?,? )+\} __attribute__\(\(packed/,
  'an enum of 16 bits': /enum \w+ \{[^}]*= 300 \} __attribute__\(\(packed/,
  'an array of arrays': /\w\[\d+\]\[\d+\]/,
  'a typedef of an array': /typedef [^;{}]*\[\d+\];/,
  'a typedef of a typedef': /typedef (const |volatile )?s\d+_t\d+ s\d+_t/,
  'a typedef of less alignment': /typedef [^;{}]* __attribute__\(\(aligned/,
  'a flexible tail': /\w\[\][^;]*; \}/,
  'a flexible tail of arrays': /\w\[\]\[\d+\][^;]*; \}/,
  'a flexible tail of structs': /struct s\d+_\d+ \w+\[\][^;]*; \}/,
  'an array of none': /\w\[0\]/,
  'a struct of nothing': /struct \{\}/,
  '128 bits': /__int128/,
  'a pointer': /void \*f/,
  'a pointer to a function': /\(\*f\d+\)\(void/,
  'an array of pointers': /\*f\d+\[\d\]/,
  'a float': /float f/,
  'an aligned struct': /\} __attribute__\(\((packed, )?aligned/,
  'an aligned member': /[^}] __attribute__\(\(aligned/,
  'a packed member': /[^}] __attribute__\(\(packed/,
  'a pragma of packing': /#pragma pack\(push, 2\)/,
  'a tag on a pointer': /btf_type_tag/,
  'a tag on a member': /btf_decl_tag/,
}

test('the structs have all shapes', () => {
  const random = new Random(firstSeed)
  const made = Array.from({ length: 2000 }, () => randomCStruct(random, 's0', all))
  const text = made.map(({ declaration }) => declaration).join('\0')
  const missing = Object.keys(shapes).filter((shape) => !(shapes[shape] as RegExp).test(text))
  expect({ firstSeed, missing }).toEqual({ firstSeed, missing: [] })
})

describe.each(compilers)('$name', (compiler) => {
  const share = Math.ceil(wanted / compilers.length)
  const chunks = Math.ceil(share / perCompile)
  test(
    `${String(share)} structs are read as C reads them, and written so`,
    () => {
      for (let chunk = 0; chunk < chunks; chunk++) {
        const random = new Random(firstSeed + 1000 * compilers.indexOf(compiler) + chunk)
        const length = Math.min(perCompile, share - chunk * perCompile)
        const structs = Array.from({ length }, (_, i) =>
          randomCStruct(random, `s${String(i)}`, compiler.abilities),
        )
        check(compiler, structs, random)
      }
    },
    60_000 + share * 2000,
  )
})
