// What the macros of bpf-ringbuf.bpf.h declare beside a map NAME: variables that
// control it.
import { BpfError, checkInteger, invalidType } from '../errors/errors.js'

/** The size that the kernel gives a ring at most. */
export const largestRingBytes = 2 ** 31

/** The global variables that control one map. */
export class Controls {
  readonly #mapName: string
  readonly #globals: Record<string, unknown>
  readonly #wakeupVariable: string
  readonly #useVariable: string
  /** Somebody said which of the two maps of a stream is used. */
  #useIsChosen = false

  constructor(mapName: string, globals: Record<string, unknown>) {
    this.#mapName = mapName
    this.#globals = globals
    this.#wakeupVariable = `${mapName}__wakeup_bytes`
    this.#useVariable = `${mapName}__use_perf`
  }

  /** Declared with `BPFRB_RINGBUF()`. */
  get hasWakeup(): boolean {
    return this.#wakeupVariable in this.#globals
  }

  get wakeupBytes(): number {
    return this.hasWakeup ? Number(this.#globals[this.#wakeupVariable]) : 0
  }

  /** @throws {BpfError} `ERR_NOT_FOUND`. */
  set wakeupBytes(bytes: number) {
    const name = this.#mapName
    checkInteger(bytes, `wakeupBytes of map "${name}"`, 0, largestRingBytes)
    if (!this.hasWakeup) {
      const how = `Declare it with BPFRB_RINGBUF(${name}, …) of bpf-ringbuf.bpf.h and submit with bpfrb_submit()`
      throw this.#lacks('it has no wake-up control', how)
    }
    this.#globals[this.#wakeupVariable] = bytes
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
    return this.#globals[this.#useVariable] !== 0
  }

  /** @throws {BpfError} `ERR_NOT_FOUND`. */
  set usePerfBuffer(usePerfBuffer: boolean) {
    if (typeof usePerfBuffer !== 'boolean') {
      throw invalidType('a boolean', `usePerfBuffer of map "${this.#mapName}"`, usePerfBuffer)
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

  #use(usePerfBuffer: boolean): void {
    this.#globals[this.#useVariable] = usePerfBuffer ? 1 : 0
  }

  #checkStream(): void {
    if (this.isStream) return
    const name = this.#mapName
    const how = `Declare it with BPFRB_EVENT_STREAM(${name}, …) or BPFRB_FLIGHT_RECORDER(${name}, …) of bpf-ringbuf.bpf.h`
    throw this.#lacks('it is no stream of either kind', how)
  }

  #lacks(problem: string, hint: string): BpfError {
    const target = `map "${this.#mapName}"`
    return new BpfError('ERR_NOT_FOUND', problem, { operation: 'configure', target, hint })
  }
}
