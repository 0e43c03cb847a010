import { checkObject, invalidType } from '../errors/errors.js'
import type { BpfObject } from '../object/object.js'
import { PerfBuffer, type PerfBufferOptions } from './perf-buffer.js'
import type { ReaderOptions } from './options.js'
import { RingBuffer } from './ring-buffer.js'
import type { AwaitedCallback, TagCallbacks, Told } from './callbacks.js'
import type { IntegerForm } from '../types/type.js'
import type { WithIntegers } from '../types/with-integers.js'
import type { Type } from '../types/struct.js'
import type { Tagged } from '../types/tagged.js'

export interface EventStreamOptions<M extends IntegerForm = 'bigint'> extends ReaderOptions<M> {
  /** What is the perf buffer's own, used when it is one. */
  perf?: Omit<PerfBufferOptions, keyof ReaderOptions> | undefined
}

/**
 * Reads a stream that was declared with `BPFRB_EVENT_STREAM()`: its ring buffer, or
 * on kernels before 5.8 its perf buffer, as `load()` decided or
 * `object.map(name).usePerfBuffer` said. The callback is the same.
 *
 * @returns The reader, for its `stats()` and `close()`; without a callback, to
 *   iterate over.
 * @throws {BpfError} `ERR_NOT_FOUND` when the object has no such stream; as the
 *   reader's constructor otherwise.
 * @example
 * ```ts
 * object.load().attach()
 * using stream = openEventStream(object, 'events', ExecEvent, (event) => {
 *   console.log(event.pid, event.comm)
 * })
 * ```
 */
export function openEventStream<T, M extends IntegerForm = 'bigint', B = never>(
  object: BpfObject,
  name: string,
  decoder: Type<T> | Tagged<T, B>,
  onRecord?: AwaitedCallback<[record: WithIntegers<T, M>]> | TagCallbacks<Told<B>, M, never>,
  options?: EventStreamOptions<M>,
): RingBuffer<T, M> | PerfBuffer<T, M>
export function openEventStream(
  object: BpfObject,
  name: string,
  decoder: Type,
  onRecord?: unknown,
  options: EventStreamOptions = {},
): unknown {
  const given = object as { map?: unknown } | null | undefined
  if (typeof given?.map !== 'function') throw invalidType('a BpfObject', 'object', object)
  const map = object.map(name)
  checkObject(options)
  const { perf = {}, ...common } = options
  // Both take more than they say: what tagged() made, and its callbacks.
  const callback = onRecord as (() => void) | undefined
  if (!map.usePerfBuffer) return new RingBuffer(map, decoder, callback, common)
  const perfMap = object.map(`${name}__perf`)
  return new PerfBuffer(perfMap, decoder, callback, { ...common, ...perf })
}
