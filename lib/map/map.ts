import { BpfError, bytesOf, checkInteger, invalidType, outOfRange } from '../errors/errors.js'
import { failure } from '../machine/failure.js'
import { lacksOverwriting, lacksRingBuffers } from '../machine/probes.js'
import type { NativeMap } from '../addon/map.js'
import type { Session } from '../addon/session.js'
import type { Btf } from '../btf/btf.js'
import { Controls, countersName, type ProducerCounts, sumCounts } from './declared.js'

const largestRingBytes = 2 ** 31

/** What a map knows of the object that it belongs to. */
export interface MapOwner {
  /** The object's name. */
  readonly name: string
  readonly session: Session
  readonly btf: Btf | undefined
  readonly globals: Record<string, unknown>
  readonly maps: ReadonlyMap<string, BpfMap>
}

/** Of linux/bpf.h, since Linux 6.19. */
const BPF_F_RB_OVERWRITE = 1 << 19

/** What the kernel says of an operation that maps of a type do not have. */
const EOPNOTSUPP = -95
const ENOTSUPP = -524

/** One map of an object. Valid as long as the object is open. */
export class BpfMap {
  /** Its name in C. */
  readonly name: string
  /**
   * Its type, `enum bpf_map_type` of linux/bpf.h, as libbpf calls it: `ringbuf`,
   * `perf_event_array`, `percpu_array`, … One that libbpf does not know is
   * `unknown(42)`.
   */
  readonly type: string
  /** @internal */
  readonly owner: MapOwner
  /** @internal */
  readonly native: NativeMap
  readonly #controls: Controls
  #useIsChosen = false

  /** @internal */
  constructor(owner: MapOwner, native: NativeMap) {
    this.owner = owner
    this.native = native
    this.name = native.name()
    this.type = native.type()
    this.#controls = new Controls(this.name, owner.globals)
  }

  /** In bytes. */
  get keySize(): number {
    return this.#read(() => this.native.keySize())
  }

  /** In bytes. */
  get valueSize(): number {
    return this.#read(() => this.native.valueSize())
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
    return this.#read(() => this.native.maxEntries())
  }

  set maxEntries(count: number) {
    const isRing = this.type === 'ringbuf'
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
   * A ring that overwrites its oldest records, for snapshots.
   *
   * @internal
   */
  get overwrites(): boolean {
    const flags = this.type === 'ringbuf' ? this.native.flags() : 0
    return flags > 0 && (flags & BPF_F_RB_OVERWRITE) !== 0
  }

  /**
   * The flight recorder that this map is a half of, its ring or its perf buffer,
   * as `BPFRB_FLIGHT_RECORDER()` declares both.
   *
   * @internal
   */
  get recorder(): BpfMap | undefined {
    const ring = this.owner.maps.get(this.name.replace(/__perf$/, ''))
    return ring?.overwrites === true && ring.#controls.isStream ? ring : undefined
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
    return this.#controls.wakeupBytes
  }

  set wakeupBytes(bytes: number) {
    checkInteger(bytes, `wakeupBytes of map "${this.name}"`, 0, largestRingBytes)
    if (!this.#controls.hasWakeup) {
      throw new BpfError('ERR_NOT_FOUND', 'it has no wake-up control', {
        operation: 'configure',
        target: `map "${this.name}"`,
        hint: `Declare it with BPFRB_RINGBUF(${this.name}, …) of bpf-ringbuf.bpf.h and submit with bpfrb_submit()`,
      })
    }
    this.#controls.wakeupBytes = bytes
  }

  /**
   * Which of its two maps a stream uses that was declared with
   * `BPFRB_EVENT_STREAM()`, or a flight recorder with `BPFRB_FLIGHT_RECORDER()`:
   * its perf buffer, or its ring buffer. By default `load()` decides, and takes
   * the ring buffer where the kernel has such. Setting it is possible until then.
   *
   * @throws {BpfError} `ERR_NOT_FOUND` when the map was declared otherwise,
   *   `ERR_STATE` after load.
   */
  get usePerfBuffer(): boolean {
    this.#checkStream()
    return this.#controls.usePerfBuffer
  }

  set usePerfBuffer(usePerfBuffer: boolean) {
    if (typeof usePerfBuffer !== 'boolean') {
      throw invalidType('a boolean', `usePerfBuffer of map "${this.name}"`, usePerfBuffer)
    }
    this.#checkStream()
    this.#controls.usePerfBuffer = usePerfBuffer
    this.#useIsChosen = true
  }

  /**
   * Checks what belongs together; of a stream, creates the map that it uses and
   * not the other.
   *
   * @internal
   */
  prepareLoad(): void {
    const { wakeupBytes } = this
    if (this.type === 'ringbuf' && wakeupBytes > 0 && wakeupBytes >= this.maxEntries) {
      throw outOfRange(
        `fewer than the ${String(this.maxEntries)} bytes of the ring`,
        `wakeupBytes of map "${this.name}"`,
        wakeupBytes,
      )
    }
    if (!this.#controls.isStream) return
    if (!this.#useIsChosen) {
      // What cannot be told shows when the ring is created.
      this.usePerfBuffer = this.overwrites ? lacksOverwriting() : lacksRingBuffers()
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
   * @returns A copy, in memory of its own, or nothing when there is no such key.
   * @throws {BpfError} `ERR_STATE` before load, `ERR_MAP_TYPE` when maps of this
   *   type have no values to look up, `ERR_PERMISSION`, `ERR_KERNEL`.
   */
  lookup(key: Uint8Array): Uint8Array | undefined {
    this.#loadedFd('look up in')
    if (!ArrayBuffer.isView(key)) throw invalidType('a Uint8Array', 'key', key)
    if (key.byteLength !== this.keySize) {
      throw outOfRange(`${String(this.keySize)} bytes`, 'key', key)
    }
    const value = this.native.lookup(bytesOf(key))
    // Not as a Buffer, whose slice() shares memory.
    if (typeof value !== 'number') return new Uint8Array(value)
    if (value === -2) return undefined // ENOENT
    if (value === ENOTSUPP || value === EOPNOTSUPP) {
      throw new BpfError('ERR_MAP_TYPE', `a map of type ${this.type} has no values to look up`, {
        operation: 'look up in',
        target: `map "${this.name}"`,
        errno: value,
      })
    }
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
    const counters = this.owner.maps.get(countersName(this.name))
    if (counters?.type !== 'percpu_array' || counters.valueSize !== 16) return undefined
    const values = counters.native.lookup(new Uint8Array(4))
    // Without descriptors, or without /sys, it is not known how many CPUs there are.
    return typeof values === 'number' ? undefined : sumCounts(values)
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
    if (this.#controls.isStream) return
    throw new BpfError('ERR_NOT_FOUND', 'it is no stream of either kind', {
      operation: 'configure',
      target: `map "${this.name}"`,
      hint: `Declare it with BPFRB_EVENT_STREAM(${this.name}, …) or BPFRB_FLIGHT_RECORDER(${this.name}, …) of bpf-ringbuf.bpf.h`,
    })
  }

  #read(property: () => number): number {
    this.owner.session.checkOpen('read', `map "${this.name}"`)
    return this.#checked('read', property())
  }

  #checked(operation: string, result: number): number {
    if (result < 0) throw failure(operation, `map "${this.name}"`, result)
    return result
  }
}
