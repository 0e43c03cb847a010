// records() and batches().
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { type BpfObject, RingBuffer, type RingBufferOptions } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { make, makeBytes, numbers, openObject, Sample, sampleOf } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { rejectionOf, thrownBy } from '../thrown.js'
import { until, untilBlocking } from '../until.js'

let object: BpfObject
let ring: RingBuffer<Sample>

function iterateEvents(options?: RingBufferOptions): void {
  object = openObject('records')
  object.map('events').maxEntries = 64 * 1024
  ring = new RingBuffer(object.load().map('events'), Sample, options)
}

beforeEach(() => iterateEvents())

afterEach(() => {
  ring.close()
  object.close()
})

function withoutThread(): void {
  ring.close()
  object.close()
  iterateEvents({ pollThread: false })
}

async function take(count: number, records = ring.records()): Promise<number[]> {
  const sequences: number[] = []
  for (let i = 0; i < count; i++) {
    const { value, done } = await records.next()
    if (done === true) break
    sequences.push(value.sequence)
  }
  await records.return?.()
  return sequences
}

function sequencesOf(results: IteratorResult<Sample, undefined>[]): number[] {
  return results.flatMap((result) => (result.done === true ? [] : [result.value.sequence]))
}

const atEnd = { done: true, value: undefined }

describeBpf('records()', () => {
  expectNothingLeftOpen()

  test('iterates in order', async () => {
    make(object, 'events', { count: 99 })
    const samples: Sample[] = []
    for await (const sample of ring.records()) {
      samples.push(sample)
      if (samples.length === 99) break
    }
    expect(samples).toEqual(numbers(99).map(sampleOf))
  })

  test('is what a reader iterates over', async () => {
    make(object, 'events', { count: 3 })
    let last = 0
    for await (const { sequence } of ring) {
      last = sequence
      if (sequence === 3) break
    }
    expect(last).toBe(3)
  })

  test('waits for records', async () => {
    const records = ring.records()
    for (let sequence = 1; sequence <= 20; sequence++) {
      const next = records.next()
      await new Promise((resolve) => setImmediate(resolve))
      make(object, 'events', { count: 1, first: sequence })
      expect(await next).toMatchObject({ done: false, value: { sequence } })
    }
  })

  test('goes on after a break', async () => {
    make(object, 'events', { count: 10 })
    expect(await take(3)).toEqual([1, 2, 3])
    expect(await take(1)).toEqual([4])
    make(object, 'events', { count: 2, first: 11 })
    expect(await take(8)).toEqual(numbers(8, 5))
    expect(ring.closed).toBe(false)
  })

  test('answers overlapping calls in order', async () => {
    const records = ring.records()
    const results = numbers(6).map(() => records.next())
    make(object, 'events', { count: 4 })
    const first = await Promise.all(results.slice(0, 4))
    expect(first.map(({ value }) => (value as Sample).sequence)).toEqual(numbers(4))
    ring.close()
    expect(await Promise.all(results.slice(4))).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ])
  })

  test('two calls that wait all the time get each its own record', async () => {
    const records = ring.records()
    const results = [records.next(), records.next()]
    for (const sequence of numbers(200)) {
      results.push(records.next())
      make(object, 'events', { count: 1, first: sequence })
      await turn()
    }
    expect(sequencesOf(await Promise.all(results.slice(0, 200)))).toEqual(numbers(200))
  })

  test('return() while calls wait takes no record from the next iterator', async () => {
    const left = ring.records()
    const waiting = [left.next(), left.next()]
    await turn()
    await left.return?.()
    const records = ring.records()
    const results = numbers(50).map(() => records.next())
    make(object, 'events', { count: 50 })
    expect(await Promise.all(waiting)).toEqual([atEnd, atEnd])
    expect(sequencesOf(await Promise.all(results))).toEqual(numbers(50))
    expect(ring.stats()).toMatchObject({ records: 50, undelivered: 0 })
  })

  test('polled by iterators that are left loses none', async () => {
    const sequences: number[] = []
    for (let poll = 1; poll <= 40; poll++) {
      const records = ring.records()
      const next = records.next()
      await Promise.race([next, turn()])
      await records.return?.()
      sequences.push(...sequencesOf([await next]))
      if (poll % 4 === 0) make(object, 'events', { count: 10, first: 2.5 * poll - 9 })
    }
    sequences.push(...(await take(100 - sequences.length)))
    expect(sequences).toEqual(numbers(100))
  })

  test('polled by Promise.race() loses none', async () => {
    const sequences: number[] = []
    const records = ring.records()
    let next: Promise<IteratorResult<Sample, undefined>> | undefined
    for (let made = 0; sequences.length < 100;) {
      if (made < 100) make(object, 'events', { count: 1, first: ++made })
      next ??= records.next()
      const won = await Promise.race([next, turn()])
      if (won === undefined) continue
      next = undefined
      sequences.push(...sequencesOf([won]))
    }
    expect(sequences).toEqual(numbers(100))
  })

  test('in a Readable that is destroyed while it waits', async () => {
    const readable = Readable.from(ring.records())
    const sequences: number[] = []
    readable.on('data', ({ sequence }: Sample) => sequences.push(sequence))
    make(object, 'events', { count: 10 })
    await until(() => sequences.length === 10)
    readable.destroy()
    await once(readable, 'close')
    make(object, 'events', { count: 50, first: 11 })
    expect(await take(50)).toEqual(numbers(50, 11))
  })

  test('refuses a second iterator while one is in use', async () => {
    const records = ring.records()
    for (const again of [() => ring.records(), () => ring.batches()]) {
      expect(thrownBy(again)).toMatchObject({
        code: 'ERR_STATE',
        operation: 'iterate over',
        target: 'map "events"',
      })
    }
    await records.return?.()
    expect(await records.next()).toEqual({ done: true, value: undefined })
    make(object, 'events', { count: 1 })
    expect(await take(1)).toEqual([1])
  })

  test('an iterator that has ended does not end the next one', async () => {
    const first = ring.records()
    await first.return?.()
    const second = ring.records()
    await first.return?.()
    await first.next()
    expect(thrownBy(() => ring.records()).code).toBe('ERR_STATE')
    make(object, 'events', { count: 1 })
    expect(await second.next()).toMatchObject({ value: { sequence: 1 } })
  })

  test('ends when the reader is closed while it waits', async () => {
    const next = ring.records().next()
    await new Promise((resolve) => setImmediate(resolve))
    ring.close()
    expect(await next).toEqual({ done: true, value: undefined })
  })

  test('ends when the reader is closed within the loop', async () => {
    make(object, 'events', { count: 10 })
    const sequences: number[] = []
    for await (const { sequence } of ring.records()) {
      sequences.push(sequence)
      if (sequence === 3) ring.close()
    }
    expect(sequences).toEqual([1, 2, 3])
    expect(ring.stats()).toMatchObject({ records: 3, undelivered: 7 })
  })

  test('of a closed reader is at its end', async () => {
    ring.close()
    expect(await take(1)).toEqual([])
  })

  test.each(['records', 'batches'] as const)(
    '%s(): a record that is too short is an error, and the next iterator goes on',
    async (method) => {
      make(object, 'events', { count: 2 })
      makeBytes(object, 16, 7)
      makeBytes(object, 8, 8)
      make(object, 'events', { count: 2, first: 3 })
      await ring.flush()
      const sequences: number[] = []
      const lengths: unknown[] = []
      while (sequences.length < 4) {
        const error = await rejectionOf(
          (async () => {
            for await (const item of ring[method]()) {
              sequences.push(...[item].flat().map(({ sequence }) => sequence))
              if (sequences.length === 4) throw new Error('all')
            }
          })(),
        )
        if (error.message !== 'all') {
          expect(error).toMatchObject({ code: 'ERR_RECORD_TOO_SHORT', target: 'sample' })
          lengths.push(error.bytes?.length)
        }
      }
      expect(sequences).toEqual(numbers(4))
      expect(lengths).toEqual([16, 8])
      expect(ring.stats().undelivered).toBe(0)
    },
  )

  test('of a reader with callbacks is an error', () => {
    using calls = new RingBuffer(object.map('others'), Sample, () => undefined)
    expect(thrownBy(() => calls.records()).code).toBe('ERR_STATE')
    expect(thrownBy(() => calls.batches()).code).toBe('ERR_STATE')
    expect(thrownBy(() => calls[Symbol.asyncIterator]()).code).toBe('ERR_STATE')
  })

  test('is refused for a view, which does not outlive its turn', () => {
    const error = thrownBy(() => new RingBuffer(object.map('others'), Sample.view()))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  })

  test('over several rings says of each record where it comes from', async () => {
    const both = ring.add(object.map('plain'), Sample)
    make(object, 'events', { count: 2 })
    make(object, 'plain', { count: 2, first: 3 })
    const found: [string, number][] = []
    for await (const { source, record } of both.records()) {
      found.push([source, record.sequence])
      if (found.length === 4) break
    }
    const expected = [
      ['events', 1],
      ['events', 2],
      ['plain', 3],
      ['plain', 4],
    ]
    expect(found.sort(([, a], [, b]) => a - b)).toEqual(expected)
    expect(thrownBy(() => both.add(object.map('others'), Sample)).code).toBe('ERR_STATE')
  })

  test('without a poll thread gives what flush() found', async () => {
    withoutThread()
    make(object, 'events', { count: 3 })
    const next = ring.records().next()
    await ring.flush()
    expect(await next).toMatchObject({ value: { sequence: 1 } })
  })

  test('counts as delivered what was handed out', async () => {
    withoutThread()
    make(object, 'events', { count: 5 })
    await ring.flush()
    expect(ring.stats()).toMatchObject({ records: 0, undelivered: 5 })
    const records = ring.records()
    await records.next()
    await records.next()
    expect(ring.stats()).toMatchObject({ records: 2, undelivered: 3, lost: 0 })
    await take(3, records)
    expect(ring.stats()).toMatchObject({ records: 5, undelivered: 0, bytes: 5 * 64 })
  })
})

describeBpf('batches()', () => {
  expectNothingLeftOpen()

  test('gives all records in order', async () => {
    for (let i = 0; i < 10; i++) make(object, 'events', { count: 10, first: 10 * i + 1 })
    const sequences: number[] = []
    for await (const batch of ring.batches()) {
      expect(batch.length).toBeGreaterThan(0)
      sequences.push(...batch.map(({ sequence }) => sequence))
      if (sequences.length === 100) break
    }
    expect(sequences).toEqual(numbers(100))
  })

  test('gives what another iterator left', async () => {
    withoutThread()
    make(object, 'events', { count: 10 })
    await ring.flush()
    expect(await take(4)).toEqual(numbers(4))
    const { value } = (await ring.batches().next()) as { value: Sample[] }
    expect(value.map(({ sequence }) => sequence)).toEqual(numbers(6, 5))
  })

  test('are as large as the load makes them', async () => {
    ring.records() // starts the poll thread
    ring.close()
    object.close()
    iterateEvents()
    const batches = ring.batches()
    make(object, 'events', { count: 500 })
    untilBlocking(() => ring.stats().rings[0]?.availableBytes === 0)
    let records = 0
    let count = 0
    while (records < 500) {
      const { value } = (await batches.next()) as { value: Sample[] }
      records += value.length
      count++
    }
    expect(count).toBeLessThan(50)
    // One that takes long to decode comes in parts.
    expect(ring.stats().batches).toBeLessThanOrEqual(count)
  })

  test('end when the reader is closed', async () => {
    make(object, 'events', { count: 10 })
    await ring.flush()
    let batches = 0
    for await (const batch of ring.batches()) {
      batches++
      expect(batch).toHaveLength(10)
      ring.close()
    }
    expect(batches).toBe(1)
  })
})
