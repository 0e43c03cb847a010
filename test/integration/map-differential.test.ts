// Random operations on random maps: what they give here, and what the same system
// calls give in C on another map of the same kind. Values are written to bytes and read
// from them by hand.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import {
  BpfMap,
  cstring,
  i16,
  type MapFlag,
  struct,
  type Type,
  u16,
  u32,
  u64,
} from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { describeBpf } from '../require-bpf.js'
import { firstSeed, Random } from '../unit/random.js'

/** A type, some of its values, and their bytes. */
interface Sort {
  type: Type
  value(random: Random): unknown
  bytes(value: never): Buffer
}

const word: Sort = {
  type: u32,
  value: (random) => random.integer(0, 11),
  bytes(value: number) {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    return bytes
  },
}

const long: Sort = {
  type: u64,
  value: (random) => BigInt(random.integer(0, 2 ** 31)) << 20n,
  bytes(value: bigint) {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(value)
    return bytes
  },
}

/** With padding between its fields and behind them. */
const pair: Sort = {
  type: struct('pair', { a: u16, b: u32, c: i16, name: cstring(5) }),
  value: (random) => ({
    a: random.integer(0, 2),
    b: random.integer(0, 3),
    c: -random.integer(0, 1),
    name: random.pick(['', 'one', 'four']),
  }),
  bytes(value: { a: number; b: number; c: number; name: string }) {
    const bytes = Buffer.alloc(16)
    bytes.writeUInt16LE(value.a, 0)
    bytes.writeUInt32LE(value.b, 4)
    bytes.writeInt16LE(value.c, 8)
    bytes.write(value.name, 10)
    return bytes
  },
}

const prefix: Sort = {
  type: struct('prefix', { prefixlen: u32, address: u32 }),
  value: (random) => ({
    prefixlen: random.pick([0, 1, 8, 31, 32, 33]),
    address: random.pick([0, 1, 2 ** 31, 0x0a, 0x010a]),
  }),
  bytes(value: { prefixlen: number; address: number }) {
    const bytes = Buffer.alloc(8)
    bytes.writeUInt32LE(value.prefixlen, 0)
    bytes.writeUInt32LE(value.address, 4)
    return bytes
  },
}

/** A kind of maps; those with random keys and values have several types. */
interface Kind {
  type: string
  maxEntries: number
  flags?: MapFlag[]
  key?: Sort
}

const kinds: Kind[] = [
  { type: 'hash', maxEntries: 8 },
  { type: 'hash', maxEntries: 8, flags: ['no_prealloc'] },
  { type: 'lru_hash', maxEntries: 2048 },
  { type: 'percpu_hash', maxEntries: 8 },
  { type: 'lru_percpu_hash', maxEntries: 2048 },
  { type: 'array', maxEntries: 8, key: word },
  { type: 'percpu_array', maxEntries: 8, key: word },
  { type: 'lpm_trie', maxEntries: 6, flags: ['no_prealloc'], key: prefix },
  { type: 'queue', maxEntries: 5 },
  { type: 'stack', maxEntries: 5 },
]

/** What is done: its lines for the C program, and what those are answered with here. */
interface Step {
  lines: string[]
  answers: string[]
}

class Model {
  readonly map: BpfMap
  readonly keySize: number
  readonly valueBytes: number
  readonly #random: Random
  readonly #kind: Kind
  readonly #key: Sort | undefined
  readonly #value: Sort
  readonly #cpus: number | undefined

  constructor(random: Random, kind: Kind) {
    this.#random = random
    this.#kind = kind
    const isKeyless = kind.type === 'queue' || kind.type === 'stack'
    const key = kind.key ?? random.pick([word, pair])
    this.#key = isKeyless ? undefined : key
    this.#value = random.pick([word, long, pair])
    this.map = this.create()
    const sizes = [key.type.size, this.#value.type.size] as const
    this.keySize = isKeyless ? 0 : sizes[0]
    const isPerCpu = kind.type.includes('percpu')
    if (isPerCpu) this.#cpus = possibleCpus()
    this.valueBytes = this.#cpus === undefined ? sizes[1] : this.#cpus * 8 * Math.ceil(sizes[1] / 8)
  }

  create(): BpfMap {
    const { type, maxEntries, flags = [] } = this.#kind
    return BpfMap.create({
      type,
      maxEntries,
      flags,
      ...(this.#key === undefined ? {} : { key: this.#key.type }),
      value: this.#value.type,
      ...(type.includes('percpu') ? { perCpu: true } : {}),
    } as never)
  }

  step(): Step {
    const random = this.#random
    if (this.#key === undefined) {
      return random.pick([() => this.#push(), () => this.#pop(), () => this.#peek()])()
    }
    const isArray = this.#kind.type.includes('array')
    const always = [
      () => this.#get(),
      () => this.#set(),
      () => this.#set(),
      () => this.#getMany(),
      () => this.#setMany(),
      () => this.#dump(),
    ]
    const others = [
      () => this.#delete(),
      () => this.#take(),
      () => this.#deleteMany(),
      () => this.#takeAll(),
    ]
    return random.pick(isArray ? always : [...always, ...others])()
  }

  #keyOf(): unknown {
    return this.#key?.value(this.#random)
  }

  #valueOf(): unknown {
    const random = this.#random
    if (this.#cpus === undefined || random.chance(0.3)) return this.#value.value(random)
    return Array.from({ length: this.#cpus }, () => this.#value.value(random))
  }

  #hexKey(key: unknown): string {
    return (this.#key as Sort).bytes(key as never).toString('hex')
  }

  #hexValue(value: unknown): string {
    const bytes = (one: unknown): Buffer => this.#value.bytes(one as never)
    if (this.#cpus === undefined) return bytes(value).toString('hex')
    const list = Array.isArray(value) ? value : Array(this.#cpus).fill(value)
    const size = this.#value.type.size
    const padding = Buffer.alloc(8 * Math.ceil(size / 8) - size)
    return Buffer.concat(list.flatMap((one) => [bytes(one), padding])).toString('hex')
  }

  /** `0`, with the value if there is one, or the error number. */
  #answer(action: () => unknown): string {
    try {
      const value = action()
      if (value === undefined || value === false) return '-2'
      return value === true || value === this.map ? '0' : `0 ${this.#hexValue(value)}`
    } catch (error) {
      return String((error as { errno?: number }).errno ?? error)
    }
  }

  #get(): Step {
    const key = this.#keyOf()
    const answer = this.#answer(() => this.map.get(key))
    if (this.map.has(key) !== !answer.startsWith('-')) throw new Error('has() says otherwise')
    return { lines: [`get ${this.#hexKey(key)}`], answers: [answer] }
  }

  #set(): Step {
    const [key, value] = [this.#keyOf(), this.#valueOf()]
    const flags = this.#random.pick(['any', 'noexist', 'exist'] as const)
    const number = ['any', 'noexist', 'exist'].indexOf(flags)
    return {
      lines: [`set ${this.#hexKey(key)} ${this.#hexValue(value)} ${String(number)}`],
      answers: [this.#answer(() => this.map.set(key, value, { flags }))],
    }
  }

  #delete(): Step {
    const key = this.#keyOf()
    const answers = [this.#answer(() => this.map.delete(key))]
    return { lines: [`delete ${this.#hexKey(key)}`], answers }
  }

  #take(): Step {
    const key = this.#keyOf()
    return {
      lines: [`take ${this.#hexKey(key)}`],
      answers: [this.#answer(() => this.map.take(key))],
    }
  }

  #getMany(): Step {
    const keys = this.#list(() => this.#keyOf())
    const values = this.map.getMany(keys)
    return {
      lines: keys.map((key) => `get ${this.#hexKey(key)}`),
      answers: values.map((value) => this.#answer(() => value)),
    }
  }

  /** Up to the first that fails. */
  #setMany(): Step {
    const entries = this.#list((): [unknown, unknown] => [this.#keyOf(), this.#valueOf()])
    const lines = entries.map(
      ([key, value]) => `set ${this.#hexKey(key)} ${this.#hexValue(value)} 0`,
    )
    try {
      this.map.setMany(entries)
      return { lines, answers: lines.map(() => '0') }
    } catch (error) {
      const { errno, hint = '' } = error as { errno?: number; hint?: string }
      const done = Number(/The (\d+) entr(?:y|ies) before/.exec(hint)?.[1])
      const answers = [...Array<string>(done).fill('0'), String(errno)]
      return { lines: lines.slice(0, done + 1), answers }
    }
  }

  /** Their number is that of the keys that were there. */
  #deleteMany(): Step {
    const keys = this.#list(() => this.#keyOf()).filter((key) => this.#isValid(key))
    const there = new Set([...this.map.keys()].map((key) => this.#identity(key)))
    const answers = keys.map((key) => (there.delete(this.#identity(key)) ? '0' : '-2'))
    const expected = answers.filter((answer) => answer === '0').length
    const deleted = this.map.deleteMany(keys)
    if (deleted !== expected) throw new Error(`${String(deleted)} were deleted`)
    return { lines: keys.map((key) => `delete ${this.#hexKey(key)}`), answers }
  }

  /** The kernel ends a call at a prefix that is too long, where the lines go on. */
  #isValid(key: unknown): boolean {
    return this.#key !== prefix || (key as { prefixlen: number }).prefixlen <= 32
  }

  /** Of a trie's key what counts. */
  #identity(key: unknown): string {
    if (this.#key !== prefix) return this.#hexKey(key)
    const { prefixlen } = key as { prefixlen: number }
    const bits = [...prefix.bytes(key as never).subarray(4)].map((byte) =>
      byte.toString(2).padStart(8, '0'),
    )
    return `${String(prefixlen)}/${bits.join('').slice(0, prefixlen)}`
  }

  #dump(): Step {
    const entries = [...this.map].map(
      ([key, value]) => `${this.#hexKey(key)} ${this.#hexValue(value)}`,
    )
    if (this.map.size() !== entries.length) throw new Error('size() says otherwise')
    return { lines: ['dump'], answers: [...entries.sort(), 'end'] }
  }

  #takeAll(): Step {
    const { lines: dump, answers } = this.#dump()
    const taken = this.#random.chance(0.5)
      ? this.map.takeAll().map(([key, value]) => `${this.#hexKey(key)} ${this.#hexValue(value)}`)
      : (this.map.clear(), answers.slice(0, -1))
    if (this.map.size() !== 0) throw new Error('something was left')
    expect([...taken].sort()).toEqual(answers.slice(0, -1))
    const keys = taken.map((entry) => entry.split(' ')[0] ?? '')
    return {
      lines: [...dump, ...keys.map((key) => `delete ${key}`)],
      answers: [...answers, ...keys.map(() => '0')],
    }
  }

  #push(): Step {
    const value = this.#valueOf()
    const replace = this.#random.chance(0.3)
    return {
      lines: [`push ${this.#hexValue(value)} ${replace ? '2' : '0'}`],
      answers: [this.#answer(() => this.map.push(value, { replace }))],
    }
  }

  #pop(): Step {
    return { lines: ['pop'], answers: [this.#answer(() => this.map.pop())] }
  }

  #peek(): Step {
    return { lines: ['peek'], answers: [this.#answer(() => this.map.peek())] }
  }

  #list<T>(make: () => T): T[] {
    return Array.from({ length: this.#random.integer(0, 12) }, make)
  }
}

let cpus: number | undefined
function possibleCpus(): number {
  if (cpus === undefined) {
    using map = BpfMap.create({
      type: 'percpu_array',
      key: u32,
      value: u32,
      perCpu: true,
      maxEntries: 1,
    })
    cpus = map.get(0)?.length ?? 0
  }
  return cpus
}

/** The answers of the C program, a dump's lines sorted. */
function answersInC(map: BpfMap, model: Model, lines: string[]): string[] {
  const { status, stdout } = spawnSync(
    join(__dirname, '../../build/test/map_calls'),
    [String(model.keySize), String(model.valueBytes)],
    {
      input: `${lines.join('\n')}\n`,
      stdio: ['pipe', 'pipe', 'inherit', map.fd],
      encoding: 'utf8',
    },
  )
  expect(status).toBe(0)
  const answers: string[] = []
  let dump: string[] = []
  for (const line of stdout.trimEnd().split('\n')) {
    if (/^[\da-f]+ [\da-f]+$/.test(line) && !/^0 /.test(line)) dump.push(line)
    else if (line === 'end') {
      answers.push(...dump.sort(), line)
      dump = []
    } else answers.push(line)
  }
  return answers
}

describeBpf('random operations', () => {
  expectNothingLeftOpen()

  test.each(
    kinds.map((kind) => [`${kind.type} ${(kind.flags ?? []).join()}`.trim(), kind] as const),
  )(`on a %s give what the system calls give; seed ${String(firstSeed)}`, (_, kind) => {
    const random = new Random(firstSeed)
    for (let round = 0; round < 4; round++) {
      const model = new Model(random, kind)
      using map = model.map
      using twin = model.create()
      map.kernel.handle('test').useBatch(random.chance(0.7))
      const steps = Array.from({ length: 150 }, () => model.step())
      const lines = steps.flatMap((step) => step.lines)
      expect(answersInC(twin, model, lines)).toEqual(steps.flatMap((step) => step.answers))
    }
  })
})
