// From the constructor to close(), and what ends it.
import { execFileSync } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { type BpfObject, bytes, RingBuffer } from '../../lib/index.js'
import { expectNothingLeftOpen, pollThreads } from '../descriptors.js'
import { make, numbers, openObject, Sample } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { rejectionOf, type Thrown, thrownBy } from '../thrown.js'
import { until, untilBlocking } from '../until.js'

let object: BpfObject

beforeEach(() => {
  object = openObject('records')
  object.map('events').maxEntries = 64 * 1024
  object.load()
})

afterEach(() => {
  object.close()
})

function ignore(): void {
  // for readers whose records do not matter
}

describeBpf('a reader', () => {
  expectNothingLeftOpen()

  test('has one poll thread, from the first callback or iterator to close()', async () => {
    const calls = new RingBuffer(object.map('events'), bytes(), ignore)
    calls.add(object.map('others'), bytes(), ignore)
    await until(() => pollThreads().length === 1)
    const iterates = new RingBuffer(object.map('plain'), bytes())
    expect(pollThreads()).toHaveLength(1)
    const next = iterates.records().next()
    await until(() => pollThreads().length === 2)
    calls.close()
    await until(() => pollThreads().length === 1)
    iterates.close()
    await until(() => pollThreads().length === 0)
    expect(await next).toEqual({ done: true, value: undefined })
    using manual = new RingBuffer(object.map('events'), bytes(), ignore, { pollThread: false })
    manual.consume()
    expect(pollThreads()).toHaveLength(0)
  })

  test('closes once, and stays closed', () => {
    const ring = new RingBuffer(object.map('events'), bytes(), ignore)
    expect(ring.closed).toBe(false)
    ring.close()
    expect(ring.closed).toBe(true)
    ring.close()
    ring[Symbol.dispose]()
    expect(ring.closed).toBe(true)
  })

  test.each<[string, (ring: RingBuffer<Uint8Array>) => unknown, string | undefined]>([
    ['add()', (ring) => ring.add(object.map('others'), bytes(), ignore), 'ERR_CLOSED'],
    ['consume()', (ring) => ring.consume(), 'ERR_CLOSED'],
    ['stats()', (ring) => ring.stats(), undefined],
    ['ref()', (ring) => ring.ref(), undefined],
    ['unref()', (ring) => ring.unref(), undefined],
    ['close()', (ring) => ring.close(), undefined],
  ])('that is closed: %s', (_, call, code) => {
    const ring = new RingBuffer(object.map('events'), bytes(), ignore)
    ring.close()
    if (code === undefined) call(ring)
    else expect(thrownBy(() => call(ring)).code).toBe(code)
  })

  test('that is closed: flush() and asyncDispose', async () => {
    const ring = new RingBuffer(object.map('events'), bytes(), ignore)
    ring.close()
    const error: Thrown = await rejectionOf(ring.flush())
    expect(error).toMatchObject({ code: 'ERR_CLOSED', operation: 'flush', target: 'map "events"' })
    await ring[Symbol.asyncDispose]()
  })

  test('closes at the end of its scope', () => {
    let kept: RingBuffer<Uint8Array>
    {
      using ring = new RingBuffer(object.map('events'), bytes(), ignore)
      kept = ring
    }
    expect(kept.closed).toBe(true)
  })

  test('delivers at the end of an asynchronous scope', async () => {
    const sequences: number[] = []
    let kept: RingBuffer<Sample>
    {
      await using ring = new RingBuffer(object.map('events'), Sample, (sample) =>
        sequences.push(sample.sequence),
      )
      make(object, 'events', { count: 500 })
      kept = ring
    }
    expect(kept.closed).toBe(true)
    expect(sequences).toEqual(numbers(500))
  })

  test('closed in a callback delivers nothing more', async () => {
    const sequences: number[] = []
    // Before there is a thread that could take some of them alone.
    make(object, 'events', { count: 10 })
    using ring = new RingBuffer(object.map('events'), Sample, ({ sequence }) => {
      sequences.push(sequence)
      if (sequence === 3) ring.close()
    })
    await until(() => ring.closed)
    expect(sequences).toEqual([1, 2, 3])
    expect(pollThreads()).toHaveLength(0)
    make(object, 'events', { count: 10 })
    await new Promise((resolve) => setImmediate(resolve))
    expect(sequences).toEqual([1, 2, 3])
    const { records, undelivered } = ring.stats()
    expect([records, undelivered]).toEqual([3, 7])
  })

  test('closed with published batches drops them', async () => {
    let delivered = 0
    const ring = new RingBuffer(object.map('events'), Sample, () => delivered++)
    make(object, 'events', { count: 10 })
    untilBlocking(() => ring.stats().undelivered === 10)
    ring.close()
    await new Promise((resolve) => setImmediate(resolve))
    expect(delivered).toBe(0)
    expect(ring.stats()).toMatchObject({ records: 0, undelivered: 10 })
  })

  test('values outlive the reader', async () => {
    const samples: Sample[] = []
    const records: Uint8Array[] = []
    const ring = new RingBuffer(object.map('events'), Sample, (sample) => samples.push(sample))
    ring.add(object.map('plain'), bytes(), (record) => records.push(record))
    make(object, 'events', { count: 2 })
    make(object, 'plain', { count: 2 })
    await ring.flush()
    const before = JSON.stringify([samples.map(({ raw }) => [...raw]), records.map((r) => [...r])])
    ring.close()
    object.close()
    const after = JSON.stringify([samples.map(({ raw }) => [...raw]), records.map((r) => [...r])])
    expect(after).toBe(before)
  })

  test('goes on with what is in the ring after its object was closed', async () => {
    const sequences: number[] = []
    using ring = new RingBuffer(
      object.map('events'),
      Sample,
      ({ sequence }) => sequences.push(sequence),
      { pollThread: false },
    )
    make(object, 'events', { count: 20 })
    object.close()
    await ring.flush()
    expect(sequences).toEqual(numbers(20))
    expect(ring.consume()).toBe(0)
    expect(ring.closed).toBe(false)
    expect(thrownBy(() => ring.add(object.map('others'), Sample, ignore)).code).toBe('ERR_CLOSED')
  })

  test('with a poll thread goes on after its object was closed', async () => {
    const sequences: number[] = []
    using ring = new RingBuffer(object.map('events'), Sample, (s) => sequences.push(s.sequence))
    make(object, 'events', { count: 20 })
    object.close()
    await until(() => sequences.length === 20)
    await ring.flush()
    expect(sequences).toEqual(numbers(20))
  })

  test('goes on when a callback closes its object', async () => {
    const sequences: number[] = []
    using ring = new RingBuffer(object.map('events'), Sample, ({ sequence }) => {
      sequences.push(sequence)
      object.close()
    })
    make(object, 'events', { count: 20 })
    await ring.flush()
    expect(sequences).toEqual(numbers(20))
    expect(ring.stats()).toMatchObject({ records: 20, lost: 0, undelivered: 0 })
  })

  test('whose object was closed before can be closed', () => {
    const ring = new RingBuffer(object.map('events'), Sample, ignore)
    object.close()
    ring.close()
    expect(ring.stats().rings[0]?.name).toBe('events')
  })

  test('hands no descriptor to child processes', () => {
    object.attach()
    using ring = new RingBuffer(object.map('events'), bytes(), ignore)
    const descriptors = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' })
    expect(ring.closed).toBe(false)
    expect(descriptors).not.toMatch(/anon_inode/)
  })

  test('of an object that is closed is refused, by the name of the map', () => {
    const map = object.map('events')
    object.close()
    expect(thrownBy(() => new RingBuffer(map, bytes(), ignore))).toMatchObject({
      code: 'ERR_CLOSED',
      message: 'Cannot read map "events": it is closed',
    })
  })

  test('several of one object are closed in any order', () => {
    const rings = ['events', 'others', 'plain'].map(
      (name) => new RingBuffer(object.map(name), bytes(), ignore),
    )
    rings[1]?.close()
    object.close()
    rings[2]?.close()
    rings[0]?.close()
    expect(rings.every(({ closed }) => closed)).toBe(true)
  })
})

describeBpf('an AbortSignal', () => {
  expectNothingLeftOpen()

  test('that is none leaves no reader behind', () => {
    const signal = { aborted: false } as AbortSignal
    const map = object.map('events')
    expect(() => new RingBuffer(map, bytes(), ignore, { signal })).toThrow(
      'Expected an AbortSignal for signal but received { aborted: false }',
    )
    new RingBuffer(map, bytes(), ignore).close() // no ERR_BUSY
  })

  test('closes the reader when it aborts', async () => {
    const controller = new AbortController()
    const { signal } = controller
    using ring = new RingBuffer(object.map('events'), bytes(), ignore, { signal })
    await ring.flush()
    expect(ring.closed).toBe(false)
    controller.abort()
    expect(ring.closed).toBe(true)
  })

  test('that is aborted already gives a closed reader', () => {
    using ring = new RingBuffer(object.map('events'), bytes(), ignore, {
      signal: AbortSignal.abort(),
    })
    expect(ring.closed).toBe(true)
  })

  test('ends an iteration', async () => {
    const controller = new AbortController()
    using ring = new RingBuffer(object.map('events'), bytes(), { signal: controller.signal })
    const next = ring.records().next()
    controller.abort()
    expect(await next).toEqual({ done: true, value: undefined })
  })

  test('aborted in a callback ends delivery', async () => {
    const controller = new AbortController()
    let delivered = 0
    using ring = new RingBuffer(
      object.map('events'),
      bytes(),
      () => {
        if (++delivered === 2) controller.abort()
      },
      { signal: controller.signal },
    )
    make(object, 'events', { count: 10 })
    await until(() => ring.closed)
    expect(delivered).toBe(2)
  })

  test('is let go by close()', () => {
    const { signal } = new AbortController()
    const ring = new RingBuffer(object.map('events'), bytes(), ignore, { signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    ring.close()
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})
