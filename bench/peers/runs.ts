// One run of one peer.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BpfObject } from 'bpf-ringbuf'
import { type Kind, type Peer, ringBytes } from './readers.js'
import { buildDir, Lines } from '../processes.js'
import { lostOf, producerCpu, syscallNumber } from '../records.js'

export interface Load {
  kind: Kind
  seconds: number
  /** Calls a second, evenly; as many as it can without. */
  rate?: number
}

/** What the producer did. */
interface Calls {
  calls: number
  /** Of a call. */
  nsPerCall: number
  /** Calls a second that were made indeed. */
  rate: number
  /** Of the lengths of all paths. */
  pathBytes: number
}

/** bench/peers/producer.c. */
class Producer {
  readonly #child: Lines

  constructor({ seconds, rate = 0 }: Load) {
    const args = ['--cpu', producerCpu, '--seconds', seconds, '--rate', rate]
    this.#child = new Lines('bench/peers/producer', args.map(String))
  }

  get pid(): number {
    return this.#child.pid
  }

  get comm(): string {
    return readFileSync(`/proc/${this.pid}/comm`, 'utf8').trim()
  }

  async run(): Promise<Calls> {
    this.#child.write('\n')
    const [calls = 0, nsInCalls = 0, ns = 0, pathBytes = 0] = await this.#child.numbers()
    await this.#child.end()
    return { calls, nsPerCall: nsInCalls / calls, rate: (calls / ns) * 1e9, pathBytes }
  }
}

/** Nanoseconds of a call that nobody traces. */
export async function untraced(load: Load): Promise<number> {
  return (await new Producer(load).run()).nsPerCall
}

export interface Run {
  made: number
  received: number
  lost: number
  /** Lost, and nobody was told. */
  untold: number
  /** Records received a second, until the last one was read. */
  rate: number
  /** Calls a second of the producer. */
  madeRate: number
  nsPerCall: number
  /** Of all threads of the reader, a record received. */
  cpuNsPerRecord: number
}

/** So that nothing hangs: starting takes bpftrace a second, draining less. */
async function within<T>(seconds: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what} took longer than ${seconds} s`)),
      seconds * 1e3,
    )
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

function checkEqual(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`${what}: expected ${expected}, got ${actual}`)
}

/** What the contents of all records sum up to when none is lost. */
function sumOfAll(kind: Kind, { calls, pathBytes }: Calls, pid: number, comm: string): number {
  const sequences = (calls * (calls + 1)) / 2
  if (kind === 'record') return sequences + calls * producerCpu
  return sequences + calls * (pid + (process.getuid?.() ?? NaN) + comm.length) + pathBytes
}

/** Producer and reader in parallel, each on its CPU, checked against each other. */
export async function run(peer: Peer, load: Load): Promise<Run> {
  const { label, ownProgram } = peer
  const { kind } = load
  const producer = new Producer(load)
  const { pid, comm } = producer
  const syscall = syscallNumber()
  using object = BpfObject.open(join(buildDir, 'bpf/test/peers.bpf.o'))
  object.program(`make_${kind}`).autoload = true
  object.globals['producer_tgid'] = pid
  object.globals['syscall_number'] = syscall
  const map = object.map('events')
  map.maxEntries = ringBytes[kind]
  object.load()
  const reader = await within(
    60,
    `${label}: its start`,
    peer.start({ kind, map, producerPid: pid, syscall }),
  )
  if (!ownProgram) object.attach()
  const before = reader.cpuNs()
  const start = performance.now()
  const work = producer.run().then(async (calls) => ({ ...calls, end: await reader.drained() }))
  const calls = await within(60 + load.seconds, `${label}: its run`, work)
  const cpuNs = reader.cpuNs() - before
  const { lost: told, ...received } = await within(60, `${label}: its end`, reader.finish())
  const lost = calls.calls - received.records
  if (!ownProgram) {
    checkEqual(`${label}: events that the program saw`, Number(object.globals['made']), calls.calls)
    checkEqual(`${label}: losses counted`, lostOf(object, 'events'), lost)
    const commBytes = kind === 'event' ? comm.length : 0
    const submitted = Number(object.globals['submitted'])
    const sum = Number(object.globals['sum']) + submitted * commBytes
    checkEqual(`${label}: records`, received.records, submitted)
    checkEqual(`${label}: sum of their contents`, received.sum, sum)
  } else if (lost === 0) {
    // Nothing sums up what its program submits: with losses only the order is checked.
    const sum = sumOfAll(kind, calls, pid, comm)
    checkEqual(`${label}: sum of the contents`, received.sum, sum)
  }
  return {
    made: calls.calls,
    received: received.records,
    lost,
    untold: told === undefined ? 0 : lost - told,
    rate: (received.records / (calls.end - start)) * 1e3,
    madeRate: calls.rate,
    nsPerCall: calls.nsPerCall,
    cpuNsPerRecord: cpuNs / received.records,
  }
}

/** Nothing was lost, nor only because the ring had room for what was still to be read. */
function keptUp({ lost, rate, madeRate }: Run): boolean {
  return lost === 0 && rate >= 0.95 * madeRate
}

/**
 * Events a second that were made and all received: full speed, or the highest
 * pace of a search, given what was lost at full speed.
 */
export async function highestLossless(
  peer: Peer,
  kind: Kind,
  full: Run,
  halvings: number,
): Promise<number> {
  if (keptUp(full)) return full.madeRate
  let best = 0
  let low = full.rate / 4
  let high = Math.min(full.madeRate, 2 * full.rate)
  for (let step = 0; step < halvings || (best === 0 && high > 1000); step++) {
    const pace = Math.sqrt(low * high)
    const done = await run(peer, { kind, seconds: 0.25, rate: pace })
    if (keptUp(done)) {
      best = Math.max(best, done.madeRate)
      low = pace
    } else {
      high = pace
      // Lower than was expected.
      if (step >= halvings) low /= 2
    }
  }
  return best
}
