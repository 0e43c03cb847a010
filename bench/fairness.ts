// Whether the event loop turns while records flood in: what a timer of the user's
// waits for, with callbacks that take some time each.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { PerfBuffer, RingBuffer } from 'bpf-ringbuf'
import { consumers, type ConsumerName, type StartConsumer, Tally } from './consumers.js'
import { parallel, words } from './load.js'
import { BenchRecord } from './records.js'
import type { Measurement, Window } from './types.js'

// A timer of Node's own that is due each millisecond, in native code, so that
// measuring allocates nothing. A sample is the time between two turns, so that
// this millisecond is in each.
const resolution = 1

function spin(us: number): void {
  for (const end = performance.now() + us / 1000; performance.now() < end;);
}

/**
 * One of this library's readers, with a callback that spins for so long.
 *
 * @returns `value` is the 99th percentile of the delay in milliseconds.
 */
export async function loopDelay(
  name: ConsumerName,
  callbackUs: number,
  { warmUpMs, measuredMs }: Window,
): Promise<Measurement> {
  const delay = monitorEventLoopDelay({ resolution })
  const start: StartConsumer = (_, object) => {
    const tally = new Tally()
    const onRecord = (record: { sequence: number }): void => {
      tally.onWords(record)
      if (callbackUs > 0) spin(callbackUs)
    }
    const { kind } = consumers[name]
    const map = object.map(kind)
    const reader =
      kind === 'ring'
        ? new RingBuffer(map, BenchRecord, onRecord)
        : new PerfBuffer(map, BenchRecord, onRecord)
    return Promise.resolve({
      pid: process.pid,
      warmedUp: () => void delay.enable(),
      finish: async () => {
        delay.disable()
        await reader.flush()
        reader.close()
        return tally.received()
      },
    })
  }
  const longer = { warmUpMs, measuredMs: 4 * measuredMs }
  const { value: rate, dropped = 0 } = await parallel(
    name,
    { ...words, recordsPerCall: 1 },
    {},
    longer,
    start,
  )
  return {
    value: delay.percentile(99) / 1e6,
    p50: delay.percentile(50) / 1e6,
    most: delay.max / 1e6,
    rate,
    lost: dropped,
  }
}
