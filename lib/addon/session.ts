// The life of an opened object, as its maps, programs and global variables see it.
import { BpfError, closed } from '../errors/errors.js'
import type { NativeObject } from './object.js'

/**
 * Where an object stands. `failed` is after a load that did not succeed: the
 * object can only be closed.
 *
 * ```text
 *   open() ──> open ──load()──> loaded ──close()──> closed
 *               │ └──load()──> failed ──close()──────^
 *               └──close()───────────────────────────┘
 * ```
 */
export type Phase = 'open' | 'loaded' | 'failed' | 'closed'

/**
 * One opened object. Whoever holds it keeps the object from being
 * garbage-collected, and with it its links: what is to be done before the end
 * is held here.
 */
export class Session {
  /** The object's name. */
  readonly name: string
  readonly native: NativeObject
  readonly #beforeClose = new Set<() => void>()
  /**
   * Set by the object: waits until programs that were detached have ended.
   * Nothing when there are none, or when others are attached.
   */
  programsEnded: () => Promise<void> | undefined = () => undefined
  #phase: Phase = 'open'

  constructor(name: string, native: NativeObject) {
    this.name = name
    this.native = native
  }

  get phase(): Phase {
    return this.#phase
  }

  /** The object was loaded, or could not be. */
  loaded(succeeded: boolean): void {
    this.#phase = succeeded ? 'loaded' : 'failed'
  }

  /** Calls back before the maps go away, in this order; the result ends that. */
  beforeClose(callback: () => void): () => void {
    this.#beforeClose.add(callback)
    return () => {
      this.#beforeClose.delete(callback)
    }
  }

  /** Releases everything. Idempotent. */
  close(): void {
    if (this.#phase === 'closed') return
    for (const callback of this.#beforeClose) callback()
    this.#beforeClose.clear()
    this.#phase = 'closed'
    this.native.close()
  }

  /** Refuses what needs an object that is not closed. */
  checkOpen(operation: string, target: string): void {
    if (this.#phase === 'closed') throw closed(operation, target)
  }

  /** Refuses what does not belong to the object's phase. */
  checkPhase(operation: string, target: string, phase: 'open' | 'loaded'): void {
    this.checkOpen(operation, target)
    if (this.#phase === phase) return
    const problem = {
      open: 'the object is not loaded yet',
      loaded: 'the object is loaded already',
      failed: 'loading the object has failed before',
      closed: 'it is closed',
    }[this.#phase]
    throw new BpfError('ERR_STATE', problem, { operation, target })
  }
}
