// How much memory a burst needs: searched for on this machine, computed beyond.
import { checkCounts, openCompare, openUndrained } from './rows.js'
import { Producer, pageBytes } from '../processes.js'
import { producerCpu } from '../records.js'

/** struct event of test/bpf/compare.bpf.c. */
export const eventBytes = 128

/** With its header of 8 bytes. */
export const ringRecordBytes = 8 + eventBytes

/** With perf_event_header and the size, padded. */
export const perfRecordBytes = 8 + Math.ceil((4 + eventBytes) / 8) * 8

type Kind = 'ring' | 'perf'

/** Bytes for records: the next power of two, as the last byte stays free. */
export function roomFor(bytes: number): number {
  return Math.max(pageBytes, 2 ** (Math.floor(Math.log2(bytes)) + 1))
}

/** How a burst of events spreads over the CPUs. */
export type Spread = 'one' | 'split' | 'each'

/** The buffers' bytes for a burst without loss while nobody drains. */
export function computedBytes(kind: Kind, events: number, cpus: number, spread: Spread): number {
  const total = spread === 'each' ? events * cpus : events
  if (kind === 'ring') return roomFor(total * ringRecordBytes)
  // Which CPU it will be is not known before.
  const perCpu = spread === 'split' ? Math.ceil(events / cpus) : events
  return cpus * roomFor(perCpu * perfRecordBytes)
}

export interface MeasuredMemory {
  kind: Kind
  events: number
  cpus: number
  spread: Spread
  /** The least without loss, of all CPUs. */
  bytes: number
  computed: number
}

/** Doubles the size until a burst is held without loss; half of it has lost. */
export async function searchMemory(
  kind: Kind,
  events: number,
  cpus: 1 | 2,
  spread: Spread,
): Promise<MeasuredMemory> {
  const computed = computedBytes(kind, events, cpus, spread)
  // Lossless sizes are an interval of exponents; what was computed is no input.
  let tooFew = -1
  let enough = 14
  while (enough - tooFew > 1) {
    const middle = (tooFew + enough) >> 1
    if (await holds(kind, 2 ** middle, events, cpus, spread)) enough = middle
    else tooFew = middle
  }
  const bytes = 2 ** enough * pageBytes * (kind === 'perf' ? cpus : 1)
  return { kind, events, cpus, spread, bytes, computed }
}

async function holds(
  kind: Kind,
  pages: number,
  events: number,
  cpus: number,
  spread: Spread,
): Promise<boolean> {
  const callsEach = spread === 'split' ? events / cpus : events
  const producerCpus = spread === 'one' ? [producerCpu] : [0, 1].slice(0, cpus)
  const producers = producerCpus.map((cpu) => new Producer({ cpu, calls: callsEach }))
  using object = openCompare(`event_to_${kind}`, producers, 1)
  object.map('ring').maxEntries = pages * pageBytes
  object.load()
  let received = 0
  using reader = openUndrained(object, kind, pages, () => received++, [0, 1].slice(0, cpus))
  object.attach()
  const runs = await Promise.all(producers.map((producer) => producer.run()))
  object.detach()
  const { lost = 0 } = reader.stats()
  reader.consume()
  const made = runs.reduce((sum, { calls }) => sum + calls, 0)
  checkCounts(`a burst to a ${kind} buffer`, made, received, lost)
  return lost === 0
}
