// What an ELF file of any kind says of its symbols. Of a file of hundreds of
// megabytes only the headers and the sections that are needed are read, and
// nothing that it says is believed: what makes no sense is as if it were not there.
// The BPF objects that are to be loaded are checked otherwise, see btf/elf.ts.
import type * as Crypto from 'node:crypto'
import { endianness } from 'node:os'
import type { Pieces } from './source.js'
import { SymbolList, type SymbolTable } from './symbol-table.js'

const SHT_SYMTAB = 2
const SHT_NOBITS = 8
const SHT_DYNSYM = 11
const SHF_COMPRESSED = 1 << 11
const PT_LOAD = 1
const PT_NOTE = 4
const PF_X = 1
const NT_GNU_BUILD_ID = 3
const STT_NOTYPE = 0
const STT_FUNC = 2
const STT_GNU_IFUNC = 10
const STB_GLOBAL = 1
const STB_WEAK = 2
const STB_GNU_UNIQUE = 10
const SHN_UNDEF = 0
const SHN_LORESERVE = 0xff00

const isLittle = endianness() === 'LE'
/** Linkers make about ten. */
const mostSegments = 64
const longestNotes = 1 << 16
const longestLink = 4096

/** Where the fields of the headers are, by the class of the file. */
interface Layout {
  wordBytes: 4 | 8
  headerBytes: number
  programHeaders: number
  sectionHeaders: number
  counts: number
  segment: { bytes: number; flags: number; offset: number; address: number; size: number }
  section: { bytes: number; flags: number; offset: number; size: number; link: number }
  symbol: { bytes: number; value: number; size: number; info: number; section: number }
}

const layouts: Readonly<Record<number, Layout>> = {
  1: {
    wordBytes: 4,
    headerBytes: 52,
    programHeaders: 28,
    sectionHeaders: 32,
    counts: 42,
    segment: { bytes: 32, flags: 24, offset: 4, address: 8, size: 16 },
    section: { bytes: 40, flags: 8, offset: 16, size: 20, link: 24 },
    symbol: { bytes: 16, value: 4, size: 8, info: 12, section: 14 },
  },
  2: {
    wordBytes: 8,
    headerBytes: 64,
    programHeaders: 32,
    sectionHeaders: 40,
    counts: 54,
    segment: { bytes: 56, flags: 4, offset: 8, address: 16, size: 32 },
    section: { bytes: 64, flags: 8, offset: 24, size: 32, link: 40 },
    symbol: { bytes: 24, value: 8, size: 16, info: 4, section: 6 },
  },
}

/** A part of the file that is mapped. */
interface Segment {
  offset: number
  address: number
  sizeBytes: number
  isExecutable: boolean
}

interface Section {
  name: number
  type: number
  flags: number
  offset: number
  sizeBytes: number
  link: number
}

/** The file that has the symbols that were stripped off, as objcopy links to it. */
export interface DebugLink {
  name: string
  /** Its CRC-32. */
  checksum: number
}

/** The headers of an ELF file; of what is none, nothing. */
export class ElfFile {
  /** In hexadecimal digits. */
  readonly buildId: string | undefined
  readonly debugLink: DebugLink | undefined
  /** The key of its symbols in the cache: set by who has looked for them. */
  tableKey: string | undefined
  readonly #layout: Layout | undefined
  readonly #segments: Segment[] = []
  readonly #sections: Section[] = []

  constructor(source: Pieces) {
    const head = source.read(0, 64) ?? source.read(0, 52)
    if (head?.readUInt32BE(0) !== 0x7f454c46 || head[5] !== (isLittle ? 1 : 2)) return
    const layout = layouts[head[4] as number]
    if (layout === undefined || head.length < layout.headerBytes) return
    this.#layout = layout
    const view = viewOf(head)
    // Notes are mapped, and therefore in stripped files as well.
    this.buildId = this.#readSegments(source, layout, view)
    this.#readSections(source, layout, view)
    this.debugLink = this.#readDebugLink(source, view.getUint16(layout.counts + 8, isLittle))
  }

  /** In memory. */
  get bytes(): number {
    return 300 + 100 * this.#segments.length + 100 * this.#sections.length
  }

  /** It is an ELF file with something in it. */
  get isElf(): boolean {
    return this.#segments.length > 0
  }

  /** The address that the file itself gives to a byte of it. */
  addressOf(fileOffset: number): number | undefined {
    const holds = ({ offset, sizeBytes }: Segment): boolean =>
      fileOffset >= offset && fileOffset < offset + sizeBytes
    // Two segments may share a page of the file.
    const segment =
      this.#segments.find((one) => one.isExecutable && holds(one)) ?? this.#segments.find(holds)
    return segment && fileOffset - segment.offset + segment.address
  }

  /** Where the byte of an address that the file itself gives is in it. */
  offsetOf(address: number): number | undefined {
    const segment = this.#segments.find(
      (one) => address >= one.address && address < one.address + one.sizeBytes && one.isExecutable,
    )
    return segment && address - segment.address + segment.offset
  }

  /**
   * Its functions.
   *
   * @param kind `symtab`: those that strip takes off, `dynsym`: those that other
   *   files use.
   * @param code The file whose segments count: this one, unless it was made of
   *   that one to keep its symbols.
   * @param maxBytes A table that takes more is none.
   */
  symbols(
    source: Pieces,
    kind: 'symtab' | 'dynsym',
    code: ElfFile,
    maxBytes: number,
  ): ElfSymbols | undefined {
    const type = kind === 'symtab' ? SHT_SYMTAB : SHT_DYNSYM
    const section = this.#sections.find((one) => one.type === type)
    const names = this.#sections[section?.link ?? -1]
    if (this.#layout === undefined || section === undefined || names === undefined) return undefined
    const entryBytes = this.#layout.symbol.bytes
    const count = Math.floor(section.sizeBytes / entryBytes)
    if (count * entryBytes + names.sizeBytes > maxBytes) return undefined
    if (((section.flags | names.flags) & SHF_COMPRESSED) !== 0) return undefined
    if (section.type === SHT_NOBITS || names.type === SHT_NOBITS) return undefined
    const entries = source.read(section.offset, count * entryBytes)
    const text = source.read(names.offset, names.sizeBytes)
    if (entries === undefined || text === undefined) return undefined
    const executable = code.#segments.filter(({ isExecutable }) => isExecutable)
    return new ElfSymbols(this.#layout, entries, text, executable)
  }

  /** Its segments, and the notes that it finds on the way. */
  #readSegments(source: Pieces, layout: Layout, head: DataView): string | undefined {
    const { bytes, flags, offset, address, size } = layout.segment
    if (head.getUint16(layout.counts, isLittle) !== bytes) return undefined
    const count = head.getUint16(layout.counts + 2, isLittle)
    const start = word(head, layout.programHeaders, layout)
    const table = source.read(start, bytes * Math.min(count, mostSegments))
    if (table === undefined) return undefined
    const view = viewOf(table)
    let buildId: string | undefined
    for (let at = 0; at < table.length; at += bytes) {
      const type = view.getUint32(at, isLittle)
      const segment = {
        offset: word(view, at + offset, layout),
        address: word(view, at + address, layout),
        sizeBytes: word(view, at + size, layout),
        isExecutable: (view.getUint32(at + flags, isLittle) & PF_X) !== 0,
      }
      if (type === PT_LOAD) this.#segments.push(segment)
      if (type !== PT_NOTE || segment.sizeBytes > longestNotes) continue
      const notes = source.read(segment.offset, segment.sizeBytes)
      buildId ??= notes && buildIdIn(notes)
    }
    return buildId
  }

  #readSections(source: Pieces, layout: Layout, head: DataView): void {
    const { bytes, flags, offset, size, link } = layout.section
    const start = word(head, layout.sectionHeaders, layout)
    if (head.getUint16(layout.counts + 4, isLittle) !== bytes) return
    const table = source.read(start, bytes * head.getUint16(layout.counts + 6, isLittle))
    if (table === undefined) return
    const view = viewOf(table)
    for (let at = 0; at < table.length; at += bytes) {
      this.#sections.push({
        name: view.getUint32(at, isLittle),
        type: view.getUint32(at + 4, isLittle),
        flags: word(view, at + flags, layout),
        offset: word(view, at + offset, layout),
        sizeBytes: word(view, at + size, layout),
        link: view.getUint32(at + link, isLittle),
      })
    }
  }

  #readDebugLink(source: Pieces, namesIndex: number): DebugLink | undefined {
    const names = this.#sections[namesIndex]
    if (names === undefined || names.sizeBytes > longestNotes) return undefined
    const text = source.read(names.offset, names.sizeBytes)
    const wanted = '.gnu_debuglink\0'
    const section = this.#sections.find(
      ({ name }) => text?.toString('latin1', name, name + wanted.length) === wanted,
    )
    if (section === undefined || section.sizeBytes > longestLink) return undefined
    const bytes = source.read(section.offset, section.sizeBytes)
    const end = bytes?.indexOf(0) ?? -1
    // The name, zeros up to the next word, the checksum.
    const at = (end + 4) & ~3
    if (bytes === undefined || end <= 0 || at + 4 > bytes.length) return undefined
    const name = bytes.toString('utf8', 0, end)
    if (name.includes('/')) return undefined
    return { name, checksum: viewOf(bytes).getUint32(at, isLittle) }
  }
}

/** A function as the symbols have it. */
export interface ElfFunction {
  name: string
  /** The address that the file itself gives it. */
  start: number
  sizeBytes: number
}

/** The symbols of a file as they stand there. */
export class ElfSymbols {
  readonly #layout: Layout
  readonly #entries: Buffer
  readonly #names: Buffer
  readonly #executable: readonly Segment[]

  constructor(layout: Layout, entries: Buffer, names: Buffer, executable: readonly Segment[]) {
    this.#layout = layout
    this.#entries = entries
    this.#names = names
    this.#executable = executable
  }

  /** The same for the same symbols, whichever file they are in. */
  digest(): string {
    // Not before it is needed: it takes 5 ms to load.
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const { createHash } = require('node:crypto') as typeof Crypto
    return createHash('sha256')
      .update(this.#entries)
      .update(this.#names)
      .update(JSON.stringify([this.#layout.wordBytes, this.#executable]))
      .digest('base64')
  }

  toTable(): SymbolTable {
    const list = new SymbolList()
    this.#each((start, sizeBytes, name, goodness, last) => {
      const end = sizeBytes > 0 ? Math.min(start + sizeBytes, last) : last
      list.add(start, end, name, goodness, sizeBytes > 0)
    })
    return list.toTable(this.#names, 'innermost')
  }

  /** Those of these names that are surely functions, in the order of the file. */
  functions(isWanted: (name: string) => boolean): ElfFunction[] {
    const functions: ElfFunction[] = []
    this.#each((start, sizeBytes, at, goodness) => {
      if (goodness < ofFunctions) return
      const end = this.#names.indexOf(0, at)
      const name = this.#names.toString('latin1', at, end < 0 ? undefined : end)
      if (isWanted(name)) functions.push({ name, start, sizeBytes })
    })
    return functions
  }

  /** Calls back for each symbol that is code, with the end of its segment. */
  #each(
    take: (start: number, sizeBytes: number, name: number, goodness: number, last: number) => void,
  ): void {
    const { bytes, value, size, info, section } = this.#layout.symbol
    const view = viewOf(this.#entries)
    for (let at = 0; at < this.#entries.length; at += bytes) {
      const goodness = goodnessOf(view.getUint8(at + info))
      if (goodness < 0) continue
      const index = view.getUint16(at + section, isLittle)
      if (index === SHN_UNDEF || index >= SHN_LORESERVE) continue
      const start = word(view, at + value, this.#layout)
      const segment = this.#executable.find(
        ({ address, sizeBytes }) => start >= address && start < address + sizeBytes,
      )
      const name = view.getUint32(at, isLittle)
      // A name that begins with a dollar marks code or data within a function, as on Arm.
      const first = this.#names[name] ?? 0
      const isMark = first === dollar && goodness < ofFunctions
      if (segment === undefined || first === 0 || isMark) continue
      const last = segment.address + segment.sizeBytes
      take(start, word(view, at + size, this.#layout), name, goodness, last)
    }
  }
}

const dollar = 0x24
/** What is surely a function is better than what is not, however it is bound. */
const ofFunctions = 3

/** Which symbol is taken of several at one address; below 0: none that is code. */
function goodnessOf(info: number): number {
  const type = info & 15
  const bind = info >> 4
  if (type !== STT_FUNC && type !== STT_GNU_IFUNC && type !== STT_NOTYPE) return -1
  const byBinding = bind === STB_GLOBAL || bind === STB_GNU_UNIQUE ? 2 : bind === STB_WEAK ? 1 : 0
  return byBinding + (type === STT_NOTYPE ? 0 : ofFunctions)
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A field as wide as an address. What is beyond 2^53 is beyond every file. */
function word(view: DataView, at: number, { wordBytes }: Layout): number {
  if (wordBytes === 4) return view.getUint32(at, isLittle)
  const [high, low] = isLittle ? [at + 4, at] : [at, at + 4]
  return view.getUint32(high, isLittle) * 2 ** 32 + view.getUint32(low, isLittle)
}

function buildIdIn(notes: Buffer): string | undefined {
  const view = viewOf(notes)
  const padded = (length: number): number => Math.ceil(length / 4) * 4
  for (let at = 0; at + 12 <= notes.length;) {
    const nameBytes = view.getUint32(at, isLittle)
    const idBytes = view.getUint32(at + 4, isLittle)
    const isBuildId =
      view.getUint32(at + 8, isLittle) === NT_GNU_BUILD_ID &&
      notes.toString('latin1', at + 12, at + 12 + nameBytes) === 'GNU\0'
    const id = at + 12 + padded(nameBytes)
    if (id + idBytes > notes.length) return undefined
    if (isBuildId && idBytes >= 2) return notes.toString('hex', id, id + idBytes)
    at = id + padded(idBytes)
  }
  return undefined
}
