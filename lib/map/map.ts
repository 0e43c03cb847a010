import { dirname } from 'node:path'
import { inspect, type InspectOptions } from 'node:util'
import type { NativeMap } from '../addon/map.js'
import type { NativeMapHandle } from '../addon/map-handle.js'
import { BpfError, checkInteger, invalidType, outOfRange } from '../errors/errors.js'
import { makePinDirectory } from '../machine/pin.js'
import { lacksOverwriting, lacksRingBuffers } from '../machine/probes.js'
import type { Described } from '../types/layout.js'
import type { Descriptor } from './codec.js'
import { createMap, type CreateOptions } from './create.js'
import { configure, readDeclared, reuse } from './configure.js'
import { Controls, largestRingBytes } from './controls.js'
import {
  areCounters,
  countersName,
  countersPath,
  type ProducerCounts,
  readCounts,
} from './counters.js'
import { Entries, type PushOptions, type SetOptions } from './entries.js'
import {
  checkFit,
  checkTypes,
  type Given,
  type KeyAndCpuValues,
  type KeyAndValue,
  type KeyOnly,
  type MapTypes,
  resolveTypes,
  type ValueOnly,
} from './entry-types.js'
import { mapInfo, type MapInfo } from './info.js'
import { createInnerMap, type InnerTemplate, innerTemplate } from './inner.js'
import { KernelMap, type MapOwner } from './kernel-map.js'
import { hasFlag } from './kinds.js'
import { openFd, openId, openPin } from './open.js'
import { checkReusable, Pins } from './pin.js'
import { unregister } from './struct-ops.js'
import { MapView } from './view.js'

const EBUSY = -16

/** The object that maps belong to, with all of them. */
export interface MapsOwner extends MapOwner {
  readonly maps: ReadonlyMap<string, BpfMap>
}

/**
 * A BPF map, with its keys `K` and values `V`.
 *
 * Maps of an object are valid as long as it is open. Others, from `create()`,
 * `fromPin()`, `fromId()` and `fromFd()`, have a descriptor of their own, which
 * `close()` or `using` releases.
 *
 * A key or value is what its type says: the type that was given, else what the
 * object's BTF says. What is read is a copy with memory of its own. All calls block for
 * the system call and no longer; those that take all entries, such as `takeAll()`,
 * `size()` and `clear()`, for as many as there are, and iterating for some hundred
 * entries at a time.
 *
 * @typeParam S What `set()` takes: of a per-CPU map also one value for all CPUs, of a map
 *   of descriptors also what has one, such as another map or a program.
 * @example
 * ```ts
 * const counts = object.map('counts', { key: u32, value: u64 })
 * counts.set(process.pid, 0n, { flags: 'noexist' })
 * for (const [pid, count] of counts) console.log(pid, count)
 * ```
 */
export class BpfMap<K = unknown, V = unknown, S = V> {
  /** Its name in C; of a map without an object as the kernel has it. */
  readonly name: string
  /**
   * Its type, `enum bpf_map_type` of linux/bpf.h, as libbpf calls it: `ringbuf`,
   * `perf_event_array`, `percpu_array`, … One that libbpf does not know is
   * `unknown(42)`.
   */
  readonly type: string
  /** @internal */
  readonly kernel: KernelMap
  readonly #owner: MapsOwner | undefined
  readonly #controls: Controls
  readonly #types: Given | undefined
  readonly #inner: InnerTemplate | undefined
  readonly #pins: Pins
  /** What counts for a ring that was found by its pin: it is pinned beside it. */
  #foundCounters: BpfMap | undefined
  #entries: Entries | undefined
  /** The id of the map that it is to reuse. */
  #reused: number | undefined
  #bytes: BpfMap<Uint8Array, Uint8Array> | undefined

  private constructor(
    kernel: KernelMap,
    owner: MapsOwner | undefined,
    types: Given | undefined,
    origin?: BpfMap,
  ) {
    this.kernel = kernel
    this.name = kernel.name
    this.type = kernel.type
    this.#owner = owner
    this.#controls = origin?.controls ?? new Controls(kernel, owner?.globals ?? {})
    this.#inner = origin === undefined ? innerTemplate(kernel) : origin.innerTemplate
    this.#types = types
    this.#pins = new Pins(kernel)
    if (origin !== undefined) this.#foundCounters = origin.#foundCounters
  }

  /** @internal A map that an object declares. */
  static ofObject(owner: MapsOwner, declared: NativeMap): BpfMap {
    return new BpfMap(new KernelMap({ owner, declared }), owner, undefined)
  }

  /**
   * Creates a map, `BPF_MAP_CREATE`. Needs the privileges that loading needs. Blocks
   * for the system call.
   *
   * @throws {BpfError} `ERR_PERMISSION`, `ERR_UNSUPPORTED` for a type that this kernel
   * does not have, `ERR_KERNEL` for what else it refuses.
   * @example
   * ```ts
   * using deny = BpfMap.create({ type: 'hash', key: u32, value: u8, maxEntries: 1000 })
   * ```
   */
  static create<K, V>(
    options: CreateOptions & KeyAndCpuValues<K, V>,
  ): BpfMap<K, V[], V | readonly V[]>
  static create<K, V>(options: CreateOptions & KeyAndValue<K, V>): BpfMap<K, V>
  static create<V>(options: CreateOptions & ValueOnly<V>): BpfMap<V, V>
  static create<K>(options: CreateOptions & KeyOnly<K>): BpfMap<K, number, Descriptor>
  static create(options: CreateOptions): BpfMap
  static create(options: CreateOptions & MapTypes): BpfMap {
    const { handle, types } = createMap(options)
    return BpfMap.#alone(handle, types, options.name)
  }

  /**
   * Opens a map that was pinned, `BPF_OBJ_GET`. Without types its keys and values are
   * what the map's own BTF says, which takes CAP_SYS_ADMIN to read. With it, structs that
   * are given are compared with those of their names in that BTF, as `object.map()` does;
   * without, and for maps that have no BTF, only their sizes are compared. A ring
   * brings the counters along that `pin()` or `BPFRB_RINGBUF_PINNED()` pinned beside it.
   *
   * @throws {BpfError} `ERR_FILE_NOT_FOUND`, `ERR_MAP_TYPE` when something else is
   *   pinned there, `ERR_LAYOUT` when a type has not the map's size, or a struct not its
   *   layout, `ERR_PERMISSION`.
   */
  static fromPin<K, V>(path: string, types: KeyAndCpuValues<K, V>): BpfMap<K, V[], V | readonly V[]>
  static fromPin<K, V>(path: string, types: KeyAndValue<K, V>): BpfMap<K, V>
  static fromPin<V>(path: string, types: ValueOnly<V>): BpfMap<V, V>
  static fromPin<K>(path: string, types: KeyOnly<K>): BpfMap<K, number, Descriptor>
  static fromPin(path: string, types?: MapTypes): BpfMap
  static fromPin(path: string, types?: MapTypes): BpfMap {
    if (types !== undefined) checkTypes(types)
    const map = BpfMap.#found(openPin(path), types)
    map.#pins.openedFrom = path
    if (map.type === 'ringbuf') map.#foundCounters = BpfMap.#findCounters(path)
    return map
  }

  /**
   * Opens a map by its number in the kernel, `BPF_MAP_GET_FD_BY_ID`, as reading a map
   * of maps gives it. Needs CAP_SYS_ADMIN. Types are checked as by `fromPin()`.
   *
   * @throws {BpfError} `ERR_NOT_FOUND`, `ERR_LAYOUT`, `ERR_MAP_TYPE`, `ERR_PERMISSION`.
   */
  static fromId<K, V>(id: number, types: KeyAndCpuValues<K, V>): BpfMap<K, V[], V | readonly V[]>
  static fromId<K, V>(id: number, types: KeyAndValue<K, V>): BpfMap<K, V>
  static fromId<V>(id: number, types: ValueOnly<V>): BpfMap<V, V>
  static fromId<K>(id: number, types: KeyOnly<K>): BpfMap<K, number, Descriptor>
  static fromId(id: number, types?: MapTypes): BpfMap
  static fromId(id: number, types?: MapTypes): BpfMap {
    checkInteger(id, 'id', 0, 2 ** 32 - 1)
    if (types !== undefined) checkTypes(types)
    return BpfMap.#found(openId(id), types)
  }

  /**
   * A map by a descriptor of this process, which stays the caller's: it is duplicated.
   * Types are checked as by `fromPin()`.
   *
   * @throws {BpfError} `ERR_MAP_TYPE` when it is no map's, `ERR_KERNEL` when it is not
   *   open, `ERR_LAYOUT`.
   */
  static fromFd<K, V>(fd: number, types: KeyAndCpuValues<K, V>): BpfMap<K, V[], V | readonly V[]>
  static fromFd<K, V>(fd: number, types: KeyAndValue<K, V>): BpfMap<K, V>
  static fromFd<V>(fd: number, types: ValueOnly<V>): BpfMap<V, V>
  static fromFd<K>(fd: number, types: KeyOnly<K>): BpfMap<K, number, Descriptor>
  static fromFd(fd: number, types?: MapTypes): BpfMap
  static fromFd(fd: number, types?: MapTypes): BpfMap {
    checkInteger(fd, 'fd', 0, 2 ** 31 - 1)
    if (types !== undefined) checkTypes(types)
    return BpfMap.#found(openFd(fd), types)
  }

  /** One that others have made: types that are given are checked. */
  static #found(handle: NativeMapHandle, types: MapTypes | undefined): BpfMap {
    return BpfMap.#alone(handle, types, undefined, true)
  }

  /** The counters that are pinned beside a ring; nothing when there are none. */
  static #findCounters(path: string): BpfMap | undefined {
    let map: BpfMap
    try {
      map = BpfMap.fromPin(countersPath(path))
    } catch {
      return undefined
    }
    if (areCounters(map)) return map
    map.close()
    return undefined
  }

  static #alone(
    handle: NativeMapHandle,
    types: MapTypes | undefined,
    name?: string,
    isFound = false,
  ): BpfMap {
    const map = new BpfMap(new KernelMap({ handle }, name), undefined, types)
    try {
      if (isFound && types !== undefined) map.kernel.describeByItself()
      if (types !== undefined) checkFit(map.kernel, types, map.keySize, map.valueSize)
      return map
    } catch (error) {
      map.close()
      throw error
    }
  }

  /**
   * The same map, with its keys and values as bytes, as the kernel has them: a value of
   * a per-CPU map is those of all possible CPUs, each padded to 8 bytes.
   */
  get bytes(): BpfMap<Uint8Array, Uint8Array> {
    this.#bytes ??= new BpfMap<Uint8Array, Uint8Array>(this.kernel, this.#owner, 'bytes', this)
    return this.#bytes
  }

  /**
   * The same map with entries of these types, as `object.map(name, types)` takes them:
   * `{ key, value }`, of a per-CPU map with `perCpu: true`, of a queue, stack or bloom
   * filter `{ value }`, of maps that hold descriptors `{ key }`. For the maps of a
   * generated module, whose types are those of BTF.
   *
   * @throws {BpfError} `ERR_LAYOUT` when a type has not the map's size, or a struct does
   *   not match the object's BTF; `ERR_MAP_TYPE` when `perCpu` is missing or too much.
   * @example
   * ```ts
   * const denied = agent.maps.denied.as({ key: ipv4, value: u64.number })
   * denied.set('192.0.2.1', 0)
   * ```
   */
  as<A, U>(types: KeyAndCpuValues<A, U>): BpfMap<A, U[], U | readonly U[]>
  as<A, U>(types: KeyAndValue<A, U>): BpfMap<A, U>
  as<U>(types: ValueOnly<U>): BpfMap<U, U>
  as<A>(types: KeyOnly<A>): BpfMap<A, number, Descriptor>
  as(types: MapTypes): BpfMap {
    return this.typed(types)
  }

  /** @internal The same map with these types. */
  typed(types: MapTypes): BpfMap {
    checkTypes(types)
    checkFit(this.kernel, types, this.keySize, this.valueSize)
    return new BpfMap(this.kernel, this.#owner, types, this)
  }

  /**
   * In bytes. Setting it is possible until `load()`.
   *
   * @throws {BpfError} `ERR_STATE` after load.
   */
  get keySize(): number {
    return readDeclared(this.kernel, (declared) => declared.keySize(), 1)
  }

  set keySize(sizeBytes: number) {
    checkInteger(sizeBytes, `keySize of map "${this.name}"`, 0, 2 ** 32 - 1)
    configure(this.kernel, (declared) => declared.setKeySize(sizeBytes))
  }

  /**
   * In bytes, of one CPU. Setting it is possible until `load()`: of a STACK_TRACE it is
   * 8 for each frame.
   *
   * @throws {BpfError} `ERR_STATE` after load.
   */
  get valueSize(): number {
    return readDeclared(this.kernel, (declared) => declared.valueSize(), 2)
  }

  set valueSize(sizeBytes: number) {
    checkInteger(sizeBytes, `valueSize of map "${this.name}"`, 0, 2 ** 32 - 1)
    configure(this.kernel, (declared) => declared.setValueSize(sizeBytes))
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
    return readDeclared(this.kernel, (declared) => declared.maxEntries(), 3)
  }

  set maxEntries(count: number) {
    const isRing = this.type === 'ringbuf'
    checkInteger(
      count,
      `maxEntries of map "${this.name}"`,
      1,
      isRing ? largestRingBytes : 2 ** 32 - 1,
    )
    configure(this.kernel, (declared) => declared.setMaxEntries(count))
  }

  /**
   * Whether `load()` creates it: a program that uses it is then rejected unless it asks
   * before. Setting it is possible until `load()`.
   *
   * @throws {BpfError} `ERR_STATE` after load, and of a map without an object.
   */
  get autocreate(): boolean {
    const { declared, owner } = this.kernel
    owner?.session.checkOpen('read', this.kernel.target)
    return declared === undefined || declared.autocreate()
  }

  set autocreate(autocreate: boolean) {
    if (typeof autocreate !== 'boolean') {
      throw invalidType('a boolean', `autocreate of map "${this.name}"`, autocreate)
    }
    configure(this.kernel, (declared) => declared.setAutocreate(autocreate))
  }

  /**
   * Uses another map instead of creating this one, `bpf_map__reuse_fd()`. Possible until
   * `load()`; the other one may be closed afterwards. A ring brings its counters along,
   * where both are declared with `BPFRB_RINGBUF()`. Where this one is pinned by its name,
   * the other one will be; `load()` throws `ERR_EXISTS` when that name is taken.
   *
   * @throws {BpfError} `ERR_LAYOUT` when its shape differs, naming in what; `ERR_STATE`
   *   after load.
   */
  reuse(other: BpfMap): void {
    if (!(other instanceof BpfMap)) throw invalidType('a map', 'other', other)
    reuse(this.kernel, other)
    this.#reused = other.info().id
    const [counters, others] = [this.#counters, other.#counters]
    if (counters !== undefined && others !== undefined) counters.reuse(others)
  }

  /**
   * A ring that overwrites its oldest records, for snapshots.
   *
   * @internal
   */
  get overwrites(): boolean {
    return this.type === 'ringbuf' && hasFlag(this.kernel.mapFlags, 'rb_overwrite')
  }

  /**
   * The flight recorder that this map is a half of, its ring or its perf buffer,
   * as `BPFRB_FLIGHT_RECORDER()` declares both.
   *
   * @internal
   */
  get recorder(): BpfMap | undefined {
    const ring = this.#owner?.maps.get(this.name.replace(/__perf$/, ''))
    return ring?.overwrites === true && ring.#controls.isStream ? ring : undefined
  }

  /** @internal Of a stream of either kind, its perf buffer. */
  get perfHalf(): BpfMap | undefined {
    return this.#owner?.maps.get(`${this.name}__perf`)
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
    return this.#controls.usePerfBuffer
  }

  set usePerfBuffer(usePerfBuffer: boolean) {
    this.#controls.usePerfBuffer = usePerfBuffer
  }

  /**
   * Checks what belongs together; of a stream, creates the map that it uses and
   * not the other.
   *
   * @internal
   */
  prepareLoad(): void {
    const path = this.kernel.declared?.pinPath() ?? ''
    if (path !== '') {
      makePinDirectory(dirname(path))
      if (this.#reused !== undefined) checkReusable(this.kernel.target, path, this.#reused)
    }
    const { wakeupBytes } = this
    if (this.type === 'ringbuf' && wakeupBytes > 0 && wakeupBytes >= this.maxEntries) {
      throw outOfRange(
        `fewer than the ${String(this.maxEntries)} bytes of the ring`,
        `wakeupBytes of map "${this.name}"`,
        wakeupBytes,
      )
    }
    if (!this.#controls.isStream) return
    this.#controls.choose(this.overwrites ? lacksOverwriting : lacksRingBuffers)
    const { usePerfBuffer } = this
    this.autocreate = !usePerfBuffer
    const { perfHalf } = this
    if (perfHalf !== undefined) perfHalf.autocreate = usePerfBuffer
  }

  /**
   * The descriptor, owned by the map or its object.
   *
   * @throws {BpfError} `ERR_CLOSED`; `ERR_STATE` before load, and of a map that `load()`
   *   did not create.
   */
  get fd(): number {
    return this.kernel.handle('use').fd()
  }

  /**
   * The value of a key, `bpf_map_lookup_elem()`; nothing when there is no such key. Of
   * an LPM trie that of the longest prefix that matches, of at most the `prefixlen` that
   * is given: one that is longer than keys are finds nothing, where `set()` refuses it. Of
   * a STACK_TRACE the addresses of its frames; of a map of maps the id of the inner map.
   *
   * @throws {BpfError} `ERR_STATE` before load, `ERR_CLOSED`, `ERR_MAP_TYPE` when maps
   *   of this type do not have that; `ERR_NO_BTF` and `ERR_UNSUPPORTED` when types have to
   *   be given, `ERR_PERMISSION`, `ERR_KERNEL`.
   * @throws {TypeError|RangeError} for a key that its type does not take.
   */
  get(key: K): V | undefined {
    return this.#opened().get(key) as V | undefined
  }

  /**
   * Whether there is such a key; of an LPM trie whether any prefix matches it, as
   * {@link get} looks it up; of a bloom filter whether there may be such a value.
   */
  has(key: K): boolean {
    return this.#opened().has(key)
  }

  /**
   * Stores a value, `bpf_map_update_elem()`.
   *
   * @param value Of a per-CPU map one for each possible CPU, or one for all of them.
   * @throws {BpfError} As `get()`; `ERR_FULL`; `ERR_EXISTS` with `noexist`, and
   *   `ERR_NOT_FOUND` with `exist`; `ERR_STATE` when the map is frozen.
   */
  set(key: K, value: S, options?: SetOptions): this {
    this.#opened().set(key, value, options)
    return this
  }

  /**
   * Deletes a key, `bpf_map_delete_elem()`.
   *
   * @returns Whether it was there; of an `xskmap`, of which the kernel does not say so, always true.
   *   Of a map of type `struct_ops`, whose only key is 0: whether the kernel used it. That
   *   ends then, also of one that has outlived the process that attached it.
   */
  delete(key: K): boolean {
    if (this.type === 'struct_ops') return unregister(this.kernel, key)
    return this.#opened().delete(key)
  }

  /**
   * Looks up and deletes a key, of hash maps in one step from Linux 5.14 on. Otherwise
   * what programs write between the two steps is lost.
   */
  take(key: K): V | undefined {
    return this.#opened().take(key) as V | undefined
  }

  /**
   * Adds a value to a queue, a stack or a bloom filter.
   *
   * @throws {BpfError} `ERR_FULL`; as `get()`.
   */
  push(value: S, options: PushOptions = {}): this {
    this.#opened().push(value, options)
    return this
  }

  /** Takes the first value of a queue, or the last of a stack; nothing when it is empty. */
  pop(): V | undefined {
    return this.#opened().pop() as V | undefined
  }

  /** What `pop()` would take. */
  peek(): V | undefined {
    return this.#opened().peek() as V | undefined
  }

  /**
   * All entries in no order, some hundred at a time. An entry that stays is seen exactly once,
   * whatever comes and goes meanwhile, also in the loop's own body. Of arrays of
   * descriptors those that are set.
   *
   * @throws {BpfError} As `get()`, also while iterating.
   */
  entries(): IterableIterator<[K, V]> {
    return this.#opened().walk('entries') as unknown as IterableIterator<[K, V]>
  }

  /** As {@link entries}. */
  keys(): IterableIterator<K> {
    return this.#opened().walk('keys') as unknown as IterableIterator<K>
  }

  /** As {@link entries}. */
  values(): IterableIterator<V> {
    return this.#opened().walk('values') as unknown as IterableIterator<V>
  }

  /** As `entries()`. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries()
  }

  /** How many entries there are, counted. Of an array all that it has room for. */
  size(): number {
    return this.#opened().count()
  }

  /** Deletes all entries; of an array sets all to zero. */
  clear(): void {
    this.#opened().clear()
  }

  /** The values of some keys, in their order; nothing for a key that is not there. */
  getMany(keys: Iterable<K>): (V | undefined)[] {
    return this.#opened().getMany(keys) as (V | undefined)[]
  }

  /**
   * Stores many entries, `bpf_map_update_batch()` where the kernel has it for this type:
   * several times as fast as one by one.
   *
   * @throws {BpfError} As `set()`; what was stored before the entry that failed stays.
   */
  setMany(entries: Iterable<readonly [K, S]>, options?: SetOptions): this {
    this.#opened().setMany(entries, options)
    return this
  }

  /**
   * Deletes many keys, `bpf_map_delete_batch()` where the kernel has it.
   *
   * @returns How many were there.
   */
  deleteMany(keys: Iterable<K>): number {
    return this.#opened().deleteMany(keys)
  }

  /**
   * Looks up and deletes all entries, `bpf_map_lookup_and_delete_batch()` where the
   * kernel has it: nothing that programs count meanwhile is lost.
   */
  takeAll(): [K, V][] {
    return this.#opened().takeAll() as [K, V][]
  }

  /**
   * The memory of an array with `BPF_F_MMAPABLE`, live: what programs write shows, and
   * writing needs no system call. Valid also after the map was closed. Linux 5.5.
   *
   * @throws {BpfError} `ERR_MAP_TYPE` when it is no such array, `ERR_STATE` when it is
   *   frozen; as `get()`.
   */
  view(): MapView<V> {
    return MapView.of<V>(this.#opened())
  }

  /**
   * Creates a map such as the inner ones of this map of maps are declared, to be set in
   * it.
   *
   * @param options `maxEntries` in the place of the declared ones: of a ring its size.
   * @throws {BpfError} `ERR_NOT_FOUND` when none is declared, as `create()` otherwise.
   */
  createInner(options: Pick<CreateOptions, 'maxEntries' | 'name'> = {}): BpfMap {
    const { handle, types } = createInnerMap(this.kernel, this.#inner, options)
    const map = BpfMap.#alone(handle, types, options.name)
    map.kernel.describedBy = this.kernel.describedBy
    return map
  }

  /**
   * Makes the map read-only for all processes, for programs not: `BPF_MAP_FREEZE`. For
   * ever. Linux 5.2.
   *
   * @throws {BpfError} `ERR_BUSY` while a `view()` of it is mapped; `ERR_STATE` when it is
   *   frozen already; as `get()`.
   */
  freeze(): void {
    const errno = this.kernel.handle('freeze').freeze()
    if (errno === EBUSY) {
      const details = { operation: 'freeze', target: this.kernel.target, errno }
      // Of older kernels it means that as well.
      if (this.kernel.state('freeze').frozen) {
        throw new BpfError('ERR_STATE', 'it is frozen', details)
      }
      throw new BpfError('ERR_BUSY', 'its memory is mapped', {
        ...details,
        hint: 'Freeze it before its first view(), which stays mapped until it is garbage',
      })
    }
    if (errno < 0) throw this.kernel.failure('freeze', errno)
  }

  /** What the kernel says of it. */
  info(): MapInfo {
    return mapInfo(this.kernel)
  }

  /**
   * Gives it a path in a BPF file system, usually below /sys/fs/bpf, where it stays
   * until `unpin()`: for other processes, and beyond this one's end. Makes the
   * directory when it is missing. The counters of a ring that was declared with
   * `BPFRB_RINGBUF()` get the path with `__counters` behind it.
   *
   * @throws {BpfError} `ERR_EXISTS`, `ERR_STATE` when it is in no BPF file system,
   *   `ERR_FILE_NOT_FOUND` when the directory can not be made, `ERR_PERMISSION`.
   */
  pin(path: string): this {
    this.#pins.add(path, () => this.#counters)
    return this
  }

  /**
   * Removes what `pin()` and LIBBPF_PIN_BY_NAME made, else the pin that `fromPin()` was
   * given, or with a path the pin there; a ring's counters go with it. The map lives on
   * as long as somebody has it open.
   *
   * @throws {BpfError} `ERR_STATE` when something else is pinned there, or when it was
   *   not pinned here, nor found so, and no path is given, `ERR_FILE_NOT_FOUND`, `ERR_PERMISSION`.
   */
  unpin(path?: string): void {
    this.#pins.remove(path, () => this.#counters)
  }

  /** Whether it cannot be used any more. */
  get closed(): boolean {
    return this.kernel.closed
  }

  /**
   * Releases the descriptor of a map without an object; those of an object stay open
   * until it is closed. Idempotent, never throws. A reader of it goes on.
   */
  close(): void {
    this.kernel.close()
    this.#foundCounters?.close()
  }

  /** As `close()`: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal What `console.log()` shows, which must not fail. */
  [inspect.custom](_: number, options: InspectOptions): string {
    const { name, type } = this
    if (this.closed) return `BpfMap ${inspect({ name, type, closed: true }, options)}`
    const { keySize, valueSize, maxEntries } = this
    return `BpfMap ${inspect({ name, type, keySize, valueSize, maxEntries }, options)}`
  }

  /**
   * What the BPF header counted for this ring, summed over all CPUs; nothing
   * when the ring was not declared with `BPFRB_RINGBUF()`, or when it cannot be
   * read. Never throws.
   *
   * @internal
   */
  producerCounts(): ProducerCounts | undefined {
    const counters = this.#owner?.maps.get(countersName(this.name)) ?? this.#foundCounters
    return counters && readCounts(counters)
  }

  /** What goes with it where it is pinned and reused; of a stream with its ring. */
  get #counters(): BpfMap | undefined {
    const counters = this.#owner?.maps.get(countersPath(this.name)) ?? this.#foundCounters
    return counters !== undefined && areCounters(counters) ? counters : undefined
  }

  /** @internal What a reader checks its decoder against; of a map without an object nothing. */
  get described(): Described | undefined {
    return this.kernel.describedBy
  }

  /** @internal */
  get controls(): Controls {
    return this.#controls
  }

  /** @internal */
  get innerTemplate(): InnerTemplate | undefined {
    return this.#inner
  }

  #opened(): Entries {
    return (this.#entries ??= new Entries(this.kernel, resolveTypes(this.kernel, this.#types)))
  }
}
