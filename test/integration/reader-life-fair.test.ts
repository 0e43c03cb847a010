// What a reader is asked for has an end, however fast the programs are, and the event
// loop turns meanwhile.
import { getEventListeners } from 'node:events'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { type BpfObject, RingBuffer, type RingBufferOptions, u64 } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { make, makeBytes, numbers, openObject, Sample } from '../objects.js'
import { Producer } from '../producer.js'
import { describeBpf } from '../require-bpf.js'
import { rejectionOf } from '../thrown.js'
import { burn, cpuMs, spin, timeScale, until } from '../until.js'

describeBpf('a flooded reader', () => {
  let object: BpfObject
  let producer: Producer
  let ended: Promise<void>

  expectNothingLeftOpen()

  beforeEach(async () => {
    object = openObject('flood')
    producer = new Producer('--threads', '1')
    await producer.waiting()
    object.globals['producer_tgid'] = producer.pid
    object.globals['records_per_call'] = 10
  })

  afterEach(async () => {
    producer.end()
    await ended
    object.close()
  })

  /** Starts the flood; the callback takes so much CPU time. */
  function flood(callbackMs: number, options: RingBufferOptions = {}): RingBuffer<bigint> {
    object.load().attach()
    ended = producer.run()
    return new RingBuffer(object.map('events'), u64, () => burn(callbackMs), {
      batchBytes: 4096,
      ...options,
    })
  }

  /** How much CPU time passes until a timer of a millisecond, mostly. */
  async function medianTurnMs(): Promise<number> {
    const turnsMs: number[] = []
    for (let i = 0; i < 61; i++) {
      const start = cpuMs()
      await wait(1)
      turnsMs.push(cpuMs() - start)
    }
    return turnsMs.sort((a, b) => a - b)[30] as number
  }

  const recordBytes = 16
  /** Of all batches and the ring. */
  const mostQueued = (4 * 4096 + 64 * 1024) / recordBytes

  test.each<[string, (ring: RingBuffer<bigint>) => unknown]>([
    ['flush()', (ring) => ring.flush()],
    ['end()', (ring) => ring.end()],
    ['consume()', (ring) => ring.consume()],
  ])('%s delivers what there was, and not what comes meanwhile', async (name, call) => {
    using ring = flood(0.005)
    await until(() => ring.stats().records > 5000)
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    const before = ring.stats().records
    const start = cpuMs()
    await call(ring)
    const usedMs = cpuMs() - start
    clearInterval(timer)
    // And at most a batch more, and what a turn takes of the next.
    expect(ring.stats().records - before).toBeLessThan(1.5 * mostQueued)
    if (name !== 'consume()')
      expect(ticks).toBeGreaterThanOrEqual(Math.floor(usedMs / 40 / timeScale))
  })

  test.each([0.005, 0.2])('turns the event loop while callbacks take %f ms', async (callbackMs) => {
    using ring = flood(callbackMs)
    await until(() => ring.stats().records > 1000)
    // A turn is 2 ms.
    expect(await medianTurnMs()).toBeLessThan(15 * timeScale)
    expect(ring.closed).toBe(false)
  })

  test.each(['records', 'batches'] as const)(
    'turns the event loop while a loop over %s() waits for nothing else',
    async (method) => {
      object.load().attach()
      ended = producer.run()
      using ring = new RingBuffer(object.map('events'), u64, { batchBytes: 4096 })
      let taken = 0
      const loop = (async () => {
        for await (const item of ring[method]()) taken += [item].flat().length
      })()
      await until(() => taken > 1000)
      const turnMs = await medianTurnMs()
      ring.close()
      await loop
      expect(turnMs).toBeLessThan(15 * timeScale)
    },
  )

  test('is closed by AbortSignal.timeout() in time', async () => {
    using ring = flood(1, { batchBytes: 256 * 1024, signal: AbortSignal.timeout(300) })
    await until(() => ring.closed)
    // Each took half a millisecond at least; a batch has 16,384.
    expect(ring.stats().records).toBeLessThan(1000)
  })

  test('closes at once under a flood of discards', async () => {
    object.globals['discards'] = 1
    object.map('events').maxEntries = 16 * 1024 * 1024
    const usedMs: number[] = []
    using first = flood(0, { coalesceUs: 0 })
    await until(() => (first.stats().discarded ?? 0) > 10_000)
    first.close()
    for (let i = 0; i < 20; i++) {
      const ring = new RingBuffer(object.map('events'), u64, () => undefined, { coalesceUs: 0 })
      await wait(5)
      const start = cpuMs()
      ring.close()
      usedMs.push(cpuMs() - start)
    }
    usedMs.sort((a, b) => a - b)
    // Its thread goes on for no longer than it is asked to.
    expect(usedMs[15]).toBeLessThan(20 * timeScale)
  })
})

describeBpf('end()', () => {
  let object: BpfObject

  expectNothingLeftOpen()

  beforeEach(() => {
    object = openObject('records')
    object.map('events').maxEntries = 64 * 1024
    object.load()
  })

  afterEach(() => {
    object.close()
  })

  function iterate(options?: RingBufferOptions): RingBuffer<Sample> {
    return new RingBuffer(object.map('events'), Sample, options)
  }

  test.each<[string, RingBufferOptions]>([
    ['from one batch', {}],
    ['from many small batches', { batchBytes: 4096, batchCount: 1 }],
    ['without a poll thread', { pollThread: false }],
  ])('within its own loop resolves, and the loop gets the rest: %s', async (_, options) => {
    using ring = iterate(options)
    make(object, 'events', { count: 500 })
    const sequences: number[] = []
    if (options.pollThread === false) await ring.flush()
    for await (const { sequence } of ring) {
      sequences.push(sequence)
      if (sequence === 10) await ring.end()
    }
    expect(sequences).toEqual(numbers(500))
    expect(ring.closed).toBe(true)
    expect(ring.stats()).toMatchObject({ records: 500, undelivered: 0 })
  })

  test('within its own loop over batches resolves', async () => {
    using ring = iterate()
    make(object, 'events', { count: 100 })
    const sequences: number[] = []
    for await (const batch of ring.batches()) {
      sequences.push(...batch.map(({ sequence }) => sequence))
      await Promise.all([ring.flush(), ring.end(), ring.end()])
    }
    expect(sequences).toEqual(numbers(100))
    expect(ring.closed).toBe(true)
  })

  test("resolves when the iteration breaks, and what is left is the next one's", async () => {
    using ring = iterate()
    make(object, 'events', { count: 20 })
    let end: Promise<void> | undefined
    for await (const { sequence } of ring) {
      // With a bound it waits for the loop.
      end ??= ring.end({ timeoutMs: 60_000 })
      if (sequence === 5) break
    }
    await end
    const rest: number[] = []
    for await (const { sequence } of ring) rest.push(sequence)
    expect(rest).toEqual(numbers(15, 6))
    ring.close()
    expect(ring.stats()).toMatchObject({ records: 20, undelivered: 0 })
  })

  test('resolves when the iteration meets a record that is too short', async () => {
    using ring = iterate()
    make(object, 'events', { count: 3 })
    makeBytes(object, 16)
    make(object, 'events', { count: 3, first: 4 })
    const sequences: number[] = []
    let end: Promise<void> | undefined
    const take = async (): Promise<void> => {
      for await (const { sequence } of ring) {
        end ??= ring.end({ timeoutMs: 60_000 })
        sequences.push(sequence)
      }
    }
    expect((await rejectionOf(take())).code).toBe('ERR_RECORD_TOO_SHORT')
    await end
    await take()
    expect(sequences).toEqual(numbers(6))
    ring.close()
    expect(ring.stats()).toMatchObject({ records: 7, undelivered: 0 })
  })

  test('with a time-out closes the reader of a consumer that is stuck', async () => {
    using ring = iterate()
    make(object, 'events', { count: 30 })
    const records = ring.records()
    await records.next()
    const error = await rejectionOf(ring.end({ timeoutMs: 20 }))
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', operation: 'end', target: 'map "events"' })
    expect(error.hint).toBe('It is closed now: stats().undelivered counts what was left')
    expect(ring.closed).toBe(true)
    expect(ring.stats()).toMatchObject({ records: 1, undelivered: 29 })
    expect(await records.next()).toEqual({ done: true, value: undefined })
  })

  test('with a time-out closes the reader of callbacks that take too long', async () => {
    let delivered = 0
    using ring = new RingBuffer(object.map('events'), Sample, () => {
      delivered++
      spin(1)
    })
    make(object, 'events', { count: 500 })
    expect((await rejectionOf(ring.end({ timeoutMs: 30 }))).code).toBe('ERR_TIMEOUT')
    expect(ring.closed).toBe(true)
    expect(delivered).toBeLessThan(500)
    const { records, undelivered } = ring.stats()
    const queued = (ring.stats().rings[0]?.availableBytes ?? 0) / (8 + Sample.size)
    expect([records, records + undelivered + queued]).toEqual([delivered, 500])
  })

  test.each(['later', 'before'])(
    'with a signal that aborts %s closes and rejects',
    async (when) => {
      using ring = iterate()
      make(object, 'events', { count: 30 })
      await ring.records().next()
      const controller = new AbortController()
      const { signal } = controller
      const reason = new Error('enough')
      if (when === 'before') controller.abort(reason)
      const end = rejectionOf(ring.end({ signal }))
      await turn()
      controller.abort(reason)
      expect(await end).toBe(reason)
      expect(ring.closed).toBe(true)
      expect(ring.stats()).toMatchObject({ records: 1, undelivered: 29 })
      expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    },
  )

  test('in time keeps neither timer nor listener', async () => {
    const { signal } = new AbortController()
    using ring = iterate()
    make(object, 'events', { count: 3 })
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
    const before = timers()
    await ring.end({ timeoutMs: 60_000, signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    expect(timers()).toBe(before)
  })

  test('of a reader whose signal aborts afterwards drops what the loop has not got', async () => {
    const controller = new AbortController()
    using ring = iterate({ signal: controller.signal })
    make(object, 'events', { count: 30 })
    const records = ring.records()
    await records.next()
    await ring.end()
    controller.abort()
    expect(ring.closed).toBe(true)
    expect(await records.next()).toEqual({ done: true, value: undefined })
  })

  test('is for all who call it', async () => {
    let delivered = 0
    using ring = new RingBuffer(object.map('events'), Sample, () => delivered++)
    make(object, 'events', { count: 300 })
    await Promise.all([ring.end(), ring.end({ timeoutMs: 60_000 }), ring[Symbol.asyncDispose]()])
    expect([delivered, ring.closed]).toEqual([300, true])
    await ring.end()
  })
})
