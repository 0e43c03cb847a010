import type { NativeUserRingBuffer } from '../addon/user-ring-buffer.js'
import { BpfError, closed, outOfRange } from '../errors/errors.js'
import { failure } from '../machine/failure.js'

const EBADF = -9
const EINVAL = -22

/**
 * A sample of a {@link UserRingBuffer} whose place is taken. Fill `bytes`, then
 * `submit()` it or `discard()` it: until then BPF programs see none of the samples
 * that were reserved or written after it.
 */
export class UserRingReservation {
  /** What will be submitted: zeros at first. Memory of its own, copied by `submit()`. */
  readonly bytes: Uint8Array
  readonly #native: NativeUserRingBuffer
  readonly #target: string
  readonly #number: number
  readonly #sizeBytes: number
  #end: 'submitted' | 'discarded' | undefined

  private constructor(
    native: NativeUserRingBuffer,
    target: string,
    number: number,
    sizeBytes: number,
  ) {
    this.bytes = new Uint8Array(sizeBytes)
    this.#native = native
    this.#target = target
    this.#number = number
    this.#sizeBytes = sizeBytes
  }

  /** @internal */
  static ofRing(
    native: NativeUserRingBuffer,
    target: string,
    number: number,
    sizeBytes: number,
  ): UserRingReservation {
    return new UserRingReservation(native, target, number, sizeBytes)
  }

  /**
   * Hands the bytes to BPF programs, which see them at their next drain.
   *
   * @throws {BpfError} `ERR_STATE` after `submit()` or `discard()`, `ERR_CLOSED` after
   *   the ring was closed, which discarded it.
   * @throws {RangeError} when the memory of `bytes` was given away.
   */
  submit(): void {
    if (this.#end !== undefined) {
      throw new BpfError('ERR_STATE', `the sample was ${this.#end} before`, {
        operation: 'submit to',
        target: this.#target,
      })
    }
    const result = this.#native.submit(this.#number, this.bytes)
    if (result === EBADF) throw closed('submit to', this.#target)
    if (result === EINVAL) throw outOfRange(`${String(this.#sizeBytes)} bytes`, 'bytes', this.bytes)
    if (result < 0) throw failure('submit to', this.#target, result)
    this.#end = 'submitted'
  }

  /** Programs skip it, and its room is free once they have. Idempotent, never throws. */
  discard(): void {
    if (this.#end !== undefined) return
    this.#end = 'discarded'
    this.#native.discard(this.#number)
  }

  /** As `discard()`, for what was not submitted. */
  [Symbol.dispose](): void {
    this.discard()
  }
}
