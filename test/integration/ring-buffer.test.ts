// Delivery to callbacks: what, in which order, and what is refused.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  type BpfMap,
  type BpfObject,
  bytes,
  cstring,
  RingBuffer,
  type RingBufferOptions,
  struct,
  type Type,
  u16,
  u32,
  u64,
} from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import {
  bytesOf,
  make,
  makeBytes,
  numbers,
  openObject,
  Sample,
  sampleBytes,
  sampleOf,
} from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { rejectionOf, type Thrown, thrownBy } from '../thrown.js'
import { until, untilBlocking } from '../until.js'

let object: BpfObject

function loadRecords(ringBytes = 64 * 1024): void {
  object = openObject('records')
  for (const name of ['events', 'others', 'plain']) object.map(name).maxEntries = ringBytes
  object.load()
}

afterEach(() => {
  object.close()
})

describeBpf('a RingBuffer with callbacks', () => {
  expectNothingLeftOpen()
  beforeEach(() => loadRecords())

  test('delivers typed records in order', async () => {
    const samples: Sample[] = []
    using ring = new RingBuffer(object.map('events'), Sample, (sample) => samples.push(sample))
    make(object, 'events', { count: 99 })
    await until(() => samples.length >= 99)
    expect(samples).toEqual(numbers(99).map(sampleOf))
    expect(ring.stats().records).toBe(99)
  })

  test('delivers what was in the ring before it was made', async () => {
    make(object, 'events', { count: 5 })
    const sequences: number[] = []
    using ring = new RingBuffer(object.map('events'), Sample, (s) => sequences.push(s.sequence))
    await until(() => sequences.length >= 5)
    expect(sequences).toEqual(numbers(5))
    expect(ring.closed).toBe(false)
  })

  test('delivers in later turns of the event loop, never within a call', async () => {
    let delivered = 0
    using ring = new RingBuffer(object.map('events'), Sample, () => delivered++)
    make(object, 'events', { count: 5 })
    untilBlocking(() => ring.stats().undelivered === 5)
    expect(delivered).toBe(0)
    await until(() => delivered === 5)
  })

  test('reads a map without BPFRB_RINGBUF()', async () => {
    const sequences: number[] = []
    using ring = new RingBuffer(object.map('plain'), Sample, (s) => sequences.push(s.sequence))
    make(object, 'plain', { count: 20 })
    await ring.flush()
    expect(sequences).toEqual(numbers(20))
  })

  test('reads several rings, each with a callback of its own', async () => {
    const events: number[] = []
    const others: Sample[] = []
    const plain: number[] = []
    using ring = new RingBuffer(object.map('events'), Sample, (s) => events.push(s.sequence))
    const same = ring
      .add(object.map('others'), Sample, (sample) => others.push(sample))
      .add(object.map('plain'), bytes(), (record) => plain.push(record[16] ?? -1))
    expect(same).toBe(ring)
    for (let round = 0; round < 10; round++) {
      make(object, 'others', { count: 3, first: 3 * round + 1 })
      make(object, 'events', { count: 5, first: 5 * round + 1 })
      make(object, 'plain', { count: 1, first: round + 1 })
    }
    await ring.flush()
    expect(events).toEqual(numbers(50))
    expect(others).toEqual(numbers(30).map(sampleOf))
    expect(plain).toEqual(numbers(10))
    expect(ring.stats().rings.map(({ name }) => name)).toEqual(['events', 'others', 'plain'])
    expect(inspect(ring)).toBe(
      "RingBuffer { maps: [ 'events', 'others', 'plain' ], closed: false }",
    )
    expect(ring.stats().records).toBe(90)
  })

  test('takes another ring while it is running and inside a callback', async () => {
    const others: number[] = []
    let delivered = 0
    using ring = new RingBuffer(object.map('events'), Sample, () => {
      if (++delivered === 1) {
        ring.add(object.map('others'), Sample, ({ sequence }) => others.push(sequence))
      }
    })
    make(object, 'others', { count: 2 })
    make(object, 'events', { count: 10 })
    await until(() => others.length === 2 && delivered === 10)
    make(object, 'others', { count: 2, first: 3 })
    await until(() => others.length === 4)
    expect(others).toEqual(numbers(4))
  })

  test('a ring that is always full starves none', async () => {
    using busy = openObject('flood')
    const producer = spawn(join(__dirname, '../../build/test/producer'), ['--threads', '1'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    try {
      busy.globals.producer_tgid = producer.pid as number
      busy.globals.records_per_call = 100
      busy.map('events').maxEntries = 64 * 1024
      busy.load().attach()
      let busyRecords = 0
      const quiet: number[] = []
      using ring = new RingBuffer(busy.map('events'), u64, () => busyRecords++, {
        batchBytes: 4096,
      })
      ring.add(object.map('events'), Sample, ({ sequence }) => quiet.push(sequence))
      producer.stdin.write('\n')
      for (let sequence = 1; sequence <= 20; sequence++) {
        const before = busyRecords
        await until(() => busyRecords > before + 1000)
        make(object, 'events', { count: 1, first: sequence })
        await until(() => quiet.length === sequence)
      }
      expect(quiet).toEqual(numbers(20))
    } finally {
      producer.stdin.destroy()
      await once(producer, 'exit')
    }
  })

  test('reads records of maps of several objects', async () => {
    using second = openObject('records').load()
    const sequences: number[] = []
    using ring = new RingBuffer(object.map('events'), Sample, (s) => sequences.push(s.sequence))
    ring.add(second.map('events'), Sample, (sample) => sequences.push(1000 + sample.sequence))
    make(object, 'events', { count: 1 })
    await ring.flush()
    make(second, 'events', { count: 1 })
    await ring.flush()
    expect(sequences).toEqual([1, 1001])
  })

  test('lends a view that is valid inside the callback', async () => {
    const accessors = new Set<unknown>()
    const samples: unknown[] = []
    using ring = new RingBuffer(object.map('events'), Sample.view(), (sample) => {
      accessors.add(sample)
      const { wide, negative, sequence, minus, half, small, even, name, points, raw, kind } = sample
      samples.push({ wide, negative, sequence, minus, half, small, even, name, points, raw, kind })
    })
    make(object, 'events', { count: 30 })
    await ring.flush()
    expect(samples).toEqual(numbers(30).map(sampleOf))
    expect(accessors.size).toBe(1)
  })

  test('lends views of the same type to readers that are nested', () => {
    const pairs: [number, number, number][] = []
    using inner = new RingBuffer(
      object.map('others'),
      Sample.view(),
      ({ sequence }) => pairs.push([0, sequence, 0]),
      { pollThread: false },
    )
    using outer = new RingBuffer(
      object.map('events'),
      Sample.view(),
      (sample) => {
        const before = sample.sequence
        make(object, 'others', { count: 1, first: 10 + before })
        inner.consume()
        pairs.push([before, 0, sample.sequence])
      },
      { pollThread: false },
    )
    make(object, 'events', { count: 2 })
    outer.consume()
    expect(pairs).toEqual([
      [0, 11, 0],
      [1, 0, 1],
      [0, 12, 0],
      [2, 0, 2],
    ])
  })

  test('gives raw bytes of each length, to keep', async () => {
    const records: Uint8Array[] = []
    const lengths = [1, 2, 7, 8, 9, 63, 64, 65, 1000, 4095, 4096, 4097]
    using ring = new RingBuffer(object.map('events'), bytes(), (record) => records.push(record))
    for (const length of lengths) {
      makeBytes(object, length, 1)
      makeBytes(object, length, 2)
    }
    await ring.flush()
    expect(records).toEqual(lengths.flatMap((length) => [bytesOf(1, length), bytesOf(2, length)]))
    expect(new Set(records.map(({ buffer }) => buffer)).size).toBe(records.length)
    expect(ring.stats().bytes).toBe(2 * lengths.reduce((sum, length) => sum + length))
  })

  test('decodes a bare type and a tail of any length', async () => {
    const Tailed = struct('tailed', { sequence: u32, zero: u16, tail: bytes() })
    const records: unknown[] = []
    using ring = new RingBuffer(object.map('events'), Tailed, (record) => records.push(record))
    for (const length of [6, 7, 8, 20]) makeBytes(object, length)
    await ring.flush()
    expect(records).toEqual(
      [6, 7, 8, 20].map((length) => ({
        sequence: 1,
        zero: 0,
        tail: bytesOf(1, length).slice(6),
      })),
    )
    using other = new RingBuffer(object.map('others'), u64.number, (record) => records.push(record))
    make(object, 'others', { count: 1, first: 3 })
    await other.flush()
    expect(records.at(-1)).toBe(3 * 0x100000001)
    using text = new RingBuffer(object.map('plain'), cstring(), (record) => records.push(record))
    make(object, 'plain', { count: 1, first: 65 })
    await text.flush()
    expect(records.at(-1)).toBe('A')
  })

  test.each([4096, 256 * 1024])('takes records larger than a batch of %d', async (batchBytes) => {
    using large = openObject('records')
    large.map('events').maxEntries = 1 << 20
    large.load()
    const records: Uint8Array[] = []
    using ring = new RingBuffer(
      large.map('events'),
      bytes(),
      (record) => records.push(Uint8Array.from(record)),
      { batchBytes },
    )
    const lengths = [8, 5000, 65_528, 65_536, 65_544, 8, 100_000, 200_000, 8, 262_144, 16]
    for (const [index, length] of lengths.entries()) makeBytes(large, length, index + 1)
    await ring.flush()
    for (const [index, length] of lengths.entries()) {
      expect(Buffer.compare(records[index] ?? Buffer.of(), bytesOf(index + 1, length))).toBe(0)
    }
    expect(records).toHaveLength(lengths.length)
    expect(ring.stats()).toMatchObject({ lost: 0, undelivered: 0, records: lengths.length })
  })
})

describeBpf('consume()', () => {
  expectNothingLeftOpen()
  beforeEach(() => loadRecords())

  test('without a poll thread is the only delivery', async () => {
    const sequences: number[] = []
    using ring = new RingBuffer(
      object.map('events'),
      Sample,
      ({ sequence }) => sequences.push(sequence),
      { pollThread: false },
    )
    expect(ring.consume()).toBe(0)
    make(object, 'events', { count: 7 })
    await new Promise((resolve) => setImmediate(resolve))
    expect(sequences).toEqual([])
    expect(ring.consume()).toBe(7)
    expect(sequences).toEqual(numbers(7))
    expect(ring.consume()).toBe(0)
  })

  test('delivers more than all batches hold', () => {
    const sequences: number[] = []
    using ring = new RingBuffer(
      object.map('events'),
      Sample,
      ({ sequence }) => sequences.push(sequence),
      { pollThread: false, batchBytes: 4096, batchCount: 1 },
    )
    make(object, 'events', { count: 800 })
    expect(ring.consume()).toBe(800)
    expect(sequences).toEqual(numbers(800))
  })

  test('beside a poll thread delivers each record once, in order', async () => {
    const sequences: number[] = []
    using ring = new RingBuffer(object.map('events'), Sample, ({ sequence }) =>
      sequences.push(sequence),
    )
    for (let round = 0; round < 200; round++) {
      make(object, 'events', { count: 5, first: 5 * round + 1 })
      ring.consume()
      if (round % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await ring.flush()
    expect(sequences).toEqual(numbers(1000))
  })

  test('returns although its callback makes a record for each', () => {
    let delivered = 0
    using ring = new RingBuffer(
      object.map('events'),
      Sample,
      () => {
        delivered++
        make(object, 'events', { count: 1 })
      },
      { pollThread: false },
    )
    make(object, 'events', { count: 1 })
    expect(ring.consume()).toBe(delivered)
    expect(delivered).toBeGreaterThan(0)
  })

  test('inside a callback is an error', () => {
    const codes: unknown[] = []
    using ring = new RingBuffer(
      object.map('events'),
      Sample,
      () => codes.push(thrownBy(() => ring.consume()).code),
      { pollThread: false },
    )
    make(object, 'events', { count: 2 })
    expect(ring.consume()).toBe(2)
    expect(codes).toEqual(['ERR_STATE', 'ERR_STATE'])
  })

  test('of a reader without callbacks is an error', () => {
    using ring = new RingBuffer(object.map('events'), Sample)
    expect(thrownBy(() => ring.consume())).toMatchObject({
      code: 'ERR_STATE',
      operation: 'consume',
      target: 'map "events"',
    })
  })

  test('stops when a callback closes the reader', () => {
    let delivered = 0
    using ring = new RingBuffer(
      object.map('events'),
      Sample,
      () => {
        if (++delivered === 3) ring.close()
      },
      { pollThread: false },
    )
    make(object, 'events', { count: 10 })
    expect(ring.consume()).toBe(3)
    expect(ring.stats()).toMatchObject({ records: 3, undelivered: 7, bytes: 3 * sampleBytes })
  })
})

describeBpf('flush()', () => {
  expectNothingLeftOpen()
  beforeEach(() => loadRecords())

  test.each([true, false])('delivers all that was committed, pollThread: %p', async (thread) => {
    const sequences: number[] = []
    using ring = new RingBuffer(
      object.map('events'),
      Sample,
      ({ sequence }) => sequences.push(sequence),
      { pollThread: thread, coalesceUs: 1_000_000, batchBytes: 4096, batchCount: 2 },
    )
    for (let round = 0; round < 10; round++) {
      make(object, 'events', { count: 500, first: 500 * round + 1 })
      await ring.flush()
      expect(sequences).toHaveLength(500 * (round + 1))
    }
    expect(sequences).toEqual(numbers(5000))
  })

  test('inside a callback resolves after the batch', async () => {
    let delivered = 0
    let flushed: Promise<number> | undefined
    using ring = new RingBuffer(object.map('events'), Sample, () => {
      delivered++
      flushed ??= ring.flush().then(() => delivered)
    })
    make(object, 'events', { count: 10 })
    await until(() => flushed !== undefined)
    expect(await flushed).toBe(10)
  })

  test('ends when the reader is closed', async () => {
    using ring = new RingBuffer(object.map('events'), Sample, () => ring.close())
    make(object, 'events', { count: 10 })
    await ring.flush()
    expect(ring.closed).toBe(true)
    expect((await rejectionOf(ring.flush())).code).toBe('ERR_CLOSED')
  })
})

describeBpf('a RingBuffer refuses', () => {
  expectNothingLeftOpen()
  beforeEach(() => loadRecords())

  function making(...parameters: unknown[]): Thrown {
    return thrownBy(() => {
      const [map, decoder, onRecord, options] = parameters
      new RingBuffer(
        map as BpfMap,
        decoder as Type,
        onRecord as () => void,
        options as RingBufferOptions,
      ).close()
    })
  }

  function makingWith(options: unknown): Thrown {
    return making(object.map('events'), bytes(), () => undefined, options)
  }

  test('a map that is no ring', () => {
    expect(making(object.map('latest'), bytes())).toMatchObject({
      code: 'ERR_MAP_TYPE',
      message: 'Cannot read map "latest": it is no BPF_MAP_TYPE_RINGBUF',
    })
    using ring = new RingBuffer(object.map('events'), bytes(), () => undefined)
    const error = thrownBy(() => ring.add(object.map('latest'), bytes(), () => undefined))
    expect(error.code).toBe('ERR_MAP_TYPE')
  })

  test('what is no map', () => {
    for (const map of [undefined, null, 'events', 5, {}]) {
      const error = making(map, bytes())
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
      expect(error.message).toMatch(/^Expected a map of a BpfObject for map but received /)
    }
  })

  test('a map before load', () => {
    using unloaded = openObject('records')
    expect(making(unloaded.map('events'), bytes()).code).toBe('ERR_STATE')
  })

  test('a map of a closed object', () => {
    const closed = openObject('records').load()
    closed.close()
    expect(making(closed.map('events'), bytes()).code).toBe('ERR_CLOSED')
  })

  test('what is no decoder', () => {
    for (const decoder of [undefined, null, 'u32', 5, {}, u32.name]) {
      expect(making(object.map('events'), decoder)).toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
      })
    }
  })

  test('a callback that is no function', () => {
    const error = thrownBy(() => {
      using ring = new RingBuffer(object.map('events'), bytes(), () => undefined)
      ring.add(object.map('others'), bytes(), 'print' as unknown as () => void)
    })
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  })

  test('a struct of another layout, naming the field', () => {
    const shifted = struct('sample', { wide: u64, sequence: u32 })
    expect(making(object.map('events'), shifted)).toMatchObject({
      code: 'ERR_LAYOUT',
      target: 'field "sample.sequence"',
      message: expect.stringContaining('offset is 8 here and 16 in BTF') as string,
    })
    const resized = struct('sample', { wide: u32 })
    expect(making(object.map('events'), resized)).toMatchObject({ code: 'ERR_LAYOUT' })
    const unknown = struct('sample', { wide: u64, positive: u64 })
    expect(making(object.map('events'), unknown.view(), () => undefined)).toMatchObject({
      code: 'ERR_LAYOUT',
      target: 'field "sample.positive"',
    })
    using ring = new RingBuffer(object.map('events'), bytes(), () => undefined)
    const error = thrownBy(() => ring.add(object.map('others'), shifted, () => undefined))
    expect(error.code).toBe('ERR_LAYOUT')
  })

  test('callbacks and an iterator in one reader', () => {
    using calls = new RingBuffer(object.map('events'), bytes(), () => undefined)
    expect(thrownBy(() => calls.add(object.map('others'), bytes())).code).toBe('ERR_STATE')
    using iterates = new RingBuffer(object.map('plain'), bytes())
    const error = thrownBy(() => iterates.add(object.map('others'), bytes(), () => undefined))
    expect(error.code).toBe('ERR_STATE')
  })

  test('a map that is read already: a ring has one consumer', () => {
    using first = new RingBuffer(object.map('events'), bytes(), () => undefined)
    expect(making(object.map('events'), bytes(), () => undefined).code).toBe('ERR_BUSY')
    const add = (): unknown => first.add(object.map('events'), bytes(), () => undefined)
    expect(thrownBy(add).code).toBe('ERR_BUSY')
    first.close()
    new RingBuffer(object.map('events'), bytes(), () => undefined).close()
  })

  test('another ring, and goes on with those it has', async () => {
    const sequences: number[] = []
    using ring = new RingBuffer(object.map('events'), Sample, (s) => sequences.push(s.sequence))
    thrownBy(() => ring.add(object.map('latest'), Sample, () => undefined))
    thrownBy(() => ring.add(object.map('others'), struct('sample', { wide: u16 }), () => undefined))
    make(object, 'events', { count: 3 })
    await ring.flush()
    expect(sequences).toEqual(numbers(3))
    expect(ring.stats().rings).toHaveLength(1)
  })

  test.each([
    { batchbytes: 4096 },
    { coalesceUs: 5, timeoutMs: 1 },
    { drainintervalms: undefined },
  ])('the unknown option in %p', (options) => {
    const error = makingWith(options)
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    expect(error.message).toMatch(/^Expected one of coalesceUs, drainIntervalMs, .* for the name/)
  })

  test.each([5, 'coalesceUs', false])('%p for options', (options) => {
    const error = makingWith(options)
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  })

  test.each([
    ['coalesceUs', 0, 1_000_000],
    ['drainIntervalMs', 0, 2 ** 31 - 1],
    ['batchBytes', 4096, 2 ** 28],
    ['batchCount', 1, 64],
  ])('%s beyond %d to %d', (option, min, max) => {
    for (const value of [min - 1, max + 1, min + 0.5, NaN, Infinity]) {
      const error = makingWith({ [option]: value })
      expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
      expect(error.message).toContain(`from ${String(min)} to ${String(max)} for ${option}`)
    }
    for (const value of ['5', null, true, 5n]) {
      const error = makingWith({ [option]: value })
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    }
    for (const value of [min, max]) {
      new RingBuffer(object.map('events'), bytes(), { [option]: value }).close()
    }
  })

  test('wrong types of other options', () => {
    for (const options of [{ pollThread: 1 }, { signal: {} }, { signal: 'abort' }]) {
      const error = makingWith(options)
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    }
  })
})
