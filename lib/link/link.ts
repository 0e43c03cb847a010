import type { NativeLink } from '../addon/link.js'
import { BpfError } from '../errors/errors.js'
import { type DetachedOptions, isGone, waitUntilDetached } from './detached.js'

/** What can be said of any program. */
export interface NamedProgram {
  /** Its name in C. */
  readonly name: string
  /** Its ELF section. */
  readonly section: string
}

/** One attachment of a program. It lives until it is closed, its object with it. */
export class BpfLink<P extends NamedProgram = NamedProgram> {
  /** The program that is attached, a `BpfProgram`. */
  readonly program: P
  readonly #native: NativeLink
  #closed = false
  /** 0 when it is not known. */
  #id = 0

  /** @internal */
  constructor(program: P, native: NativeLink) {
    this.program = program
    this.#native = native
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Detaches the program. Idempotent, never throws. Blocks until the kernel has
   * let go, which for tracepoints is a grace period of some milliseconds.
   *
   * When another thread of this process is just starting a program, its child
   * holds copies of all descriptors until it executes; the program stays
   * attached as long. {@link detached} waits for that.
   */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#id = this.#native.close()
  }

  /**
   * Resolves when the program has ended for good after `close()`: no process
   * holds a copy of the link any more, and runs that were under way are over.
   * Does not block. Asking the kernel needs CAP_SYS_ADMIN, and Linux 5.8; of
   * kprobes, uprobes and tracepoints 5.15.
   *
   * @returns Whether that is certain; false where the kernel may not be asked.
   * @throws {BpfError} `ERR_STATE` when the link is not closed, `ERR_TIMEOUT`.
   */
  async detached(options: DetachedOptions = {}): Promise<boolean> {
    const target = `program "${this.program.name}"`
    if (!this.#closed) {
      throw new BpfError('ERR_STATE', 'its link is not closed', {
        operation: 'wait for the end of',
        target,
      })
    }
    return waitUntilDetached([this.#id], target, options)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal Its id after it was closed; 0 when it is not known. */
  get id(): number {
    return this.#id
  }

  /** @internal There is nothing to wait for. */
  get isOver(): boolean {
    return this.#closed && (this.#id === 0 || isGone(this.#id))
  }
}
