// The end of a reader: what was committed is still delivered, then it closes.
import type { NativeReader } from '../addon/reader.js'
import type { BpfMap } from '../map/map.js'
import type { Iterations } from './iteration.js'
import { turnOfLoop, type Turns } from './turns.js'

/** What a reader does for its end. */
export interface EndingOwner {
  readonly native: NativeReader
  readonly maps: readonly BpfMap[]
  readonly iterations: Iterations<unknown>
  readonly turns: Turns
  usesCallbacks(): boolean
  closed(): boolean
  /** The kernel's side was let go. */
  released(): boolean
  /** The last drain filled its batch. */
  drainedFull(): boolean
  /** Drains on this thread. */
  drain(): number
  /** Decodes a batch for the iterator; false when there was none. */
  decodeSome(): boolean
  /** Lets go of the kernel's side. */
  release(): void
  close(): void
}

export class Ending {
  readonly #owner: EndingOwner
  #begun = false
  #promise: Promise<void> | undefined

  constructor(owner: EndingOwner) {
    this.#owner = owner
  }

  get begun(): boolean {
    return this.#begun
  }

  /** Settles when the kernel's side is done. */
  begin(): Promise<void> {
    // Before the first of its deliveries, in which callbacks may look.
    this.#begun = true
    return (this.#promise ??= this.#finish())
  }

  /** A consumer that waits for nothing else takes what is there turn by turn. */
  async consumerOverOrBusy(): Promise<void> {
    const { iterations } = this.#owner
    for (let busy = false; iterations.inUse && !busy;) {
      const before = iterations.ahead
      await turnOfLoop()
      busy = iterations.consumerIsBusy && iterations.ahead === before
    }
  }

  async #finish(): Promise<void> {
    const owner = this.#owner
    const { native, iterations, turns } = owner
    for (const session of new Set(owner.maps.map(({ kernel }) => kernel.owner?.session))) {
      const ended = session?.programsEnded()
      if (ended !== undefined) await ended
    }
    if (owner.closed()) return
    if (owner.usesCallbacks()) {
      // Without the thread nothing more is taken than is delivered.
      native.stop()
      await turns.deliverMarked()
      owner.close()
      return
    }
    if (!iterations.inUse) {
      owner.close()
      return
    }
    native.stop()
    const mark = native.mark()
    while (!owner.released()) {
      const drained = owner.drain()
      const more = owner.decodeSome()
      iterations.serve()
      if (!more && turns.isDelivered(mark)) break
      const wait = drained === 0 && !more && !owner.drainedFull()
      await turnOfLoop(wait)
    }
    if (owner.closed()) return
    owner.release()
    iterations.finish()
  }
}
