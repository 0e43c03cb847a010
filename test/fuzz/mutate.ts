// Object files, damaged in the ways that files are and that attackers would try.
import type { Section } from '../unit/elf-file.js'
import { sectionsOf } from '../unit/elf-file.js'
import type { Random } from '../unit/random.js'

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** The fields of an ELF64 header and of a section header: offset and bytes. */
const fileFields = [
  [16, 2],
  [18, 2],
  [20, 4],
  [24, 8],
  [32, 8],
  [40, 8],
  [48, 4],
  [52, 2],
  [54, 2],
  [56, 2],
  [58, 2],
  [60, 2],
  [62, 2],
] as const
const sectionFields = [
  [0, 4], // name
  [4, 4], // type
  [8, 8], // flags
  [16, 8], // address
  [24, 8], // offset
  [32, 8], // size
  [40, 4], // link
  [44, 4], // info
  [48, 8], // alignment
  [56, 8], // entry size
] as const

/** A file made of `objects`, with one to four changes; the same for the same seed. */
export function mutated(objects: readonly Uint8Array[], random: Random): Uint8Array {
  const original = random.pick(objects)
  const sections = sectionsOf(original)
  let file: Uint8Array = Uint8Array.from(original)
  for (let left = random.integer(1, 4); left > 0; left--) {
    const kind = random.integer(0, 9)
    if (kind < 2) flipBits(file, random)
    else if (kind < 4) changeField(file, random.pick(sections).header, sectionFields, random)
    else if (kind < 8) changeContents(file, random.pick(interesting(sections)), random)
    else if (kind === 8) spliceSection(file, sections, random.pick(objects), random)
    else if (random.chance(0.3)) changeField(file, 0, fileFields, random)
    else if (random.chance(0.3)) file = cutOrExtended(file, random)
    else swapSections(file, sections, random)
  }
  return file
}

/** Those that libbpf reads closely count twice. */
function interesting(sections: readonly Section[]): Section[] {
  const close = sections.filter(({ name }) => /^(\.BTF|\.rel|\.maps|\.symtab|\.strtab)/.test(name))
  return [...sections, ...close].filter(({ size, type }) => size >= 4 && type !== 8)
}

function flipBits(file: Uint8Array, random: Random): void {
  for (let left = random.integer(1, 8); left > 0; left--) {
    const at = random.integer(0, file.length - 1)
    file[at] = (file[at] as number) ^ (1 << random.integer(0, 7))
  }
}

function changeField(
  file: Uint8Array,
  start: number,
  fields: readonly (readonly [number, number])[],
  random: Random,
): void {
  const [offset, size] = random.pick(fields)
  changeWord(file, start + offset, size, random)
}

/** Some words near each other, as of one type, symbol or relocation. */
function changeContents(file: Uint8Array, { offset, size }: Section, random: Random): void {
  const words = Math.floor(size / 4)
  const first = random.integer(0, words - 1)
  for (let left = random.integer(1, 3); left > 0; left--) {
    const word = Math.min(words - 1, first + random.integer(0, 5))
    changeWord(file, offset + 4 * word, random.chance(0.8) ? 4 : random.pick([1, 2]), random)
  }
}

function changeWord(file: Uint8Array, at: number, size: number, random: Random): void {
  if (at < 0 || at + size > file.length) return
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  let old = 0n
  if (size === 8) old = view.getBigUint64(at, littleEndian)
  else if (size === 4) old = BigInt(view.getUint32(at, littleEndian))
  else if (size === 2) old = BigInt(view.getUint16(at, littleEndian))
  else old = BigInt(view.getUint8(at))
  const value = random.pick([
    0n,
    1n,
    -1n,
    old + BigInt(random.integer(-8, 8)),
    old << 8n,
    old ^ (1n << BigInt(random.integer(0, 8 * size - 1))),
    BigInt(random.integer(0, 255)),
    BigInt(random.u32()),
    BigInt(file.length + random.integer(-8, 8)),
    0x7fffffffn,
    0x80000000n,
    0xffffff00n,
    1n << 62n,
    -BigInt(random.integer(1, 4096)),
    BigInt(random.integer(1, 15)) << 24n, // a kind of BTF
  ])
  if (size === 8) view.setBigUint64(at, BigInt.asUintN(64, value), littleEndian)
  else if (size === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), littleEndian)
  else if (size === 2) view.setUint16(at, Number(BigInt.asUintN(16, value)), littleEndian)
  else view.setUint8(at, Number(BigInt.asUintN(8, value)))
}

/** Overwrites a section with what another object has under this name. */
function spliceSection(
  file: Uint8Array,
  sections: readonly Section[],
  other: Uint8Array,
  random: Random,
): void {
  const into = random.pick(sections)
  const theirs = sectionsOf(other)
  const from = theirs.find(({ name }) => name === into.name) ?? random.pick(theirs)
  const length = Math.min(into.size, from.size, file.length - into.offset)
  if (length > 0) file.set(other.subarray(from.offset, from.offset + length), into.offset)
}

function swapSections(file: Uint8Array, sections: readonly Section[], random: Random): void {
  const a = random.pick(sections).header
  const b = random.pick(sections).header
  if (Math.max(a, b) + 64 > file.length) return
  const copy = file.slice(a, a + 64)
  file.copyWithin(a, b, b + 64)
  file.set(copy, b)
}

function cutOrExtended(file: Uint8Array, random: Random): Uint8Array {
  if (random.chance(0.5)) return file.slice(0, random.integer(0, file.length - 1))
  const longer = new Uint8Array(file.length + random.integer(1, 4096))
  longer.set(file)
  longer.set(random.bytes(longer.length - file.length), file.length)
  return longer
}
