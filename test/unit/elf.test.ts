import { readFileSync } from 'node:fs'
import { checkElf } from '../../lib/btf/elf.js'
import { sectionsOf } from './elf-file.js'
import { eventObject } from './event-object.js'

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
const SHT_NOBITS = 8

/** A copy of the object, changed. */
function changed(change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(eventObject)
  change(new DataView(bytes.buffer), bytes)
  return bytes
}

function refusal(problem: string): Error {
  return expect.objectContaining({
    name: 'BpfError',
    code: 'ERR_OBJECT_FORMAT',
    operation: 'open',
    target: 'event.bpf.o',
    message: expect.stringMatching(`^Cannot open event.bpf.o: ${problem}`) as string,
  }) as Error
}

const check = (bytes: Uint8Array) => (): unknown => checkElf(bytes, 'event.bpf.o')
const sections = sectionsOf(eventObject)
const largest = sections.reduce((a, b) => (a.size > b.size ? a : b))

describe('a file passes', () => {
  test.each<[string, Uint8Array]>([
    ['as clang makes it', eventObject],
    ['within a larger buffer', Buffer.concat([Buffer.alloc(3), eventObject]).subarray(3)],
    ['with bytes after its end', Buffer.concat([eventObject, Buffer.alloc(10)])],
    [
      'with a section that ends where the file does',
      changed((view) => {
        const size = BigInt(eventObject.length - largest.offset)
        view.setBigUint64(largest.header + 32, size, littleEndian)
      }),
    ],
    [
      'with a section of .bss that says it is larger than the file',
      changed((view) => {
        const bss = sections.find(({ type }) => type === SHT_NOBITS)
        view.setBigUint64((bss?.header ?? 0) + 32, 2n ** 60n, littleEndian)
      }),
    ],
  ])('%s', (_, bytes) => {
    expect(check(bytes)).not.toThrow()
  })
})

describe('a file is refused', () => {
  const otherOrder = changed((view, bytes) => {
    bytes[5] = littleEndian ? 2 : 1
    view.setUint16(18, 247, !littleEndian)
  })

  test.each<[string, Uint8Array, string]>([
    ['that is empty', new Uint8Array(0), 'it is empty'],
    ['that is text', Buffer.from('#include <linux/bpf.h>'), 'it is not an ELF file. Compile'],
    [
      'that is the beginning of a magic number',
      eventObject.subarray(0, 3),
      'it is not an ELF file',
    ],
    ['that is C source as long as a header', Buffer.alloc(100, 'x'), 'it is not an ELF file'],
    ['that is a magic number', eventObject.subarray(0, 4), 'it ends within the ELF header'],
    ['that ends within the header', eventObject.subarray(0, 63), 'it ends within the ELF header'],
    [
      'that is a program for this machine',
      readFileSync(process.execPath),
      'it is an ELF file for machine \\d+, not BPF. Compile it with clang -target bpf',
    ],
    ['that is of 32 bits', changed((view) => view.setUint8(4, 1)), 'it is a 32-bit ELF file'],
    ['of the other byte order', otherOrder, "its byte order is not this machine's"],
    [
      'without section headers',
      changed((view) => view.setUint16(60, 0)),
      'it has no section headers',
    ],
    [
      'whose section headers have another size',
      changed((view) => view.setUint16(58, 40, littleEndian)),
      'it has no section headers',
    ],
    [
      'whose section headers begin beyond its end',
      changed((view) => view.setBigUint64(40, 2n ** 64n - 1n, littleEndian)),
      'its section headers lie beyond the end of the file: it is cut off',
    ],
    [
      'with more section headers than fit',
      changed((view) => view.setUint16(60, 0xffff, littleEndian)),
      'its section headers lie beyond the end of the file: it is cut off',
    ],
    [
      'with a section that begins beyond its end',
      changed((view) => view.setBigUint64(largest.header + 24, 2n ** 40n, littleEndian)),
      `section ${String(sections.indexOf(largest))} lies beyond the end of the file`,
    ],
    [
      'with a section that ends beyond its end',
      changed((view) =>
        view.setBigUint64(largest.header + 32, BigInt(eventObject.length), littleEndian),
      ),
      `section ${String(sections.indexOf(largest))} lies beyond the end of the file`,
    ],
    [
      'with a section whose end is beyond 64 bits',
      changed((view) => view.setBigUint64(largest.header + 32, 2n ** 64n - 1n, littleEndian)),
      `section ${String(sections.indexOf(largest))} lies beyond the end of the file`,
    ],
  ])('%s', (_, bytes, problem) => {
    expect(check(bytes)).toThrow(refusal(problem))
  })

  // libelf finds the names elsewhere then, and what was checked is not what it reads.
  test.each([sections.length, 0xff00, 0xffff])(
    'whose section names are in section %d, which it does not have',
    (index) => {
      const bytes = changed((view) => view.setUint16(62, index, littleEndian))
      expect(check(bytes)).toThrow(refusal(''))
    },
  )

  test('cut off anywhere', () => {
    // The section headers are the last that clang writes.
    for (let length = 0; length < eventObject.length; length++) {
      expect(check(eventObject.subarray(0, length))).toThrow(refusal(''))
    }
  })
})

describe('the sections', () => {
  test('are given by their names', () => {
    const found = checkElf(eventObject, 'event.bpf.o')
    expect([...found.keys()]).toEqual([...new Set(sections.map(({ name }) => name))])
    expect(found.get('LICENSE')).toBeUndefined()
    expect(found.get('license')).toEqual(eventObject.subarray(...rangeOf('license')))
    expect(Buffer.from(found.get('license') ?? []).toString()).toBe('GPL\0')
    expect(found.get('.BTF')).toEqual(eventObject.subarray(...rangeOf('.BTF')))
  })

  test('are empty when they have no data', () => {
    expect(checkElf(eventObject, 'event.bpf.o').get('.bss')).toHaveLength(0)
  })

  test('may have names that do not end, or are none', () => {
    const bytes = changed((view) => {
      for (const { header, name } of sections) {
        if (name === 'license') view.setUint32(header, 0xffffffff, littleEndian)
      }
    })
    expect([...checkElf(bytes, 'event.bpf.o').keys()]).not.toContain('license')
  })

  function rangeOf(name: string): [number, number] {
    const section = sections.find((known) => known.name === name)
    if (section === undefined) throw new Error(`the file has no section ${name}`)
    return [section.offset, section.offset + section.size]
  }
})
