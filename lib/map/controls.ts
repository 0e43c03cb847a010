// What the macros of bpf-ringbuf.bpf.h declare beside a map NAME: variables that
// control it.
import { BpfError, checkInteger, invalidType } from '../errors/errors.js'
import type { KernelMap } from './kernel-map.js'

/** The size that the kernel gives a ring at most. */
export const largestRingBytes = 2 ** 31

/** The global variables that control one map. */
export class Controls {
  readonly #kernel: KernelMap
  readonly #globals: Record<string, unknown>
  readonly #wakeupVariable: string
  readonly #useVariable: string
  /** Somebody said which of the two maps of a stream is used. */
  #useIsChosen = false

  constructor(kernel: KernelMap, globals: Record<string, unknown>) {
    this.#kernel = kernel
    this.#globals = globals
    this.#wakeupVariable = `${kernel.name}__wakeup_bytes`
    this.#useVariable = `${kernel.name}__use_perf`
  }

  /** Declared with `BPFRB_RINGBUF()`. */
  get hasWakeup(): boolean {
    return this.#wakeupVariable in this.#globals
  }

  get wakeupBytes(): number {
    return this.hasWakeup ? Number(this.#read(this.#wakeupVariable)) : 0
  }

  /** @throws {BpfError} `ERR_NOT_FOUND`. */
  set wakeupBytes(bytes: number) {
    const { name } = this.#kernel
    checkInteger(bytes, `wakeupBytes of map "${name}"`, 0, largestRingBytes)
    if (!this.hasWakeup) {
      const how = `Declare it with BPFRB_RINGBUF(${name}, …) of bpf-ringbuf.bpf.h and submit with bpfrb_submit()`
      throw this.#lacks('it has no wake-up control', how)
    }
    this.#write(this.#wakeupVariable, bytes)
  }

  /**
   * Declared with `BPFRB_EVENT_STREAM()` or `BPFRB_FLIGHT_RECORDER()`: it has a
   * second map, the perf buffer.
   */
  get isStream(): boolean {
    return this.#useVariable in this.#globals
  }

  /** @throws {BpfError} `ERR_NOT_FOUND`. */
  get usePerfBuffer(): boolean {
    this.#checkStream()
    return this.#read(this.#useVariable) !== 0
  }

  /** @throws {BpfError} `ERR_NOT_FOUND`. */
  set usePerfBuffer(usePerfBuffer: boolean) {
    if (typeof usePerfBuffer !== 'boolean') {
      throw invalidType('a boolean', `usePerfBuffer of ${this.#kernel.target}`, usePerfBuffer)
    }
    this.#checkStream()
    this.#use(usePerfBuffer)
    this.#useIsChosen = true
  }

  /** Of a stream: uses what the kernel has, unless somebody said what is used. */
  choose(lacksRings: () => boolean): void {
    // What cannot be told shows when the ring is created.
    if (!this.#useIsChosen) this.#use(lacksRings())
  }

  // What cannot be is said of the map, not of a variable that nobody wrote.

  #read(variable: string): unknown {
    this.#kernel.owner?.session.checkOpen('read', this.#kernel.target)
    return this.#globals[variable]
  }

  #write(variable: string, value: number): void {
    this.#kernel.owner?.session.checkPhase('configure', this.#kernel.target, 'open')
    this.#globals[variable] = value
  }

  #use(usePerfBuffer: boolean): void {
    this.#write(this.#useVariable, usePerfBuffer ? 1 : 0)
  }

  #checkStream(): void {
    if (this.isStream) return
    const { name } = this.#kernel
    const how = `Declare it with BPFRB_EVENT_STREAM(${name}, …) or BPFRB_FLIGHT_RECORDER(${name}, …) of bpf-ringbuf.bpf.h`
    throw this.#lacks('it is no stream of either kind', how)
  }

  #lacks(problem: string, hint: string): BpfError {
    const { target } = this.#kernel
    return new BpfError('ERR_NOT_FOUND', problem, { operation: 'configure', target, hint })
  }
}
