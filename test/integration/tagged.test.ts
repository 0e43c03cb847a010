// Several structs in one ring, one perf buffer, one flight recorder and one iterator.
import {
  type BpfObject,
  cstring,
  enumeration,
  FlightRecorder,
  i64,
  openEventStream,
  PerfBuffer,
  type ReaderStats,
  RingBuffer,
  struct,
  tagged,
  u32,
  u64,
} from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { rejectionOf, thrownBy } from '../thrown.js'

/** As tagged.bpf.c has them. */
const Started = struct('started', { kind: u32, sequence: u32, time_ns: u64, comm: cstring(16) })
const Ended = struct('ended', { kind: u32, sequence: u32, time_ns: u64, code: i64 })
const Event = tagged('kind', { 1: Started, 2: Ended })
const Skipping = tagged('kind', { 1: Started, 2: Ended }, { unknown: 'skip' })
const Whole = tagged('kind', { 1: Started, 2: Ended }, { unknown: 'bytes' })

/** Of the first so many sequence numbers those of a kind. */
function sequences(count: number, kind: 'started' | 'ended' | 'other', discardEvery = 0): number[] {
  const all = Array.from({ length: count }, (_, i) => i)
  return all.filter((i) => {
    if (discardEvery > 0 && i % discardEvery === 0) return false
    return (i % 2 === 0 ? 'started' : i % 4 === 1 ? 'ended' : 'other') === kind
  })
}

let object: BpfObject

function run(program: string, count: number, first = 0, discardEvery = 0): void {
  for (let done = 0; done < count; done += 500) {
    const part = Math.min(500, count - done)
    const context = new Uint8Array(Uint32Array.of(part, first + done, discardEvery, 0).buffer)
    expect(object.program(program).testRun({ context }).returnValue).toBe(part)
  }
}

function make(count: number, first = 0, discardEvery = 0): void {
  run('make_events', count, first, discardEvery)
}

describeBpf('tagged records', () => {
  expectNothingLeftOpen()

  beforeEach(() => {
    object = openObject('tagged')
    object.map('events').usePerfBuffer = false
  })

  afterEach(() => {
    object.close()
  })

  test('of a ring go each to the callback of their case', () => {
    object.load()
    const started: number[] = []
    const ended: number[] = []
    const unknown: number[] = []
    using ring = new RingBuffer(object.map('events'), Whole, {
      1: ({ sequence, comm }, source) => {
        expect([comm, source]).toEqual(['started', 'events'])
        started.push(sequence)
      },
      2: ({ sequence, code }) => {
        expect(code).toBe(-BigInt(sequence))
        ended.push(sequence)
      },
      unknown: ({ value, bytes }) => {
        expect([value, bytes.length]).toEqual([9, 16])
        unknown.push(new Uint32Array(bytes.buffer)[1] as number)
      },
    })
    make(200)
    ring.consume()
    expect([started, ended, unknown]).toEqual([
      sequences(200, 'started'),
      sequences(200, 'ended'),
      sequences(200, 'other'),
    ])
    expect(ring.stats()).toMatchObject({ records: 200, unknown: 50, rings: [{ unknown: 50 }] })
  })

  test('by the names of an enum, of a stream through either kind of buffer', async () => {
    const Kind = enumeration(u32, { KIND_STARTED: 1, KIND_ENDED: 2, KIND_OTHER: 9 })
    const named = tagged('kind', {
      KIND_STARTED: struct('started', { kind: Kind, sequence: u32 }),
      KIND_ENDED: struct('ended', { kind: Kind, sequence: u32 }),
      KIND_OTHER: struct('other', { kind: Kind, sequence: u32 }).view(),
    })
    for (const usePerfBuffer of [false, true]) {
      object.close()
      object = openObject('tagged')
      object.map('events').usePerfBuffer = usePerfBuffer
      object.load()
      const seen: [string, number][] = []
      using stream = openEventStream(object, 'events', named, {
        KIND_STARTED: ({ kind, sequence }) => seen.push([kind, sequence]),
        KIND_ENDED: ({ kind, sequence }) => seen.push([kind, sequence]),
        KIND_OTHER: ({ kind, sequence }) => seen.push([kind, sequence]),
      })
      make(4)
      await stream.flush()
      expect(seen).toEqual([
        ['KIND_STARTED', 0],
        ['KIND_ENDED', 1],
        ['KIND_STARTED', 2],
        ['KIND_OTHER', 3],
      ])
    }
  })

  test('of iterators are a union, also in batches', async () => {
    object.load()
    using ring = new RingBuffer(object.map('events'), Whole)
    make(8)
    const records = ring.records()
    const seen: unknown[] = []
    for (let i = 0; i < 4; i++) {
      const { value } = await records.next()
      if (value?.kind === 1) seen.push([value.kind, value.comm])
      else if (value?.kind === 2) seen.push([value.kind, value.code])
      else seen.push([value?.kind, value?.value])
    }
    expect(seen).toEqual([
      [1, 'started'],
      [2, -1n],
      [1, 'started'],
      ['unknown', 9],
    ])
    await records.return?.()
    const { value: batch = [] } = await ring.batches().next()
    expect(batch.map(({ kind }) => kind)).toEqual([1, 2, 1, 'unknown'])
    expect(ring.stats()).toMatchObject({ records: 8, unknown: 2, undelivered: 0 })
  })

  test('of several maps say where they are from, each with its own cases', () => {
    object.load()
    using other = openObject('tagged')
    other.map('events').usePerfBuffer = false
    other.load()
    const seen: unknown[] = []
    using ring = new RingBuffer(object.map('events'), Skipping, ({ kind }) => seen.push(kind))
    ring.add(
      other.map('events'),
      tagged('kind', { 9: struct('other', { kind: u32 }) }, { unknown: 'skip' }),
      {
        9: ({ kind }) => seen.push(kind),
      },
    )
    make(4)
    const first = object
    object = other
    make(8)
    object = first
    ring.consume()
    expect(seen.sort()).toEqual([1, 1, 2, 9, 9])
    expect(ring.stats()).toMatchObject({
      records: 12,
      unknown: 7,
      rings: [{ unknown: 1 }, { unknown: 6 }],
    })
  })

  describe('whose tag no case has', () => {
    /** received + discarded + lost + undelivered = produced */
    function sum({
      records,
      undelivered,
      lost,
      discarded = 0,
    }: ReaderStats & { discarded?: number | undefined }): number {
      return records + undelivered + discarded + (lost ?? NaN)
    }

    test.each([
      ['skip', Skipping],
      ['bytes', Whole],
    ] as const)('keep the accounting exact with "%s"', (unknown, decoder) => {
      object.load()
      let delivered = 0
      const count = (): void => {
        delivered++
      }
      const options = { pollThread: false, batchBytes: 4096 }
      using ring = new RingBuffer(object.map('events'), decoder, count, options)
      // Far more than the ring has room for, twice.
      make(3000, 0, 10)
      ring.consume()
      make(3000, 3000, 10)
      ring.consume()
      make(400, 6000, 10)
      const stats = ring.stats()
      const others = delivered - (unknown === 'skip' ? 0 : stats.unknown)
      expect(stats.lost).toBeGreaterThan(0)
      expect(stats.unknown).toBeGreaterThan(200)
      expect(stats.records).toBe(others + stats.unknown)
      // 40 of the last 400 were discarded, and the others are queued.
      expect(sum(stats) + 360).toBe(6400)
      ring.consume()
      expect(sum(ring.stats())).toBe(6400)
      expect(ring.stats().rings[0]?.unknown).toBe(ring.stats().unknown)
      ring.close()
      expect(sum(ring.stats())).toBe(6400)
    })

    test('are counted as undelivered when nobody came to look at them', async () => {
      object.load()
      using ring = new RingBuffer(object.map('events'), Skipping)
      make(100)
      const records = ring.records()
      await records.next()
      ring.close()
      expect(sum(ring.stats())).toBe(100)
    })

    test('are skipped by an iterator, also when a batch has no others', async () => {
      object.load()
      using ring = new RingBuffer(object.map('events'), Skipping)
      for (let i = 0; i < 50; i++) make(1, 4 * i + 3)
      make(1, 0)
      const { value } = await ring.records().next()
      expect(value).toMatchObject({ kind: 1, sequence: 0 })
      expect(ring.stats()).toMatchObject({ records: 51, unknown: 50, undelivered: 0 })
    })

    test('reject the next() that meets them, and a new iterator goes on', async () => {
      object.load()
      using ring = new RingBuffer(object.map('events'), Event)
      make(6)
      const records = ring.records()
      for (let i = 0; i < 3; i++) await records.next()
      expect(await rejectionOf(records.next())).toMatchObject({
        code: 'ERR_UNKNOWN_TAG',
        tag: 9,
        bytes: { length: 16 },
      })
      expect(await records.next()).toEqual({ done: true, value: undefined })
      expect(await ring.records().next()).toMatchObject({ value: { sequence: 4 } })
      expect(ring.stats()).toMatchObject({ unknown: 1 })
    })

    test('are uncaught exceptions beside callbacks, and the rest is delivered', () => {
      object.load()
      const raised: unknown[] = []
      const tick = jest.spyOn(process, 'nextTick').mockImplementation((callback) => {
        raised.push(thrownBy(() => void Reflect.apply(callback, undefined, [])))
      })
      try {
        const seen: number[] = []
        using ring = new RingBuffer(object.map('events'), Event, (event) => {
          seen.push(event.sequence)
        })
        make(8)
        ring.consume()
        expect(seen).toEqual([0, 1, 2, 4, 5, 6])
        expect(raised).toMatchObject([{ code: 'ERR_UNKNOWN_TAG' }, { code: 'ERR_UNKNOWN_TAG' }])
      } finally {
        tick.mockRestore()
      }
    })
  })

  describe('of a perf buffer', () => {
    beforeEach(() => {
      object.map('events').usePerfBuffer = true
      object.load()
    })

    test('go to their callbacks with the CPU, and in order of time', async () => {
      for (const options of [{}, { orderBy: 'time_ns' }]) {
        const seen: [number, number][] = []
        using perf = new PerfBuffer(
          object.map('events__perf'),
          Skipping,
          {
            1: ({ sequence }, cpu) => seen.push([sequence, cpu]),
            2: ({ sequence }, cpu) => seen.push([sequence, cpu]),
          },
          options,
        )
        make(16)
        await perf.flush()
        expect(seen.map(([sequence]) => sequence).sort((a, b) => a - b)).toEqual(
          [...sequences(16, 'started'), ...sequences(16, 'ended')].sort((a, b) => a - b),
        )
        expect(seen.every(([, cpu]) => Number.isInteger(cpu))).toBe(true)
        expect(perf.stats()).toMatchObject({ records: 16, unknown: 4, maps: [{ unknown: 4 }] })
      }
    })

    test('cannot be ordered by what not all of them have', () => {
      const map = object.map('events__perf')
      const ignore = (): void => undefined
      for (const [decoder, orderBy] of [
        [Skipping, 'code'],
        [Whole, 'time_ns'],
        [tagged('kind', { 1: Started.view() }), 'time_ns'],
      ] as const) {
        const error = thrownBy(() => new PerfBuffer(map, decoder, ignore, { orderBy }))
        expect(error.code).toBe('ERR_INVALID_ARG_TYPE')
      }
    })
  })

  test('of a flight recorder are in its snapshot', () => {
    object.load()
    using recorder = new FlightRecorder(object.map('recorder'), Whole, { integers: 'string' })
    run('make_recorded', 8)
    const snapshot = recorder.snapshot()
    expect(snapshot.map(({ kind }) => kind)).toEqual([1, 2, 1, 'unknown', 1, 2, 1, 'unknown'])
    expect(snapshot.unknown).toBe(2)
    expect(JSON.stringify(snapshot[1])).toMatch(/"time_ns":"\d+","code":"-1"/)
    recorder.close()
    using skipping = new FlightRecorder(object.map('recorder'), Skipping, { orderBy: 'time_ns' })
    run('make_recorded', 8)
    const rest = skipping.snapshot()
    expect(rest.length % 6).toBe(0)
    expect(rest.unknown).toBe(rest.length / 3)
    expect(skipping.snapshot().unknown).toBe(rest.unknown)
    const error = thrownBy(
      () => new FlightRecorder(object.map('recorder'), Event, { orderBy: 'code' }),
    )
    expect(error.code).toBe('ERR_INVALID_ARG_TYPE')
  })

  describe('of an iterator of the kernel', () => {
    test('have each the size of its case, over many pieces', async () => {
      object.globals['write_count'] = 500
      object.load()
      const program = object.program('write_records')
      const seen: unknown[] = []
      for await (const record of program.iterate(Event)) {
        seen.push(
          record.kind === 1 ? [record.sequence, record.comm] : [record.sequence, record.code],
        )
      }
      expect(seen).toEqual(
        Array.from({ length: 500 }, (_, i) => [i, i % 3 === 0 ? -BigInt(i) : 'iterated']),
      )
    })

    test('end it where nobody knows how long one is', () => {
      Object.assign(object.globals, { write_count: 2, write_others: 1 })
      object.load()
      const records = object.program('write_records').iterate(Event)[Symbol.iterator]()
      expect([records.next().value, records.next().value]).toMatchObject([{ kind: 2 }, { kind: 1 }])
      expect(thrownBy(() => records.next()).code).toBe('ERR_UNKNOWN_TAG')
      expect(thrownBy(() => object.program('write_records').iterate(Skipping)).code).toBe(
        'ERR_INVALID_ARG_TYPE',
      )
    })
  })

  describe('64-bit integers', () => {
    test.each([
      ['number', -1],
      ['string', '-1'],
      ['bigint', -1n],
    ] as const)('may be %s', (integers, code) => {
      object.load()
      const seen: unknown[] = []
      const options = { integers }
      using ring = new RingBuffer(
        object.map('events'),
        Skipping,
        (event) => seen.push(event),
        options,
      )
      make(2)
      ring.consume()
      expect(seen[1]).toMatchObject({ kind: 2, code })
      expect(typeof (seen[0] as { time_ns: unknown }).time_ns).toBe(integers)
      if (integers !== 'bigint') expect(JSON.parse(JSON.stringify(seen))).toEqual(seen)
    })

    test('of a struct in order of time may be text', async () => {
      object.map('events').usePerfBuffer = true
      object.load()
      const seen: unknown[] = []
      using perf = new PerfBuffer(
        object.map('events__perf'),
        Skipping,
        (event) => seen.push(event.time_ns),
        {
          orderBy: 'time_ns',
          integers: 'string',
        },
      )
      make(4)
      await perf.flush()
      expect(seen).toEqual([expect.any(String), expect.any(String), expect.any(String)])
    })
  })

  describe('are refused', () => {
    const create = (decoder: unknown, ...rest: unknown[]): Error => {
      const New = RingBuffer as unknown as new (...parameters: unknown[]) => { close: () => void }
      return thrownBy(() => new New(object.map('events'), decoder, ...rest).close())
    }
    const ignore = (): void => undefined

    beforeEach(() => {
      object.load()
    })

    test.each<[string, unknown, unknown[], string]>([
      [
        'without a callback for a case',
        Event,
        [{ 1: ignore }],
        'Expected a function for the callback for 2 but received undefined',
      ],
      [
        'with what is no callback',
        Event,
        [{ 1: 5, 2: ignore }],
        'Expected a function for the callback for 1 but received 5',
      ],
      [
        'with a callback for no case',
        Event,
        [{ 1: ignore, 2: ignore, 3: ignore }],
        "Expected one of 1, 2 for a callback but received '3'",
      ],
      [
        'with only a callback for no case',
        Event,
        [{ 3: ignore }],
        "Expected one of 1, 2 for a callback but received '3'",
      ],
      [
        'with a callback for what is an error',
        Event,
        [{ 1: ignore, 2: ignore, unknown: ignore }],
        "Expected one of 1, 2 for a callback but received 'unknown'",
      ],
      [
        'without a callback for unknown ones',
        Whole,
        [{ 1: ignore, 2: ignore }],
        'Expected a function for the callback for unknown but received undefined',
      ],
      [
        'with a misspelt option',
        Event,
        [{ coalesceMs: 1 }],
        "Expected one of coalesceUs, drainIntervalMs, batchBytes, batchCount, pollThread, signal, integers for the name of an option but received 'coalesceMs'",
      ],
      [
        'with no way to read integers',
        Event,
        [{ integers: 'hex' }],
        "Expected bigint, number or string for integers but received 'hex'",
      ],
      [
        'with callbacks for a struct',
        Started,
        [{ 1: ignore }, {}],
        "Expected a function for onRecord but received { '1': [Function: ignore] }",
      ],
      [
        'with views, for iterators',
        tagged('kind', { 1: Started.view(), 2: Ended }),
        [],
        "Expected a decoder that copies for an iterator, which outlives a view but received 'started | ended'",
      ],
    ])('%s', (_, decoder, rest, message) => {
      expect(create(decoder, ...rest).message).toBe(message)
    })

    test('when one of their structs is not as the program has it', () => {
      const Wrong = struct('ended', { kind: u32, code: i64 })
      expect(create(tagged('kind', { 1: Started, 2: Wrong }), ignore)).toMatchObject({
        code: 'ERR_LAYOUT',
        message: expect.stringContaining('ended.code') as string,
      })
    })
  })
})
