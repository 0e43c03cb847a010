// What the tools that count in histograms do, besides counting.
import type { Histogram } from './histogram.js'
import type { Session } from './tool.js'

/** As programs count in it: bpf/histogram.h. */
export interface Counted {
  readonly total_ns: bigint
  readonly slots: readonly number[]
}

export interface TotalHistogram extends Histogram {
  readonly slots: readonly number[]
  readonly total: number
}

export interface Counting {
  /** What is traced, such as "waits". */
  readonly what: string
  /** Seconds between two prints; without, at the end alone. */
  readonly interval: number | undefined
  readonly object: { detach(): void }
  /** Takes what was counted since the last time. */
  take(): TotalHistogram[]
  /** Prints so many of them at most, those with the largest total. */
  readonly top?: number
  /** How many found no room. */
  missed(): bigint
}

export function countOf({ slots }: { readonly slots: readonly number[] }): number {
  return slots.reduce((sum, count) => sum + count, 0)
}

/** A histogram in microseconds. */
export function microseconds(
  { slots, total_ns }: Counted,
  title?: string,
  of?: Histogram['of'],
): TotalHistogram {
  return { title, unit: 'µs', slots, total: Number(total_ns) / 1000, of }
}

/** Prints histograms at each interval and at the end, then how much was counted and was not. */
export async function followHistograms(session: Session, counting: Counting): Promise<void> {
  const { what, interval, object } = counting
  let events = 0
  session.tracing(what)
  for await (const isLast of session.intervals(interval)) {
    if (isLast) object.detach()
    const histograms = counting.take().sort((a, b) => b.total - a.total)
    events += histograms.reduce((sum, histogram) => sum + countOf(histogram), 0)
    for (const histogram of histograms.slice(0, counting.top)) {
      await session.histogram(histogram)
      if (!session.json) await session.write('\n')
    }
  }
  session.note(`${events} events, ${counting.missed()} lost`)
}
