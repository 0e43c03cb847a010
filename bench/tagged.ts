// What it costs that records are of several structs: the same bytes, read as one struct,
// and as one of four by their tag, which changes from record to record at random; and for
// comparison every 100 records, which the CPU foresees.
//
//   make build-bench && node build/bench/tagged.js [--rounds N]    (7 s)
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { cstring, struct, tagged, type Type, u32, u64, type UnknownTags } from 'bpf-ringbuf'
import type * as Batch from '../dist/stream/batch.js'
import type * as Walk from '../dist/stream/walk.js'

// Parts of the library that the package does not export; compiled, this file is
// one folder deeper than its source.
const load = createRequire(__filename)
const { Arena } = load('../../dist/stream/batch.js') as typeof Batch
const { compile } = load('../../dist/stream/walk.js') as typeof Walk

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const rounds = Number(values.rounds)

const fields = { type: u32, pid: u32, time_ns: u64.number, bytes: u64.number } as const
const textFields = { ...fields, comm: cstring(16) } as const

const one = struct('event', fields)
const oneText = struct('event', textFields)
const oneAgain = struct('event', fields)
const four = [1, 2, 3, 4].map((tag) => struct(`event${tag}`, fields))
const fourText = [1, 2, 3, 4].map((tag) => struct(`event${tag}`, textFields))

function byTag(types: readonly Type<{ type: number }>[], unknown: UnknownTags = 'error'): Type {
  const cases = Object.fromEntries(types.map((type, i) => [i + 1, type]))
  return tagged('type', cases, { unknown })
}

const records = 8000
const frameBytes = 8 + oneText.size
const atRandom = createArena((_, random) => random >>> 30)
const inRuns = createArena((i) => Math.floor(i / 100) % 4)

function createArena(caseOf: (i: number, random: number) => number): Batch.Arena {
  const arena = new Arena(new ArrayBuffer(records * frameBytes), 1)
  let random = 1
  for (let i = 0; i < records; i++) {
    const at = i * frameBytes
    random = (Math.imul(random, 1103515245) + 12345) >>> 0
    arena.u32.set([oneText.size, 0, 1 + caseOf(i, random), i], at / 4)
    arena.u64.set([BigInt(1000 * i), BigInt(i % 1000)], at / 8 + 2)
    arena.buf.write(`worker-${i % 50}`, at + 8 + 24, 'latin1')
  }
  return arena
}

interface Side {
  walk: Walk.Walk
  onRecord: Parameters<Walk.Walk>[3]
  sum: number
}

function createSide(type: Type, callbacks: 1 | 4): Side {
  const hasText = type === oneText || type.size === oneText.size
  const side: Side = { walk: compile(type, 'ring'), onRecord: [], sum: 0 }
  const takes = Array.from({ length: callbacks }, () => createTake(side, hasText))
  side.onRecord = callbacks === 1 ? (takes[0] as () => void) : takes
  return side
}

/** A callback with code of its own, as readers have: V8 shares what it learns of the same code. */
function createTake(side: Side, hasText: boolean): () => void {
  const text = hasText ? ' + record.comm.length' : ''
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- see above
  const create = new Function(
    'side',
    `return (record) => { side.sum += record.pid + record.bytes${text} } // ${String(++made)}`,
  ) as (side: Side) => () => void
  return create(side)
}

let made = 0

const raise = (error: unknown): never => {
  throw error
}

/** Nanoseconds of CPU time a record: others may run on this machine, too. */
function measure(side: Side, arena: Batch.Arena): number {
  const batches = 60
  const start = process.cpuUsage()
  for (let batch = 0; batch < batches; batch++) {
    const end = records * frameBytes
    const cursor = { position: 0, end, records: 0, limit: Infinity, raise, returned: raise }
    side.walk(arena, cursor, 0, side.onRecord)
    if (cursor.records !== records) throw new Error('records were left out')
  }
  const { user, system } = process.cpuUsage(start)
  return (1000 * (user + system)) / (batches * records)
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.round(share * (sorted.length - 1))] ?? NaN
}

function summary(values: readonly number[], digits: number): string {
  const [low, median, high] = [0, 0.5, 1].map((share) => quantile(values, share).toFixed(digits))
  return `${median ?? ''} (${low ?? ''} to ${high ?? ''})`
}

function compare(
  what: string,
  single: Type,
  several: Type,
  callbacks: 1 | 4,
  arena = atRandom,
): void {
  const sides = [createSide(single, 1), createSide(several, callbacks)] as const
  const ns: [number[], number[]] = [[], []]
  // The first rounds warm the compiled loops up; who is first takes turns.
  for (let round = -3; round < rounds; round++) {
    for (const i of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const value = measure(sides[i], arena)
      if (round >= 0) ns[i].push(value)
    }
  }
  if (sides[0].sum !== sides[1].sum) throw new Error('the records differ')
  const ratios = ns[1].map((value, i) => value / (ns[0][i] as number))
  console.log(
    `${what}: ${summary(ns[0], 1)} ns as one struct, ${summary(ns[1], 1)} ns as tagged, ` +
      `ratio ${summary(ratios, 2)}`,
  )
}

const views = four.map((type) => type.view())
compare('four numbers, a callback for each case', one, byTag(four), 4)
compare('four numbers, one callback', one, byTag(four), 1)
compare('four numbers in runs, a callback for each case', one, byTag(four), 4, inRuns)
compare('views, a callback for each case', one.view(), byTag(views), 4)
compare('views in runs, a callback for each case', one.view(), byTag(views), 4, inRuns)
compare('with a string, a callback for each case', oneText, byTag(fourText), 4)
compare('the struct against itself', one, oneAgain, 1)
compare('with a string, unknown ones skipped', oneText, byTag(fourText, 'skip'), 4)
