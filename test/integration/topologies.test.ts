// Many rings and one reader: which records come through which ring.
import { cpus } from 'node:os'
import {
  type BpfMap,
  type BpfObject,
  type Descriptor,
  RingBuffer,
  struct,
  u32,
  u64,
  u8,
  type Value,
} from '../../lib/index.js'
import { addon } from '../../lib/addon/addon.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { openObject } from '../objects.js'
import { Producer } from '../producer.js'
import { describeBpf } from '../require-bpf.js'
import { until } from '../until.js'

/** struct event of topologies.bpf.c */
const Event = struct('event', { time_ns: u64, tgid: u32, cpu: u32 })
type Event = Value<typeof Event>
type Sourced = Event & { source: string }

const calls = 100

describeBpf('one reader', () => {
  expectNothingLeftOpen()

  let object: BpfObject
  let producers: Producer[]
  let seen: Sourced[]

  beforeEach(() => {
    object = openObject('topologies')
    producers = []
    seen = []
  })

  afterEach(() => {
    object.close()
    for (const producer of producers) producer.kill()
  })

  const collect = (event: Event, source: string): void => void seen.push({ ...event, source })

  /** A process whose system calls are seen, each from a CPU of these. */
  async function produce(cpu: number): Promise<Producer> {
    const producer = new Producer('--threads', '1', '--cpu', String(cpu), '--calls', String(calls))
    producers.push(producer)
    await producer.waiting()
    object.map('producers', { key: u32, value: u8 }).set(producer.pid, 1)
    return producer
  }

  /** Rings of a map of rings, and a reader of them all. */
  function readRings(
    outer: BpfMap<number, unknown, Descriptor>,
    count: number,
    sizeBytes: number,
  ): RingBuffer<Event> {
    let reader: RingBuffer<Event> | undefined
    for (let i = 0; i < count; i++) {
      using ring = outer.createInner({ maxEntries: sizeBytes, name: `${outer.name}_${String(i)}` })
      outer.set(i, ring)
      reader = reader?.add(ring, Event, collect) ?? new RingBuffer(ring, Event, collect)
    }
    return reader as RingBuffer<Event>
  }

  /** Runs a program while producers on each CPU make system calls; counts what it lost. */
  async function run(program: string, processes: number): Promise<Producer[]> {
    const online = cpus().length
    const running: Producer[] = []
    for (let i = 0; i < processes; i++) running.push(await produce(i % online))
    object.program(program).attach()
    await Promise.all(running.map((producer) => producer.run()))
    object.detach()
    await object.detached()
    return running
  }

  /** Each event is there or counted, and those of a process are in their order. */
  function expectWhole(running: Producer[], lost: number): void {
    expect(seen.length + lost).toBe(Number(object.globals['produced']))
    expect(seen.length).toBeGreaterThanOrEqual(calls * running.length - lost)
    for (const { pid } of running) {
      const times = seen.filter(({ tgid }) => tgid === pid).map(({ time_ns: timeNs }) => timeNs)
      // A busy machine may lose all of one of them.
      expect(times.length).toBeGreaterThanOrEqual(calls - lost)
      expect(times).toEqual([...times].sort((a, b) => Number(a - b)))
    }
  }

  /** What the program counted for the rings that were made at run time. */
  function lostOfRings(): number {
    const counters = object.map('counters').entries() as IterableIterator<
      [number, { lost: bigint }[]]
    >
    return [...counters].reduce(
      (sum, [, ofCpus]) => ofCpus.reduce((part, { lost }) => part + Number(lost), sum),
      0,
    )
  }

  test('of one ring for all CPUs gets the events of all', async () => {
    object.load()
    using reader = new RingBuffer(object.map('shared'), Event, collect)
    const running = await run('to_shared', 2 * cpus().length)
    await reader.flush()
    expectWhole(running, reader.stats().lost ?? NaN)
    expect(new Set(seen.map(({ source }) => source))).toEqual(new Set(['shared']))
    expect(new Set(seen.map(({ cpu }) => cpu)).size).toBe(cpus().length)
  })

  test('of a ring for each CPU, made at run time, tells the CPU by the ring', async () => {
    const count = addon().possibleCpus()
    object.map('cpu_rings').maxEntries = count
    object.load()
    using reader = readRings(object.map('cpu_rings', { key: u32 }), count, 1 << 16)
    const running = await run('to_cpu', 2 * cpus().length)
    await reader.flush()
    expectWhole(running, lostOfRings())
    for (const { cpu, source } of seen) expect(source).toBe(`cpu_rings_${String(cpu)}`)
    expect(new Set(seen.map(({ source }) => source)).size).toBe(cpus().length)
    // Nobody counts for rings that were not declared by the header.
    expect(reader.stats()).toMatchObject({ lost: undefined })
    expect(reader.stats().rings.map(({ name }) => name)).toHaveLength(count)
  })

  test('of a pool of rings finds all of a process in the same ring', async () => {
    const size = 3
    object.globals['pool_size'] = size
    object.load()
    // So small that some are lost.
    using reader = readRings(object.map('pool', { key: u32 }), size, 4096)
    const running = await run('to_pool', 6)
    await reader.flush()
    expectWhole(running, lostOfRings())
    const hash = (tgid: number): number => (Math.imul(tgid, 2654435761) >>> 0) % size
    for (const { tgid, source } of seen) expect(source).toBe(`pool_${String(hash(tgid))}`)
  })

  test('by an iterator yields what ring each event is from', async () => {
    const size = 2
    object.globals['pool_size'] = size
    object.load()
    const outer = object.map('pool', { key: u32 })
    const [first, second] = [0, 1].map((i) => {
      const ring = outer.createInner({ maxEntries: 1 << 16, name: `pool_${String(i)}` })
      outer.set(i, ring)
      return ring
    }) as [BpfMap, BpfMap]
    using reader = new RingBuffer(first, Event).add(second, Event)
    const running = await run('to_pool', 4)
    const expected = Number(object.globals['produced']) - lostOfRings()
    for await (const { source, record } of reader) {
      seen.push({ ...record, source })
      if (seen.length === expected) break
    }
    first.close()
    second.close()
    expectWhole(running, lostOfRings())
    expect(seen.every(({ source }) => source.startsWith('pool_'))).toBe(true)
  })

  // How long an event is under way: bench/quiet-ring.ts.
  test('does not let a flooded ring starve a quiet one', async () => {
    object.globals['pool_size'] = 2
    object.load()
    const outer = object.map('pool', { key: u32 })
    const rings = [0, 1].map((i) =>
      outer.createInner({ maxEntries: 1 << 18, name: `r${String(i)}` }),
    )
    rings.forEach((ring, i) => outer.set(i, ring))
    let flooded = 0
    let events = 0
    const hash = (tgid: number): number => (Math.imul(tgid, 2654435761) >>> 0) % 2
    const flood = new Producer('--threads', '1', '--seconds', '60')
    producers.push(flood)
    const busy = hash(flood.pid)
    // One whose process id leads to the other ring.
    let quiet = new Producer('--threads', '1', '--calls', '100', '--pause-us', '10000')
    producers.push(quiet)
    while (hash(quiet.pid) === busy) {
      quiet = new Producer('--threads', '1', '--calls', '100', '--pause-us', '10000')
      producers.push(quiet)
    }
    using reader = new RingBuffer(rings[busy] as BpfMap, Event, () => {
      flooded++
    })
    reader.add(rings[1 - busy] as BpfMap, Event, () => {
      events++
    })
    for (const producer of [flood, quiet]) {
      await producer.waiting()
      object.map('producers', { key: u32, value: u8 }).set(producer.pid, 1)
    }
    object.program('to_pool').attach()
    void flood.run()
    await quiet.run()
    // While the flood goes on.
    await until(() => events >= 100)
    const before = flooded
    await until(() => flooded > before)
    flood.kill()
    for (const ring of rings) ring.close()
  })
})
