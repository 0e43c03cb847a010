// What is decoded by BTF is what a C program with the same struct reads from the same
// bytes, whichever compiler made the BTF. `make interop` takes 10,000 structs.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Btf } from '../../lib/types/btf.js'
import { Memory } from '../../lib/types/memory.js'
import { compileRead } from '../../lib/types/read.js'
import { encode } from '../../lib/types/write.js'
import { inDirectory } from './compilers.js'
import { sectionContents } from './elf-file.js'
import { firstSeed, Random } from './random.js'
import {
  type Abilities,
  type CStruct,
  type Leaf,
  prelude,
  randomCStruct,
  readerInC,
  valueOf,
} from './random-c.js'

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
  sizes: number[]
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
      sizes: lines(run(join(directory, 'reader'), ['sizes'])).map(Number),
      read: (records) => lines(run(join(directory, 'reader'), [], records)),
    })
  })
}

interface Case {
  index: number
  record: Uint8Array
  decoded: unknown
  asNumbers: boolean
  asBytes: boolean
  /** Where what was written of it again is, in the order of what the program prints. */
  again: number | undefined
}

/** By C's words and the decoder's. */
function difference(leaf: Leaf, text: string, one: Case): string {
  let found = one.decoded
  for (const name of leaf.path) found = (found as Record<string, unknown>)[name]
  if (found instanceof Uint8Array) found = Buffer.from(found).toString('hex')
  if (typeof found === 'number' && leaf.kind.endsWith('signed')) found = BigInt(found)
  const expected = valueOf(leaf, text, one)
  if (Object.is(found, expected)) return ''
  return `v${leaf.c}: C reads ${String(expected)}, the decoder ${String(found)}`
}

function check(compiler: Compiler, structs: readonly CStruct[], random: Random): void {
  compile(compiler, structs, ({ btf, big, sizes, read }) => {
    const cases: Case[] = []
    const input: Uint8Array[] = []
    let count = 0
    const put = (index: number, record: Uint8Array): number => {
      input.push(new Uint8Array(Uint32Array.of(index).buffer), record)
      return count++
    }
    for (const [index, { name, leaves, declaration }] of structs.entries()) {
      const asNumbers = leaves.every(({ isWide }) => isWide !== true)
      const asText = btf.struct(name)
      const enums = asNumbers ? 'number' : 'name'
      const asWritten = btf.struct(name, { enums, chars: 'bytes' })
      expect([declaration, asText.size]).toEqual([declaration, sizes[index]])
      // Of these, one may be written as another that C takes for the same.
      const isExact = leaves.every(({ kind }) => kind !== 'bool' && kind !== 'float')
      for (const form of ['text', 'any bytes', 'zeros and ones']) {
        const asBytes = form !== 'text'
        const type = asBytes ? asWritten : asText
        const isSparse = form === 'zeros and ones'
        const record = random.bytes(type.size).map((byte) => (isSparse ? byte & 1 : byte))
        const decoded = compileRead(type)(Memory.of(record), 0, record.length)
        put(index, record)
        const writable = asBytes && (isExact || isSparse)
        const again = writable ? put(index, encode(type, decoded, name)) : undefined
        cases.push({ index, record, decoded, asNumbers: asBytes && asNumbers, asBytes, again })
      }
      if (big !== undefined) expect(layoutOf(big, name)).toEqual(layoutOf(btf, name))
    }
    const printed = read(Buffer.concat(input))
    let line = 0
    for (const one of cases) {
      const { index, again } = one
      const { leaves, declaration } = structs[index] as CStruct
      const text = (printed[line++] ?? '').trimEnd()
      const words = text.split(' ')
      const differences = leaves.map((leaf, i) => difference(leaf, words[i] ?? 'nothing', one))
      const wrong = differences.filter((each) => each !== '')
      if (again !== undefined) {
        const written = (printed[line++] ?? '').trimEnd()
        if (written !== text) wrong.push(`what was read of ${text} is written as ${written}`)
      }
      if (wrong.length > 0) {
        throw new Error(`${compiler.name}, ${declaration}\n${wrong.slice(0, 10).join('\n')}`)
      }
    }
  })
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
