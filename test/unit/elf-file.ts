/** The section headers of an ELF64 file of either byte order. */
export interface Section {
  name: string
  /** Where its header is in the file. */
  header: number
  type: number
  offset: number
  size: number
}

export function sectionsOf(file: Uint8Array): Section[] {
  const littleEndian = file[5] === 1
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const table = Number(view.getBigUint64(40, littleEndian))
  const count = view.getUint16(60, littleEndian)
  const headers = Array.from({ length: count }, (_, i) => table + 64 * i)
  const place = (header: number): { offset: number; size: number } => ({
    offset: Number(view.getBigUint64(header + 24, littleEndian)),
    size: Number(view.getBigUint64(header + 32, littleEndian)),
  })
  const names = place(headers[view.getUint16(62, littleEndian)] as number).offset
  return headers.map((header) => {
    const name = names + view.getUint32(header, littleEndian)
    return {
      name: Buffer.from(file.subarray(name, file.indexOf(0, name))).toString(),
      header,
      type: view.getUint32(header + 4, littleEndian),
      ...place(header),
    }
  })
}

export function sectionContents(file: Uint8Array, name: string): Uint8Array {
  const section = sectionsOf(file).find((known) => known.name === name)
  if (section === undefined) throw new Error(`the file has no section ${name}`)
  return file.slice(section.offset, section.offset + section.size)
}
