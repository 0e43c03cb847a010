import { createCachedCstrings, readCstring } from '../../lib/types/cstring.js'
import { Memory } from '../../lib/types/memory.js'
import { firstSeed, Random } from './random.js'

/** Memory with these bytes at `start`; around them lies `filler`. */
function memoryOf(bytes: Uint8Array, start: number, filler: number): Memory {
  const around = new Uint8Array(start + bytes.length + 5).fill(filler)
  around.set(bytes, start)
  return Memory.of(around)
}

// One that all strings share, one that swaps words freely, and the usual one.
const hashFactors = [0, 1, undefined]

describe.each(hashFactors)('with a cache whose hash is multiplied by %p', (hashFactor) => {
  test('a string with its NUL, or its end, at every offset is the same', () => {
    const cached = createCachedCstrings(hashFactor)()
    for (const letter of ['a', '\u0001', '\u007f', 'é', '€', '🐝', '\u0080']) {
      // Longer than what a cache keeps, which is 63 bytes.
      const text = Buffer.from('the same beginning '.padEnd(72, letter))
      for (let size = 0; size <= 70; size++) {
        for (let nul = Math.max(0, size - 9); nul <= size; nul++) {
          for (const start of [0, 4, 5, 6, 7]) {
            const field = Uint8Array.from(text.subarray(0, size))
            if (nul < size) field[nul] = 0
            const memory = memoryOf(field, start, 0xc3)
            const string = text.toString('utf8', 0, nul)
            // The second time out of the cache.
            for (let time = 0; time < 2; time++) {
              const read = cached(memory, start, start + size)
              if (read !== string) expect({ letter, size, nul, start, read }).toBe(string)
            }
          }
        }
      }
    }
  })

  test('random strings, some of them again and again, are the same', () => {
    for (let seed = firstSeed; seed < firstSeed + 8; seed++) {
      const random = new Random(seed)
      const cached = createCachedCstrings(hashFactor)()
      const alphabet = random.pick([
        ['a', 'b'],
        ['a', 'é'],
        ['\u0001', '\u0080', '\u00ff'],
        ['x', '€', '🐝', '\ufeff'],
        ['\0', 'a', 'b', 'c', 'd'],
      ])
      const known: Uint8Array[] = []
      for (let round = 0; round < 3000; round++) {
        let bytes = random.pick([...known, new Uint8Array(0)])
        if (random.chance(0.3)) {
          const letters = Array.from({ length: random.integer(0, 40) }, () => random.pick(alphabet))
          bytes = random.chance(0.1) ? random.bytes(20) : Buffer.from(letters.join(''))
          known[random.integer(0, Math.min(known.length, 99))] = bytes
        }
        const start = random.chance(0.9) ? 4 * random.integer(0, 3) : random.integer(0, 15)
        // Cut off at times, and at times with what lies behind.
        const end = start + Math.max(0, bytes.length + random.pick([0, 0, 0, -1, -2, 1, 2, 3, 4]))
        const memory = memoryOf(bytes, start, random.pick([0, 0x61, 0x80, 0xff]))
        const [read, expected] = [cached, readCstring].map((f) => f(memory, start, end))
        if (read !== expected) expect({ seed, round, read }).toEqual({ seed, round, expected })
      }
    }
  })
})

describe('the cache', () => {
  let made = 0
  let memory: Memory

  beforeEach(() => {
    made = 0
    memory = new Memory(new ArrayBuffer(128))
    const { buf } = memory
    for (const name of ['latin1Slice', 'utf8Slice'] as const) {
      const slice = buf[name].bind(buf)
      buf[name] = (start, end) => {
        made++
        return slice(start, end)
      }
    }
  })

  /** How many strings were made to read `text` so often. */
  function madeFor(read: typeof readCstring, text: string, times = 1, start = 0): number {
    made = 0
    memory.u8.fill(0)
    memory.buf.write(text, start)
    for (let time = 0; time < times; time++) {
      // expect() itself takes long, so often.
      const string = read(memory, start, 120)
      if (string !== text) expect(string).toBe(text)
    }
    return made
  }

  test.each<[string, string, number, number]>([
    ['a string', 'bash', 0, 1],
    ['an empty one, which is there from the beginning', '', 0, 0],
    ['UTF-8', 'é€🐝', 0, 1],
    ['one of 63 bytes', 'x'.repeat(63), 0, 1],
    ['not one of 64', 'x'.repeat(64), 0, 10],
    ['one at any multiple of 4', 'bash', 4, 1],
    ['not one elsewhere', 'bash', 2, 10],
  ])('hands out again %s', (_, text, start, expected) => {
    expect(madeFor(createCachedCstrings()(), text, 10, start)).toBe(expected)
  })

  test('has one string for all of the same hash, and never a wrong one', () => {
    const read = createCachedCstrings(0)()
    expect(madeFor(read, 'one')).toBe(1)
    expect(madeFor(read, 'one')).toBe(0)
    expect(madeFor(read, 'one more')).toBe(1)
    expect(madeFor(read, 'one')).toBe(1)
    expect(madeFor(read, '')).toBe(1)
  })

  test('keeps nothing of a string that could not be made', () => {
    const read = createCachedCstrings(0)()
    expect(madeFor(read, 'before')).toBe(1)
    const latin1Slice = memory.buf.latin1Slice.bind(memory.buf)
    memory.buf.latin1Slice = () => {
      throw new RangeError('Maximum call stack size exceeded')
    }
    expect(() => madeFor(read, 'now')).toThrow('stack')
    memory.buf.latin1Slice = latin1Slice
    expect(madeFor(read, 'now')).toBe(1)
    expect(madeFor(read, 'before')).toBe(1)
  })

  test('pauses while strings are all new, and tries again later', () => {
    const read = createCachedCstrings()()
    for (let i = 0; i < 256; i++) expect(madeFor(read, `new ${String(i)}`)).toBe(1)
    const pauseCount = 128 * 256
    for (let round = 0; round < 2; round++) {
      expect(madeFor(read, 'bash', pauseCount)).toBe(pauseCount)
      // One trial of new strings makes it pause again.
      for (let i = 0; i < 256; i++) madeFor(read, `other ${String(round)} ${String(i)}`)
    }
    expect(madeFor(read, 'bash', pauseCount)).toBe(pauseCount)
    expect(madeFor(read, 'bash', 3 * pauseCount)).toBe(1)
  })

  test('pauses for a field of its own', () => {
    const cstrings = createCachedCstrings()
    const [paths, names] = [cstrings(), cstrings()]
    for (let i = 0; i < 1000; i++) {
      madeFor(paths, `new ${String(i)}`)
      madeFor(names, 'bash')
    }
    expect(madeFor(names, 'bash', 256)).toBe(0)
    expect(madeFor(paths, 'bash', 256)).toBe(256)
  })

  test('does not pause while half of the strings repeat', () => {
    const read = createCachedCstrings()()
    for (let i = 0; i < 1000; i++) {
      madeFor(read, `new ${String(i)}`)
      for (let time = 0; time < 2; time++) madeFor(read, 'bash')
    }
    madeFor(read, 'bash')
    expect(madeFor(read, 'bash')).toBe(0)
  })
})
