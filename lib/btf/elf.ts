// What can be said of a file before libelf and libbpf see it. They take a
// damaged file's word for its offsets in places, so the bounds are checked here.
import { endianness } from 'node:os'
import { BpfError } from '../errors/errors.js'

const EM_BPF = 247
const SHT_NOBITS = 8
const HEADER_BYTES = 64
const SECTION_HEADER_BYTES = 64

/** The contents of an ELF file's sections by their names. */
export type ElfSections = ReadonlyMap<string, Uint8Array>

/**
 * Refuses what is not an ELF64 relocatable file for BPF of this machine's byte
 * order, or has sections beyond its end.
 *
 * @returns Its sections.
 * @throws {BpfError} `ERR_OBJECT_FORMAT`
 */
export function checkElf(bytes: Uint8Array, target: string): ElfSections {
  const problem = (text: string, hint?: string): BpfError =>
    new BpfError('ERR_OBJECT_FORMAT', text, { operation: 'open', target, hint })
  const refuse = (text: string, hint?: string): never => {
    throw problem(text, hint)
  }
  const compile = 'Compile it with clang -target bpf'
  if (bytes.length === 0) refuse('it is empty')
  const magic = [0x7f, 0x45, 0x4c, 0x46]
  if (!magic.every((byte, i) => bytes[i] === byte)) refuse('it is not an ELF file', compile)
  if (bytes.length < HEADER_BYTES) refuse('it ends within the ELF header')
  if (bytes[4] !== 2) refuse('it is a 32-bit ELF file', compile)
  const littleEndian = bytes[5] === 1
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const machine = view.getUint16(18, littleEndian)
  if (machine !== EM_BPF)
    refuse(`it is an ELF file for machine ${String(machine)}, not BPF`, compile)
  if (littleEndian !== (endianness() === 'LE')) {
    refuse(
      "its byte order is not this machine's",
      'Compile it with -target bpf on this machine, or use it on one of that byte order',
    )
  }

  const tableOffset = view.getBigUint64(40, littleEndian)
  const entryBytes = view.getUint16(58, littleEndian)
  const count = view.getUint16(60, littleEndian)
  const size = BigInt(bytes.length)
  if (count === 0 || entryBytes !== SECTION_HEADER_BYTES) refuse('it has no section headers')
  if (tableOffset + BigInt(count * SECTION_HEADER_BYTES) > size) {
    refuse('its section headers lie beyond the end of the file: it is cut off')
  }
  const headers = Array.from({ length: count }, (_, i) => {
    const at = Number(tableOffset) + i * SECTION_HEADER_BYTES
    const hasData = view.getUint32(at + 4, littleEndian) !== SHT_NOBITS
    const start = view.getBigUint64(at + 24, littleEndian)
    const end = start + (hasData ? view.getBigUint64(at + 32, littleEndian) : 0n)
    if (hasData && end > size) {
      refuse(`section ${String(i)} lies beyond the end of the file: it is cut off`)
    }
    return {
      name: view.getUint32(at, littleEndian),
      data: hasData ? bytes.subarray(Number(start), Number(end)) : bytes.subarray(0, 0),
    }
  })
  const namesIndex = view.getUint16(62, littleEndian)
  const names = headers[namesIndex]?.data
  if (names === undefined) {
    throw problem(`its section names are in section ${String(namesIndex)}, which it does not have`)
  }
  return new Map(
    headers.map(({ name, data }) => {
      const stop = names.indexOf(0, name)
      return [Buffer.from(names.subarray(name, stop < 0 ? name : stop)).toString('latin1'), data]
    }),
  )
}
