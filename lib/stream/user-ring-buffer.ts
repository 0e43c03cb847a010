import { addon } from '../addon/addon.js'
import type { NativeUserRingBuffer } from '../addon/user-ring-buffer.js'
import {
  BpfError,
  checkInteger,
  checkOptions,
  closed,
  invalidType,
  outOfRange,
} from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import type { BpfMap } from '../map/map.js'
import { checkLayout } from '../types/layout.js'
import { Memory } from '../types/memory.js'
import {
  checkType,
  describeRecordOnly,
  isRecordOnly,
  type Type,
  type Value,
} from '../types/type.js'
import { createWrite, sizeToWrite, type Write } from '../types/write.js'
import { checkBounds, checkMap, checkSignal, closeOnAbort, withinBounds } from './arguments.js'
import { UserRingReservation } from './user-ring-reservation.js'

const EBUSY = -16
const ENOSPC = -28
const EOPNOTSUPP = -95

/** In front of each sample, as the kernel lays them out. */
const headerBytes = 8
/** A program may drain without telling: whoever waits looks this often. */
const lookMs = 100
/** Memory for values up to this size is used again. */
const largestKept = 64 * 1024

/** How a user ring buffer is opened. */
export interface UserRingBufferOptions {
  /** Closes the ring when it aborts. */
  signal?: AbortSignal | undefined
}

/** How long to wait for room. */
export interface WhenFreeOptions {
  /** Give up after this time, in milliseconds: `ERR_TIMEOUT`. Without it there is no end. */
  timeoutMs?: number | undefined
  /** Give up when it aborts, and reject with its reason. */
  signal?: AbortSignal | undefined
}

/** One call that waits for room. */
interface Waiting {
  /** Its result, or -ENOSPC. */
  attempt: () => number
  resolve: (result: number) => void
  reject: (error: unknown) => void
  signal: AbortSignal | undefined
}

/**
 * Writes to a `BPF_MAP_TYPE_USER_RINGBUF` map, from which BPF programs take samples
 * with `bpf_user_ringbuf_drain()`: the way from JavaScript to a program. Linux 6.1,
 * and a libbpf of 1.1 or newer, through whose `user_ring_buffer__*` it goes.
 *
 * Programs take the samples in the order in which they were written or reserved. A
 * kernel map has one producer in a process; it outlives the object that the map is
 * from. No call blocks.
 *
 * @example
 * ```ts
 * using requests = new UserRingBuffer(object.map('requests'))
 * requests.write(Request, { pid: 1, limit: 10 })
 * ```
 */
export class UserRingBuffer {
  readonly #native: NativeUserRingBuffer
  readonly #map: BpfMap
  readonly #target: string
  readonly #largestBytes: number
  readonly #writes = new WeakMap<Type, Write>()
  readonly #waiting = new Set<Waiting>()
  /** Nothing while a value is being written to it. */
  #memory: Memory | undefined
  #serving = false
  #closed = false
  /** Stops listening to the signal of the options. */
  #unfollow: (() => void) | undefined

  /**
   * @param map A map of a loaded object, or one without an object.
   * @throws {BpfError} `ERR_MAP_TYPE`, `ERR_STATE` before load, `ERR_BUSY` when another
   *   producer of this process has the map, `ERR_UNSUPPORTED` when libbpf is older than
   *   1.1, `ERR_PERMISSION`, `ERR_KERNEL`.
   */
  constructor(map: BpfMap, options: UserRingBufferOptions = {}) {
    checkMap(map, 'user_ringbuf', 'write to')
    checkOptions(options, ['signal'])
    checkSignal(options.signal)
    this.#map = map
    this.#target = `map "${map.name}"`
    this.#native = new (addon().UserRingBuffer)()
    const result = this.#native.open(map.fd)
    if (result === EBUSY) {
      throw new BpfError('ERR_BUSY', 'another producer has it already', {
        operation: 'write to',
        target: this.#target,
        errno: result,
        hint: 'A map has one producer in a process: close the other one first',
      })
    }
    if (result === EOPNOTSUPP) {
      throw new BpfError('ERR_UNSUPPORTED', 'this libbpf has no user ring buffers', {
        operation: 'write to',
        target: this.#target,
        errno: result,
        hint: `They need libbpf 1.1 or newer when bpf-ringbuf is built, this is ${addon().libbpfVersion}`,
      })
    }
    if (result < 0) throw failure('write to', this.#target, result)
    this.#largestBytes = map.maxEntries - headerBytes
    this.#unfollow = closeOnAbort(options.signal, () => this.close())
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Writes one sample, or throws and has written nothing.
   *
   * @param type What the program takes it for; a struct is compared with the object's BTF.
   * @throws {BpfError} `ERR_FULL` when there is no room now, `ERR_CLOSED`, `ERR_LAYOUT`.
   * @throws {TypeError} {RangeError} for a value that the type does not have, and for one
   *   that is larger than the ring.
   */
  write<D extends Type>(type: D, value: Value<D>): void {
    this.#checkOpen()
    this.#encode(type, value, (bytes, sizeBytes) => {
      this.#checked(this.#native.write(bytes, sizeBytes), sizeBytes)
    })
  }

  /**
   * As `write()`, and waits for room. Calls that wait get it in their order, but
   * `write()` and `reserve()` do not wait behind them. The value is looked at before
   * this returns.
   *
   * It learns of a program's drain at once, or within 100 ms when that has
   * `BPF_RB_NO_WAKEUP`; while it waits a thread of libuv's pool does, one for each ring.
   *
   * @throws {BpfError} As `write()`, `ERR_TIMEOUT` instead of `ERR_FULL`; `ERR_CLOSED`
   *   also when the ring is closed meanwhile.
   */
  async writeWhenFree<D extends Type>(
    type: D,
    value: Value<D>,
    options: WhenFreeOptions = {},
  ): Promise<void> {
    this.#checkOpen()
    const copy = this.#encode(type, value, (bytes, sizeBytes) => bytes.slice(0, sizeBytes))
    await this.#whenFree(copy.length, options, () => this.#native.write(copy, copy.length))
  }

  /**
   * Takes the place of a sample, to be filled and submitted later. One that is neither
   * submitted nor discarded holds back what is written after it; `close()` discards it.
   *
   * @throws {BpfError} `ERR_FULL` when there is no room now, `ERR_CLOSED`.
   * @throws {RangeError} when it is larger than the ring.
   */
  reserve(sizeBytes: number): UserRingReservation {
    this.#checkOpen()
    this.#checkSize(sizeBytes)
    const number = this.#checked(this.#native.reserve(sizeBytes), sizeBytes)
    return UserRingReservation.ofRing(this.#native, this.#target, number, sizeBytes)
  }

  /**
   * As `reserve()`, and waits for room as `writeWhenFree()` does.
   *
   * @throws {BpfError} `ERR_TIMEOUT`, `ERR_CLOSED`.
   */
  async reserveWhenFree(
    sizeBytes: number,
    options: WhenFreeOptions = {},
  ): Promise<UserRingReservation> {
    this.#checkOpen()
    this.#checkSize(sizeBytes)
    const attempt = (): number => this.#native.reserve(sizeBytes)
    let given: number | undefined
    const take = (): number => (given = attempt())
    try {
      const number = await this.#whenFree(sizeBytes, options, take)
      return UserRingReservation.ofRing(this.#native, this.#target, number, sizeBytes)
    } catch (error) {
      // It may have got its place in the same moment.
      if (given !== undefined && given >= 0) this.#native.discard(given)
      throw error
    }
  }

  /**
   * Discards what is reserved and not submitted, and rejects the calls that wait.
   * Samples that were submitted stay in the map for programs to take. Idempotent,
   * never throws.
   */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#unfollow?.()
    this.#native.close()
    for (const { reject } of this.#waiting) reject(closed('write to', this.#target))
    this.#waiting.clear()
  }

  /** As `close()`: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** Writes the value to memory that is used again, and hands that on. */
  #encode<R>(type: Type, value: unknown, use: (bytes: Uint8Array, sizeBytes: number) => R): R {
    const write = this.#writeOf(type)
    const sizeBytes = this.#checkSize(sizeToWrite(type, value, 'value'))
    // Taken away, as a getter of the value may write, too.
    const kept = this.#memory
    this.#memory = undefined
    const memory =
      kept === undefined || kept.u8.length < sizeBytes ? Memory.ofSize(sizeBytes) : kept
    try {
      // A list that a getter makes may be shorter the second time.
      if (sizeBytes !== type.size) memory.u8.fill(0, 0, sizeBytes)
      write(memory, 0, value, 'value')
      this.#checkOpen()
      return use(memory.u8, sizeBytes)
    } finally {
      if (memory.u8.length <= largestKept) this.#memory = memory
    }
  }

  #writeOf(type: Type): Write {
    const known = this.#writes.get(type)
    if (known !== undefined) return known
    checkType(type, 'type')
    if (isRecordOnly(type)) {
      throw invalidType('a type that copies', 'type', describeRecordOnly(type))
    }
    checkLayout(type, this.#map.described)
    const write = createWrite(type)
    this.#writes.set(type, write)
    return write
  }

  #checkSize(sizeBytes: number): number {
    checkInteger(sizeBytes, 'sizeBytes', 1, 2 ** 32 - 1)
    if (sizeBytes <= this.#largestBytes) return sizeBytes
    const most = String(this.#largestBytes)
    throw outOfRange(`at most the ${most} bytes that ${this.#target} has`, 'sizeBytes', sizeBytes)
  }

  #checked(result: number, sizeBytes: number): number {
    if (result === ENOSPC) {
      throw new BpfError('ERR_FULL', `it has no room for ${String(sizeBytes)} bytes now`, {
        operation: 'write to',
        target: this.#target,
        errno: result,
        hint: 'Programs make room by bpf_user_ringbuf_drain(): wait for it with writeWhenFree()',
      })
    }
    if (result < 0) throw failure('write to', this.#target, result)
    return result
  }

  async #whenFree(
    sizeBytes: number,
    options: WhenFreeOptions,
    attempt: () => number,
  ): Promise<number> {
    checkBounds(options)
    const { timeoutMs, signal } = options
    signal?.throwIfAborted()
    if (this.#waiting.size === 0) {
      const result = attempt()
      if (result !== ENOSPC) return this.#checked(result, sizeBytes)
    }
    let waiting: Waiting | undefined
    const free = new Promise<number>((resolve, reject) => {
      waiting = { attempt, resolve, reject, signal }
      this.#waiting.add(waiting)
    })
    void this.#serve()
    try {
      const result = await withinBounds(free, options, () => {
        const problem = `it had no room for ${String(sizeBytes)} bytes in ${String(timeoutMs)} ms`
        return new BpfError('ERR_TIMEOUT', problem, {
          operation: 'write to',
          target: this.#target,
        })
      })
      return this.#checked(result, sizeBytes)
    } finally {
      if (waiting !== undefined) this.#waiting.delete(waiting)
    }
  }

  /** Gives room to those who wait, the first first. */
  async #serve(): Promise<void> {
    if (this.#serving) return
    this.#serving = true
    while (!this.#closed) {
      const [first] = this.#waiting
      if (first === undefined) break
      if (first.signal?.aborted === true) {
        this.#waiting.delete(first)
        continue
      }
      const result = first.attempt()
      if (result === ENOSPC) {
        await this.#native.waitForRoom(lookMs)
      } else {
        this.#waiting.delete(first)
        first.resolve(result)
      }
    }
    this.#serving = false
  }

  #checkOpen(): void {
    if (this.#closed) throw closed('write to', this.#target)
  }
}
