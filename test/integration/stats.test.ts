// Loss accounting: received + discarded + lost = produced, and every number of
// stats().
import { type BpfObject, bytes, RingBuffer, u64 } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import {
  make,
  makeBytes,
  numbers,
  openObject,
  Sample,
  sampleBytes,
  sampleRingBytes,
} from '../objects.js'
import { Producer } from '../producer.js'
import { describeBpf } from '../require-bpf.js'
import { until, untilBlocking } from '../until.js'

describeBpf('stats()', () => {
  expectNothingLeftOpen()

  let object: BpfObject

  beforeEach(() => {
    object = openObject('records').load()
  })

  afterEach(() => {
    object.close()
  })

  /** How many samples a ring of this size takes: one byte must stay free. */
  function capacity(ringBytes: number): number {
    return Math.floor((ringBytes - 1) / sampleRingBytes)
  }

  test('of a new reader', () => {
    using ring = new RingBuffer(object.map('events'), Sample, () => undefined)
    const sizeBytes = object.map('events').maxEntries
    expect(ring.stats()).toEqual({
      records: 0,
      unknown: 0,
      bytes: 0,
      batches: 0,
      wakeups: 0,
      stalls: 0,
      undelivered: 0,
      lost: 0,
      discarded: 0,
      rings: [
        {
          name: 'events',
          sizeBytes,
          availableBytes: 0,
          peakBytes: 0,
          consumerPosition: 0,
          producerPosition: 0,
          unknown: 0,
          lost: 0,
          discarded: 0,
        },
      ],
    })
  })

  test('counts what a full ring has lost', () => {
    const sequences: number[] = []
    using ring = new RingBuffer(
      object.map('events'),
      Sample,
      ({ sequence }) => sequences.push(sequence),
      { pollThread: false },
    )
    const sizeBytes = object.map('events').maxEntries
    const room = capacity(sizeBytes)
    const produced = room + 300
    make(object, 'events', { count: produced })
    const full = {
      records: 0,
      unknown: 0,
      bytes: 0,
      batches: 0,
      wakeups: 0,
      stalls: 0,
      undelivered: 0,
      lost: 300,
      discarded: 0,
    }
    const queued = room * sampleRingBytes
    const ofRing = { name: 'events', sizeBytes, unknown: 0 }
    const position = { ...ofRing, producerPosition: queued, peakBytes: queued }
    expect(ring.stats()).toEqual({
      ...full,
      rings: [
        { ...position, availableBytes: queued, consumerPosition: 0, lost: 300, discarded: 0 },
      ],
    })
    expect(ring.consume()).toBe(room)
    expect(sequences).toEqual(numbers(room))
    expect(ring.stats()).toEqual({
      ...full,
      records: room,
      bytes: room * sampleBytes,
      batches: 1,
      rings: [
        { ...position, availableBytes: 0, consumerPosition: queued, lost: 300, discarded: 0 },
      ],
    })
    make(object, 'events', { count: 10 })
    expect(ring.consume()).toBe(10)
    expect(ring.stats()).toMatchObject({ records: room + 10, lost: 300, batches: 2 })
  })

  test('counts what the program discarded', () => {
    using ring = new RingBuffer(object.map('events'), Sample, () => undefined, {
      pollThread: false,
    })
    make(object, 'events', { count: 30, discardEvery: 3 })
    expect(ring.consume()).toBe(20)
    expect(ring.stats()).toMatchObject({
      records: 20,
      bytes: 20 * sampleBytes,
      discarded: 10,
      lost: 0,
      undelivered: 0,
      rings: [
        {
          discarded: 10,
          availableBytes: 0,
          consumerPosition: 30 * sampleRingBytes,
          producerPosition: 30 * sampleRingBytes,
        },
      ],
    })
    make(object, 'events', { count: 5, discardEvery: 1 })
    expect(ring.consume()).toBe(0)
    expect(ring.stats()).toMatchObject({ records: 20, discarded: 15, batches: 1 })
  })

  test('counts the loss of records larger than the ring', () => {
    using ring = new RingBuffer(object.map('events'), bytes(), () => undefined, {
      pollThread: false,
    })
    makeBytes(object, 200_000)
    makeBytes(object, 8)
    makeBytes(object, 100_000)
    expect(ring.consume()).toBe(1)
    expect(ring.stats()).toMatchObject({ records: 1, bytes: 8, lost: 2 })
  })

  test('sums up rings that count, and each has its own', () => {
    using ring = new RingBuffer(object.map('events'), Sample, () => undefined, {
      pollThread: false,
    })
    ring.add(object.map('others'), Sample, () => undefined)
    const room = capacity(object.map('events').maxEntries)
    make(object, 'events', { count: room + 5 })
    make(object, 'others', { count: room + 7, discardEvery: 1 })
    expect(ring.consume()).toBe(room)
    expect(ring.stats()).toMatchObject({
      records: room,
      lost: 12,
      discarded: room,
      rings: [
        { name: 'events', lost: 5, discarded: 0 },
        { name: 'others', lost: 7, discarded: room },
      ],
    })
  })

  test('does not know the losses of a ring without BPFRB_RINGBUF()', () => {
    const ring = new RingBuffer(object.map('plain'), Sample, () => undefined, {
      pollThread: false,
    })
    make(object, 'plain', { count: 500 })
    expect(ring.consume()).toBe(capacity(object.map('plain').maxEntries))
    expect(ring.stats()).toMatchObject({ lost: undefined, discarded: undefined })
    expect(ring.stats().rings[0]).toMatchObject({ lost: undefined, discarded: undefined })
    ring.close()
    using both = new RingBuffer(object.map('events'), Sample, () => undefined)
    both.add(object.map('plain'), Sample, () => undefined)
    expect(both.stats()).toMatchObject({ lost: undefined, rings: [{ lost: 0 }, {}] })
  })

  test('counts losses before the reader was made', () => {
    const room = capacity(object.map('events').maxEntries)
    make(object, 'events', { count: room + 9 })
    using ring = new RingBuffer(object.map('events'), Sample, () => undefined)
    expect(ring.stats().lost).toBe(9)
  })

  test('tells what the poll thread has taken but JavaScript has not', async () => {
    let delivered = 0
    using ring = new RingBuffer(object.map('events'), Sample, () => delivered++)
    make(object, 'events', { count: 30 })
    untilBlocking(() => ring.stats().undelivered === 30)
    expect(ring.stats()).toMatchObject({ records: 0, bytes: 0 })
    expect(ring.stats().wakeups).toBeGreaterThan(0)
    await until(() => delivered === 30)
    expect(ring.stats()).toMatchObject({ records: 30, undelivered: 0, bytes: 30 * sampleBytes })
  })

  test('is exact inside a callback', async () => {
    const seen: [number, number][] = []
    using ring = new RingBuffer(
      object.map('events'),
      Sample,
      () => {
        const { records, undelivered } = ring.stats()
        seen.push([records, undelivered])
      },
      { pollThread: false },
    )
    make(object, 'events', { count: 4 })
    await ring.flush()
    expect(seen).toEqual([
      [1, 3],
      [2, 2],
      [3, 1],
      [4, 0],
    ])
  })

  test('keeps its last numbers after close()', () => {
    const ring = new RingBuffer(object.map('events'), Sample, () => undefined, {
      pollThread: false,
    })
    const room = capacity(object.map('events').maxEntries)
    make(object, 'events', { count: room + 4, discardEvery: room })
    ring.consume()
    make(object, 'events', { count: 2 })
    const before = ring.stats()
    expect(before).toMatchObject({ records: room - 1, lost: 4, discarded: 1 })
    ring.close()
    expect(ring.stats()).toEqual(before)
    make(object, 'events', { count: 500 })
    object.close()
    expect(ring.stats()).toEqual(before)
  })

  test('keeps its last counts after the object was closed', () => {
    using ring = new RingBuffer(object.map('events'), Sample, () => undefined, {
      pollThread: false,
    })
    const room = capacity(object.map('events').maxEntries)
    make(object, 'events', { count: room + 6 })
    object.close()
    expect(ring.stats()).toMatchObject({ lost: 6, discarded: 0, records: 0 })
    expect(ring.consume()).toBe(room)
    expect(ring.stats()).toMatchObject({
      lost: 6,
      records: room,
      rings: [{ name: 'events', availableBytes: 0, lost: 6 }],
    })
  })

  test('leaves to an earlier reader what was lost and discarded in its time', () => {
    const options = { pollThread: false }
    const events = object.map('events')
    const room = capacity(events.maxEntries)
    const read = (): RingBuffer<unknown> => new RingBuffer(events, Sample, () => undefined, options)
    // Before the first reader: what is queued is for it, and so is what was lost.
    make(object, 'events', { count: room + 6 })
    const first = read()
    make(object, 'events', { count: 2 })
    expect(first.consume()).toBe(room)
    make(object, 'events', { count: 4, discardEvery: 2 })
    first.close()
    expect(first.stats()).toMatchObject({ records: room, lost: 8, discarded: 2 })
    // Between two readers of a thread: the same.
    make(object, 'events', { count: room - 4 + 3 })
    const second = read()
    expect(second.stats()).toMatchObject({ lost: 3, discarded: 0, rings: [{ lost: 3 }] })
    // The two of before that were not discarded are still in the ring.
    expect(second.consume()).toBe(room - 4 + 2)
    make(object, 'events', { count: 3, discardEvery: 1 })
    expect(second.consume()).toBe(0)
    expect(second.stats()).toMatchObject({ records: room - 2, lost: 3, discarded: 3 })
    second.close()
    expect(first.stats()).toMatchObject({ lost: 8, discarded: 2 })
  })

  test('of a ring that others have read begins with what they have left', () => {
    const [room, options] = [capacity(object.map('events').maxEntries), { pollThread: false }]
    using first = new RingBuffer(object.map('events'), Sample, () => undefined, options)
    make(object, 'events', { count: room + 6, discardEvery: 10 })
    first.consume()
    first.close()
    // As another process that takes them over.
    using other = openObject('records')
    for (const name of ['events', 'events__counters']) other.map(name).reuse(object.map(name))
    other.load()
    using second = new RingBuffer(other.map('events'), Sample, () => undefined, options)
    expect(second.stats()).toMatchObject({ lost: 0, discarded: 0, rings: [{ lost: 0 }] })
    make(object, 'events', { count: room + 2 })
    second.consume()
    expect(second.stats()).toMatchObject({ records: room, lost: 2, discarded: 0 })
  })

  test('accounts for every record, wherever close() comes between', async () => {
    const producer = new Producer('--threads', '1')
    using flood = openObject('flood')
    flood.globals['producer_tgid'] = producer.pid
    flood.globals['records_per_call'] = 20
    flood.load().attach()
    const ended = producer.run()
    let accounted = 0
    // The poll thread hands over all the time, also while close() runs.
    const options = { batchBytes: 4096, batchCount: 64, coalesceUs: 0 }
    for (let i = 0; i < 100; i++) {
      let left = 1000 + i
      const onRecord = (): void => {
        if (--left === 0) ring.close()
      }
      const ring = new RingBuffer(flood.map('events'), u64, onRecord, options)
      await until(() => ring.closed)
      const { records, undelivered, lost = NaN } = ring.stats()
      accounted += records + undelivered + lost
    }
    producer.end()
    await ended
    using last = new RingBuffer(flood.map('events'), u64, () => undefined)
    await last.flush()
    const { records, lost = NaN } = last.stats()
    expect(accounted + records + lost).toBe(Number(flood.globals['produced']))
  })

  test('accounts for every record of a burst, whoever drains', async () => {
    let delivered = 0
    using ring = new RingBuffer(object.map('events'), Sample, () => delivered++)
    const produced = 200_000
    make(object, 'events', { count: produced, discardEvery: 7 })
    await ring.flush()
    const { records, lost, discarded, undelivered } = ring.stats()
    expect(records).toBe(delivered)
    expect(undelivered).toBe(0)
    expect(records + (lost ?? 0) + (discarded ?? 0)).toBe(produced)
    expect(delivered).toBeGreaterThan(0)
  })
})
