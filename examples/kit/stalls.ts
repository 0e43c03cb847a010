// What was sampled of stalls until they are over.
import { heaviestPath, type Weighed } from './stacks.js'

/** What a thread does: it runs, waits in a system call, or has no CPU. */
export type Activity = 'runs' | 'waits' | 'starves'

class Stall {
  readonly samples: { addresses: bigint[]; weight: number }[] = []
  readonly #weights: Record<Activity, number> = { runs: 0, waits: 0, starves: 0 }
  isTold = false

  constructor(readonly key: string) {}

  add(addresses: bigint[], weight: number, activity: Activity): void {
    this.samples.push({ addresses, weight })
    this.#weights[activity] += weight
  }

  /** Most of the time. */
  get activity(): Activity {
    const { runs, waits, starves } = this.#weights
    if (starves > runs && starves > waits) return 'starves'
    return waits > runs ? 'waits' : 'runs'
  }

  /** Where it was for most of the time, from the outermost function on. */
  heaviest<F extends { name: string }>(look: (addresses: bigint[]) => F[]): F[] {
    const stacks = this.samples.map(({ addresses, weight }): Weighed<F> => {
      return { frames: look(addresses), weight }
    })
    return heaviestPath(stacks)
  }
}

export class Stalls {
  readonly #stalls = new Map<string, Stall>()

  of(key: string): Stall {
    const known = this.#stalls.get(key)
    if (known !== undefined) return known
    // Of those that were killed there is no end.
    if (this.#stalls.size > 1000) this.#stalls.clear()
    const stall = new Stall(key)
    this.#stalls.set(key, stall)
    return stall
  }

  end({ key }: Stall): void {
    this.#stalls.delete(key)
  }
}
