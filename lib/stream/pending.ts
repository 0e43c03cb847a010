// The promise that a callback returned: nothing more is handed out until it settles.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { OnRecord, OnRecords } from './record.js'

/**
 * At most one promise of a reader is pending. Knows also what is called by the
 * callback that it is of, however much later: who waits there for what comes after
 * that callback would wait for ever.
 */
export class Pending {
  /** Called in a microtask when the promise has settled. */
  onSettled = (): void => undefined
  readonly #raise: (error: unknown) => void
  // The same two for all promises: no record makes more than its promise.
  readonly #fulfilled = (): void => this.#settle()
  readonly #rejected = (reason: unknown): void => {
    this.#raise(reason)
    this.#settle()
  }
  /** The number of the call that is waited for. */
  #call: number | undefined
  /** Of which call something comes; once promises are expected, as it has its price. */
  #context: AsyncLocalStorage<object> | undefined
  /** What stands for the call that was made last, and the one that is waited for. */
  #latest: object | undefined
  #origin: object | undefined

  /** @param raise Takes what a promise is rejected with. */
  constructor(raise: (error: unknown) => void) {
    this.#raise = raise
  }

  get isPending(): boolean {
    return this.#call !== undefined
  }

  /** Whether callbacks return promises, as far as is known. */
  get isExpected(): boolean {
    return this.#context !== undefined
  }

  /** Whether the caller came of the callback that is waited for. */
  get isOrigin(): boolean {
    return this.#origin !== undefined && this.#context?.getStore() === this.#origin
  }

  /** From now on it matters who calls. */
  expect(): void {
    this.#context ??= new AsyncLocalStorage()
  }

  /** Calls user code. */
  call(callback: () => unknown): unknown {
    if (this.#context === undefined) return callback()
    return this.#context.run((this.#latest = {}), callback)
  }

  /** The same of what a loop calls, once promises are expected. */
  watched(onRecord: OnRecords): OnRecords {
    const context = this.#context
    if (context === undefined) return onRecord
    const watch = (callback: OnRecord): OnRecord => {
      const call = (record: never, origin: never): unknown =>
        context.run((this.#latest = {}), callback, record, origin)
      return call
    }
    return typeof onRecord === 'function' ? watch(onRecord) : onRecord.map(watch)
  }

  begin(promise: PromiseLike<unknown>, call: number): void {
    this.expect()
    const origin = this.#latest
    // One that is no Promise may call back twice, or at once; any may throw, and is not waited for.
    void Promise.resolve(promise).then(this.#fulfilled, this.#rejected)
    this.#call = call
    this.#origin = origin
  }

  isOf(call: number): boolean {
    return this.#call === call
  }

  /** A promise that is pending may still be rejected, which is told. */
  close(): void {
    this.#context?.disable()
  }

  #settle(): void {
    this.#call = undefined
    this.#origin = undefined
    this.onSettled()
  }
}
