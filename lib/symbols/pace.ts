// How often something is done again.

/** Of the time that passes: what doing it again may take. */
export const share = 0.05

/** Tells when what takes a while may be done again, so that it takes its share at most. */
export class Pace {
  #nextMs = 0

  get isDue(): boolean {
    return performance.now() >= this.#nextMs
  }

  /** Does it, whether it is due or not; what it takes counts. */
  run<T>(action: () => T): T {
    const start = performance.now()
    const result = action()
    const end = performance.now()
    this.#nextMs = end + (end - start) / share
    return result
  }
}
