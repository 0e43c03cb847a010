import { BpfError } from '../errors/errors.js'
import type { BpfMap } from '../map/map.js'
import type { BpfObject } from '../object/object.js'
import {
  type AwaitedCallback,
  callbacksAndOptions,
  type TagCallbacks,
} from '../stream/callbacks.js'
import { type EventStreamOptions, openEventStream } from '../stream/event-stream.js'
import { PerfBuffer, type PerfBufferOptions } from '../stream/perf-buffer.js'
import { RingBuffer, type RingBufferOptions } from '../stream/ring-buffer.js'
import { checkType, type Type } from '../types/struct.js'
import type { Tagged } from '../types/tagged.js'
import type { IntegerForm } from '../types/type.js'
import type { WithIntegers } from '../types/with-integers.js'

/**
 * A ring buffer of a generated module, with its records' type.
 *
 * @typeParam T What its records are.
 * @typeParam B Of tagged records the cases by the names of their callbacks.
 */
export interface BpfRing<T, B = never> {
  /** The map itself. */
  readonly map: BpfMap
  /** What its records are: what the module was told, else bytes. */
  readonly type: Type<T>
  /** The same ring with records of other types, that are told apart by a tag. */
  as<U, C>(type: Tagged<U, C>): BpfRing<U, C>
  /** The same ring with records of another type. */
  as<U>(type: Type<U>): BpfRing<U>
  /**
   * Reads it: `new RingBuffer(map, type, …)`. After `as(tagged(…))` with one
   * callback, or one for each case by its tag.
   *
   * @throws {BpfError} As the constructor of {@link RingBuffer}.
   */
  read<M extends IntegerForm = 'bigint'>(
    onRecord:
      | AwaitedCallback<[record: WithIntegers<T, M>, source: string]>
      | TagCallbacks<B, M, string>
      | undefined,
    options?: RingBufferOptions<M>,
  ): RingBuffer<T, M>
  /** The same, for iterators: `records()` and `batches()`. */
  read<M extends IntegerForm = 'bigint'>(options?: RingBufferOptions<M>): RingBuffer<T, M>
}

/** A perf buffer of a generated module, with its records' type. */
export interface BpfPerfRing<T, B = never> {
  /** The map itself. */
  readonly map: BpfMap
  /** What its records are: what the module was told, else bytes. */
  readonly type: Type<T>
  /** The same buffer with records of other types, that are told apart by a tag. */
  as<U, C>(type: Tagged<U, C>): BpfPerfRing<U, C>
  /** The same buffer with records of another type. */
  as<U>(type: Type<U>): BpfPerfRing<U>
  /**
   * Reads it: `new PerfBuffer(map, type, …)`. After `as(tagged(…))` with one
   * callback, or one for each case by its tag.
   *
   * @throws {BpfError} As the constructor of {@link PerfBuffer}.
   */
  read<M extends IntegerForm = 'bigint'>(
    onRecord:
      | AwaitedCallback<[record: WithIntegers<T, M>, cpu: number]>
      | TagCallbacks<B, M, number>
      | undefined,
    options?: PerfBufferOptions<M>,
  ): PerfBuffer<T, M>
  /** The same, for iterators: `records()` and `batches()`. */
  read<M extends IntegerForm = 'bigint'>(options?: PerfBufferOptions<M>): PerfBuffer<T, M>
}

/** A stream of a generated module, `BPFRB_EVENT_STREAM()`, with its records' type. */
export interface BpfStream<T, B = never> {
  /** The map itself. */
  readonly map: BpfMap
  /** What its records are: what the module was told, else bytes. */
  readonly type: Type<T>
  /** The same stream with records of other types, that are told apart by a tag. */
  as<U, C>(type: Tagged<U, C>): BpfStream<U, C>
  /** The same stream with records of another type. */
  as<U>(type: Type<U>): BpfStream<U>
  /**
   * Reads it: `openEventStream(object, name, type, …)`. After `as(tagged(…))` with one
   * callback, or one for each case by its tag.
   *
   * @throws {BpfError} As {@link openEventStream}.
   */
  read<M extends IntegerForm = 'bigint'>(
    onRecord: AwaitedCallback<[record: WithIntegers<T, M>]> | TagCallbacks<B, M, never> | undefined,
    options?: EventStreamOptions<M>,
  ): RingBuffer<T, M> | PerfBuffer<T, M>
  /** The same, for iterators: `records()` and `batches()`. */
  read<M extends IntegerForm = 'bigint'>(
    options?: EventStreamOptions<M>,
  ): RingBuffer<T, M> | PerfBuffer<T, M>
}

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

  read(onRecordOrOptions?: unknown, options?: Options): unknown {
    const { map, type } = this
    const [callbacks, given] = callbacksAndOptions(type, onRecordOrOptions, options)
    // They take more than they say: callbacks by tag.
    const onRecord = callbacks as (() => void) | undefined
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
