// What an entry of a map costs, against the same system calls in C.
import { BpfMap, struct, u32, u64 } from 'bpf-ringbuf'
import { Lines } from './processes.js'

/** struct entry of bench/native/map_entries.c */
const Entry = struct('entry', {
  bytes: u64.number,
  packets: u64.number,
  first: u32,
  last: u32,
  flags: u32,
  cpu: u32,
})
type Entry = {
  bytes: number
  packets: number
  first: number
  last: number
  flags: number
  cpu: number
}

const count = 100_000
const countInBatches = 50_000
/** As many as the library asks for at once. */
const chunk = 3542
const numbersAtOnce = 4096
const runs = 5

const entryOf = (): Entry => ({ bytes: 1, packets: 2, first: 3, last: 4, flags: 5, cpu: 6 })
const sumOf = (key: number, entry: Entry): number =>
  key + entry.bytes + entry.packets + entry.first + entry.last + entry.flags + entry.cpu
const expectedSum = (count * (count - 1)) / 2 + 21 * count

function createMap(): BpfMap<number, Entry> {
  return BpfMap.create({ type: 'hash', key: u32, value: Entry, maxEntries: count, name: 'bench' })
}

function filled(): BpfMap<number, Entry> {
  const map = createMap()
  map.setMany(Array.from({ length: count }, (_, key) => [key, entryOf()] as const))
  return map
}

/** Nanoseconds an entry, of the run that was disturbed least. */
async function best(run: () => number | Promise<number>): Promise<number> {
  let least = Infinity
  for (let i = 0; i < runs; i++) least = Math.min(least, await run())
  return least
}

async function inC(what: 'dump' | 'get' | 'set', map: BpfMap<number, Entry>): Promise<number> {
  return await runC([what, String(count), String(chunk)], map, expectedSum)
}

async function runC(args: readonly string[], map: { fd: number }, expected: number) {
  const child = new Lines('bench/native/map_entries', args, map.fd)
  const ns = await best(async () => {
    child.write('\n')
    const [perEntry = NaN, sum] = await child.numbers()
    if (sum !== expected) throw new Error(`C saw a sum of ${sum}`)
    return perEntry
  })
  await child.end()
  return ns
}

function timed(entries: number, run: () => number, sum: number): number {
  const start = process.hrtime.bigint()
  const seen = run()
  const ns = Number(process.hrtime.bigint() - start) / entries
  if (seen !== sum) throw new Error(`a sum of ${seen}`)
  return ns
}

/** All entries as objects. */
export async function dumpMap(side: 'C' | 'BpfMap'): Promise<number> {
  using map = filled()
  if (side === 'C') return await inC('dump', map)
  const dump = (): number => {
    let sum = 0
    for (const [key, entry] of map) sum += sumOf(key, entry)
    return sum
  }
  return await best(() => timed(count, dump, expectedSum))
}

export async function getOne(side: 'C' | 'BpfMap'): Promise<number> {
  using map = filled()
  if (side === 'C') return await inC('get', map)
  const getAll = (): number => {
    let sum = 0
    for (let key = 0; key < count; key++) {
      const entry = map.get(key)
      if (entry !== undefined) sum += sumOf(key, entry)
    }
    return sum
  }
  return await best(() => timed(count, getAll, expectedSum))
}

export async function setOne(side: 'C' | 'BpfMap'): Promise<number> {
  using map = filled()
  if (side === 'C') return await inC('set', map)
  const entry = entryOf()
  const setAll = (): number => {
    for (let key = 0; key < count; key++) map.set(key, entry)
    return 0
  }
  return await best(() => timed(count, setAll, 0))
}

/** Of an array the call is all that counts; a hash map has its own work to do. */
export async function setSome(
  side: 'C' | 'C, batches' | 'set' | 'setMany',
  type: 'array' | 'hash',
): Promise<number> {
  using map = BpfMap.create({ type, key: u32, value: u64.number, maxEntries: countInBatches })
  const entries = Array.from({ length: countInBatches }, (_, key) => [key, key] as const)
  if (side !== 'set' && side !== 'setMany') {
    const what = side === 'C' ? 'numbers' : 'number-batches'
    return await runC([what, String(countInBatches), String(numbersAtOnce)], map, 0)
  }
  const setAll = (): number => {
    if (side === 'setMany') map.setMany(entries)
    else for (const [key, value] of entries) map.set(key, value)
    return 0
  }
  return await best(() => timed(countInBatches, setAll, 0))
}
