import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Symbolizer } from '../../lib/index.js'
import { Cache } from '../../lib/symbols/cache.js'
import { ElfFile } from '../../lib/symbols/elf-file.js'
import { JitMap, type JitSource } from '../../lib/symbols/jit-map.js'
import { KernelSymbols } from '../../lib/symbols/kernel-symbols.js'
import { parseMapping, ProcessMaps } from '../../lib/symbols/process-maps.js'
import { SymbolList, SymbolTable, toNumber } from '../../lib/symbols/symbol-table.js'
import { UserSymbols } from '../../lib/symbols/user-symbols.js'
import { thrownBy } from '../thrown.js'
import { sectionsOf } from './elf-file.js'
import { firstSeed, Random } from './random.js'

const names = Buffer.from(Array.from({ length: 100 }, (_, i) => `s${i}\0`).join(''))
const nameOffset = (index: number): number => names.indexOf(`s${index}\0`)

interface Listed {
  start: number
  /** 0 for none. */
  size: number
  goodness: number
}

/** The symbol that covers an address, by comparing all of them. */
function expected(symbols: Listed[], address: number, preference: string): number | undefined {
  const starts = symbols.map(({ start }) => start)
  const endOf = ({ start, size }: Listed): number =>
    size > 0 ? start + size : Math.min(start + 50, ...starts.filter((other) => other > start))
  return symbols
    .map((symbol, index) => ({ ...symbol, index, end: endOf(symbol) }))
    .filter(({ start, end }) => address >= start && address < end)
    .sort((a, b) =>
      preference === 'latest'
        ? b.index - a.index
        : Number(b.size > 0) - Number(a.size > 0) ||
          b.start - a.start ||
          b.goodness - a.goodness ||
          a.index - b.index,
    )[0]?.index
}

describe('of symbols that overlap', () => {
  test.each(['innermost', 'latest'] as const)('the %s is taken', (preference) => {
    for (let seed = firstSeed; seed < firstSeed + 30; seed++) {
      const random = new Random(seed)
      const far = random.pick([0, 2 ** 20, -(2 ** 31), 2 ** 47, -(2 ** 47)])
      const symbols = Array.from({ length: random.integer(0, 40) }, () => ({
        start: far + random.integer(0, 150),
        size: random.chance(0.7) ? random.integer(1, 60) : 0,
        goodness: random.integer(0, 2),
      }))
      const list = new SymbolList()
      symbols.forEach(({ start, size, goodness }, i) => {
        list.add(start, start + (size || 50), nameOffset(i), goodness, size > 0)
      })
      const table = list.toTable(names, preference)
      const addresses = Array.from({ length: 220 }, (_, i) => far + i - 2)
      const found = addresses.map((address) => table.find(address))
      const wanted = addresses.map((address) => {
        const index = expected(symbols, address, preference)
        return index === undefined ? undefined : { name: `s${index}`, start: symbols[index]?.start }
      })
      expect({ seed, found }).toEqual({ seed, found: wanted })
      expect(table.find(NaN)).toBeUndefined()
    }
  })

  test('a name that does not end is cut off', () => {
    const list = new SymbolList()
    list.add(0, 10, 0)
    list.add(10, 20, 5_000_000)
    const table = list.toTable(Buffer.alloc(1_000_000, 'x'), 'innermost')
    expect(table.find(5)?.name).toHaveLength(65_536)
    expect(table.find(15)?.name).toBe('')
  })

  test('an address of 64 bits is a number', () => {
    expect(toNumber(0xffffffff81000000n)).toBe(-0x7f000000)
    expect(toNumber(0x7fffffffffffn)).toBe(0x7fffffffffff)
    expect(toNumber(2n ** 60n)).toBeNaN()
  })
})

describe("the kernel's symbols", () => {
  let proc: string
  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), 'kallsyms-'))
    mkdirSync(join(proc, 'sys/kernel'), { recursive: true })
  })
  afterEach(() => {
    rmSync(proc, { recursive: true })
  })

  const kernel =
    '0000000000000000 A fixed_percpu_data\n' +
    'ffffffff81000000 T _stext\nffffffff81000000 T _text\n' +
    'ffffffff81000100 t local\nffffffff81000200 T _etext\nffffffff81000300 D jiffies\n'

  function write(list: string, modules?: string): void {
    writeFileSync(join(proc, 'kallsyms'), list)
    if (modules !== undefined) writeFileSync(join(proc, 'modules'), modules)
  }

  const find = (symbols: KernelSymbols, address: bigint) => symbols.lookup()(toNumber(address))

  test('are those of kallsyms: the first name of several, as the kernel prints', () => {
    write(kernel)
    const symbols = new KernelSymbols(proc)
    const start = -0x7f000000
    expect(find(symbols, 0xffffffff810000ffn)).toEqual({ name: '_stext', start, module: undefined })
    expect(find(symbols, 0xffffffff81000100n)?.name).toBe('local')
    expect(find(symbols, 0xffffffff81000301n)?.name).toBe('jiffies')
    expect(find(symbols, 0xffffffff80ffffffn)).toBeUndefined()
    expect(find(symbols, 0xffffffff82000000n)).toBeUndefined()
    // Also the one that is not taken for its address, and the first one of the list.
    expect(symbols.startsOf('_text')).toEqual([start])
    expect(symbols.startsOf('_stext')).toEqual([start])
    expect(symbols.startsOf('')).toEqual([])
    expect(symbols.startsOf('local')).toEqual([start + 0x100])
    expect(symbols.startsOf('loca')).toEqual([])
  })

  test('are read again when a module is loaded, also between others', () => {
    write(kernel, '')
    const symbols = new KernelSymbols(proc)
    expect(find(symbols, 0xffffffffc0000010n)).toBeUndefined()
    const one = 'ffffffffc0000000 t init_one\t[one]\n'
    write(kernel + one, 'one 16384 0 - Live 0xffffffffc0000000\n')
    expect(find(symbols, 0xffffffffc0000010n)).toMatchObject({ name: 'init_one', module: 'one' })
    // Until then this was a part of the other.
    expect(find(symbols, 0xffffffffc0008010n)?.name).toBe('init_one')
    write(
      `${kernel}ffffffffc0008000 t init_two\t[two]\n${one}`,
      'two 16384 0 - Live 0xffffffffc0008000\none 16384 0 - Live 0xffffffffc0000000\n',
    )
    expect(find(symbols, 0xffffffffc0008010n)).toMatchObject({ name: 'init_two', module: 'two' })
    expect(symbols.startsOf('init_two')).toHaveLength(1)
  })

  test('stay when they cannot be read any more', () => {
    write(kernel, '')
    const symbols = new KernelSymbols(proc)
    find(symbols, 0xffffffff81000000n)
    write(kernel.replace(/^[\da-f]{16}/gm, '0000000000000000'), 'one 1 0 - Live 0x0\n')
    expect(find(symbols, 0xffffffffc0000010n)).toBeUndefined()
    expect(find(symbols, 0xffffffff81000101n)?.name).toBe('local')
  })

  test.each([
    [
      '0',
      /^Cannot read \/.*\/kallsyms: the kernel shows no addresses\. Run the process as root or/,
    ],
    [
      '2',
      /no addresses\. It does to processes with CAP_SYSLOG after "sysctl kernel.kptr_restrict=1"/,
    ],
  ])('that are hidden are an error (kptr_restrict %s)', (restrict, message) => {
    write(kernel.replace(/^[\da-f]{16}/gm, '0000000000000000'))
    writeFileSync(join(proc, 'sys/kernel/kptr_restrict'), `${restrict}\n`)
    const error = thrownBy(() => new KernelSymbols(proc).lookup())
    expect(error).toMatchObject({ code: 'ERR_PERMISSION', operation: 'read' })
    expect(error.message).toMatch(message)
  })

  test('that do not exist are an error', () => {
    expect(thrownBy(() => new KernelSymbols(proc).lookup())).toMatchObject({
      code: 'ERR_UNSUPPORTED',
      errno: -2,
    })
  })

  test('that are damaged are left out', () => {
    write(`x\n\n \n${kernel}zz T bad\nffffffff81000150 T\nffffffff81000180 T last`)
    const symbols = new KernelSymbols(proc)
    expect(find(symbols, 0xffffffff8100017fn)?.name).toBe('local')
    expect(find(symbols, 0xffffffff81000180n)?.name).toBe('last')
  })
})

describe('the list of a JIT compiler', () => {
  /** A file in memory. */
  function file(text: string, inode = 1n): JitSource {
    const bytes = Buffer.from(text)
    return {
      sizeBytes: bytes.length,
      inode,
      read: (offset, length) => Buffer.from(bytes.subarray(offset, offset + length)),
    }
  }

  test('gives the latest of what was at an address', () => {
    const map = new JitMap(file(''), 1 << 20)
    expect(map.update(file('1000 100 first\n1080 10 JS:~f /a b.js:1:2\n0x10f0 0x20 third\n'))).toBe(
      true,
    )
    const named = (address: number): string | undefined => map.find(address)?.name
    expect([0xfff, 0x1000, 0x1080, 0x1090, 0x10f0, 0x110f, 0x1110].map(named)).toEqual([
      undefined,
      'first',
      'JS:~f /a b.js:1:2',
      'first',
      'third',
      'third',
      undefined,
    ])
  })

  test('is read on from where it ended, and from its beginning when it is another', () => {
    const text = '1000 100 first\n'
    const map = new JitMap(file(text), 1 << 20)
    map.update(file(`${text}1000 1`))
    expect(map.find(0x1000)?.name).toBe('first')
    const grown = file(`${text}1000 10 second\n`)
    expect(map.update(grown)).toBe(true)
    expect(map.update(grown)).toBe(false)
    expect(map.find(0x1000)?.name).toBe('second')
    expect(map.find(0x1010)?.name).toBe('first')
    expect(map.isOf(grown)).toBe(true)
    expect(map.isOf(file(text))).toBe(false)
    expect(map.isOf(file(grown.read(0, 100)?.toString() ?? '', 2n))).toBe(false)
  })

  test('is read again when 20 times the time that it took has passed', () => {
    let now = 1000
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now)
    try {
      const slow: JitSource = {
        ...file('1000 100 first\n'),
        read: (...args) => {
          now += 3
          return file('1000 100 first\n').read(...args)
        },
      }
      const map = new JitMap(slow, 1 << 20)
      expect(map.isDue).toBe(true)
      expect(map.update(slow)).toBe(true)
      const due = now + 20 * (now - 1000)
      now = due - 1
      expect(map.isDue).toBe(false)
      now = due + 1
      expect(map.isDue).toBe(true)
    } finally {
      clock.mockRestore()
    }
  })

  test('may have lines that mean nothing', () => {
    const lines = [
      '',
      ' ',
      'x',
      '1000',
      '1000 10',
      '1000 10 ',
      '1000 0 zero',
      'g 1 g',
      '-1 5 minus',
    ]
    lines.push(`${'f'.repeat(500)} 1 far`, '1000 ffffffffffffffff long', '2000 10 good', '2010 10')
    const map = new JitMap(file(''), 1 << 20)
    map.update(file(`${lines.join('\n')}\n`))
    expect(map.find(0x1000)).toBeUndefined()
    expect(map.find(0x2000)?.name).toBe('good')
  })

  test('takes no more memory than it may', () => {
    const map = new JitMap(file(''), 8 << 20)
    map.update(file('1 1 x\n'.repeat(2_000_000)))
    expect(map.find(1)?.name).toBe('x')
    expect(map.bytes).toBeLessThan(12 << 20)
    const line = new JitMap(file(''), 8 << 20)
    line.update(file('1'.repeat(10_000_000)))
    expect(line.bytes).toBeLessThan(1 << 20)
  })
})

describe('an ELF file that is damaged', () => {
  // The addon: its functions are in .symtab.
  const original = readFileSync(join(__dirname, '../../build/Release/bpf_ringbuf.node'))
  const sections = sectionsOf(original)

  function use(file: Uint8Array): number {
    const pieces = {
      read: (offset: number, length: number) =>
        offset + length <= file.length
          ? Buffer.from(Uint8Array.from(file.subarray(offset, offset + length)))
          : undefined,
    }
    const elf = new ElfFile(pieces)
    let found = 0
    for (const kind of ['symtab', 'dynsym'] as const) {
      const symbols = elf.symbols(pieces, kind, elf, 16 << 20)
      symbols?.digest()
      const table = symbols?.toTable()
      for (let at = 0; at < original.length; at += 4096) {
        if (table?.find(elf.addressOf(at) ?? NaN) !== undefined) found++
      }
    }
    return found
  }

  test('has the symbols that are whole', () => {
    expect(use(original)).toBeGreaterThan(10)
  })

  test.each([0, 3, 4, 15, 51, 52, 63, 64, 1000, original.length - 64])(
    'cut off at %d',
    (length) => {
      expect(use(original.subarray(0, length))).toBe(0)
    },
  )

  test('anywhere', () => {
    const symtab = sections.find(({ name }) => name === '.symtab')
    const headers = sections.map(({ header }) => header)
    for (let seed = firstSeed; seed < firstSeed + 150; seed++) {
      const random = new Random(seed)
      const file = Uint8Array.from(original)
      for (let left = random.integer(1, 5); left > 0; left--) {
        const place = random.pick([16, 64, random.pick(headers), symtab?.offset ?? 0])
        const at = place + random.integer(0, place === symtab?.offset ? symtab.size - 8 : 56)
        const bytes = random.pick([[0], [0xff, 0xff, 0xff, 0xff], [...random.bytes(4)], [0x7f]])
        file.set(bytes, at)
      }
      expect(() => use(file)).not.toThrow()
    }
  })
})

test('a line of /proc/PID/maps', () => {
  const path = '/tmp/with space\\012and line (deleted)'
  expect(
    parseMapping(`7f0000001000-7f0000003000 r-xp 00002000 103:05 1234 ${' '.repeat(20)}${path}`),
  ).toMatchObject({
    range: '7f0000001000-7f0000003000',
    start: 0x7f0000001000,
    end: 0x7f0000003000,
    fileOffset: 0x2000,
    device: 0x10305n,
    inode: 1234n,
    path: '/tmp/with space\nand line (deleted)',
  })
  expect(parseMapping('7f0000001000-7f0000003000 r--p 00002000 103:05 1234 /a')).toBeUndefined()
  expect(parseMapping('7f0000001000-7f0000003000 rwxp 00000000 00:00 0 ')).toMatchObject({
    path: '',
  })
  expect(parseMapping('')).toBeUndefined()
})

describe('a process is read again', () => {
  const readMs = 3
  let now = 1000
  let reads = 0
  let lines: string[]
  let symbols: UserSymbols

  beforeEach(() => {
    ;[now, reads] = [1000, 0]
    lines = ['1000-2000 r-xp 00000000 00:00 0 [first]']
    symbols = new UserSymbols(1 << 24)
    jest.spyOn(performance, 'now').mockImplementation(() => now)
    jest.spyOn(ProcessMaps, 'read').mockImplementation((pid) => {
      reads++
      now += readMs
      return new ProcessMaps(pid, lines.map(parseMapping) as [])
    })
  })

  afterEach(() => jest.restoreAllMocks())

  const pathOf = (address: number): string | undefined => symbols.lookup(process.pid)(address).path

  test('for an address that is not in it, and then takes 5 % of the time at most', () => {
    expect(pathOf(0x1500)).toBe('[first]')
    const begin = now
    const passedMs = 500
    while (now < begin + passedMs) {
      expect(pathOf(0xdead_beef)).toBeUndefined()
      expect(pathOf(0x1500)).toBe('[first]')
      now += 0.5
    }
    expect(reads - 1).toBeGreaterThan(1)
    expect((reads - 1) * readMs).toBeLessThanOrEqual(0.05 * passedMs)
  })

  test('soon after a library was loaded, also among addresses that are nowhere', () => {
    expect(pathOf(0x1500)).toBe('[first]')
    lines.push('5000-6000 r-xp 00000000 00:00 0 [second]')
    const begin = now
    while (pathOf(0x5500) === undefined) {
      pathOf(0xdead_beef)
      now += 0.5
    }
    expect(now - begin).toBeLessThan(25 * readMs)
  })

  test('after a second, whatever is looked up', () => {
    expect(pathOf(0x1500)).toBe('[first]')
    lines = ['1000-2000 r-xp 00000000 00:00 0 [second]']
    now += 999
    expect(pathOf(0x1500)).toBe('[first]')
    now += 2
    expect(pathOf(0x1500)).toBe('[second]')
  })
})

describe('the cache', () => {
  const table = (bytes: number): SymbolTable => {
    const none = new Float64Array()
    return new SymbolTable(Buffer.alloc(bytes), none, none, new Uint32Array())
  }

  test('drops what was used longest ago', () => {
    const cache = new Cache(10_000)
    for (const key of ['a', 'b', 'c']) cache.set(key, table(3000))
    cache.get('a', SymbolTable)
    cache.set('d', table(3000))
    expect(['a', 'b', 'c', 'd'].map((key) => cache.get(key, SymbolTable) !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ])
    expect(cache.get('a', ElfFile)).toBeUndefined()
    cache.set('a', table(20_000))
    expect(cache.get('a', SymbolTable)).toBeUndefined()
    expect(cache.bytes).toBeLessThan(10_000)
    cache.delete('c')
    cache.delete('d')
    expect(cache.bytes).toBe(0)
  })
})

describe('a Symbolizer refuses', () => {
  const symbolizer = new Symbolizer()
  test.each<[string, () => unknown, RegExp]>([
    ['another option', () => new Symbolizer({ max: 1 } as never), /^Expected one of maxBytes for/],
    [
      'little memory',
      () => new Symbolizer({ maxBytes: 1000 }),
      /^Expected an integer from 16777216/,
    ],
    [
      'no addresses',
      () => symbolizer.user(1, 5 as never),
      /^Expected an iterable of bigints for addr/,
    ],
    [
      'numbers',
      () => symbolizer.user(1, [1] as never),
      /^Expected a bigint for addresses\[0\] but/,
    ],
    [
      'a negative address',
      () => symbolizer.kernel([1n, -1n]),
      /^Expected an address of 64 bits for/,
    ],
    [
      'a process 0',
      () => symbolizer.user(0, []),
      /^Expected an integer from 1 to 2147483647 for pid/,
    ],
    [
      'a name that is none',
      () => symbolizer.kernelAddresses(1 as never),
      /^Expected a string for name/,
    ],
  ])('%s', (_, action, message) => {
    expect(thrownBy(action).message).toMatch(message)
  })
})
