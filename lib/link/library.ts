// Finds libraries as the dynamic linker does, and programs as a shell does.
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { endianness } from 'node:os'
import { delimiter, join } from 'node:path'
import { BpfError } from '../errors/errors.js'
import { readText } from '../machine/facts.js'

const triplets: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
  arm: 'arm-linux-gnueabihf',
  ppc64: 'powerpc64le-linux-gnu',
  s390x: 's390x-linux-gnu',
  riscv64: 'riscv64-linux-gnu',
  loong64: 'loongarch64-linux-gnu',
}

const triplet = triplets[process.arch]

/** Where libraries are when nobody says otherwise: glibc's, Debian's, musl's. */
const standardDirectories = [
  ...(triplet === undefined ? [] : [`/lib/${triplet}`, `/usr/lib/${triplet}`]),
  ...['/lib64', '/usr/lib64', '/lib', '/usr/lib', '/usr/local/lib'],
]

/**
 * The file of a library or program: a path as it is. A name that contains ".so" is
 * looked for among what the process has mapped, in LD_LIBRARY_PATH, in the dynamic
 * linker's cache and in the standard directories; another name in PATH.
 *
 * @param pid A process that uses it; it may be in a container.
 * @throws {BpfError} `ERR_FILE_NOT_FOUND`, saying where it was looked for.
 */
export function findFile(name: string, pid?: number): string {
  if (name.includes('/')) {
    if (existsSync(name)) return name
    throw new BpfError('ERR_FILE_NOT_FOUND', 'there is no such file', {
      operation: 'find',
      target: name,
    })
  }
  const isLibrary = /\.so(\.|$)/.test(name)
  const mapped = pid === undefined ? undefined : findMapped(name, pid)
  const found =
    mapped ?? (isLibrary ? findLibrary(name) : findIn(pathOf('PATH', '/usr/bin:/bin'), name))
  if (found !== undefined) return found
  const places = isLibrary
    ? 'LD_LIBRARY_PATH, /etc/ld.so.cache and the standard directories'
    : 'the directories of PATH'
  throw new BpfError('ERR_FILE_NOT_FOUND', `it is not in ${places}`, {
    operation: 'find',
    target: name,
    hint: 'Give the whole path',
  })
}

function findLibrary(name: string): string | undefined {
  return (
    findIn(pathOf('LD_LIBRARY_PATH', ''), name) ??
    readCache('/etc/ld.so.cache', name) ??
    findIn(standardDirectories, name)
  )
}

function pathOf(variable: string, otherwise: string): string[] {
  return (process.env[variable] ?? otherwise).split(delimiter).filter((path) => path !== '')
}

function findIn(directories: readonly string[], name: string): string | undefined {
  return directories.map((directory) => join(directory, name)).find(isFile)
}

function isFile(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** The file of this name that a process has mapped, seen from here. */
function findMapped(name: string, pid: number): string | undefined {
  for (const line of readText(`/proc/${String(pid)}/maps`).split('\n')) {
    const path = /\S+ \S+ \S+ \S+ \S+\s+(\/.*)$/.exec(line)?.[1]
    if (path?.endsWith(`/${name}`) !== true) continue
    const seen = `/proc/${String(pid)}/root${path}`
    if (isFile(seen)) return seen
  }
  return undefined
}

/** What an entry of the cache has to be on this machine: ELF, glibc, and its architecture. */
const cacheFlags: Partial<Record<NodeJS.Architecture, number>> = { x64: 0x0303, arm64: 0x0a03 }

const headerBytes = 48
const entryBytes = 24

/**
 * Where the dynamic linker's cache says that a library is; nothing when there is
 * no such file, or none in the format that glibc writes since 2.2.
 */
export function readCache(file: string, name: string): string | undefined {
  let cache: Buffer
  try {
    cache = readFileSync(file)
  } catch {
    return undefined
  }
  // Behind the old format, or alone.
  const start = cache.indexOf('glibc-ld.so.cache1.1', 0, 'latin1')
  if (start < 0 || start + headerBytes > cache.length) return undefined
  const table = cache.subarray(start)
  const little = endianness() === 'LE'
  const u32 = (at: number): number => (little ? table.readUInt32LE(at) : table.readUInt32BE(at))
  const text = (at: number): string => {
    const end = table.indexOf(0, at)
    return table.toString('utf8', at, end < 0 ? at : end)
  }
  const wanted = cacheFlags[process.arch]
  const count = Math.min(u32(20), Math.floor((table.length - headerBytes) / entryBytes))
  for (let i = 0; i < count; i++) {
    const entry = headerBytes + i * entryBytes
    if (wanted !== undefined && u32(entry) !== wanted) continue
    if (text(u32(entry + 4)) !== name) continue
    const path = text(u32(entry + 8))
    if (isFile(path)) return path
  }
  return undefined
}
