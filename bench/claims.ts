// What the library promises against C, held against the rows that were measured.
import { consumers, type ConsumerName } from './consumers.js'
import { claimBound, claimRatio, isComparable, median, valuesOf } from './figures.js'
import type { Claim, MeasuredRow } from './types.js'

/** Of the consumers in C that lost next to nothing. */
function bestInC(row: MeasuredRow, kind: 'ring' | 'perf'): string | undefined {
  const names = (Object.keys(consumers) as ConsumerName[]).filter(
    (name) =>
      'mode' in consumers[name] && consumers[name].kind === kind && isComparable(row.sides[name]),
  )
  const sign = row.better === 'more' ? 1 : -1
  const medianOf = (name: string): number => median(valuesOf(row, name))
  return names.sort((a, b) => sign * (medianOf(b) - medianOf(a)))[0]
}

/** Of a turn of the event loop while records flood in, besides one callback. */
const fairMs = 5

export function claims(rows: readonly MeasuredRow[]): Claim[] {
  return rows.flatMap((row): Claim[] => {
    const ring = bestInC(row, 'ring')
    const perf = bestInC(row, 'perf')
    const of = (side: string, name?: string): number[] => valuesOf(row, side, name)
    const found: Claim[] = []
    if (row.group === 'parallel' && row.name !== 'parallel-sampled') {
      const immediate = 'rb-node-immediate'
      found.push(
        ...claimRatio('rb-node / rb-libbpf', row, 'rb-node', 'rb-libbpf', { atLeast: 2.5 }),
        ...claimRatio('coalesceUs: 0 / rb-libbpf', row, immediate, 'rb-libbpf', { atLeast: 0.85 }),
      )
    }
    if (row.isParallel === true && row.isOversubscribed !== true) {
      found.push(
        ...claimRatio('rb-node / best in C', row, 'rb-node', ring, { atLeast: 0.9 }),
        ...claimRatio('pb-node / best in C', row, 'pb-node', perf, { atLeast: 0.9 }),
      )
    }
    if (row.group === 'back-to-back' || row.group === 'sample-rate') {
      found.push(...claimRatio('rb-node / best in C', row, 'rb-node', ring, { atLeast: 0.6 }))
    }
    if (row.group === 'workload') {
      found.push(...claimRatio('slowed, rb-node / best in C', row, 'rb-node', ring, { atMost: 1 }))
    }
    if (row.name === 'latency-idle') {
      found.push(...claimRatio('p99 when idle', row, 'rb-node', 'rb-libbpf', { atMost: 2 }))
    }
    if (row.group === 'fair') {
      const boundMs = fairMs + Number(row.name.slice('fair-'.length)) / 1e3
      for (const side of ['rb-node', 'pb-node']) {
        const parts = of(side).map((ms) => ms / boundMs)
        found.push(...claimBound(`p99 of the loop's delay, ${side}`, row.name, '5 ms', parts))
      }
    }
    if (row.name === 'drain') {
      found.push(...claimRatio('drain, library / C', row, 'library', 'C', { atMost: 5 }))
    }
    if (row.name === 'decode') {
      // 150 ns, or 0.45 of what TextDecoder takes, which differs between Nodes.
      const atMost = Math.max(0.45, 150 / median(of('TextDecoder')))
      found.push(...claimRatio('decoding', row, 'library', 'TextDecoder', { atMost }))
    }
    if (row.name === 'map-dump') {
      found.push(...claimRatio('a dump, an entry', row, 'BpfMap', 'C', { atMost: 1.5 }))
    }
    if (row.name === 'map-get' || row.name === 'map-set') {
      found.push(...claimRatio(`${row.title} / system call`, row, 'BpfMap', 'C', { atMost: 2 }))
    }
    if (row.name === 'map-batch-array') {
      found.push(...claimRatio('setMany() / set()', row, 'setMany', 'set', { atMost: 0.2 }))
    }
    if (row.name === 'open-large') {
      found.push(...claimRatio('open and load', row, 'BpfObject', 'C', { atMost: 1.3 }))
    }
    if (row.name === 'open-small') {
      const inC = median(of('C'))
      const parts = of('BpfObject').map((ms) => (ms - inC) / 5)
      found.push(...claimBound('open and load, more than C', row.name, '5 ms', parts))
    }
    if (row.name === 'open-attach') {
      const inC = median(of('C'))
      const parts = of('module').map((ms) => (ms - inC) / 20)
      found.push(...claimBound('open, load, attach, more than C', row.name, '20 ms', parts))
    }
    return found
  })
}
