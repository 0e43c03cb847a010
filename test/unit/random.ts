/**
 * Numbers that are the same for the same seed (mulberry32). Tests that use it
 * compare `{ seed, … }`, so that a failure says which one it was.
 */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to 2^32 - 1. */
  u32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return (bits ^ (bits >>> 14)) >>> 0
  }

  /** From `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + (this.u32() % (max - min + 1))
  }

  chance(probability: number): boolean {
    return this.u32() < probability * 2 ** 32
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length - 1)] as T
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.u32() & 0xff)
  }
}

/** `SEED=7 make test-unit` tries other cases; without it they are always the same. */
export const firstSeed = Number(process.env['SEED'] ?? 1)
