// When the poll thread wakes, and what it does when nobody takes records.
import { readFileSync } from 'node:fs'
import { type BpfObject, RingBuffer, type RingBufferOptions } from '../../lib/index.js'
import { expectNothingLeftOpen, pollThreads } from '../descriptors.js'
import { make, numbers, openObject, Sample, sampleRingBytes } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'
import { until, untilBlocking } from '../until.js'

const frameBytes = 8 + 64

let object: BpfObject
let sequences: number[]

beforeEach(() => {
  sequences = []
  object = openObject('records')
  object.map('events').maxEntries = 64 * 1024
})

afterEach(() => {
  object.close()
})

/** A reader whose poll thread waits already. */
async function readEvents(options: RingBufferOptions = {}): Promise<RingBuffer<Sample>> {
  if (object.phase === 'open') object.load()
  const ring = new RingBuffer(
    object.map('events'),
    Sample,
    ({ sequence }) => sequences.push(sequence),
    options,
  )
  await until(() => pollThreads().some((thread) => /^\d+ \(.*\) S /.test(statOf(thread))))
  return ring
}

function statOf(thread: string): string {
  return readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
}

describeBpf('wakeupBytes', () => {
  expectNothingLeftOpen()

  test('that the ring never holds is refused by load()', () => {
    const map = object.map('events')
    map.maxEntries = 4096
    map.wakeupBytes = 4096
    const error = thrownBy(() => object.load())
    expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
    expect(error.message).toMatch(/fewer than the 4096 bytes .* wakeupBytes of map "events"/)
    expect(object.phase).toBe('open')
  })

  test('wakes nobody below it, and at once above it', async () => {
    const map = object.map('events')
    expect(map.wakeupBytes).toBe(0)
    map.wakeupBytes = 100 * sampleRingBytes
    expect(map.wakeupBytes).toBe(7200)
    using ring = await readEvents({ drainIntervalMs: 0 })
    make(object, 'events', { count: 50 })
    make(object, 'events', { count: 49, first: 51 })
    await new Promise((resolve) => setImmediate(resolve))
    expect(ring.stats()).toMatchObject({ wakeups: 0, undelivered: 0, records: 0 })
    make(object, 'events', { count: 1, first: 100 })
    await until(() => sequences.length === 100)
    expect(sequences).toEqual(numbers(100))
    // Had it been woken before, it had found fewer.
    expect(ring.stats()).toMatchObject({ batches: 1, wakeups: 1 })
  })

  test('a discarded record wakes as a submitted one', async () => {
    object.map('events').wakeupBytes = 10 * sampleRingBytes
    using ring = await readEvents({ drainIntervalMs: 0 })
    make(object, 'events', { count: 9 })
    make(object, 'events', { count: 1, discardEvery: 1 })
    await until(() => sequences.length === 9)
    expect(ring.stats().discarded).toBe(1)
  })

  test('below it records are drained at an interval', async () => {
    object.map('events').wakeupBytes = 32 * 1024
    using ring = await readEvents()
    make(object, 'events', { count: 5 })
    await until(() => sequences.length === 5)
    expect(ring.stats().wakeups).toBeGreaterThan(0)
  })

  test('below it flush() delivers', async () => {
    object.map('events').wakeupBytes = 32 * 1024
    using ring = await readEvents({ drainIntervalMs: 0 })
    make(object, 'events', { count: 5 })
    await ring.flush()
    expect(sequences).toEqual(numbers(5))
    expect(ring.stats().wakeups).toBe(0)
  })

  test('is set before load, to a number, of a ring that has it', () => {
    const map = object.map('events')
    for (const value of [-1, 0.5, NaN, 2 ** 31 + 1]) {
      expect(thrownBy(() => (map.wakeupBytes = value)).name).toBe('RangeError')
    }
    expect(thrownBy(() => (map.wakeupBytes = '5' as unknown as number)).name).toBe('TypeError')
    expect(thrownBy(() => (object.map('plain').wakeupBytes = 5))).toMatchObject({
      code: 'ERR_NOT_FOUND',
      target: 'map "plain"',
      hint: expect.stringContaining('BPFRB_RINGBUF(plain') as string,
    })
    expect(object.map('plain').wakeupBytes).toBe(0)
    object.load()
    expect(thrownBy(() => (map.wakeupBytes = 5)).code).toBe('ERR_STATE')
  })
})

describeBpf('drainIntervalMs', () => {
  expectNothingLeftOpen()

  test('drains although nothing wakes', async () => {
    object.map('events').wakeupBytes = 32 * 1024
    const intervalMs = 50
    using ring = await readEvents({ drainIntervalMs: intervalMs })
    for (let sequence = 1; sequence <= 5; sequence++) {
      make(object, 'events', { count: 1, first: sequence })
      await until(() => sequences.length === sequence)
    }
    expect(ring.stats().wakeups).toBeGreaterThanOrEqual(5)
  })

  test('0 never does', async () => {
    object.map('events').wakeupBytes = 32 * 1024
    using slow = await readEvents({ drainIntervalMs: 0 })
    using other = openObject('records').load()
    other.map('events')
    let ticks = 0
    using quick = new RingBuffer(other.map('events'), Sample, () => ticks++, {
      drainIntervalMs: 1,
    })
    make(object, 'events', { count: 5 })
    await until(() => quick.stats().wakeups > 100)
    expect(slow.stats().wakeups).toBe(0)
    expect(sequences).toEqual([])
    expect(ticks).toBe(0)
  })
})

describeBpf('when JavaScript does not take batches', () => {
  expectNothingLeftOpen()

  test('as many are filled as there are, the rest stays in the ring', async () => {
    const batchBytes = 4096
    using ring = await readEvents({ batchBytes, batchCount: 3, coalesceUs: 0 })
    make(object, 'events', { count: 800 })
    // A batch ends with the record that crosses its size.
    const most = 3 * Math.ceil(batchBytes / frameBytes)
    untilBlocking(() => ring.stats().batches === 3)
    const stats = ring.stats()
    expect(stats.undelivered).toBeLessThanOrEqual(most)
    expect(stats.rings[0]?.availableBytes).toBe((800 - stats.undelivered) * sampleRingBytes)
    expect(stats).toMatchObject({ records: 0, lost: 0 })
    await until(() => sequences.length === 800)
    expect(sequences).toEqual(numbers(800))
    expect(ring.stats()).toMatchObject({ records: 800, lost: 0, undelivered: 0 })
  })

  test('the ring fills up and counts', async () => {
    using ring = await readEvents({ batchBytes: 4096, batchCount: 1 })
    make(object, 'events', { count: 5000 })
    const { lost = 0 } = ring.stats()
    expect(lost).toBeGreaterThan(0)
    await ring.flush()
    expect(sequences.length + lost).toBe(5000)
    expect([...sequences].sort((a, b) => a - b)).toEqual(sequences)
  })

  test('close() does not wait for them', async () => {
    const ring = await readEvents({ batchBytes: 4096, batchCount: 1 })
    make(object, 'events', { count: 800 })
    untilBlocking(() => ring.stats().batches === 1)
    ring.close()
    expect(sequences).toEqual([])
    expect(pollThreads()).toHaveLength(0)
  })

  test('an iterator that is slow reads ahead no more than the batches hold', async () => {
    using ring = new RingBuffer(object.load().map('events'), Sample, {
      batchBytes: 4096,
      batchCount: 2,
    })
    const records = ring.records()
    const perBatch = Math.ceil(4096 / frameBytes)
    make(object, 'events', { count: 800 })
    for (const sequence of numbers(800)) {
      const { value } = (await records.next()) as { value: Sample }
      expect(value.sequence).toBe(sequence)
      expect(ring.stats().undelivered).toBeLessThanOrEqual(3 * perBatch)
    }
  })
})

describeBpf('coalescing', () => {
  expectNothingLeftOpen()

  test('a record after idle is delivered although the wait under load is long', async () => {
    using ring = await readEvents({ coalesceUs: 1_000_000 })
    make(object, 'events', { count: 1 })
    await until(() => sequences.length === 1)
    expect(ring.stats()).toMatchObject({ wakeups: 1, batches: 1 })
  })

  test('close() does not wait for it', async () => {
    const tookMs: number[] = []
    for (let round = 0; round < 3; round++) {
      const ring = await readEvents({ coalesceUs: 1_000_000 })
      for (let first = 1; first <= 5000; first += 50) {
        make(object, 'events', { count: 50, first })
        await new Promise((resolve) => setImmediate(resolve))
      }
      const start = performance.now()
      ring.close()
      tookMs.push(performance.now() - start)
    }
    // Whatever else the machine does in one of them.
    expect(tookMs.sort((a, b) => a - b)[1]).toBeLessThan(500)
  })
})
