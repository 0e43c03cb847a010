import { constants } from 'node:fs'
import { Cache } from './cache.js'
import { openDebugFile } from './debug-file.js'
import { ElfFile, type ElfSymbols } from './elf-file.js'
import { JitMap } from './jit-map.js'
import { Pace } from './pace.js'
import { type Mapping, ProcessMaps } from './process-maps.js'
import { Source } from './source.js'
import { type Found, SymbolTable } from './symbol-table.js'

/** How long what was read of a process is taken for what it is. */
const freshMs = 1000

/** What is known of an address of a process. */
export interface UserPlace {
  /** The file as the process sees it, or a name in brackets. */
  path: string | undefined
  /** The address within the file. */
  fileAddress: number | undefined
  found: Found | undefined
}

/** The functions of processes: of their files, and of code that was made at run time. */
export class UserSymbols {
  readonly #cache: Cache
  readonly #tableBytes: number
  /** From then on a process is read again for an address that is not in it. */
  readonly #pace = new Pace()

  constructor(maxBytes: number) {
    this.#cache = new Cache(maxBytes)
    // A few large tables that fill the cache would be read again and again.
    this.#tableBytes = Math.floor(maxBytes / 4)
  }

  /** What it keeps in memory. */
  get bytes(): number {
    return this.#cache.bytes
  }

  /**
   * Looks up addresses of one process.
   *
   * @returns A function that does it: what it has read of the process is taken
   *   for the truth as long as it is used, except when an address is not there.
   *   Reading it again for that takes 5 % of the time at most: stacks that were
   *   unwound wrongly have such addresses all the time.
   * @throws {BpfError} `ERR_PERMISSION`
   */
  lookup(pid: number): (address: number) => UserPlace {
    const key = `process ${pid}`
    let maps = this.#cache.get(key, ProcessMaps)
    let isFresh = false
    const refresh = (): void => {
      isFresh = true
      const now = this.#pace.run(() => ProcessMaps.read(pid, maps))
      // Of a process that has ended the last that was seen.
      if (now === undefined) return
      maps = now
      this.#cache.set(key, now)
    }
    if (maps === undefined || performance.now() - maps.readAtMs > freshMs) refresh()
    let jit: JitMap | undefined | null = null
    return (address) => {
      let mapping = maps?.find(address)
      if (mapping === undefined && !isFresh && this.#pace.isDue) {
        refresh()
        mapping = maps?.find(address)
      }
      const path = mapping?.path === '' ? undefined : mapping?.path
      const place: UserPlace = { path, fileAddress: undefined, found: undefined }
      const elf = maps && mapping && this.#elfOf(maps, mapping)
      if (maps !== undefined && mapping !== undefined && elf?.isElf === true) {
        place.fileAddress = elf.addressOf(address - mapping.start + mapping.fileOffset)
        if (place.fileAddress !== undefined) {
          place.found = this.#tableOf(maps, mapping, elf)?.find(place.fileAddress)
        }
      } else {
        if (jit === null) jit = this.#jitOf(pid, maps)
        place.found = jit?.find(address)
      }
      return place
    }
  }

  /** The headers of a mapping's file. */
  #elfOf(maps: ProcessMaps, mapping: Mapping): ElfFile | undefined {
    if (mapping.path === '' || mapping.fileKey === '') return undefined
    if (mapping.fileKey !== undefined) {
      const known = this.#cache.get(mapping.fileKey, ElfFile)
      if (known !== undefined) return known
    }
    const source = open(maps, mapping)
    // Not tried again before the maps are read again.
    mapping.fileKey = ''
    if (source === undefined) return undefined
    try {
      mapping.fileKey = keyOf(maps, mapping, source)
      const known = this.#cache.get(mapping.fileKey, ElfFile)
      if (known !== undefined) return known
      const elf = new ElfFile(source)
      this.#cache.set(mapping.fileKey, elf)
      return elf
    } finally {
      source.close()
    }
  }

  #tableOf(maps: ProcessMaps, mapping: Mapping, elf: ElfFile): SymbolTable | undefined {
    if (elf.tableKey === '') return undefined
    if (elf.tableKey !== undefined) {
      const known = this.#cache.get(elf.tableKey, SymbolTable)
      if (known !== undefined) return known
    }
    const source = open(maps, mapping)
    if (source === undefined) return undefined
    try {
      if (keyOf(maps, mapping, source) === mapping.fileKey) {
        return this.#loadTable(maps, mapping, elf, source)
      }
      // It was written to, or the process has ended and its number is another's.
      mapping.fileKey = undefined
      return undefined
    } finally {
      source.close()
    }
  }

  /** From the file itself, or from where its symbols were put. */
  #loadTable(
    maps: ProcessMaps,
    mapping: Mapping,
    elf: ElfFile,
    source: Source,
  ): SymbolTable | undefined {
    elf.tableKey = ''
    const own = this.#toTable(elf, elf.symbols(source, 'symtab', elf, this.#tableBytes))
    if (own !== undefined) return own
    const debug = openDebugFile(`/proc/${maps.pid}/root`, pathOf(mapping), elf)
    if (debug !== undefined) {
      try {
        const { elf: file, source: stripped } = debug
        const symbols = file.symbols(stripped, 'symtab', elf, this.#tableBytes)
        const table = this.#toTable(elf, symbols)
        if (table !== undefined) return table
      } finally {
        debug.source.close()
      }
    }
    return this.#toTable(elf, elf.symbols(source, 'dynsym', elf, this.#tableBytes))
  }

  /** A table of these symbols, of which there is one, however many files have them. */
  #toTable(elf: ElfFile, symbols: ElfSymbols | undefined): SymbolTable | undefined {
    if (symbols === undefined) return undefined
    const key = `table ${symbols.digest()}`
    let table = this.#cache.get(key, SymbolTable)
    if (table === undefined) {
      table = symbols.toTable()
      if (table.isEmpty || table.bytes > this.#tableBytes) return undefined
      this.#cache.set(key, table)
    }
    elf.tableKey = key
    return table
  }

  #jitOf(pid: number, maps: ProcessMaps | undefined): JitMap | undefined {
    const key = `jit ${pid}`
    const known = this.#cache.get(key, JitMap)
    // However often the process writes it anew, that does not hold us up.
    if (known?.isDue === false) return known
    const source = openJitMap(pid, maps)
    if (source === undefined) return known
    try {
      const map = known?.isOf(source) === true ? known : new JitMap(source, this.#tableBytes)
      if (map.update(source) || map !== known) this.#cache.set(key, map)
      return map
    } finally {
      source.close()
    }
  }
}

const vdso = '[vdso]'
const deleted = / \(deleted\)$/

/** The key of a mapping's file in the cache. */
function keyOf(maps: ProcessMaps, { path, range }: Mapping, source: Source): string {
  return `file ${source.identity}${path === vdso ? ` ${maps.pid} ${range}` : ''}`
}

/** The path that a mapping's file had at last. */
function pathOf({ path }: Mapping): string {
  return path.replace(deleted, '')
}

/**
 * Opens a mapping's file: that which is mapped, whatever has happened to its name
 * since, where the kernel lets us.
 */
function open(maps: ProcessMaps, mapping: Mapping): Source | undefined {
  const { pid } = maps
  const { path, range, device, inode, start, end } = mapping
  if (path === vdso) return Source.openMemory(pid, start, end - start)
  // A name in brackets is memory, and so is what has no inode.
  if (inode === 0n || !path.startsWith('/')) return undefined
  const paths = [`/proc/${pid}/map_files/${range}`]
  // As the process sees it, unless that is another file by now.
  if (!deleted.test(path)) paths.push(`/proc/${pid}/root${path}`)
  for (const candidate of paths) {
    const source = Source.open(candidate)
    if (source === undefined) continue
    // Some file systems show another device there than here.
    if (source.device !== device || source.inode === inode) return source
    source.close()
  }
  if (deleted.test(path)) return undefined
  // It has ended: its file, if there is the same one here.
  const here = Source.open(path)
  if (here?.device === device && here.inode === inode) return here
  here?.close()
  return undefined
}

/**
 * Opens the list of what was made at run time, which anybody may write to /tmp:
 * one of the process's user, of root or of ours, and not older than the process.
 */
function openJitMap(pid: number, maps: ProcessMaps | undefined): Source | undefined {
  const path = `/tmp/perf-${maps?.ownPid ?? pid}.map`
  const source =
    Source.open(`/proc/${pid}/root${path}`, constants.O_NOFOLLOW) ??
    Source.open(`/tmp/perf-${pid}.map`, constants.O_NOFOLLOW)
  if (source === undefined) return undefined
  const isOurs = [0, process.geteuid?.(), maps?.userId].includes(source.ownerId)
  const isOld = maps !== undefined && source.modifiedMs < maps.startedMs - freshMs
  if (isOurs && !isOld) return source
  source.close()
  return undefined
}
