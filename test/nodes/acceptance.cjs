// acceptance.cjs FEATURE: uses the package as a program would, and prints "works".
// Without an argument it prints the names of the features. For runtimes that do
// not run jest.
'use strict'
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { resolve } = require('node:path')
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads')
const {
  array,
  bool,
  bytes,
  cstring,
  i16,
  i32,
  i64,
  i8,
  ktime,
  loadRecords,
  make,
  openObject,
  PerfBuffer,
  RingBuffer,
  sequenceOf,
  startProducer,
  struct,
  u16,
  u32,
  u64,
} = require('../process/scripts/setup.cjs')

/** struct sample of records.bpf.c */
const Sample = struct('sample', {
  wide: u64,
  negative: i64,
  sequence: u32,
  minus: i32,
  half: u16,
  small: i8,
  even: bool,
  name: cstring(16),
  points: array(struct('point', { x: i16, y: i16 }), 2),
  raw: bytes(3),
  kind: u32,
})

/** struct sample of streams.bpf.c */
const PerfSample = struct('sample', { time_ns: u64, sequence: u32, cpu: u32 })

function ignore() {
  // the records do not matter
}

function numbers(count) {
  return Array.from({ length: count }, (_, i) => i + 1)
}

function errorOf(action) {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('Nothing was thrown')
}

function sumOf(counts) {
  return counts.reduce((sum, count) => sum + count, 0)
}

const features = {
  'objects: open, load, run, look up, close'() {
    const object = openObject('records')
    object.map('events').maxEntries = 100_000
    object.load()
    assert.equal(object.map('events').maxEntries, 128 * 1024)
    make(object, 3)
    const latest = object.map('latest').bytes.get(Uint8Array.of(0x65, 0, 0, 0))
    assert.equal(sequenceOf(latest), 3)
    object.close()
    assert.equal(object.phase, 'closed')
  },

  async 'objects: globals and attach'() {
    const producer = await startProducer('--calls', '50')
    const object = openObject('flood')
    object.globals.producer_tgid = producer.pid
    object.globals.records_per_call = 2
    object.load().attach()
    producer.start()
    await producer.exited
    object.detach()
    assert.ok(Number(object.globals.produced) >= 100)
    object.close()
  },

  async 'records to a typed callback'() {
    const object = loadRecords()
    const samples = []
    const ring = new RingBuffer(object.map('events'), Sample, (sample) => samples.push(sample))
    make(object, 40)
    while (samples.length < 40) await new Promise((resolve) => setTimeout(resolve, 1))
    ring.close()
    const { raw, ...others } = samples[6]
    assert.deepEqual([...raw], [7, 0, 0])
    assert.deepEqual(others, {
      wide: 0x700000007n,
      negative: -7n,
      sequence: 7,
      minus: -7,
      half: 7,
      small: -7,
      even: false,
      name: 's-7',
      points: [
        { x: 7, y: -7 },
        { x: 8, y: -8 },
      ],
      kind: 0,
    })
    object.close()
  },

  async 'records to an iterator'() {
    const object = loadRecords()
    const ring = new RingBuffer(object.map('events'), Sample)
    make(object, 40)
    const sequences = []
    for await (const { sequence } of ring.records()) {
      if (sequences.push(sequence) === 40) break
    }
    assert.deepEqual(sequences, numbers(40))
    ring.close()
    object.close()
  },

  async 'batches to an iterator'() {
    const object = loadRecords()
    const ring = new RingBuffer(object.map('events'), Sample)
    make(object, 40)
    const sequences = []
    for await (const samples of ring.batches()) {
      sequences.push(...samples.map(({ sequence }) => sequence))
      if (sequences.length === 40) break
    }
    assert.deepEqual(sequences, numbers(40))
    ring.close()
    object.close()
  },

  async 'several rings in one reader'() {
    const object = loadRecords()
    const sequences = []
    const others = []
    const ring = new RingBuffer(object.map('events'), bytes(), (record) =>
      sequences.push(sequenceOf(record)),
    )
    ring.add(object.map('others'), Sample, ({ sequence }) => others.push(sequence))
    make(object, 20)
    object.program('make_others').testRun({ context: Uint32Array.of(10, 1, 0, 0) })
    await ring.flush()
    assert.deepEqual([sequences, others], [numbers(20), numbers(10)])
    ring.close()
    object.close()
  },

  'consume() without a thread'() {
    const object = loadRecords()
    const sequences = []
    const ring = new RingBuffer(
      object.map('events'),
      Sample,
      ({ sequence }) => sequences.push(sequence),
      { pollThread: false },
    )
    make(object, 10)
    assert.equal(ring.consume(), 10)
    assert.deepEqual(sequences, numbers(10))
    ring.close()
    object.close()
  },

  async 'flush(), end() and statistics'() {
    const object = loadRecords()
    let records = 0
    const ring = new RingBuffer(object.map('events'), Sample, () => records++)
    make(object, 2000)
    await ring.flush()
    const { lost } = ring.stats()
    assert.equal(records + lost, 2000)
    make(object, 10)
    await ring.end()
    assert.equal(ring.closed, true)
    assert.equal(records + lost, 2010)
    assert.equal(ring.stats().records, records)
    object.close()
  },

  async 'a perf buffer, with what it lost'() {
    const producer = await startProducer('--calls', '2000')
    const object = openObject('streams')
    object.program('to_stream').autoload = false
    object.globals.producer_tgid = producer.pid
    object.globals.records_per_call = 50
    object.load().attach()
    let received = 0
    let wrong = 0
    const perf = new PerfBuffer(
      object.map('samples'),
      PerfSample,
      (sample, cpu) => {
        received++
        if (sample.cpu !== cpu) wrong++
      },
      { pagesPerCpu: 1 },
    )
    producer.start()
    await producer.exited
    object.detach()
    await perf.flush()
    const counts = new BigUint64Array(
      object.map('produced').bytes.get(new Uint8Array(4)).slice().buffer,
    )
    const { lost } = perf.stats()
    assert.equal(wrong, 0)
    assert.ok(received > 0 && lost > 0)
    assert.equal(received + lost, sumOf([...counts].map(Number)))
    perf.close()
    object.close()
  },

  async 'times of records are those of the wall clock'() {
    const producer = await startProducer('--calls', '10')
    const object = openObject('streams')
    object.program('to_stream').autoload = false
    object.globals.producer_tgid = producer.pid
    object.load().attach()
    const times = []
    const Timed = struct('sample', { time_ns: ktime, sequence: u32, cpu: u32 })
    const perf = new PerfBuffer(object.map('samples'), Timed, ({ time_ns: time }) => {
      times.push(time.getTime())
    })
    const before = Date.now()
    producer.start()
    await producer.exited
    object.detach()
    await perf.flush()
    const after = Date.now()
    // It is known to some milliseconds, while it may be set.
    const isNear = (ms) => before - 10 <= ms && ms <= after + 10
    assert.ok(times.length > 0 && times.every(isNear), `${times} in ${before} to ${after}`)
    perf.close()
    object.close()
  },

  'AbortSignal closes a reader'() {
    const object = loadRecords()
    const controller = new AbortController()
    const { signal } = controller
    const ring = new RingBuffer(object.map('events'), bytes(), ignore, { signal })
    controller.abort()
    assert.equal(ring.closed, true)
    object.close()
  },

  async 'Symbol.dispose and Symbol.asyncDispose close it'() {
    const object = loadRecords()
    const ring = new RingBuffer(object.map('events'), bytes(), ignore)
    ring[Symbol.dispose]()
    assert.equal(ring.closed, true)
    let records = 0
    const other = new RingBuffer(object.map('events'), bytes(), () => records++)
    make(object, 10)
    await other[Symbol.asyncDispose]()
    assert.deepEqual([other.closed, records], [true, 10])
    object[Symbol.dispose]()
    assert.equal(object.phase, 'closed')
  },

  'errors have code, errno, hint and the log'() {
    const rejected = errorOf(() => openObject('rejected').load())
    assert.equal(rejected.name, 'VerifierError')
    assert.ok(rejected.errno < 0 && rejected.log.length > 100)
    const missing = errorOf(() => openObject('nothing'))
    assert.equal(missing.code, 'ERR_FILE_NOT_FOUND')
    const layout = errorOf(
      () =>
        new RingBuffer(loadRecords().map('events'), struct('sample', { wide: u64, other: u32 })),
    )
    assert.equal(layout.code, 'ERR_LAYOUT')
    assert.ok(layout.hint.length > 0)
  },

  async 'import by names'() {
    const path = resolve(__dirname, '../../dist/index.js')
    const { default: library, ...names } = await import(path)
    assert.equal(library.RingBuffer, RingBuffer)
    for (const name of Object.keys(library)) assert.equal(names[name], library[name], name)
  },

  async 'terminate() ends a worker that never waits'() {
    const turns = new Int32Array(new SharedArrayBuffer(4))
    const worker = new Worker(__filename, { workerData: turns })
    await once(worker, 'message')
    await worker.terminate()
    const turnsThen = turns[0]
    await new Promise((resolve) => setTimeout(resolve, 500))
    assert.equal(turns[0], turnsThen, 'The worker runs on')
  },
}

/** Opens and closes all the time. */
function neverWait(turns) {
  for (;;) {
    const object = loadRecords()
    const ring = new RingBuffer(object.map('events'), bytes(), ignore)
    if (turns[0]++ === 3) parentPort.postMessage('turns')
    ring.close()
    object.close()
  }
}

void (async () => {
  const name = process.argv[2]
  if (!isMainThread) neverWait(workerData)
  else if (name === undefined) console.log(Object.keys(features).join('\n'))
  else {
    await features[name]()
    console.log('works')
  }
})()
