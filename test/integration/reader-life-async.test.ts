// Callbacks that return promises: the next record waits, and whoever waits for records, too.
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import {
  type BpfObject,
  openEventStream,
  PerfBuffer,
  type PerfBufferOptions,
  RingBuffer,
  type RingBufferOptions,
  tagged,
} from '../../lib/index.js'
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
import { burn, cpuMs, timeScale, until } from '../until.js'

/** Ways in which a promise settles. */
const ways = [
  () => Promise.resolve(),
  async () => {
    await Promise.resolve()
    await Promise.resolve()
  },
  () => new Promise<void>((resolve) => process.nextTick(resolve)),
  () => turn(),
  () => wait(1),
]

/** A promise to be settled from outside. */
function withResolvers(): {
  promise: Promise<void>
  resolve: () => void
  reject: (error: Error) => void
} {
  let resolve = (): void => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<void>((fulfil, refuse) => {
    resolve = fulfil
    reject = refuse
  })
  return { promise, resolve, reject }
}

/** Callbacks that look whether they are alone, and note the numbers of their records. */
class Watch {
  readonly sequences: number[] = []
  most = 0
  /** Of records that have a CPU, how many came before one of it that is older. */
  disordered = 0
  readonly #last = new Map<number, number>()
  #inside = 0
  #calls = 0

  readonly onRecord = async (record: { sequence: number; cpu?: number }): Promise<void> => {
    this.most = Math.max(this.most, ++this.#inside)
    const { sequence, cpu } = record
    this.sequences.push(sequence)
    if (cpu !== undefined) {
      if (sequence < (this.#last.get(cpu) ?? 0)) this.disordered++
      this.#last.set(cpu, sequence)
    }
    await ways[this.#calls++ % ways.length]?.()
    this.#inside--
  }

  readonly synchronously = ({ sequence }: { sequence: number }): void => {
    this.most = Math.max(this.most, this.#inside + 1)
    this.sequences.push(sequence)
  }
}

let watch: Watch

beforeEach(() => {
  watch = new Watch()
})

describeBpf('a RingBuffer with async callbacks', () => {
  let object: BpfObject

  expectNothingLeftOpen()

  beforeEach(() => {
    object = openObject('records')
    for (const name of ['events', 'others', 'plain']) object.map(name).maxEntries = 64 * 1024
    object.load()
  })

  afterEach(() => {
    object.close()
  })

  function read(
    onRecord: (record: Sample) => unknown,
    options?: RingBufferOptions,
  ): RingBuffer<Sample> {
    return new RingBuffer(object.map('events'), Sample, onRecord, options)
  }

  test.each<[string, RingBufferOptions]>([
    ['in one batch', {}],
    ['in small batches', { batchBytes: 4096, batchCount: 1 }],
    ['without a poll thread', { pollThread: false }],
  ])('calls for one record at a time, in order, and flush() waits: %s', async (_, options) => {
    using ring = read(watch.onRecord, options)
    make(object, 'events', { count: 200, discardEvery: 7 })
    await ring.flush()
    expect(watch.sequences).toEqual(numbers(200).filter((sequence) => sequence % 7 !== 1))
    expect(watch.most).toBe(1)
    expect(ring.stats()).toMatchObject({ records: 171, discarded: 29, lost: 0, undelivered: 0 })
  })

  test('calls one at a time for several maps, of which some are synchronous', async () => {
    using ring = read(watch.onRecord)
    const others: number[] = []
    ring.add(object.map('others'), Sample, (record) => {
      others.push(record.sequence)
      watch.synchronously(record)
    })
    ring.add(object.map('plain'), Sample, async (record) => watch.onRecord(record))
    for (let first = 1; first <= 91; first += 10) {
      make(object, 'events', { count: 10, first })
      make(object, 'others', { count: 10, first: 1000 + first })
      make(object, 'plain', { count: 10, first: 2000 + first })
    }
    await ring.end()
    expect(watch.most).toBe(1)
    expect(watch.sequences.filter((sequence) => sequence <= 1000)).toEqual(numbers(100))
    expect(others).toEqual(numbers(100, 1001))
    expect(watch.sequences.filter((sequence) => sequence > 2000)).toEqual(numbers(100, 2001))
  })

  test('calls one at a time for each case of tagged records', async () => {
    const byKind = tagged('kind', { 1: Sample }, { unknown: 'bytes' })
    const kinds: number[] = []
    using ring = new RingBuffer(object.map('events'), byKind, {
      1: async (record) => {
        kinds.push(1)
        await watch.onRecord(record)
      },
      unknown: ({ bytes }) => {
        kinds.push(0)
        watch.synchronously({ sequence: new DataView(bytes.buffer).getUint32(16, true) })
      },
    })
    make(object, 'events', { count: 20 })
    await ring.flush()
    expect([watch.sequences, watch.most]).toEqual([numbers(20), 1])
    expect(kinds).toEqual(numbers(20).map((sequence) => 1 - (sequence % 2)))
  })

  test('a rejection is an uncaught exception, and delivery goes on', async () => {
    using uncaught = collectUncaught()
    const errors = numbers(3).map((number) => new Error(`number ${String(number)}`))
    using ring = read(async ({ sequence }) => {
      watch.synchronously({ sequence })
      if (sequence === 1) throw errors[0] as Error
      await ways[sequence % ways.length]?.()
      if (sequence === 4) throw errors[1] as Error
      if (sequence === 10) throw errors[2] as Error
    })
    make(object, 'events', { count: 10 })
    await ring.flush()
    expect(watch.sequences).toEqual(numbers(10))
    expect(ring.stats()).toMatchObject({ records: 10, undelivered: 0 })
    await turn()
    expect(uncaught.errors).toEqual(errors)
  })

  test('takes whatever has a then(), once, whatever that does', async () => {
    using uncaught = collectUncaught()
    const late: (() => void)[] = []
    const results: unknown[] = [
      { then: (fulfil: () => void) => fulfil() },
      {
        then: (fulfil: () => void) => {
          fulfil()
          fulfil()
          late.push(fulfil)
        },
      },
      {
        then: () => {
          throw new Error('in then()')
        },
      },
      {
        get then() {
          throw new Error('of then')
        },
      },
      { then: 5 },
      Object.create(null),
      null,
      0,
      'text',
    ]
    using reader = read(({ sequence }) => {
      watch.synchronously({ sequence })
      return results[sequence - 1]
    })
    make(object, 'events', { count: 20 })
    await reader.flush()
    for (const fulfil of late) fulfil()
    await turn()
    expect([watch.sequences, watch.most]).toEqual([numbers(20), 1])
    expect(uncaught.errors).toMatchObject([{ message: 'in then()' }, { message: 'of then' }])
  })

  test('leaves the event loop its turns when it waits for nothing', async () => {
    using ring = read(
      async (record) => {
        watch.synchronously(record)
        await Promise.resolve()
        burn(0.1)
      },
      { pollThread: false },
    )
    make(object, 'events', { count: 500 })
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    const start = cpuMs()
    await ring.flush()
    const usedMs = cpuMs() - start
    clearInterval(timer)
    // All at once would leave it none.
    expect(ticks).toBeGreaterThanOrEqual(Math.floor(usedMs / 40 / timeScale))
    expect(ticks).toBeGreaterThan(0)
    expect(watch.sequences).toEqual(numbers(500))
  })

  test('holds back what comes meanwhile in the ring, where losses are counted', async () => {
    const first = withResolvers()
    using ring = read(
      (record) => {
        watch.synchronously(record)
        return record.sequence === 1 ? first.promise : undefined
      },
      { batchBytes: 4096, batchCount: 2 },
    )
    make(object, 'events', { count: 1 })
    await until(() => watch.sequences.length === 1)
    make(object, 'events', { count: 2000, first: 2 })
    await until(() => ring.stats().stalls > 0)
    const { lost = 0, undelivered, rings } = ring.stats()
    const queued = (rings[0]?.availableBytes ?? 0) / sampleRingBytes
    expect(watch.sequences).toEqual([1])
    expect(queued).toBeGreaterThan(800)
    expect(lost).toBeGreaterThan(800)
    expect(1 + undelivered + queued + lost).toBe(2001)
    first.resolve()
    await ring.flush()
    // Which ones were lost depends on when the batches were taken.
    expect(watch.sequences).toHaveLength(2001 - lost)
    expect(watch.sequences).toEqual([...new Set(watch.sequences)].sort((a, b) => a - b))
  })

  test('lends a view until its promise has settled', async () => {
    const seen: number[][] = []
    using ring = new RingBuffer(
      object.map('events'),
      Sample.view(),
      async (view) => {
        const before = view.sequence
        await wait(1)
        seen.push([before, view.sequence])
      },
      { batchBytes: 4096, batchCount: 1 },
    )
    make(object, 'events', { count: 100 })
    await ring.flush()
    expect(seen).toEqual(numbers(100).map((sequence) => [sequence, sequence]))
  })

  describe('while one is pending', () => {
    let pending: ReturnType<typeof withResolvers>
    let ring: RingBuffer<Sample>

    beforeEach(async () => {
      pending = withResolvers()
      // Before there is a thread that could take some of them alone.
      make(object, 'events', { count: 10 })
      ring = read(async (record) => {
        watch.synchronously(record)
        if (record.sequence === 3) await pending.promise
      })
      await until(() => watch.sequences.length === 3)
    })

    afterEach(() => {
      ring.close()
    })

    test.each<[string, () => Promise<void>, boolean]>([
      ['flush()', () => ring.flush(), false],
      ['end()', () => ring.end(), true],
      ['end() with a bound', () => ring.end({ timeoutMs: 60_000 }), true],
      ['await using', () => ring[Symbol.asyncDispose](), true],
    ])('%s waits for it and the rest', async (_, call, closes) => {
      let isOver = false
      const called = call().then(() => (isOver = true))
      await wait(20)
      expect([isOver, watch.sequences]).toEqual([false, [1, 2, 3]])
      pending.resolve()
      await called
      expect(watch.sequences).toEqual(numbers(10))
      expect(ring.closed).toBe(closes)
    })

    test('flush() waits for the last one, too', async () => {
      const last = withResolvers()
      pending.resolve()
      ring.close()
      using next = read(() => last.promise)
      make(object, 'events', { count: 1 })
      let isOver = false
      const flushed = next.flush().then(() => (isOver = true))
      await until(() => next.stats().records === 1)
      await wait(10)
      expect(isOver).toBe(false)
      last.resolve()
      await flushed
    })

    test('close() returns, and nothing more is delivered', async () => {
      using uncaught = collectUncaught()
      const flushed = ring.flush()
      ring.close()
      await flushed
      expect(ring.stats()).toMatchObject({ records: 3, undelivered: 7 })
      const error = new Error('too late')
      pending.reject(error)
      await until(() => uncaught.errors.length > 0)
      await turn()
      expect(uncaught.errors).toEqual([error])
      expect(watch.sequences).toEqual([1, 2, 3])
      expect(ring.stats()).toMatchObject({ records: 3, undelivered: 7 })
    })

    test.each(['time-out', 'signal'])(
      'that never settles end() with a %s closes',
      async (bound) => {
        const signal = AbortSignal.timeout(20)
        const given = bound === 'signal' ? { signal } : { timeoutMs: 20 }
        const expected = bound === 'signal' ? { name: 'TimeoutError' } : { code: 'ERR_TIMEOUT' }
        expect(await rejectionOf(ring.end(given))).toMatchObject(expected)
        expect(ring.closed).toBe(true)
        expect(ring.stats()).toMatchObject({ records: 3, undelivered: 7 })
      },
    )

    test('a signal closes it', () => {
      const controller = new AbortController()
      pending.resolve()
      ring.close()
      using next = read(() => pending.promise, { signal: controller.signal })
      controller.abort()
      expect(next.closed).toBe(true)
    })

    test('the object may close', async () => {
      object.close()
      pending.resolve()
      await ring.end()
      expect(watch.sequences).toEqual(numbers(10))
    })
  })

  describe.each<[string, (inside: () => Promise<void>) => (record: Sample) => unknown]>([
    ['', (inside) => async () => inside()],
    [
      'after it had waited',
      (inside) => async () => {
        await wait(1)
        await inside()
      },
    ],
    ['that does not say so', (inside) => () => inside()],
    [
      'that does not say so after it had waited',
      (inside) => (record) => (record.sequence === 1 ? wait(0) : wait(1).then(inside)),
    ],
  ])('within the callback %s', (_, callbackOf) => {
    test.each<[string, (ring: RingBuffer<Sample>) => Promise<void>, boolean]>([
      ['flush()', (ring) => ring.flush(), false],
      ['end()', (ring) => ring.end(), true],
      ['asyncDispose', (ring) => ring[Symbol.asyncDispose](), true],
    ])('%s does not wait for itself, and the rest is delivered', async (__, call, closes) => {
      const onRecord = callbackOf(() => call(ring))
      const isAsync = onRecord.constructor.name === 'AsyncFunction'
      const plain = (record: Sample): unknown => {
        watch.synchronously(record)
        return onRecord(record)
      }
      const ring: RingBuffer<Sample> = read(
        isAsync
          ? async (record) => {
              await Promise.resolve(plain(record))
            }
          : plain,
      )
      make(object, 'events', { count: 10 })
      await (closes ? until(() => ring.closed) : ring.flush())
      expect(watch.sequences).toEqual(numbers(10))
      expect(ring.stats()).toMatchObject({ records: 10, undelivered: 0 })
      ring.close()
    })

    test('end() with a bound ends it', async () => {
      let error: unknown
      const onRecord = callbackOf(async () => {
        error ??= await rejectionOf(ring.end({ timeoutMs: 20 }))
      })
      using ring: RingBuffer<Sample> = read(onRecord)
      make(object, 'events', { count: 10 })
      await until(() => error !== undefined)
      expect(error).toMatchObject({ code: 'ERR_TIMEOUT' })
      expect(ring.closed).toBe(true)
    })
  })

  test('a call that an earlier callback left behind waits as any other', async () => {
    let left: Promise<void> | undefined
    const second = withResolvers()
    let isOver = false
    using ring = read(async (record) => {
      watch.synchronously(record)
      if (record.sequence === 1) {
        left = (async () => {
          await wait(20)
          await ring.flush()
          isOver = true
        })()
      } else if (record.sequence === 2) {
        await second.promise
      }
    })
    make(object, 'events', { count: 3 })
    await wait(50)
    expect([isOver, watch.sequences]).toEqual([false, [1, 2]])
    second.resolve()
    await left
    expect(watch.sequences).toEqual([1, 2, 3])
  })

  test('consume() refuses them before it takes a record', () => {
    const options = { pollThread: false }
    using ring = read(watch.onRecord, options)
    make(object, 'events', { count: 3 })
    expect(thrownBy(() => ring.consume())).toMatchObject({
      code: 'ERR_STATE',
      message: expect.stringMatching(/await flush\(\)/) as string,
    })
    expect(ring.stats()).toMatchObject({ records: 0, undelivered: 0 })
    // One that was not attached does not count.
    using other = new RingBuffer(object.map('others'), Sample, watch.synchronously, options)
    thrownBy(() => other.add(object.map('events'), Sample, watch.onRecord))
    expect(other.consume()).toBe(0)
  })

  test('consume() ends with the first promise, where none was expected', async () => {
    using ring = read(
      (record) => {
        watch.synchronously(record)
        return record.sequence === 3 ? wait(1) : undefined
      },
      { pollThread: false },
    )
    make(object, 'events', { count: 10 })
    expect(ring.consume()).toBe(3)
    expect(thrownBy(() => ring.consume()).code).toBe('ERR_STATE')
    await ring.flush()
    expect(watch.sequences).toEqual(numbers(10))
    expect(thrownBy(() => ring.consume()).code).toBe('ERR_STATE')
  })
})

describeBpf('a PerfBuffer with async callbacks', () => {
  let object: BpfObject

  expectNothingLeftOpen()

  beforeEach(() => {
    object = loadStreams()
  })

  afterEach(() => {
    object.close()
  })

  test.each<[string, PerfBufferOptions]>([
    ['', {}],
    ['in small batches', { batchBytes: 4096, batchCount: 1 }],
    // Longer than an emulated machine takes from one buffer to the next.
    ['with orderBy', { orderBy: 'time_ns', orderWindowMs: 200 * timeScale }],
  ])('calls for one event at a time, in order %s', async (_, options) => {
    using perf = new PerfBuffer(object.map('samples'), Numbered, watch.onRecord, options)
    for (let i = 0; i < 10; i++) {
      makeNumbered(object, 'samples', 10)
      await wait(3)
    }
    await perf.flush()
    expect(watch.disordered).toBe(0)
    expect([watch.sequences.length, watch.most]).toEqual([100, 1])
    expect(perf.stats()).toMatchObject({ records: 100, late: 0, undelivered: 0 })
  })

  test.each([60_000, 6])('in order delivers all, from a window of %i ms', async (orderWindowMs) => {
    const options = { orderBy: 'time_ns', orderWindowMs }
    using perf = new PerfBuffer(object.map('samples'), Numbered, watch.onRecord, options)
    makeNumbered(object, 'samples', 50)
    // Nothing comes any more.
    await (orderWindowMs === 6 ? until(() => watch.sequences.length === 50) : perf.end())
    expect([watch.sequences.length, watch.most]).toEqual([50, 1])
  })

  test('in order closed while one is pending drops the rest', async () => {
    const options = { orderBy: 'time_ns', orderWindowMs: 60_000 }
    const pending = withResolvers()
    using perf = new PerfBuffer(
      object.map('samples'),
      Numbered,
      async (record) => {
        watch.synchronously(record)
        if (watch.sequences.length === 3) await pending.promise
      },
      options,
    )
    makeNumbered(object, 'samples', 30)
    const flushed = perf.flush()
    await until(() => watch.sequences.length === 3)
    perf.close()
    await flushed
    pending.resolve()
    await turn()
    expect(watch.sequences).toHaveLength(3)
    expect(perf.stats()).toMatchObject({ records: 3, undelivered: 27 })
  })

  test('waits for onLost, too', async () => {
    const calls: string[] = []
    using perf = new PerfBuffer(
      object.map('samples'),
      Numbered,
      () => {
        calls.push('record')
      },
      {
        pagesPerCpu: 1,
        onLost: async () => {
          calls.push('lost')
          await wait(5)
          calls.push('told')
        },
        batchCount: 1,
        batchBytes: 4096,
        pollThread: false,
      },
    )
    makeNumbered(object, 'samples', 500)
    await perf.flush()
    // A buffer tells of its losses before the next record that finds room in it, which is
    // on the CPU where they were.
    for (let tries = 0; tries < 1000 && !calls.includes('lost'); tries++) {
      makeNumbered(object, 'samples', 5)
      await perf.flush()
    }
    const lostAt = calls.indexOf('lost')
    expect(lostAt).toBeGreaterThan(0)
    // The calls may have moved to another CPU, whose buffer tells of its own losses.
    expect(calls.slice(lostAt).join(' ')).toMatch(/^(lost told )+record/)
  })

  test.each([true, false])('as an event stream, by a perf buffer: %s', async (usePerfBuffer) => {
    using streams = openObject('streams')
    streams.program('to_perf').autoload = false
    streams.globals['producer_tgid'] = process.pid
    streams.map('events').usePerfBuffer = usePerfBuffer
    streams.load()
    await using stream = openEventStream(streams, 'events', Numbered, watch.onRecord)
    makeNumbered(streams, 'events', 32)
    await stream.flush()
    // One of sixteen of each CPU, and the calls may have moved between them.
    const { discarded = NaN } = streams.map('events').producerCounts() ?? {}
    expect([watch.sequences.length + discarded, watch.most]).toEqual([32, 1])
  })
})
