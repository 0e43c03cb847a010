// Where the symbols are that were stripped off a file.
import { dirname } from 'node:path'
import { ElfFile } from './elf-file.js'
import { Source } from './source.js'

/** A file without a build id is compared as a whole: not one that takes longer than a second. */
const largestUnnamed = 256 << 20

/** The file that has another one's symbols, open. */
export interface DebugFile {
  elf: ElfFile
  source: Source
}

/**
 * Looks where gdb looks: by the build id, then by the link, which objcopy makes.
 * A file that was made of another build is none.
 *
 * @param root Of the process's file system, `/proc/PID/root`, or nothing.
 * @param path The stripped file, as the process sees it.
 */
export function openDebugFile(
  root: string,
  path: string,
  stripped: ElfFile,
): DebugFile | undefined {
  const { buildId, debugLink } = stripped
  const paths: string[] = []
  const everywhere = root === '' ? [''] : [root, '']
  if (buildId !== undefined) {
    const file = `/usr/lib/debug/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`
    paths.push(...everywhere.map((prefix) => prefix + file))
  }
  if (debugLink !== undefined && path.startsWith('/')) {
    const directory = dirname(path)
    for (const place of [directory, `${directory}/.debug`, `/usr/lib/debug${directory}`]) {
      paths.push(...everywhere.map((prefix) => `${prefix}${place}/${debugLink.name}`))
    }
  }
  for (const candidate of paths) {
    const source = Source.open(candidate)
    if (source === undefined) continue
    const elf = new ElfFile(source)
    const isIts =
      buildId === undefined ? checksumOf(source) === debugLink?.checksum : elf.buildId === buildId
    if (isIts) return { elf, source }
    source.close()
  }
  return undefined
}

/** CRC-32 as zlib has it, of which Node 20 has no function. */
function checksumOf(source: Source): number | undefined {
  if (source.sizeBytes > largestUnnamed) return undefined
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit++) byte = ((byte & 1) * 0xedb88320) ^ (byte >>> 1)
    return byte
  })
  let sum = 0xffffffff
  const pieceBytes = 1 << 20
  for (let at = 0; at < source.sizeBytes; at += pieceBytes) {
    const piece = source.read(at, Math.min(pieceBytes, source.sizeBytes - at))
    if (piece === undefined) return undefined
    for (const byte of piece) sum = (table[(sum ^ byte) & 255] as number) ^ (sum >>> 8)
  }
  return ~sum >>> 0
}
