import type { BpfObject } from '../object/object.js'
import { PerfBuffer, type PerfBufferOptions } from './perf-buffer.js'
import type { ReaderOptions } from './options.js'
import { RingBuffer } from './ring-buffer.js'
import type { Type } from '../types/struct.js'

export interface EventStreamOptions extends ReaderOptions {
  /** What is the perf buffer's own, used when it is one. */
  perf?: Omit<PerfBufferOptions, keyof ReaderOptions>
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
export function openEventStream<T>(
  object: BpfObject,
  name: string,
  decoder: Type<T>,
  onRecord?: (record: T) => void,
  options: EventStreamOptions = {},
): RingBuffer<T> | PerfBuffer<T> {
  const map = object.map(name)
  const { perf = {}, ...common } = options
  if (!map.usePerfBuffer) {
    return onRecord === undefined
      ? new RingBuffer(map, decoder, common)
      : new RingBuffer(map, decoder, onRecord, common)
  }
  const perfMap = object.map(`${name}__perf`)
  return onRecord === undefined
    ? new PerfBuffer(perfMap, decoder, { ...common, ...perf })
    : new PerfBuffer(perfMap, decoder, onRecord, { ...common, ...perf })
}
