import type { NativeLink } from '../addon/link.js'

/** One attachment of a program. It lives until it is closed, its object with it. */
export class BpfLink {
  /** The program's name in C. */
  readonly program: string
  readonly #native: NativeLink
  #closed = false

  /** @internal */
  constructor(program: string, native: NativeLink) {
    this.program = program
    this.#native = native
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Detaches the program. Idempotent, never throws. Blocks until the kernel has
   * let go, which for tracepoints is a grace period of some milliseconds.
   */
  close(): void {
    this.#closed = true
    this.#native.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
