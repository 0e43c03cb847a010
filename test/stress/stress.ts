// The project's central test: received + discarded + lost = produced, in order
// for each producer, nothing twice, contents as written; under full speed.
//
//   node --expose-gc build/test/stress/stress.js [--duration SECONDS] [--rounds N]
//       [--threads N] [--json]
//
// The time is divided among the rows of the matrix; --threads is the number of
// producers in each, instead of the row's own. Exits with 1 when a row or
// the growth of memory or descriptors is not as it should be.
import { once } from 'node:events'
import { join } from 'node:path'
import { BpfObject, bytes, RingBuffer } from 'bpf-ringbuf'
import { fail, parseOptions, UsageError } from './options.js'
import { root, stall, startProducer } from './producer.js'
import { type Usage, usage } from './usage.js'
import { producedBy, Verifier } from './verifier.js'

interface Row {
  name: string
  ringBytes: number
  coalesceUs?: number
  wakeupBytes?: number
  threads: number
  /** Every so many records the callback throws. */
  throwEvery?: number
  /** Every so many records the callback blocks for a millisecond. */
  stallEvery?: number
  /** By `for await` over batches instead of a callback. */
  iterates?: boolean
  /** Without a poll thread, by consume(). */
  consumes?: boolean
  batchBytes?: number
}

const KiB = 1024
const MiB = 1024 * KiB

const matrix: readonly Row[] = [
  { name: '4 KiB ring', ringBytes: 4 * KiB, threads: 2 },
  { name: '4 KiB ring, not coalesced', ringBytes: 4 * KiB, coalesceUs: 0, threads: 2 },
  { name: '64 KiB ring', ringBytes: 64 * KiB, threads: 4 },
  { name: '1 MiB ring', ringBytes: MiB, threads: 3 },
  { name: '1 MiB ring, not coalesced', ringBytes: MiB, coalesceUs: 0, threads: 3 },
  { name: '16 MiB ring', ringBytes: 16 * MiB, threads: 4 },
  { name: 'callback throws', ringBytes: MiB, threads: 2, throwEvery: 500 },
  { name: 'callback slower than producers', ringBytes: MiB, threads: 2, stallEvery: 100 },
  { name: 'batches smaller than records', ringBytes: MiB, threads: 2, batchBytes: 4 * KiB },
  { name: 'iterator', ringBytes: MiB, threads: 2, iterates: true },
  { name: 'consume() without a thread', ringBytes: MiB, threads: 2, consumes: true },
  { name: 'wake-up from 64 KiB on', ringBytes: MiB, threads: 2, wakeupBytes: 64 * KiB },
]

interface Result {
  row: string
  seconds: number
  produced: number
  received: number
  discarded: number
  lost: number
  thrown: number
  batches: number
  wakeups: number
  problems: string[]
}

let uncaught = 0
process.on('uncaughtException', (error) => {
  if (error.message !== 'thrown on purpose') throw error
  uncaught++
})

async function run(row: Row, seconds: number): Promise<Result> {
  const verifier = new Verifier()
  const producer = startProducer('--threads', String(row.threads), '--seconds', String(seconds))
  using object = BpfObject.open(join(root, 'build/bpf/test/stress.bpf.o'))
  object.globals['producer_tgid'] = producer.pid as number
  const map = object.map('events')
  map.maxEntries = row.ringBytes
  if (row.wakeupBytes !== undefined) map.wakeupBytes = row.wakeupBytes
  object.load().attach()

  let thrown = 0
  uncaught = 0
  const onRecord = (record: Uint8Array): void => {
    verifier.check(record)
    if (row.stallEvery !== undefined && verifier.received % row.stallEvery === 0) stall(1)
    if (row.throwEvery !== undefined && verifier.received % row.throwEvery === 0) {
      thrown++
      throw new Error('thrown on purpose')
    }
  }
  const options = {
    coalesceUs: row.coalesceUs,
    batchBytes: row.batchBytes,
    pollThread: row.consumes !== true,
  }
  using ring =
    row.iterates === true
      ? new RingBuffer(map, bytes(), options)
      : new RingBuffer(map, bytes(), onRecord, options)

  const ended = once(producer, 'exit').then(() => {
    object.detach()
  })
  producer.stdin?.write('\n')
  if (row.iterates === true) {
    const iteration = iterate(ring, onRecord)
    await ended
    await ring.end()
    await iteration
  } else if (row.consumes === true) {
    while (producer.exitCode === null) {
      ring.consume()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await ended
    ring.consume()
  } else {
    await ended
    await ring.flush()
  }
  await new Promise((resolve) => setImmediate(resolve))

  const stats = ring.stats()
  const result: Result = {
    row: row.name,
    seconds,
    produced: producedBy(object),
    received: verifier.received,
    discarded: stats.discarded ?? -1,
    lost: stats.lost ?? -1,
    thrown,
    batches: stats.batches,
    wakeups: stats.wakeups,
    problems: verifier.problems,
  }
  check(result, row, verifier, stats.records, ring.stats().undelivered)
  return result
}

async function iterate(
  ring: RingBuffer<Uint8Array>,
  onRecord: (record: Uint8Array) => void,
): Promise<void> {
  for await (const records of ring.batches()) records.forEach(onRecord)
}

function check(
  result: Result,
  row: Row,
  verifier: Verifier,
  delivered: number,
  undelivered: number,
): void {
  const { problems, produced, received, discarded, lost, thrown } = result
  const accounted = received + discarded + lost
  if (accounted !== produced) {
    problems.push(`${String(produced)} produced, ${String(accounted)} accounted for`)
  }
  if (received === 0) problems.push('nothing was received')
  if (delivered !== received) problems.push(`stats() counts ${String(delivered)} records`)
  if (undelivered !== 0) problems.push(`${String(undelivered)} records are undelivered`)
  if (thrown !== uncaught) problems.push(`${String(thrown)} thrown, ${String(uncaught)} surfaced`)
  if (row.throwEvery !== undefined && thrown === 0) problems.push('nothing was thrown')
  if (row.ringBytes <= 4096 && (verifier.large > 0 || lost === 0)) {
    problems.push('records larger than the ring were not lost')
  }
}

function print(result: Result): void {
  const { row, produced, received, discarded, lost, batches, problems } = result
  const counts = [produced, received, discarded, lost, batches].map((n) => String(n).padStart(11))
  console.log(`${row.padEnd(32)}${counts.join('')}  ${problems.length === 0 ? 'ok' : 'WRONG'}`)
  for (const problem of problems) console.log(`    ${problem}`)
}

async function main(): Promise<void> {
  const values = parseOptions({
    options: {
      duration: { type: 'string', default: '60' },
      rounds: { type: 'string' },
      threads: { type: 'string' },
      json: { type: 'boolean' },
    },
  })
  const duration = Number(values.duration)
  if (!(duration > 0)) throw new UsageError('--duration: expected a number of seconds above 0')
  // Two rounds at least, so that the second shows growth; rows of 10 s at most.
  const rounds =
    values.rounds === undefined
      ? Math.max(2, Math.round(duration / (10 * matrix.length)))
      : Number(values.rounds)
  if (!(rounds >= 2)) throw new UsageError('--rounds: expected a number of at least 2')
  const seconds = duration / rounds / matrix.length
  const threads = values.threads === undefined ? undefined : Number(values.threads)
  if (threads !== undefined && !(threads >= 1)) {
    throw new UsageError('--threads: expected a number of at least 1')
  }
  const rows = matrix.map((row) => ({ ...row, threads: threads ?? row.threads }))
  const results: Result[] = []
  const usages: Usage[] = []
  if (values.json !== true) {
    const heads = ['produced', 'received', 'discarded', 'lost', 'batches']
    console.log(' '.repeat(32) + heads.map((head) => head.padStart(11)).join(''))
  }
  for (let round = 0; round < rounds; round++) {
    for (const row of rows) {
      const result = await run(row, seconds)
      results.push(result)
      if (values.json !== true) print(result)
    }
    usages.push(await usage())
    if (values.json !== true) console.log(`after round ${round + 1}: ${describe(usages.at(-1))}`)
  }
  const first = usages[0] as Usage
  const last = usages.at(-1) as Usage
  const growth: string[] = []
  if (last.descriptors > first.descriptors) growth.push('descriptors')
  if (last.threads > first.threads) growth.push('threads')
  // A leak of one batch a row would be 3 MiB a round.
  if (last.liveMiB > first.liveMiB + 2) growth.push('live memory')
  // Twice what the first round left behind is no fragmentation any more.
  if (last.rssMiB > 2 * first.rssMiB) growth.push('resident memory')
  const failed = growth.length + results.filter(({ problems }) => problems.length > 0).length
  if (values.json === true) console.log(JSON.stringify({ results, usages, growth, failed }))
  else {
    console.log(failed === 0 ? 'nothing lost uncounted' : `FAILED: ${String(failed)}`)
    if (growth.length > 0) console.log(`grew: ${growth.join(', ')}`)
  }
  process.exitCode = failed === 0 ? 0 : 1
}

function describe(usage: Usage | undefined): string {
  if (usage === undefined) return ''
  const { liveMiB, rssMiB, descriptors, threads } = usage
  return (
    `${liveMiB.toFixed(1)} MiB live, ${rssMiB.toFixed(0)} MiB resident, ` +
    `${String(descriptors)} descriptors, ${String(threads)} threads`
  )
}

main().catch((error: unknown) => fail('stress', error))
