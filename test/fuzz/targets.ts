// What is fuzzed within a process: each target takes one case from a seed, and
// throws when something is not as it should be.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { BpfObject, bytes, PerfBuffer, RingBuffer } from 'bpf-ringbuf'
import type { Addon } from '../../lib/addon/addon.js'
import { lostFrame } from '../../lib/stream/batch.js'
import { Btf } from '../../lib/types/btf.js'
import { compile } from '../../lib/stream/walk.js'
import { BtfData } from '../../lib/btf/data.js'
import { checkElf } from '../../lib/btf/elf.js'
import { ElfFile } from '../../lib/symbols/elf-file.js'
import { JitMap } from '../../lib/symbols/jit-map.js'
import { parseKallsyms } from '../../lib/symbols/kernel-symbols.js'
import { typeFromBtf, unsupportedInBtf } from '../../lib/types/from-btf.js'
import { checkLayout } from '../../lib/types/layout.js'
import { Memory } from '../../lib/types/memory.js'
import { createRead } from '../../lib/types/read.js'
import { struct, u32 } from '../../lib/types/struct.js'
import { encode } from '../../lib/types/write.js'
import { cursorOf, type TestRecord, writeBatch } from '../unit/batch-writer.js'
import { sectionsOf } from '../unit/elf-file.js'
import type { Random } from '../unit/random.js'
import { Inexact } from '../unit/random-scalars.js'
import { randomStruct, read, shown, structOf } from '../unit/random-struct.js'
import { mutated } from './mutate.js'
import { neededBytes, randomBytes } from './reference.js'

export interface Target {
  /** One case of this seed's randomness. */
  run?: (random: Random) => void
  /** One case of these bytes: those that the corpus keeps. */
  parse?: (input: Uint8Array) => void
  /** Bytes for `parse`. */
  make?: (random: Random) => Uint8Array
  needsRoot?: boolean
}

export const root = join(__dirname, '../../../../..')

/** The built object files, in the order of their names. */
const objects: readonly Uint8Array[] = ['build/bpf', 'build/bpf/test'].flatMap((directory) =>
  readdirSync(join(root, directory))
    .filter((name) => name.endsWith('.bpf.o'))
    .sort()
    .map((name) => new Uint8Array(readFileSync(join(root, directory, name)))),
)

const btfs = objects
  .map((file) => sectionsOf(file).find(({ name }) => name === '.BTF'))
  .flatMap((section, i) =>
    section === undefined
      ? []
      : [(objects[i] as Uint8Array).slice(section.offset, section.offset + section.size)],
  )

const misuse = ['ERR_INVALID_ARG_TYPE', 'ERR_OUT_OF_RANGE']
const openCodes = ['ERR_OBJECT_FORMAT', 'ERR_NO_BTF']
const useCodes = [...openCodes, ...misuse, 'ERR_NOT_FOUND', 'ERR_UNSUPPORTED', 'ERR_KERNEL']
const loadCodes = [...useCodes, 'ERR_VERIFIER', 'ERR_STATE', 'ERR_MAP_TYPE', 'ERR_CLOSED']

/** Runs it; false when it threw one of the errors that it may throw. */
function attempt(codes: readonly string[], run: () => void): boolean {
  try {
    run()
    return true
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string }
    const known = ['BpfError', 'VerifierError', 'TypeError', 'RangeError'].includes(name)
    if (!known || !codes.includes(code ?? '')) throw error
    // One line that says what and why.
    assert.match(message, /^(Cannot \w+[^\n]*: .|Expected )/)
    return false
  }
}

export const targets: Record<string, Target> = {
  /** Damaged object files are opened or refused; what was opened can be asked. */
  'elf-open': { make: (random) => mutated(objects, random), parse: openAndUse },

  /** The same into the kernel, which is asked for little memory only. */
  'elf-load': { make: (random) => mutated(objects, random), parse: load, needsRoot: true },

  /** Bytes that are no ELF file, or begin as one. */
  'elf-reader': {
    make(random) {
      const input = random.chance(0.3)
        ? random.bytes(random.integer(0, 300))
        : Uint8Array.from(random.pick(objects).subarray(0, random.integer(0, 400)))
      if (random.chance(0.7) && input.length > 64) input.set(random.bytes(24), 40)
      return input
    },
    parse(input) {
      attempt(openCodes, () => checkElf(input, 'input'))
    },
  },

  /** Damaged programs and libraries: their symbols are found or not. */
  'elf-symbols': { make: (random) => mutated([addonFile], random), parse: readSymbols },

  /** Lists of symbols as JIT compilers and the kernel write them, damaged. */
  'symbol-lists': { make: randomList, parse: readLists },

  /** Damaged BTF is refused, or has an answer to each question. */
  btf: { make: damagedBtf, parse: parseBtf },

  /** The same to libbpf, which may write a hundred megabytes of it. */
  'btf-dump': { make: damagedBtf, parse: dumpBtf },

  /** Random types of random records: as the reference reads them. */
  decoder: { run: decode },

  /** Random frames, as native code never makes them: the walk ends all the same. */
  walker: { run: walk },
}

const addonPath = join(root, 'build/Release/bpf_ringbuf.node')
/** The addon itself, which has both kinds of symbols. */
const addonFile = new Uint8Array(readFileSync(addonPath))
const addon = createRequire(addonPath)(addonPath) as Addon

/** What reads a file in memory. */
function piecesOf(input: Uint8Array) {
  return {
    sizeBytes: input.length,
    inode: 1n,
    read: (offset: number, length: number): Buffer | undefined =>
      offset + length <= input.length
        ? Buffer.from(Uint8Array.from(input.subarray(offset, offset + length)))
        : undefined,
  }
}

function readSymbols(input: Uint8Array): void {
  const pieces = piecesOf(input)
  const elf = new ElfFile(pieces)
  assert(elf.bytes < 2 ** 24)
  for (const kind of ['symtab', 'dynsym'] as const) {
    const symbols = elf.symbols(pieces, kind, elf, 2 ** 24)
    assert.equal(symbols?.digest().length, symbols && 44)
    const table = symbols?.toTable()
    assert((table?.bytes ?? 0) < 2 ** 26)
    for (let at = 0; at < input.length; at += 997) {
      const address = elf.addressOf(at) ?? at
      const found = table?.find(address)
      assert(found === undefined || found.start <= address)
      if (found?.name.startsWith('_Z') === true) addon.demangle(found.name)
    }
  }
}

function randomList(random: Random): Uint8Array {
  const separators = [' ', ' ', ' ', '\t', '\n', '', '0x', '-']
  const parts = Array.from({ length: random.integer(0, 300) }, () => {
    const number = random.u32() >>> random.integer(0, 31)
    const token = random.pick([number.toString(16), number.toString(16), 'T name\t[module]', '\0'])
    return token + random.pick(separators)
  })
  const whole = `${random.u32().toString(16)} ${random.integer(1, 5000).toString(16)} a name\n`
  return new Uint8Array(Buffer.from(random.chance(0.5) ? parts.join('') : whole + parts.join('')))
}

function readLists(input: Uint8Array): void {
  const map = new JitMap(piecesOf(new Uint8Array()), 2 ** 20)
  map.update(piecesOf(input))
  const { table } = parseKallsyms(Buffer.from(input))
  for (let address = 0; address < 2 ** 32; address += 2 ** 24 + 1) {
    for (const found of [map.find(address), table.find(address)]) {
      assert(found === undefined || found.start <= address)
    }
  }
}

function openAndUse(input: Uint8Array): void {
  attempt(openCodes, () => {
    using object = BpfObject.open(input)
    use(object)
  })
}

function use(object: BpfObject): void {
  for (const map of object.maps.values()) {
    assert.equal(typeof map.name, 'string')
    attempt(useCodes, () => map.keySize + map.valueSize + map.maxEntries)
    attempt(useCodes, () => map.wakeupBytes)
    attempt(useCodes, () => map.usePerfBuffer)
  }
  for (const program of object.programs.values()) {
    assert.equal(typeof program.name + typeof program.section, 'stringstring')
    assert.equal(typeof program.autoload, 'boolean')
  }
  for (const name of Object.keys(object.globals)) {
    attempt([...useCodes, 'ERR_STATE'], () => {
      object.globals[name] = object.globals[name] ?? 0
    })
  }
}

function load(input: Uint8Array): void {
  attempt(loadCodes, () => {
    using object = BpfObject.open(input)
    let bytesOfMaps = 0
    for (const map of object.maps.values()) {
      bytesOfMaps += map.maxEntries * Math.max(1, map.keySize + map.valueSize)
    }
    // What a file may ask for is the kernel's business, but not the whole machine's memory.
    if (bytesOfMaps > 16 * 2 ** 20) return
    object.load()
    use(object)
    for (const map of object.maps.values()) {
      attempt(loadCodes, () => map.bytes.get(new Uint8Array(Math.min(map.keySize, 4096))))
      attempt(loadCodes, () => {
        const options = { pollThread: false }
        using reader =
          map.type === 'ringbuf'
            ? new RingBuffer(map, bytes(), () => undefined, options)
            : new PerfBuffer(map, bytes(), () => undefined, options)
        reader.consume()
        reader.stats()
      })
    }
  })
}

/** Of damaged BTF what it was, when only the types that the damage reaches are to be asked. */
const origins = new WeakMap<Uint8Array, Uint8Array>()

const fields = { time_ns: u32, sequence: u32, cpu: u32 }
const SampleType = struct('sample', fields, { checked: true })

/** BTF that is damaged, or random from the end of its header on. */
function damagedBtf(random: Random): Uint8Array {
  const original = random.pick(btfs)
  const input = Uint8Array.from(original)
  const view = new DataView(input.buffer)
  if (random.chance(0.1)) return random.bytes(random.integer(0, 200))
  for (let left = random.integer(1, 6); left > 0; left--) {
    const at = 4 * random.integer(0, Math.floor(input.length / 4) - 1)
    view.setUint32(at, random.pick([0, 1, random.u32(), random.u32() & 0xff, 0xffffffff]), true)
  }
  if (random.chance(0.1)) return input.subarray(0, random.integer(0, input.length))
  // The others are as they are in the object, which takes most of the time to find out.
  if (random.chance(0.95)) origins.set(input, original)
  return input
}

/** Where each type begins in BTF that can be read, and then where they end: as words. */
function startsOf(input: Uint8Array): Uint32Array {
  const data = new BtfData(input)
  return Uint32Array.of(...data.starts, data.words.length)
}

/** By offset, which names are damaged. */
function damagedNames(strings: Uint8Array, old: Uint8Array): Uint8Array {
  const isDamaged = new Uint8Array(strings.length)
  for (let at = strings.length - 1; at >= 0; at--) {
    const goesOn = strings[at] !== 0 || old[at] !== 0
    if (strings[at] !== old[at] || (goesOn && isDamaged[at + 1] === 1)) isDamaged[at] = 1
  }
  return isDamaged
}

/**
 * By id, which types the damage reaches: in which words or names differ, and what refers to
 * them. All of them when it may be elsewhere, or they lie otherwise.
 */
function reached(input: Uint8Array): (id: number) => boolean {
  const original = origins.get(input)
  if (original === undefined) return () => true
  const [starts, before] = [startsOf(input), startsOf(original)]
  const [{ words, strings }, { words: old, strings: oldStrings }] = [
    new BtfData(input),
    new BtfData(original),
  ]
  const isElsewhere =
    Buffer.compare(input.subarray(0, 24), original.subarray(0, 24)) !== 0 ||
    Buffer.compare(new Uint8Array(starts.buffer), new Uint8Array(before.buffer)) !== 0
  if (isElsewhere) return () => true
  const isDamaged = damagedNames(strings, oldStrings)
  const ids = new Uint8Array(starts.length - 1)
  for (let found = true; found;) {
    found = false
    for (let id = 1; id < ids.length; id++) {
      const end = starts[id + 1] as number
      for (let at = starts[id] as number; at < end && ids[id] === 0; at++) {
        // A word that is neither id nor name may look like one: that type is asked as well.
        const word = words[at] as number
        if (word === old[at] && ids[word] !== 1 && isDamaged[word] !== 1) continue
        ids[id] = 1
        found = true
      }
    }
  }
  return (id) => ids[id] === 1
}

/** Whether or not C has such types. */
function dumpBtf(input: Uint8Array): void {
  attempt(openCodes, () => {
    new Btf(input)
    addon.dumpBtf(input, undefined, true, [], [])
  })
}

/** What this library looks at, and libbpf 1.1 believes. */
const unseenByLibbpf =
  /(does not exist|outside its strings|more bits than its bytes|integer is too large|what is no variable|has no prototype|contains itself|nested too deep), at byte \d+$/

/** libbpf takes what is taken here, and refuses what is refused but for what it does not look at. */
function compareAcceptance(input: Uint8Array): Btf | undefined {
  let btf: Btf | undefined
  let refusal: string | undefined
  const isTaken = attempt(openCodes, () => {
    try {
      btf = new Btf(input)
    } catch (error) {
      refusal = (error as Error).message
      throw error
    }
  })
  // No type is asked for.
  const accepted = typeof addon.dumpBtf(input, undefined, false, [], []) !== 'number'
  if (isTaken) assert(accepted, 'libbpf refuses what is taken here')
  else if (accepted) assert.match(refusal ?? '', unseenByLibbpf)
  return btf
}

/** Kinds that stand for another type. */
const names = new Set(['typedef', 'type tag', 'const', 'volatile', 'restrict'])

function parseBtf(input: Uint8Array): void {
  const btf = compareAcceptance(input)
  if (btf === undefined) return
  const isReached = reached(input)
  attempt(openCodes, () => {
    // What it takes has an answer to each question.
    btf.variables()
    for (const name of ['sample', 'event', 'exec_event', '', 'missing']) {
      btf.structs(name)
      btf.function(name)
    }
    attempt(['ERR_LAYOUT'], () => checkLayout(SampleType, { name: 'input', btf }))
    for (let id = 1; id < btf.typeCount; id++) {
      if (!isReached(id)) continue
      // What is no other name is declared as what it is.
      btf.declaration(id)
      if (names.has(btf.kind(id))) btf.type(id)
      btf.sizeOf(id)
      btf.tags(id)
      assert(btf.describe(id, 'x').length < 2 ** 20)
      const type = typeFromBtf(btf, id, { tail: true })
      // What it is of, or why there is none.
      if (type === undefined) assert(unsupportedInBtf(btf, id, { tail: true }) !== undefined)
      else if (type.size > 0 && type.size < 4096) {
        const memory = Memory.ofSize(type.size)
        const value = createRead(type)(memory, 0, type.size)
        attempt(misuse, () => encode(type, value, 'x'))
      }
    }
  })
}

function decode(random: Random): void {
  const model = randomStruct(random, 'event', true)
  const type = structOf(model)
  const needed = neededBytes(model)
  const flavour = random.pick(['ring', 'perf'] as const)
  const asView = random.chance(0.5)
  const records = Array.from({ length: random.integer(1, 4) }, (): TestRecord => {
    // Often as long as needed, or nearly so.
    const length = random.chance(0.7)
      ? needed + random.integer(0, 20)
      : random.integer(0, needed + 9)
    return { bytes: randomBytes(random, length), cpu: random.integer(0, 300) }
  })

  const expected: unknown[] = []
  for (const { bytes: record, cpu } of records) {
    if (record.length < needed) {
      expected.push('ERR_RECORD_TOO_SHORT')
      continue
    }
    try {
      const view = new DataView(record.buffer, record.byteOffset, record.byteLength)
      expected.push([read(model, view, 0), flavour === 'perf' ? cpu : 'events'])
    } catch (error) {
      if (!(error instanceof Inexact)) throw error
      expected.push('ERR_OUT_OF_RANGE')
    }
  }

  const found: unknown[] = []
  const batch = writeBatch(records, random.integer(0, 255))
  const cursor = cursorOf(batch)
  cursor.raise = (error) => found.push((error as { code?: string }).code ?? error)
  const onRecord = (value: unknown, source?: number | string): unknown =>
    found.push([shown(model, value), source])
  compile(asView ? type.view() : type, flavour, 'events')(batch.arena, cursor, 0, onRecord)
  assert.deepEqual(found, expected)
  assert.equal(cursor.position, batch.sizeBytes)
}

/** The largest record that the kernel takes: a quarter of 32 bits. */
const longest = 2 ** 30 - 1

function walk(random: Random): void {
  const type = structOf(randomStruct(random, 'event', true))
  const batch = writeBatch([{ bytes: randomBytes(random, random.integer(8, 400)) }])
  const { u32: words } = batch.arena
  for (let left = random.integer(1, 10); left > 0; left--) {
    const at = 2 * random.integer(0, words.length / 2 - 1)
    words[at] = random.pick([0, 1, 8, random.integer(0, 500), random.u32() & longest, longest])
    words[at + 1] = random.pick([0, 1, 0x10000, 0x7fff0000, lostFrame])
  }
  for (let i = 0; i < words.length; i += 2) words[i] = (words[i] as number) & longest
  const cursor = cursorOf(batch)
  let records = 0
  const loop = compile(random.chance(0.5) ? type.view() : type, 'ring')
  const onRecord = (value: unknown): void => {
    records++
    Object.entries(value as object)
  }
  // As Reader does: each call goes on with the frame that the last one left.
  for (let calls = 0; cursor.position < cursor.end; calls++) {
    assert(calls <= words.length, 'the walk does not end')
    const before = cursor.position
    loop(batch.arena, cursor, (words[(before >>> 2) + 1] as number) >>> 16, onRecord)
    assert(cursor.position > before, 'the walk stands still')
  }
  assert(records + cursor.errors.length >= cursor.records, 'a record was left out')
}
