import { addon } from '../addon/addon.js'
import { BpfError, describeErrno } from '../errors/errors.js'
import { readText } from '../machine/facts.js'
import { share } from './pace.js'
import { errnoOf, readProc } from './source.js'
import { SymbolList, type SymbolTable } from './symbol-table.js'

/** A symbol of the kernel that covers an address. */
export interface KernelPlace {
  name: string
  /** Where the symbol begins. */
  start: number
  /** The module that it belongs to; `bpf` for BPF programs, nothing for the kernel itself. */
  module: string | undefined
}

/** Larger than any kernel's. */
const longestList = 64 << 20
/** The list says where symbols begin, not where they end. */
const longestSymbol = 1 << 20
/** What reading again may take at once, after a time without. */
const mostCreditMs = 1000
/** After so long an address that is not known may be by now. */
const freshMs = 1000

const ENOENT = -2
const EPERM = -1
const EACCES = -13

/** The kernel's symbols: those of /proc/kallsyms. */
export class KernelSymbols {
  readonly #proc: string
  #table: SymbolTable | undefined
  /** What the kernel itself consists of, which does not change. */
  #fixed = { start: Infinity, end: -Infinity }
  /** What was loaded when the table was read. */
  #modules = ''
  #newestProgram = 0
  #readAtMs = 0
  #creditMs = mostCreditMs
  #creditedAtMs = performance.now()

  /** @param proc Where the kernel's files are. */
  constructor(proc = '/proc') {
    this.#proc = proc
  }

  /** What it keeps in memory. */
  get bytes(): number {
    return this.#table?.bytes ?? 0
  }

  /**
   * Looks up addresses. Modules and BPF programs that were loaded since are found;
   * reading the symbols again for that takes 5 % of the time at most, and until then
   * none of theirs has a name.
   *
   * @returns A function that does it, for one stack.
   * @throws {BpfError} `ERR_PERMISSION` when the kernel does not show addresses,
   *   `ERR_UNSUPPORTED` when it has no list.
   */
  lookup(): (address: number) => KernelPlace | undefined {
    let table = this.#table ?? this.#read()
    let isChecked = false
    let isStale = false
    return (address) => {
      const isFixed = address >= this.#fixed.start && address < this.#fixed.end
      if (!isFixed && !isChecked) {
        isChecked = true
        const before = table
        const hasChanged = this.#hasChanged()
        if (hasChanged || this.#mayLack(table.find(address) !== undefined)) {
          table = this.#readAgain(before)
        }
        isStale = hasChanged && table === before
      }
      const place = placeOf(table.find(address))
      // Rather nothing than the neighbour of what is not known yet.
      return isStale && place?.module !== undefined ? undefined : place
    }
  }

  /** Where the symbols of a name begin. Throws as `lookup()` does. */
  startsOf(name: string): number[] {
    const table = this.#table ?? this.#read()
    const found = table.startsOf(name)
    if (found.length > 0 || !(this.#hasChanged() || this.#mayLack(false))) return found
    return this.#readAgain(table).startsOf(name)
  }

  /** Whether there may be something that the table does not have. */
  #mayLack(isKnown: boolean): boolean {
    // Not everybody may ask for programs, and some code comes without one.
    const isCertain = isKnown && addon().nextProgramId(this.#newestProgram) === ENOENT
    return !isCertain && performance.now() - this.#readAtMs > freshMs
  }

  /** Whether a module or a BPF program was loaded, as far as this process may see it. */
  #hasChanged(): boolean {
    if (loadedModules(this.#proc) !== this.#modules) return true
    return addon().nextProgramId(this.#newestProgram) > 0
  }

  /** The table, read anew unless that would take too much of the time. */
  #readAgain(before: SymbolTable): SymbolTable {
    const now = performance.now()
    this.#creditMs = Math.min(mostCreditMs, this.#creditMs + share * (now - this.#creditedAtMs))
    this.#creditedAtMs = now
    if (this.#creditMs < 0) return before
    try {
      const table = this.#read()
      this.#creditMs -= performance.now() - now
      return table
    } catch {
      // Privileges may have been dropped since.
      this.#readAtMs = now
      return before
    }
  }

  #read(): SymbolTable {
    // Before the symbols: what comes meanwhile counts as unknown.
    const modules = loadedModules(this.#proc)
    for (let id = this.#newestProgram; id >= 0; id = addon().nextProgramId(id)) {
      this.#newestProgram = id
    }
    const path = `${this.#proc}/kallsyms`
    const { table, fixed } = parseKallsyms(readList(path))
    if (table.isEmpty) {
      throw new BpfError('ERR_PERMISSION', 'the kernel shows no addresses', {
        operation: 'read',
        target: path,
        hint:
          readText(`${this.#proc}/sys/kernel/kptr_restrict`).trim() === '2'
            ? 'It does to processes with CAP_SYSLOG after "sysctl kernel.kptr_restrict=1"'
            : 'Run the process as root or give it CAP_SYSLOG (--cap-add SYSLOG in a container)',
      })
    }
    this.#table = table
    this.#fixed = fixed
    this.#modules = modules
    this.#readAtMs = performance.now()
    return table
  }
}

function placeOf(found: { name: string; start: number } | undefined): KernelPlace | undefined {
  if (found === undefined) return undefined
  const [name = '', module] = found.name.split('\t')
  return { name, start: found.start, module: module?.slice(1, -1) }
}

/** Of /proc/modules what does not change while a module is loaded. */
function loadedModules(proc: string): string {
  return readText(`${proc}/modules`).replace(/^(\S+ \S+) .* (\S+)( \(\w+\))?$/gm, '$1 $2')
}

function readList(path: string): Buffer {
  try {
    return readProc(path, longestList)
  } catch (error) {
    const errno = errnoOf(error)
    const isForbidden = errno === EPERM || errno === EACCES
    const code = isForbidden
      ? 'ERR_PERMISSION'
      : errno === ENOENT
        ? 'ERR_UNSUPPORTED'
        : 'ERR_KERNEL'
    throw new BpfError(code, describeErrno(errno), {
      operation: 'read',
      target: path,
      errno,
      hint:
        errno === ENOENT
          ? 'The kernel needs CONFIG_KALLSYMS, and /proc has to be mounted'
          : undefined,
      cause: error,
    })
  }
}

const newline = 10
const space = 32
const underscore = 0x5f

/**
 * The symbols of a list, whose lines are "ADDRESS TYPE NAME[\t[MODULE]]". A table
 * without any when it shows no addresses.
 *
 * @param text It is overwritten.
 */
export function parseKallsyms(text: Buffer): {
  table: SymbolTable
  fixed: { start: number; end: number }
} {
  const list = new SymbolList()
  const fixed = { start: Infinity, end: -Infinity }
  // The names are moved to the front: what was before them is read already.
  let length = 0
  for (let at = 0; at < text.length;) {
    let high = 0
    let low = 0
    let digits = 0
    for (; text[at] !== space && text[at] !== newline && at < text.length; at++, digits++) {
      const digit = digitOf(text[at] as number)
      high = (high << 4) | (low >>> 28)
      low = (low << 4) | digit
    }
    const isWhole = digits > 0 && text[at] === space && text[at + 2] === space
    if (isWhole) at += 3
    const name = length
    const start = high * 2 ** 32 + (low >>> 0)
    const isWanted = isWhole && start !== 0 && Number.isSafeInteger(start)
    for (; at < text.length && text[at] !== newline; at++) {
      if (isWanted) text[length++] = text[at] as number
    }
    at++
    if (!isWanted) continue
    text[length++] = 0
    list.add(start, start + longestSymbol, name, 0, false)
    // The names that mark the kernel's own code.
    if (length - name === '_stext\0'.length && text[name] === underscore) {
      const marker = text.toString('latin1', name, length - 1)
      if (marker === '_stext') fixed.start = start
      if (marker === '_etext') fixed.end = start
    }
  }
  const names = Buffer.from(text.subarray(0, length))
  return { table: list.toTable(names, 'innermost', true), fixed }
}

function digitOf(byte: number): number {
  return byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x61 + 10
}
