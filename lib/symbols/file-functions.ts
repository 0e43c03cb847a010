// The functions of an ELF file by their names, to put probes on them.
import { addon } from '../addon/addon.js'
import { BpfError, invalidType } from '../errors/errors.js'
import { openDebugFile } from './debug-file.js'
import { ElfFile } from './elf-file.js'
import { Source } from './source.js'

/** A file whose symbols take more has none: what has more is no program. */
const longestTable = 1 << 30

/** A function of an ELF file. */
export interface FileFunction {
  /** As the file has it; of C++ mangled. */
  name: string
  /** A C++ function as C++ has it, with its parameters; `undefined` for others. */
  demangled: string | undefined
  /** Where it begins in the file, in bytes: the offset that a uprobe takes. */
  offset: number
  /** How long it is, in bytes; 0 when the file does not say. */
  sizeBytes: number
}

/**
 * The functions of a program or library whose names, mangled as they stand in the file,
 * are one of these or match a pattern: also of C++, and also functions that only the
 * symbols know which `strip` takes off, or a separate debug file. A uprobe takes
 * `{ path, offset }` of them. It is for functions whose whole names are not the same in
 * all versions of a program.
 *
 * It blocks: it reads the symbols of the file, which takes some 100 ms for 100,000. It
 * needs no privileges but to read the file.
 *
 * @param path Of the file; `/proc/PID/exe` is the program of a process, also in a
 *   container and when the file was replaced.
 * @returns In the order of the file, each name at each place once; nothing when
 *   the file is stripped of them.
 * @throws {BpfError} `ERR_FILE_NOT_FOUND` when it cannot be opened, `ERR_OBJECT_FORMAT`
 *   for what is no ELF file of this machine's byte order.
 *
 * @example
 * const path = '/proc/1234/exe'
 * for (const { offset } of functionsOf(path, /^_ZN2v88internal4Heap14CollectGarbageE/)) {
 *   program.attach({ uprobe: { path, offset } })
 * }
 */
export function functionsOf(path: string, names: RegExp | readonly string[]): FileFunction[] {
  if (typeof path !== 'string') throw invalidType('a string', 'path', path)
  const isWanted = matcher(names)
  const source = Source.open(path)
  if (source === undefined) {
    throw new BpfError('ERR_FILE_NOT_FOUND', 'there is no such file that can be read', {
      operation: 'read the symbols of',
      target: path,
    })
  }
  try {
    const elf = new ElfFile(source)
    if (!elf.isElf) {
      throw new BpfError('ERR_OBJECT_FORMAT', 'it is no ELF file of this machine’s byte order', {
        operation: 'read the symbols of',
        target: path,
      })
    }
    return read(path, elf, source, isWanted)
  } finally {
    source.close()
  }
}

function matcher(names: unknown): (name: string) => boolean {
  if (names instanceof RegExp) return (name) => name.search(names) >= 0
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw invalidType('a RegExp or an array of strings', 'names', names)
  }
  const set = new Set<unknown>(names)
  return (name) => set.has(name)
}

function read(
  path: string,
  elf: ElfFile,
  source: Source,
  isWanted: (name: string) => boolean,
): FileFunction[] {
  const found = new Map<string, FileFunction>()
  const add = (file: ElfFile, from: Source, kind: 'symtab' | 'dynsym'): boolean => {
    const symbols = file.symbols(from, kind, elf, longestTable)
    for (const { name, start, sizeBytes } of symbols?.functions(isWanted) ?? []) {
      const offset = elf.offsetOf(start)
      const key = `${name}@${start}`
      if (offset === undefined || found.has(key)) continue
      const demangled = name.startsWith('_Z') ? addon().demangle(name) : undefined
      found.set(key, { name, demangled, offset, sizeBytes })
    }
    return symbols !== undefined
  }
  if (!add(elf, source, 'symtab')) {
    const debug = openDebugFile('', path, elf)
    try {
      if (debug !== undefined) add(debug.elf, debug.source, 'symtab')
    } finally {
      debug?.source.close()
    }
    add(elf, source, 'dynsym')
  }
  return [...found.values()]
}
