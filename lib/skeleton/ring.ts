import { BpfError } from '../errors/errors.js'
import type { BpfMap } from '../map/map.js'
import type { BpfObject } from '../object/object.js'
import type { AwaitedCallback } from '../stream/callbacks.js'
import { type EventStreamOptions, openEventStream } from '../stream/event-stream.js'
import { PerfBuffer, type PerfBufferOptions } from '../stream/perf-buffer.js'
import { RingBuffer, type RingBufferOptions } from '../stream/ring-buffer.js'
import { checkType, type Type } from '../types/struct.js'

/** A ring buffer of a generated module, with its records' type. */
export interface BpfRing<T> {
  /** The map itself. */
  readonly map: BpfMap
  /** What its records are: what the module was told, else bytes. */
  readonly type: Type<T>
  /** The same ring with records of another type. */
  as<U>(type: Type<U>): BpfRing<U>
  /**
   * Reads it: `new RingBuffer(map, type, …)`.
   *
   * @throws {BpfError} As the constructor of {@link RingBuffer}.
   */
  read(
    onRecord: AwaitedCallback<[record: T, source: string]> | undefined,
    options?: RingBufferOptions,
  ): RingBuffer<T>
  /** The same, for iterators: `records()` and `batches()`. */
  read(options?: RingBufferOptions): RingBuffer<T>
}

/** A perf buffer of a generated module, with its records' type. */
export interface BpfPerfRing<T> {
  /** The map itself. */
  readonly map: BpfMap
  /** What its records are: what the module was told, else bytes. */
  readonly type: Type<T>
  /** The same buffer with records of another type. */
  as<U>(type: Type<U>): BpfPerfRing<U>
  /**
   * Reads it: `new PerfBuffer(map, type, …)`.
   *
   * @throws {BpfError} As the constructor of {@link PerfBuffer}.
   */
  read(
    onRecord: AwaitedCallback<[record: T, cpu: number]> | undefined,
    options?: PerfBufferOptions,
  ): PerfBuffer<T>
  /** The same, for iterators: `records()` and `batches()`. */
  read(options?: PerfBufferOptions): PerfBuffer<T>
}

/** A stream of a generated module, `BPFRB_EVENT_STREAM()`, with its records' type. */
export interface BpfStream<T> {
  /** The map itself. */
  readonly map: BpfMap
  /** What its records are: what the module was told, else bytes. */
  readonly type: Type<T>
  /** The same stream with records of another type. */
  as<U>(type: Type<U>): BpfStream<U>
  /**
   * Reads it: `openEventStream(object, name, type, …)`.
   *
   * @throws {BpfError} As {@link openEventStream}.
   */
  read(
    onRecord: AwaitedCallback<[record: T]> | undefined,
    options?: EventStreamOptions,
  ): RingBuffer<T> | PerfBuffer<T>
  /** The same, for iterators: `records()` and `batches()`. */
  read(options?: EventStreamOptions): RingBuffer<T> | PerfBuffer<T>
}

type Callback = (record: unknown, ...from: unknown[]) => void
type Options = RingBufferOptions & PerfBufferOptions & EventStreamOptions

/** Any of the three: which one, the map says. */
export class SkeletonRing {
  readonly map: BpfMap
  readonly type: Type
  readonly #object: BpfObject

  constructor(object: BpfObject, map: BpfMap, type: Type) {
    this.#object = object
    this.map = map
    this.type = type
  }

  as(type: Type): SkeletonRing {
    checkType(type, 'type')
    return new SkeletonRing(this.#object, this.map, type)
  }

  read(onRecordOrOptions?: Callback | Options, options?: Options): unknown {
    const { map, type } = this
    const hasCallback = typeof onRecordOrOptions === 'function'
    const onRecord = hasCallback ? onRecordOrOptions : undefined
    const given = hasCallback ? options : (onRecordOrOptions ?? options)
    if (map.type === 'perf_event_array') return new PerfBuffer(map, type, onRecord, given)
    if (map.controls.isStream) {
      return openEventStream(this.#object, map.name, type, onRecord, given)
    }
    if (map.type === 'ringbuf') return new RingBuffer(map, type, onRecord, given)
    throw new BpfError('ERR_MAP_TYPE', `it is of type ${map.type}`, {
      operation: 'read',
      target: `map "${map.name}"`,
    })
  }
}
