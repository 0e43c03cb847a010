// What readers are called with.
import { BpfError, closed, checkInteger, checkOptions, invalidType } from '../errors/errors.js'
import { BpfMap } from '../map/map.js'

/** Refuses what is no map, or one that a reader or writer of this type cannot use. */
export function checkMap(
  map: unknown,
  type: 'ringbuf' | 'perf_event_array' | 'user_ringbuf',
  operation = 'read',
): void {
  if (!(map instanceof BpfMap)) throw invalidType('a map of a BpfObject', 'map', map)
  if (map.type !== type) {
    throw new BpfError('ERR_MAP_TYPE', `it is no BPF_MAP_TYPE_${type.toUpperCase()}`, {
      operation,
      target: `map "${map.name}"`,
    })
  }
  if (map.closed) throw closed(operation, `map "${map.name}"`)
  if (map.overwrites || map.recorder !== undefined) throw notDrainable(map)
}

/** Of a map whose oldest records programs overwrite, whoever reads them. */
export function notDrainable(map: BpfMap): BpfError {
  const { name, recorder } = map
  const problem =
    'its programs overwrite the oldest records, also those that are being read, ' +
    'so that it cannot be drained'
  return new BpfError('ERR_MAP_TYPE', problem, {
    operation: 'read',
    target: `map "${name}"`,
    hint: `Take snapshots of it: new FlightRecorder(object.map('${recorder?.name ?? name}'), …)`,
  })
}

/** How long `end()` waits. */
export interface EndOptions {
  /** Close after this time, in milliseconds, and reject with `ERR_TIMEOUT`. */
  timeoutMs?: number | undefined
  /** Close when it aborts, and reject with its reason. */
  signal?: AbortSignal | undefined
}

/** Refuses what bounds no wait. */
export function checkBounds(options: EndOptions): void {
  checkOptions(options, ['timeoutMs', 'signal'])
  const { timeoutMs, signal } = options
  if (timeoutMs !== undefined) checkInteger(timeoutMs, 'timeoutMs', 0, 2 ** 31 - 1)
  checkSignal(signal)
}

/** Refuses all but an AbortSignal, which may be of another realm, and nothing. */
export function checkSignal(signal: unknown): void {
  if (signal === undefined) return
  const { aborted, addEventListener, removeEventListener } = Object(signal) as Record<
    string,
    unknown
  >
  if (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
  ) {
    return
  }
  throw invalidType('an AbortSignal', 'signal', signal)
}

/** Closes when the signal aborts, or at once when it has; the result stops listening. */
export function closeOnAbort(
  signal: AbortSignal | undefined,
  close: () => void,
): (() => void) | undefined {
  if (signal?.aborted === true) {
    close()
    return undefined
  }
  signal?.addEventListener('abort', close, { once: true })
  return () => signal?.removeEventListener('abort', close)
}

/** Settles as `promise` does, or rejects when a bound is reached before. */
export async function withinBounds<T>(
  promise: Promise<T>,
  { timeoutMs, signal }: EndOptions,
  timeoutError: () => Error,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  let abort = (): void => undefined
  const bound = new Promise<never>((_, reject) => {
    abort = () => reject(signal?.reason as Error)
    if (timeoutMs !== undefined) timer = setTimeout(() => reject(timeoutError()), timeoutMs)
    if (signal?.aborted === true) abort()
    else signal?.addEventListener('abort', abort, { once: true })
  })
  try {
    return await Promise.race([promise, bound])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}
