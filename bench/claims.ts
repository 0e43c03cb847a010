// What the library promises against C, held against the rows that were measured.
import { type ConsumerName, consumers } from './consumers.js'
import type { MeasuredRow, PerRecord } from './bench.js'
import { summary } from './summary.js'

/** A part of the records above which a consumer is not compared. */
export const comparableDrop = 0.01

export interface Claim {
  what: string
  row: string
  /** The consumer in C that it is held against. */
  against: string
  /** Library / C, of the medians; nothing where the library lost records. */
  ratio: number | undefined
  /** The runs of both lie so far apart that it may as well be met. */
  isWithinSpread: boolean
  target: { atLeast: number } | { atMost: number }
}

export function meets({ ratio, target }: Claim, divisor = 1): boolean {
  if (ratio === undefined) return false
  return 'atLeast' in target ? ratio >= target.atLeast / divisor : ratio <= target.atMost * divisor
}

export function namesOf(row: MeasuredRow): ConsumerName[] {
  return Object.keys(row.consumers) as ConsumerName[]
}

export function isComparable(row: MeasuredRow, name: ConsumerName): boolean {
  const measured = row.consumers[name]
  if (measured === undefined) return false
  return measured.dropped.length === 0 || summary(measured.dropped).median <= comparableDrop
}

function medianOf(row: MeasuredRow, name: ConsumerName): number {
  return summary(row.consumers[name]?.values ?? []).median
}

/** Whether the best of the library's runs and the worst of the other's meet the target. */
function mayMeet(
  library: readonly number[],
  other: readonly number[],
  target: Claim['target'],
): boolean {
  const [a, b] = [summary(library), summary(other)]
  return 'atLeast' in target ? a.max / b.min >= target.atLeast : a.min / b.max <= target.atMost
}

/** Of the consumers in C that lost next to nothing. */
function bestInC(row: MeasuredRow, kind: 'ring' | 'perf'): ConsumerName | undefined {
  const names = namesOf(row).filter(
    (name) => consumers[name].kind === kind && 'mode' in consumers[name] && isComparable(row, name),
  )
  const sign = row.better === 'more' ? 1 : -1
  return names.sort((a, b) => sign * (medianOf(row, b) - medianOf(row, a)))[0]
}

export function claims(rows: readonly MeasuredRow[], perRecord: readonly PerRecord[]): Claim[] {
  const found: Claim[] = []
  const claim = (
    what: string,
    row: MeasuredRow,
    library: ConsumerName,
    against: ConsumerName | undefined,
    target: Claim['target'],
  ): void => {
    if (row.consumers[library] === undefined || against === undefined) return
    if (row.consumers[against] === undefined) return
    // What was dropped is not made good by being fast.
    const base = medianOf(row, against)
    const comparable = isComparable(row, library) && base > 0
    const ratio = comparable ? medianOf(row, library) / base : undefined
    const [of, than] = [row.consumers[library].values, row.consumers[against].values]
    const isWithinSpread = mayMeet(of, than, target)
    found.push({ what, row: row.name, against, ratio, isWithinSpread, target })
  }
  for (const row of rows) {
    const ring = bestInC(row, 'ring')
    const perf = bestInC(row, 'perf')
    if (row.group === 'parallel' && row.name !== 'parallel-sampled') {
      claim('rb-node / rb-libbpf', row, 'rb-node', 'rb-libbpf', { atLeast: 2.5 })
      claim('coalesceUs: 0 / rb-libbpf', row, 'rb-node-immediate', 'rb-libbpf', { atLeast: 0.85 })
    }
    if (row.isParallel && !row.isOversubscribed) {
      claim('rb-node / best in C, parallel', row, 'rb-node', ring, { atLeast: 0.9 })
      claim('pb-node / best in C, parallel', row, 'pb-node', perf, { atLeast: 0.9 })
    }
    if (row.group === 'back-to-back' || row.group === 'sample-rate') {
      claim('rb-node / best in C, back-to-back', row, 'rb-node', ring, { atLeast: 0.6 })
    }
    if (row.group === 'workload') {
      claim('workload slowed, rb-node / best in C', row, 'rb-node', ring, { atMost: 1 })
    }
    if (row.name === 'latency-idle') {
      claim('p99 when idle, rb-node / rb-libbpf', row, 'rb-node', 'rb-libbpf', { atMost: 2 })
    }
  }
  for (const { title, baseline, library, atMost } of perRecord) {
    const base = summary(baseline.values).median
    const ratio = summary(library.values).median / base
    const target = { atMost: atMost(base) }
    const isWithinSpread = mayMeet(library.values, baseline.values, target)
    const against = baseline.label
    found.push({ what: 'per record', row: title, against, ratio, isWithinSpread, target })
  }
  return found
}
