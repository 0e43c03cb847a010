// All runs of all peers, in rounds, so that a slow moment of the machine hits
// every peer.
import { type Kind, peers, type PeerName } from './readers.js'
import { type Load, type Run, run, untraced } from './runs.js'

export const rows = {
  record: { kind: 'record', title: 'records of 8 bytes, full speed' },
  event: { kind: 'event', title: 'events with two strings, full speed' },
  paced: { kind: 'event', title: 'events with two strings, 20,000 a second', rate: 20_000 },
} as const

export type RowName = keyof typeof rows

export interface Row {
  /** Nanoseconds of a call that nobody traces, of each round. */
  untracedNs: number[]
  runs: Partial<Record<PeerName, Run[]>>
}

export interface Measured {
  rounds: number
  seconds: number
  rows: Record<RowName, Row>
  /** Events a second that were made and all received, of each round. */
  lossless: Record<Kind, Partial<Record<PeerName, number[]>>>
  /** The packages that are missing, of peers that could not be measured. */
  missing: Partial<Record<PeerName, string>>
}

export interface Plan {
  rounds: number
  seconds: number
  /** For which kinds the rate without loss is searched. */
  searched: readonly Kind[]
  /** How often the range in which it is gets halved. */
  halvings: number
}

/** Of one try. */
const searchSeconds = 0.25

export async function measure(plan: Plan, progress: (what: string) => void): Promise<Measured> {
  const all = Object.keys(peers) as PeerName[]
  const missing: Measured['missing'] = {}
  for (const name of all) {
    const packages = peers[name].missing()
    if (packages !== undefined) missing[name] = packages
  }
  const names = all.filter((name) => !(name in missing))
  const result: Measured = {
    rounds: plan.rounds,
    seconds: plan.seconds,
    rows: {
      record: { untracedNs: [], runs: {} },
      event: { untracedNs: [], runs: {} },
      paced: { untracedNs: [], runs: {} },
    },
    lossless: { record: {}, event: {} },
    missing,
  }
  progress('warm-up')
  for (const kind of ['record', 'event'] as const) {
    for (const name of names) await run(peers[name], { kind, seconds: 0.15 })
  }
  for (let round = 0; round < plan.rounds; round++) {
    progress(`round ${round + 1} of ${plan.rounds}`)
    // No peer always runs after the same other one.
    await measureRound(result, plan, round % 2 === 0 ? names : names.toReversed())
  }
  return result
}

async function measureRound(
  result: Measured,
  plan: Plan,
  names: readonly PeerName[],
): Promise<void> {
  for (const row of Object.keys(rows) as RowName[]) {
    const { kind, rate } = { rate: undefined, ...rows[row] }
    const load: Load = { kind, seconds: plan.seconds, ...(rate === undefined ? {} : { rate }) }
    result.rows[row].untracedNs.push(await untraced(load))
    for (const name of names) {
      const done = await run(peers[name], load)
      ;(result.rows[row].runs[name] ??= []).push(done)
      if (rate !== undefined || !plan.searched.includes(kind)) continue
      const found = keptUp(done) ? done.madeRate : await search(name, kind, done, plan.halvings)
      ;(result.lossless[kind][name] ??= []).push(found)
    }
  }
}

/** Nothing was lost, nor only because the ring had room for what was still to be read. */
function keptUp({ lost, rate, madeRate }: Run): boolean {
  return lost === 0 && rate >= 0.95 * madeRate
}

/** The highest pace at which nothing is lost, given what was lost at full speed. */
async function search(
  name: PeerName,
  kind: Kind,
  { rate, madeRate }: Run,
  halvings: number,
): Promise<number> {
  let best = 0
  let low = rate / 4
  let high = Math.min(madeRate, 2 * rate)
  for (let step = 0; step < halvings || (best === 0 && high > 1000); step++) {
    const pace = Math.sqrt(low * high)
    const done = await run(peers[name], { kind, seconds: searchSeconds, rate: pace })
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
