import { BpfError, bytesOf, checkInteger, invalidType, outOfRange } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import type { Session } from '../addon/session.js'
import type { Btf } from '../btf/btf.js'
import { addon } from '../addon/addon.js'
import type { NativeMap } from '../addon/map.js'

/** Map types that this library treats specially, linux/bpf.h. */
export const MapType = { PERF_EVENT_ARRAY: 4, PERCPU_ARRAY: 6, RINGBUF: 27 } as const

const largestRingBytes = 2 ** 31

/** What a map knows of the object that it belongs to. */
export interface MapOwner {
  readonly session: Session
  readonly btf: Btf | undefined
  readonly globals: Record<string, unknown>
  readonly maps: ReadonlyMap<string, BpfMap>
}

/** What the BPF header counts on the producers' side of one ring. */
export interface ProducerCounts {
  /** Records for which there was no room. */
  lost: number
  /** Records that were reserved and then discarded by the program. */
  discarded: number
}

/** One map of an object. Valid as long as the object is open. */
export class BpfMap {
  /** Its name in C. */
  readonly name: string
  /** Its type as a number, `enum bpf_map_type` of linux/bpf.h. */
  readonly type: number
  /** @internal */
  readonly owner: MapOwner
  /** @internal */
  readonly native: NativeMap
  #useIsChosen = false

  /** @internal */
  constructor(owner: MapOwner, native: NativeMap) {
    this.owner = owner
    this.native = native
    this.name = native.name()
    this.type = native.type()
  }

  /** In bytes. */
  get keySize(): number {
    return this.#checked('read', this.native.keySize())
  }

  /** In bytes. */
  get valueSize(): number {
    return this.#checked('read', this.native.valueSize())
  }

  /**
   * The number of entries; of a ring buffer its size in bytes.
   *
   * Setting it is possible until `load()`. A ring's size must be a power of two
   * and a multiple of the page size: other sizes are rounded up, and reading
   * gives the actual one.
   *
   * @throws {BpfError} `ERR_STATE` after load.
   * @throws {RangeError} for 0 and for sizes that the kernel has no room for.
   */
  get maxEntries(): number {
    return this.#checked('read', this.native.maxEntries())
  }

  set maxEntries(count: number) {
    const isRing = this.type === MapType.RINGBUF
    checkInteger(
      count,
      `maxEntries of map "${this.name}"`,
      1,
      isRing ? largestRingBytes : 2 ** 32 - 1,
    )
    this.owner.session.checkPhase('configure', `map "${this.name}"`, 'open')
    this.#checked('configure', this.native.setMaxEntries(count))
  }

  /**
   * Wake-ups of a ring that was declared with `BPFRB_RINGBUF()`: 0, the default,
   * leaves them to the kernel, which wakes a consumer that has caught up. With
   * another number records wake nobody until that many bytes are queued; the
   * reader then drains every `drainIntervalMs` besides.
   *
   * Setting it is possible until `load()`.
   *
   * @throws {BpfError} `ERR_NOT_FOUND` when the ring was declared otherwise,
   *   `ERR_STATE` after load.
   * @throws {RangeError} from `load()` when the ring never holds so many.
   */
  get wakeupBytes(): number {
    const { globals } = this.owner
    return this.#wakeupVariable in globals ? Number(globals[this.#wakeupVariable]) : 0
  }

  set wakeupBytes(bytes: number) {
    checkInteger(bytes, `wakeupBytes of map "${this.name}"`, 0, largestRingBytes)
    if (!(this.#wakeupVariable in this.owner.globals)) {
      throw new BpfError('ERR_NOT_FOUND', 'it has no wake-up control', {
        operation: 'configure',
        target: `map "${this.name}"`,
        hint: `Declare it with BPFRB_RINGBUF(${this.name}, …) of bpf-ringbuf.bpf.h and submit with bpfrb_submit()`,
      })
    }
    this.owner.globals[this.#wakeupVariable] = bytes
  }

  /**
   * Which of its two maps a stream uses that was declared with
   * `BPFRB_EVENT_STREAM()`: its perf buffer, or its ring buffer. By default
   * `load()` decides, and takes the ring buffer where the kernel has them.
   * Setting it is possible until then.
   *
   * @throws {BpfError} `ERR_NOT_FOUND` when the map was declared otherwise,
   *   `ERR_STATE` after load.
   */
  get usePerfBuffer(): boolean {
    this.#checkStream()
    return this.owner.globals[this.#useVariable] !== 0
  }

  set usePerfBuffer(usePerfBuffer: boolean) {
    if (typeof usePerfBuffer !== 'boolean') {
      throw invalidType('a boolean', `usePerfBuffer of map "${this.name}"`, usePerfBuffer)
    }
    this.#checkStream()
    this.owner.globals[this.#useVariable] = usePerfBuffer ? 1 : 0
    this.#useIsChosen = true
  }

  /**
   * Checks what belongs together; of a stream, creates the map that it uses and
   * not the other.
   *
   * @internal
   */
  prepareLoad(): void {
    if (this.type === MapType.RINGBUF && this.wakeupBytes >= this.maxEntries) {
      throw outOfRange(
        `fewer than the ${String(this.maxEntries)} bytes of the ring`,
        `wakeupBytes of map "${this.name}"`,
        this.wakeupBytes,
      )
    }
    if (!(this.#useVariable in this.owner.globals)) return
    if (!this.#useIsChosen) {
      // 0 is a clear no; what cannot be told shows when the ring is created.
      this.usePerfBuffer = addon().probeMapType(MapType.RINGBUF) === 0
    }
    const { usePerfBuffer } = this
    this.#checked('configure', this.native.setAutocreate(!usePerfBuffer))
    const perf = this.owner.maps.get(`${this.name}__perf`)
    if (perf !== undefined) this.#checked('configure', perf.native.setAutocreate(usePerfBuffer))
  }

  /**
   * The descriptor, owned by the object.
   *
   * @throws {BpfError} `ERR_STATE` before load, and of the half of a stream that
   *   is not used.
   */
  get fd(): number {
    return this.#loadedFd('use')
  }

  /**
   * Reads one value, `bpf_map_lookup_elem()`. Of a per-CPU map it is the values
   * of all possible CPUs, each padded to 8 bytes.
   *
   * @returns A copy, or nothing when there is no such key.
   */
  lookup(key: Uint8Array): Uint8Array | undefined {
    this.#loadedFd('look up in')
    if (!ArrayBuffer.isView(key)) throw invalidType('a Uint8Array', 'key', key)
    if (key.byteLength !== this.keySize) {
      throw outOfRange(`${String(this.keySize)} bytes`, 'key', key)
    }
    const value = this.native.lookup(bytesOf(key))
    if (typeof value !== 'number') return value
    if (value === -2) return undefined // ENOENT
    throw failure('look up in', `map "${this.name}"`, value)
  }

  /**
   * What the BPF header counted for this ring, summed over all CPUs; nothing
   * when the ring was not declared with `BPFRB_RINGBUF()`, or when it cannot be
   * read. Never throws.
   *
   * @internal
   */
  producerCounts(): ProducerCounts | undefined {
    const ring = this.name.replace(/__perf$/, '')
    const counters = this.owner.maps.get(`${ring}__counters`)
    if (counters?.type !== MapType.PERCPU_ARRAY || counters.valueSize !== 16) return undefined
    const values = counters.native.lookup(new Uint8Array(4))
    // Without descriptors, or without /sys, it is not known how many CPUs there are.
    if (typeof values === 'number') return undefined
    const words = new BigUint64Array(values.slice().buffer)
    const counts = { lost: 0, discarded: 0 }
    for (let at = 0; at < words.length; at += 2) {
      counts.lost += Number(words[at])
      counts.discarded += Number(words[at + 1])
    }
    return counts
  }

  #loadedFd(operation: string): number {
    this.owner.session.checkPhase(operation, `map "${this.name}"`, 'loaded')
    const fd = this.native.fd()
    if (fd >= 0) return fd
    throw new BpfError('ERR_STATE', 'load() did not create it', {
      operation,
      target: `map "${this.name}"`,
    })
  }

  #checkStream(): void {
    if (this.#useVariable in this.owner.globals) return
    throw new BpfError('ERR_NOT_FOUND', 'it is no stream of either kind', {
      operation: 'configure',
      target: `map "${this.name}"`,
      hint: `Declare it with BPFRB_EVENT_STREAM(${this.name}, …) of bpf-ringbuf.bpf.h`,
    })
  }

  get #useVariable(): string {
    return `${this.name}__use_perf`
  }

  get #wakeupVariable(): string {
    return `${this.name}__wakeup_bytes`
  }

  #checked(operation: string, result: number): number {
    if (result < 0) throw failure(operation, `map "${this.name}"`, result)
    return result
  }
}
