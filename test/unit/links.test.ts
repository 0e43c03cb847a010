// What links do without a kernel: finding files, lists of CPUs, pieces of text.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lineSplitter, recordSplitter } from '../../lib/link/iteration.js'
import { iterators, type IterTarget } from '../../lib/link/iter.js'
import { findFile, readCache } from '../../lib/link/library.js'
import { parseCpus } from '../../lib/machine/cpus.js'
import { struct, u16, u32 } from '../../lib/types/struct.js'
import type { NativeProgram } from '../../lib/addon/program.js'
import { thrownBy } from '../thrown.js'

describe('an iterator', () => {
  /** What the kernel would get for a target of an iterator of that section. */
  function attach(section: string, target: IterTarget): number | undefined {
    let given: Uint8Array | undefined
    const attachIter = (bytes: Uint8Array): number => ((given = bytes), 0)
    iterators.iter.attach({ section: () => section, attachIter } as NativeProgram, target)
    return given?.length
  }

  const map = { fd: 3 }
  test.each<[string, IterTarget, string]>([
    ['iter/tcp', { pid: 1 }, 'Expected an iterator of task or task_file or task_vma'],
    ['iter/bpf_map', { map }, 'Expected an iterator of bpf_map_elem or bpf_sk_storage_map or'],
    ['iter.s/task', { cgroup: 3 }, 'Expected an iterator of cgroup for a target with cgroup'],
    ['iter/cgroup', { tid: 1 }, "for a target with tid but received 'iter/cgroup'"],
    ['iter/bpf_map_elem', { pid: 1 }, "for a target with pid but received 'iter/bpf_map_elem'"],
  ])('of %s does not take %j', (section, target, message) => {
    const error = thrownBy(() => attach(section, target))
    expect(error.name).toBe('TypeError')
    expect(error.message).toContain(message)
  })

  test.each<[string, IterTarget, number]>([
    ['iter/tcp', {}, 0],
    ['iter.s/task_vma', { pid: 1 }, 12],
    ['iter/sockmap', { map }, 4],
    ['iter/cgroup', { cgroup: 3 }, 16],
    ['iter/of_tomorrow', { pid: 1 }, 12],
    ['iter', { map }, 4],
  ])('of %s takes %j', (section, target, size) => {
    expect(attach(section, target)).toBe(size)
  })
})

describe('a library', () => {
  let directory: string
  let library: string

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'libraries-'))
    mkdirSync(join(directory, 'deep'))
    library = join(directory, 'deep', 'libfound.so.7')
    writeFileSync(library, '')
  })
  afterAll(() => {
    rmSync(directory, { recursive: true })
  })

  /** As glibc's ldconfig writes it, perhaps behind what older ones read. */
  function cacheOf(entries: [flags: number, name: string, path: string][], before = ''): Buffer {
    const header = Buffer.alloc(48)
    header.write('glibc-ld.so.cache1.1', 'latin1')
    header.writeUInt32LE(entries.length, 20)
    const table = Buffer.alloc(24 * entries.length)
    const start = header.length + table.length
    let texts = ''
    entries.forEach(([flags, name, path], i) => {
      table.writeUInt32LE(flags, 24 * i)
      table.writeUInt32LE(start + texts.length, 24 * i + 4)
      table.writeUInt32LE(start + texts.length + name.length + 1, 24 * i + 8)
      texts += `${name}\0${path}\0`
    })
    return Buffer.concat([Buffer.from(before), header, table, Buffer.from(texts)])
  }

  test.each(['', 'ld.so-1.7.0\0 what older ones read '])(
    'is found in the cache behind %j',
    (old) => {
      const cache = join(directory, 'cache')
      const flags = process.arch === 'arm64' ? 0x0a03 : 0x0303
      const entries: [number, string, string][] = [
        [flags, 'libother.so.7', library],
        [0x0001, 'libfound.so.7', join(directory, 'of-another-machine')],
        [flags, 'libfound.so.7', library],
        [flags, 'libgone.so.7', join(directory, 'gone')],
      ]
      writeFileSync(cache, cacheOf(entries, old))
      expect(readCache(cache, 'libfound.so.7')).toBe(library)
      expect(readCache(cache, 'libfound.so')).toBeUndefined()
      expect(readCache(cache, 'libgone.so.7')).toBeUndefined()
    },
  )

  test('is not found in what is no cache', () => {
    const cache = join(directory, 'damaged')
    expect(readCache(cache, 'libfound.so.7')).toBeUndefined()
    const whole = cacheOf([[0x0303, 'libfound.so.7', library]])
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(cache, whole.subarray(0, length))
      expect(readCache(cache, 'libfound.so.7')).toBeUndefined()
    }
    whole.fill(0xff, 20)
    writeFileSync(cache, whole)
    expect(readCache(cache, 'libfound.so.7')).toBeUndefined()
  })

  test('is found where LD_LIBRARY_PATH says, and a program where PATH says', () => {
    const { PATH, LD_LIBRARY_PATH } = process.env
    try {
      process.env['LD_LIBRARY_PATH'] = `/no/such:${join(directory, 'deep')}`
      process.env['PATH'] = directory
      expect(findFile('libfound.so.7')).toBe(library)
      writeFileSync(join(directory, 'tool'), '')
      expect(findFile('tool')).toBe(join(directory, 'tool'))
      expect(thrownBy(() => findFile('libno_such.so'))).toMatchObject({
        code: 'ERR_FILE_NOT_FOUND',
        message: expect.stringContaining('LD_LIBRARY_PATH') as string,
      })
      expect(thrownBy(() => findFile('no_such_tool')).message).toMatch(/directories of PATH/)
    } finally {
      process.env['PATH'] = PATH
      if (LD_LIBRARY_PATH === undefined) delete process.env['LD_LIBRARY_PATH']
      else process.env['LD_LIBRARY_PATH'] = LD_LIBRARY_PATH
    }
  })

  test('is the one that a process has mapped', () => {
    expect(findFile('libc.so.6', process.pid)).toMatch(
      new RegExp(`^/proc/${String(process.pid)}/root/.*/libc\\.so\\.6$`),
    )
    expect(findFile(library)).toBe(library)
    expect(thrownBy(() => findFile('/no/such')).code).toBe('ERR_FILE_NOT_FOUND')
  })
})

test.each([
  ['0', [0]],
  ['0-3\n', [0, 1, 2, 3]],
  ['0,2-3,8', [0, 2, 3, 8]],
  ['', []],
])('CPUs %j', (list, expected) => {
  expect(parseCpus(list)).toEqual(expected)
})

describe('what an iterator writes', () => {
  const text = 'first\n\nünï — 😀 last\nwithout an end'
  const bytes = new TextEncoder().encode(text)

  /** Cut into pieces of a size. */
  function pieces(all: Uint8Array, size: number): Uint8Array[] {
    return Array.from({ length: Math.ceil(all.length / size) }, (_, i) =>
      all.slice(i * size, (i + 1) * size),
    )
  }

  test.each([1, 2, 3, 5, 1000])('is lines, in pieces of %d bytes', (size) => {
    const splitter = lineSplitter('program "p"')
    const lines = pieces(bytes, size).flatMap((piece) => [...splitter.take(piece)])
    expect([...lines, ...splitter.end()]).toEqual(text.split('\n'))
  })

  test('is no line longer than memory allows', () => {
    const splitter = lineSplitter('program "p"')
    const piece = new Uint8Array(64 * 1024).fill(0x61)
    const error = thrownBy(() => {
      for (let i = 0; i < 32; i++) splitter.take(piece)
    })
    expect(error).toMatchObject({ code: 'ERR_FULL', target: 'program "p"' })
  })

  const Pair = struct('pair', { one: u32, two: u16 }, { packed: true })

  test.each([1, 2, 5, 6, 7, 1000])('is records, in pieces of %d bytes', (size) => {
    const splitter = recordSplitter(Pair)()
    const records = Array.from({ length: 20 }, (_, i) => ({ one: 70000 * i, two: i }))
    const all = new Uint8Array(6 * records.length)
    const view = new DataView(all.buffer)
    records.forEach(({ one, two }, i) => {
      view.setUint32(6 * i, one, true)
      view.setUint16(6 * i + 4, two, true)
    })
    const read = pieces(all, size).flatMap((piece) => [...splitter.take(piece)])
    expect([...read, ...splitter.end()]).toEqual(records)
    expect([...splitter.take(all.subarray(0, 5))]).toEqual([])
    expect(thrownBy(() => splitter.end()).code).toBe('ERR_RECORD_TOO_SHORT')
  })
})
