import {
  type BpfObject,
  openEventStream,
  PerfBuffer,
  RingBuffer,
  struct,
  u32,
  u64,
} from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { openObject } from '../objects.js'
import { Producer } from '../producer.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'

const Sample = struct('sample', { time_ns: u64, sequence: u32, cpu: u32 })

let object: BpfObject

describeBpf('an event stream', () => {
  expectNothingLeftOpen()

  beforeEach(() => {
    object = openObject('streams')
    object.program('to_perf').autoload = false
  })

  afterEach(() => {
    object.close()
  })

  test.each([
    ['a ring buffer', false, RingBuffer],
    ['a perf buffer', true, PerfBuffer],
  ])('through %s: the same callback and accounting', async (_, usePerfBuffer, kind) => {
    const producer = new Producer('--threads', '2', '--calls', '20000')
    object.globals['producer_tgid'] = producer.pid
    object.map('events').usePerfBuffer = usePerfBuffer
    object.load().attach()
    const last = new Map<number, number>()
    let received = 0
    let wrong = 0
    using stream = openEventStream(object, 'events', Sample, ({ sequence, cpu }) => {
      received++
      if (sequence <= (last.get(cpu) ?? -1)) wrong++
      last.set(cpu, sequence)
    })
    expect(stream).toBeInstanceOf(kind)
    await producer.run()
    object.detach()
    await stream.flush()

    const counts = object.map('produced').bytes.get(new Uint8Array(4)) as Uint8Array
    const produced = new BigUint64Array(counts.slice().buffer).reduce((a, n) => a + Number(n), 0)
    const { lost = NaN } = stream.stats()
    const { discarded = NaN } = object.map('events').producerCounts() ?? {}
    expect(discarded).toBeGreaterThan(0)
    expect(received + lost + discarded).toBe(produced)
    expect(wrong).toBe(0)
  })

  test('is a ring buffer where the kernel has them, unless told otherwise', () => {
    object.load()
    expect(object.map('events').usePerfBuffer).toBe(false)
    using stream = openEventStream(object, 'events', Sample)
    expect(stream).toBeInstanceOf(RingBuffer)
  })

  test('says that the map of the other kind was not created', () => {
    object.load()
    const perf = object.map('events__perf')
    const notCreated = {
      code: 'ERR_STATE',
      message: expect.stringMatching('did not create') as string,
    }
    expect(thrownBy(() => perf.fd)).toMatchObject(notCreated)
    expect(thrownBy(() => perf.bytes.get(new Uint8Array(4)))).toMatchObject(notCreated)
    expect(thrownBy(() => new PerfBuffer(perf, Sample))).toMatchObject(notCreated)
  })

  test('cannot change its kind after load', () => {
    object.load()
    const change = (): void => {
      object.map('events').usePerfBuffer = true
    }
    const message = 'Cannot configure map "events": the object is loaded already'
    expect(thrownBy(change)).toMatchObject({ code: 'ERR_STATE', message })
  })

  test('says of the map that its object is closed', () => {
    object.load().close()
    for (const act of [
      () => openEventStream(object, 'events', Sample),
      () => object.map('events').usePerfBuffer,
      () => object.map('events').wakeupBytes,
    ]) {
      const message = 'Cannot read map "events": it is closed'
      expect(thrownBy(act)).toMatchObject({ code: 'ERR_CLOSED', message })
    }
  })

  test.each([null, [], 5])('takes no options that are no object: %j', (options) => {
    object.load()
    const open = () => openEventStream(object, 'events', Sample, undefined, options as never)
    expect(thrownBy(open)).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    using stream = openEventStream(object, 'events', Sample)
    expect(stream.closed).toBe(false)
  })

  test('is of an object', () => {
    const open = () => openEventStream(null as never, 'events', Sample)
    expect(thrownBy(open).message).toMatch(/^Expected a BpfObject for object but received null/)
  })

  test('of a map that was declared otherwise is refused', () => {
    object.load()
    const error = thrownBy(() => openEventStream(object, 'samples', Sample))
    expect(error.code).toBe('ERR_NOT_FOUND')
    expect(error.hint).toMatch(/BPFRB_EVENT_STREAM/)
  })

  test('of no map is refused', () => {
    object.load()
    expect(thrownBy(() => openEventStream(object, 'nothing', Sample)).code).toBe('ERR_NOT_FOUND')
  })
})
