// What the macros of bpf-ringbuf.bpf.h declare beside a map NAME: variables that
// control it, and a map that counts.

/** What the BPF header counts on the producers' side of one ring. */
export interface ProducerCounts {
  /** Records for which there was no room. */
  lost: number
  /** Records that were reserved and then discarded by the program. */
  discarded: number
}

/** The global variables that control one map. */
export class Controls {
  readonly #globals: Record<string, unknown>
  readonly #wakeupVariable: string
  readonly #useVariable: string
  /** Somebody said which of the two maps of a stream is used. */
  useIsChosen = false

  constructor(mapName: string, globals: Record<string, unknown>) {
    this.#globals = globals
    this.#wakeupVariable = `${mapName}__wakeup_bytes`
    this.#useVariable = `${mapName}__use_perf`
  }

  /** Declared with `BPFRB_RINGBUF()`. */
  get hasWakeup(): boolean {
    return this.#wakeupVariable in this.#globals
  }

  get wakeupBytes(): number {
    return this.hasWakeup ? Number(this.#globals[this.#wakeupVariable]) : 0
  }

  set wakeupBytes(bytes: number) {
    this.#globals[this.#wakeupVariable] = bytes
  }

  /**
   * Declared with `BPFRB_EVENT_STREAM()` or `BPFRB_FLIGHT_RECORDER()`: it has a
   * second map, the perf buffer.
   */
  get isStream(): boolean {
    return this.#useVariable in this.#globals
  }

  get usePerfBuffer(): boolean {
    return this.#globals[this.#useVariable] !== 0
  }

  set usePerfBuffer(usePerfBuffer: boolean) {
    this.#globals[this.#useVariable] = usePerfBuffer ? 1 : 0
  }
}

/** Of `struct bpfrb_counters`. */
export const countersBytes = 16

/** A ring's name and that of its perf buffer lead to the same counters. */
export function countersName(mapName: string): string {
  return `${mapName.replace(/__perf$/, '')}__counters`
}

/** @param values Of all possible CPUs, as `bytes` gives them. */
export function sumCounts(values: Uint8Array): ProducerCounts {
  const words = new BigUint64Array(values.slice().buffer)
  const counts = { lost: 0, discarded: 0 }
  for (let at = 0; at < words.length; at += 2) {
    counts.lost += Number(words[at])
    counts.discarded += Number(words[at + 1])
  }
  return counts
}
