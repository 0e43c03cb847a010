// What counts for a ring: the map that BPFRB_RINGBUF() of bpf-ringbuf.bpf.h, and the
// other macros, declare beside it.

/** What the BPF header counts on the producers' side of one ring. */
export interface ProducerCounts {
  /** Records for which there was no room. */
  lost: number
  /** Records that were reserved and then discarded by the program. */
  discarded: number
}

/** As much of a map as those that count are known by, and read by. */
export interface CountersMap {
  readonly type: string
  readonly valueSize: number
  readonly bytes: { get(key: Uint8Array): Uint8Array | undefined }
}

/** Of `struct bpfrb_counters`. */
const countersBytes = 16

/** Where they are pinned, or what they are called, beside a ring. */
export function countersPath(ring: string): string {
  return `${ring}__counters`
}

/** A ring's name and that of its perf buffer lead to the same counters. */
export function countersName(mapName: string): string {
  return countersPath(mapName.replace(/__perf$/, ''))
}

export function areCounters({ type, valueSize }: CountersMap): boolean {
  return type === 'percpu_array' && valueSize === countersBytes
}

/** What was counted, summed over all CPUs; nothing when it cannot be read. */
export function readCounts(counters: CountersMap): ProducerCounts | undefined {
  if (!areCounters(counters)) return undefined
  try {
    const values = counters.bytes.get(new Uint8Array(4))
    return values === undefined ? undefined : sumCounts(values)
  } catch {
    // Without descriptors, or without /sys, it is not known how many CPUs there are.
    return undefined
  }
}

/** @param values Of all possible CPUs, as `bytes` gives them. */
function sumCounts(values: Uint8Array): ProducerCounts {
  const words = new BigUint64Array(values.slice().buffer)
  const counts = { lost: 0, discarded: 0 }
  for (let at = 0; at < words.length; at += 2) {
    counts.lost += Number(words[at])
    counts.discarded += Number(words[at + 1])
  }
  return counts
}
