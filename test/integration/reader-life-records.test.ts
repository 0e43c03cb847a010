// No record is lost uncounted, given twice, or held for ever; and no map is.
import {
  type BpfObject,
  PerfBuffer,
  type PerfBufferOptions,
  RingBuffer,
  type RingBufferOptions,
  struct,
  u64,
} from '../../lib/index.js'
import type { NativeReader } from '../../lib/addon/reader.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import {
  loadStreams,
  make,
  makeNumbered,
  Numbered,
  numbers,
  openObject,
  Sample,
  sampleRingBytes,
} from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { collectUncaught, rejectionOf, thrownBy } from '../thrown.js'
import { until, untilBlocking } from '../until.js'

function ignore(): void {
  // for readers whose records do not matter
}

/** As JavaScript may have it. */
const none = undefined as unknown as () => void

/** Lets a call of Node-API fail once in the reader's native half, as its next one. */
function failOnce(reader: object, method: 'take' | 'arena' | 'giveBack'): void {
  const { native } = reader as { native: NativeReader }
  const call = native[method].bind(native) as (...args: unknown[]) => unknown
  let failed = false
  const value = (...args: unknown[]): unknown => {
    if (failed) return call(...args)
    failed = true
    throw new Error('Node-API failed')
  }
  Object.defineProperty(native, method, { value })
}

describeBpf('a RingBuffer', () => {
  let object: BpfObject

  expectNothingLeftOpen()

  beforeEach(() => {
    object = openObject('records')
    object.map('events').maxEntries = 64 * 1024
  })

  afterEach(() => {
    object.close()
  })

  test.each([4097, 5001, 65535])('delivers from batches of %i bytes', async (batchBytes) => {
    object.load()
    const sequences: number[] = []
    const events = object.map('events')
    using ring = new RingBuffer(events, Sample, (s) => sequences.push(s.sequence), { batchBytes })
    make(object, 'events', { count: 300 })
    await until(() => sequences.length === 300)
    ring.close()
    using iterates = new RingBuffer(events, Sample, { batchBytes })
    make(object, 'events', { count: 300, first: 301 })
    for await (const { sequence } of iterates) if (sequences.push(sequence) === 600) break
    expect(sequences).toEqual(numbers(600))
  })

  test.each<['take' | 'arena' | 'giveBack', number]>([
    ['take', 1],
    ['arena', 1],
    // What was decoded before is handed out first.
    ['giveBack', 0],
  ])('goes on after %s() failed while next() waited', async (method, failures) => {
    object.load()
    using ring = new RingBuffer(object.map('events'), Sample)
    const records = ring.records()
    const first = records.next()
    failOnce(ring, method)
    make(object, 'events', { count: 300 })
    const sequences: number[] = []
    let failed = 0
    try {
      sequences.push((await first).value?.sequence ?? 0)
    } catch {
      failed++
    }
    expect(failed).toBe(failures)
    await records.return?.()
    for await (const { sequence } of ring) if (sequences.push(sequence) === 300) break
    expect(sequences).toEqual(numbers(300))
  })

  test.each(['take', 'arena', 'giveBack'] as const)(
    'goes on after %s() failed before callbacks, and tells of it',
    async (method) => {
      using uncaught = collectUncaught()
      object.load()
      const sequences: number[] = []
      using ring = new RingBuffer(object.map('events'), Sample, (s) => sequences.push(s.sequence))
      failOnce(ring, method)
      make(object, 'events', { count: 300 })
      await until(() => sequences.length === 300)
      expect(sequences).toEqual(numbers(300))
      expect(uncaught.errors).toMatchObject([{ message: 'Node-API failed' }])
    },
  )

  test('flush() rejects when a call of Node-API fails, and may be called again', async () => {
    object.load()
    const sequences: number[] = []
    const events = object.map('events')
    using ring = new RingBuffer(events, Sample, (s) => sequences.push(s.sequence), {
      pollThread: false,
    })
    make(object, 'events', { count: 300 })
    failOnce(ring, 'take')
    expect(await rejectionOf(ring.flush())).toMatchObject({ message: 'Node-API failed' })
    await ring.flush()
    expect(sequences).toEqual(numbers(300))
  })

  test.each(['before', 'after'])(
    'drains a map with wakeupBytes that comes %s one without',
    async (order) => {
      using quiet = openObject('records')
      quiet.map('events').wakeupBytes = 2048
      const maps = [quiet.load().map('events'), object.load().map('events')]
      const [first, second] = order === 'before' ? maps : maps.reverse()
      if (first === undefined || second === undefined) throw new Error('There are two')
      const sequences: number[] = []
      using ring = new RingBuffer(first, Sample, (s) => sequences.push(s.sequence))
      ring.add(second, Sample, (s) => sequences.push(s.sequence))
      make(quiet, 'events', { count: 5 })
      await until(() => sequences.length === 5)
      expect(sequences).toEqual(numbers(5))
    },
  )

  test('of a ring without BPFRB_RINGBUF() says how full it was at most', () => {
    object.load()
    const options = { pollThread: false }
    using ring = new RingBuffer(object.map('plain'), Sample, ignore, options)
    for (const count of [5, 20, 10]) {
      make(object, 'plain', { count })
      ring.consume()
    }
    expect(ring.stats()).toMatchObject({ lost: undefined, stalls: 0 })
    expect(ring.stats().rings[0]?.peakBytes).toBe(20 * sampleRingBytes)
  })

  test('tells when the poll thread found no free batch', async () => {
    object.load()
    const options = { batchBytes: 4096, batchCount: 1 }
    let delivered = 0
    using ring = new RingBuffer(object.map('events'), Sample, () => delivered++, options)
    make(object, 'events', { count: 500 })
    untilBlocking(() => ring.stats().stalls > 0)
    await until(() => delivered === 500)
  })

  test('with undefined for the callback takes the options after it', () => {
    object.load()
    const map = object.map('events')
    const signal = AbortSignal.abort()
    using ring = new RingBuffer(map, Sample, none, { signal })
    expect(ring.closed).toBe(true)
    const unknown = { batches: 3 } as RingBufferOptions
    const error = thrownBy(() => new RingBuffer(map, Sample, none, unknown))
    expect(error.code).toBe('ERR_INVALID_ARG_TYPE')
  })

  test('refuses a drain interval without a thread that drains', () => {
    object.load()
    const options = { pollThread: false, drainIntervalMs: 5 }
    const error = thrownBy(() => new RingBuffer(object.map('events'), Sample, ignore, options))
    expect(error.code).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/)
    expect(error.message).toMatch(/drainIntervalMs/)
  })

  test('that cannot be made leaves the map to another', () => {
    const map = object.map('events')
    const wrong = struct('sample', { wide: u64, negative: u64 })
    expect(thrownBy(() => new RingBuffer(map, Sample)).code).toBe('ERR_STATE')
    object.load()
    expect(thrownBy(() => new RingBuffer(map, wrong)).code).toBe('ERR_LAYOUT')
    expect(thrownBy(() => new RingBuffer(map, Sample, { batchCount: 0 })).code).toBe(
      'ERR_OUT_OF_RANGE',
    )
    new RingBuffer(map, Sample, { signal: AbortSignal.abort() })
    new RingBuffer(map, Sample, ignore).close()
    new RingBuffer(map, Sample, ignore).close()
  })

  test('is the only one of its map, whatever its map was opened by', () => {
    object.load()
    using ring = new RingBuffer(object.map('events'), Sample, ignore)
    const again = thrownBy(() => new RingBuffer(object.map('events'), Sample))
    expect(again).toMatchObject({ code: 'ERR_BUSY', target: 'map "events"' })
    const twice = thrownBy(() => ring.add(object.map('events'), Sample, ignore))
    expect(twice).toMatchObject({ code: 'ERR_BUSY' })
    ring.close()
    new RingBuffer(object.map('events'), Sample, ignore).close()
  })
})

describeBpf('a PerfBuffer', () => {
  let object: BpfObject

  expectNothingLeftOpen()

  beforeEach(() => {
    object = loadStreams()
  })

  afterEach(() => {
    object.close()
  })

  test.each<[string, PerfBufferOptions]>([
    ['a watermark, not coalesced', { coalesceUs: 0, watermarkBytes: 4096 }],
    ['a watermark', { watermarkBytes: 4096 }],
    ['1000 events, not coalesced', { coalesceUs: 0, wakeupEvents: 1000 }],
    ['1000 events', { wakeupEvents: 1000 }],
  ])('delivers the last records below %s', async (_, options) => {
    let delivered = 0
    using perf = new PerfBuffer(object.map('samples'), Numbered, () => delivered++, options)
    makeNumbered(object, 'samples', 3)
    await until(() => delivered === 3)
    expect(perf.stats().records).toBe(3)
  })

  test('with undefined for the callback takes the options after it', () => {
    const signal = AbortSignal.abort()
    using perf = new PerfBuffer(object.map('samples'), Numbered, none, { signal })
    expect(perf.closed).toBe(true)
  })

  test('refuses a window that is no longer than records are coalesced', () => {
    const options = { orderBy: 'time_ns', orderWindowMs: 20, coalesceUs: 20_000 }
    const error = thrownBy(() => new PerfBuffer(object.map('samples'), Numbered, ignore, options))
    expect(error.code).toBe('ERR_OUT_OF_RANGE')
    expect(error.message).toMatch(/orderWindowMs/)
  })

  describe('with orderBy', () => {
    // Nothing is released but by flush().
    const options = { orderBy: 'time_ns', orderWindowMs: 60_000 }

    test('closed in a callback delivers nothing more', async () => {
      let delivered = 0
      using perf = new PerfBuffer(
        object.map('samples'),
        Numbered,
        () => {
          if (++delivered === 3) perf.close()
        },
        options,
      )
      makeNumbered(object, 'samples', 300)
      await perf.flush()
      expect(delivered).toBe(3)
      expect(perf.stats()).toMatchObject({ records: 3, undelivered: 297 })
    })

    test('closed with records held back counts them', async () => {
      using perf = new PerfBuffer(object.map('samples'), Numbered, ignore, options)
      makeNumbered(object, 'samples', 50)
      await until(() => perf.stats().undelivered === 50)
      perf.close()
      expect(perf.stats()).toMatchObject({ records: 0, undelivered: 50 })
    })

    test('consume() counts what was delivered, not what is held back', async () => {
      let delivered = 0
      using perf = new PerfBuffer(object.map('samples'), Numbered, () => delivered++, {
        ...options,
        pollThread: false,
      })
      makeNumbered(object, 'samples', 50)
      expect([perf.consume(), delivered]).toEqual([0, 0])
      expect(perf.stats()).toMatchObject({ records: 0, undelivered: 50 })
      await perf.flush()
      expect([perf.stats().records, delivered]).toEqual([50, 50])
    })
  })
})
