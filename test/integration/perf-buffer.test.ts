import {
  type BpfObject,
  bytes,
  PerfBuffer,
  type PerfBufferOptions,
  struct,
  u32,
  u64,
  type Value,
} from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { openObject } from '../objects.js'
import { Producer } from '../producer.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'
import { until } from '../until.js'

/** struct sample of streams.bpf.c */
const Sample = struct('sample', { time_ns: u64, sequence: u32, cpu: u32 })
type Sample = Value<typeof Sample>

let object: BpfObject
let producer: Producer

async function produce(recordsPerCall: number, ...args: string[]): Promise<void> {
  producer = new Producer(...args)
  await producer.waiting()
  object.globals['producer_tgid'] = producer.pid
  object.globals['records_per_call'] = recordsPerCall
  object.load().attach()
}

/** Attempts that the program counted, of all CPUs. */
function produced(): number {
  const counts = object.map('produced').bytes.get(new Uint8Array(4)) as Uint8Array
  return new BigUint64Array(counts.slice().buffer).reduce((sum, n) => sum + Number(n), 0)
}

/** Checks the order of each CPU. */
class Order {
  received = 0
  wrong = 0
  readonly #next = new Map<number, number>()

  add({ sequence, cpu }: Sample, of = cpu): void {
    this.received++
    if (of !== cpu || sequence < (this.#next.get(cpu) ?? 0)) this.wrong++
    this.#next.set(cpu, sequence + 1)
  }
}

async function stream(options: PerfBufferOptions, ...args: string[]) {
  const order = new Order()
  let toldLost = 0
  await produce(50, ...args)
  using perf = new PerfBuffer(
    object.map('samples'),
    Sample,
    (sample, cpu) => {
      order.add(sample, cpu)
    },
    {
      onLost: (lost) => {
        toldLost += lost
      },
      ...options,
    },
  )
  await producer.run()
  object.detach()
  await perf.flush()
  return { order, stats: perf.stats(), toldLost }
}

describeBpf('a PerfBuffer', () => {
  expectNothingLeftOpen()

  beforeEach(() => {
    object = openObject('streams')
    object.program('to_stream').autoload = false
  })

  afterEach(() => {
    producer.kill()
    object.close()
  })

  test.each<[string, PerfBufferOptions]>([
    ['by default', {}],
    ['of a page a CPU', { pagesPerCpu: 1 }],
    ['by events', { wakeupEvents: 1 }],
    ['by many events', { wakeupEvents: 1000 }],
    ['not coalesced', { coalesceUs: 0 }],
    ['with a watermark of its own', { watermarkBytes: 100 }],
    ['in small batches', { batchBytes: 4096, batchCount: 1 }],
  ])('%s: received + lost = produced, in order on each CPU', async (_, options) => {
    const { order, stats } = await stream(options, '--threads', '3', '--calls', '400')
    expect(order.wrong).toBe(0)
    expect(order.received).toBeGreaterThan(0)
    expect(order.received + (stats.lost ?? NaN)).toBe(produced())
    expect(stats).toMatchObject({ records: order.received, undelivered: 0 })
  })

  test('tells what was lost, in its place and by CPU', async () => {
    const { stats, toldLost } = await stream({ pagesPerCpu: 1 }, '--calls', '20000', '--cpu', '0')
    const [map] = stats.maps
    const byKernel = (map?.lostByCpu ?? []).reduce((sum, lost) => sum + lost, 0)
    expect(byKernel).toBeGreaterThan(0)
    expect(toldLost).toBe(byKernel)
    // The kernel has not told of the last ones.
    expect(byKernel).toBeLessThanOrEqual(stats.lost as number)
    expect(map?.lostByCpu.slice(1)).toEqual(map?.lostByCpu.slice(1).map(() => 0))
  })

  test('reads the chosen CPUs; what others send is lost and counted', async () => {
    const { order, stats } = await stream({ cpus: [1] }, '--calls', '100', '--cpu', '0')
    expect(order.received).toBe(0)
    expect(stats.lost).toBe(produced())
    expect(stats.maps[0]?.cpus).toBe(1)
  })

  test('drains what stays below the watermark', async () => {
    await produce(1, '--calls', '1', '--cpu', '0')
    const received: Sample[] = []
    using perf = new PerfBuffer(object.map('samples'), Sample, (sample) => {
      received.push(sample)
    })
    await producer.run()
    await until(() => received.length > 0)
    expect(perf.stats().records).toBe(received.length)
  })

  test('iterates', async () => {
    await produce(10, '--calls', '50', '--cpu', '0')
    using perf = new PerfBuffer(object.map('samples'), Sample)
    const order = new Order()
    const iteration = (async () => {
      for await (const sample of perf.records()) order.add(sample)
    })()
    await producer.run()
    object.detach()
    await perf.end()
    await iteration
    // Lost is what the producer did before there were buffers.
    expect(order.received + (perf.stats().lost ?? NaN)).toBe(produced())
    expect(order.wrong).toBe(0)
  })

  test('consumes by hand, and shows what is queued', async () => {
    await produce(1, '--calls', '20', '--cpu', '1')
    let received = 0
    using perf = new PerfBuffer(object.map('samples'), Sample, () => received++, {
      pollThread: false,
    })
    await producer.run()
    object.detach()
    expect(perf.stats().maps[0]?.availableBytes).toBeGreaterThan(20 * 16)
    expect(perf.consume()).toBe(received)
    expect(received + (perf.stats().lost ?? NaN)).toBe(produced())
    expect(perf.stats().maps[0]?.availableBytes).toBe(0)
  })

  test.each([
    ['as they come without', {}, false],
    // Longer than any pause of the poll thread between two CPUs.
    ['in order with', { orderBy: 'time_ns', orderWindowMs: 10_000 }, true],
  ])('delivers %s ordering', async (_, options, ordered) => {
    // Two threads on each of two CPUs, and a buffer that is drained now and then.
    await produce(20, '--threads', '4', '--calls', '2000')
    const times: bigint[] = []
    using perf = new PerfBuffer(
      object.map('samples'),
      Sample,
      ({ time_ns }) => times.push(time_ns),
      options,
    )
    await producer.run()
    object.detach()
    await perf.flush()
    const { records, undelivered, lost = NaN, late } = perf.stats()
    expect(records).toBe(times.length)
    expect(undelivered).toBe(0)
    expect(times.length + lost).toBe(produced())
    const inversions = times.filter((time, i) => time < (times[i - 1] ?? 0n)).length
    // Without, it depends on when which CPU was drained.
    if (ordered) expect(inversions).toBe(0)
    expect(late).toBe(0)
  })

  test('does not order by what is no time, nor for iterators', async () => {
    await produce(1, '--calls', '1')
    const map = object.map('samples')
    for (const orderBy of ['cpu', 'nothing']) {
      const error = thrownBy(() => new PerfBuffer(map, Sample, () => undefined, { orderBy }))
      expect(error.code).toBe('ERR_INVALID_ARG_TYPE')
    }
    const error = thrownBy(() => new PerfBuffer(map, Sample, { orderBy: 'time_ns' }))
    expect(error.code).toBe('ERR_INVALID_ARG_TYPE')
  })

  test('pads records to a multiple of 8 bytes, as documented', async () => {
    await produce(1, '--calls', '3', '--cpu', '0')
    const lengths: number[] = []
    using perf = new PerfBuffer(object.map('samples'), bytes(), (record) => {
      lengths.push(record.length)
    })
    await producer.run()
    object.detach()
    await perf.flush()
    for (const length of lengths) expect(length - Sample.size).toBeLessThan(8)
  })

  test.each<[string, PerfBufferOptions, string, RegExp]>([
    ['pages that are no power of two', { pagesPerCpu: 3 }, 'ERR_OUT_OF_RANGE', /power of two/],
    ['no pages', { pagesPerCpu: 0 }, 'ERR_OUT_OF_RANGE', /pagesPerCpu/],
    ['a CPU that is not there', { cpus: [4000] }, 'ERR_OUT_OF_RANGE', /online \(0/],
    ['a CPU twice', { cpus: [0, 0] }, 'ERR_OUT_OF_RANGE', /different CPUs/],
    ['two wake-ups', { watermarkBytes: 8, wakeupEvents: 1 }, 'ERR_INVALID_ARG_TYPE', /one of/],
    ['no events', { wakeupEvents: 0 }, 'ERR_OUT_OF_RANGE', /wakeupEvents/],
    ['a watermark beyond the buffer', { watermarkBytes: 2 ** 30 }, 'ERR_OUT_OF_RANGE', /watermark/],
  ])('refuses %s', async (_, options, code, message) => {
    await produce(1, '--calls', '1')
    const error = thrownBy(() => new PerfBuffer(object.map('samples'), Sample, options))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
  })

  test('refuses a map that is no perf event array, and unknown options', async () => {
    await produce(1, '--calls', '1')
    expect(thrownBy(() => new PerfBuffer(object.map('produced'), Sample)).code).toBe('ERR_MAP_TYPE')
    const options = { pages: 4 } as PerfBufferOptions
    const error = thrownBy(() => new PerfBuffer(object.map('samples'), Sample, options))
    expect(error.code).toBe('ERR_INVALID_ARG_TYPE')
  })
})
