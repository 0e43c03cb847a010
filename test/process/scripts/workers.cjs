// workers.cjs CASE: readers in worker threads.
'use strict'
const { once } = require('node:events')
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads')
const {
  held,
  loadFlood,
  loadRecords,
  make,
  openObject,
  RingBuffer,
  bytes,
  startProducer,
  u64,
  UserRingBuffer,
  until,
  untilReleased,
} = require('./setup.cjs')

/** What a worker does. */
const roles = {
  /** Streams until it is told to stop, then says what it received. */
  async stream({ producerPid }) {
    const object = loadFlood(producerPid).attach()
    let records = 0
    const ring = new RingBuffer(object.map('events'), u64, () => {
      if (++records === 1000) parentPort.postMessage('streaming')
    })
    await once(parentPort, 'message')
    object.detach()
    await object.detached()
    await ring.flush()
    const { lost } = ring.stats()
    parentPort.postMessage({ records, lost, produced: Number(object.globals.produced) })
    ring.close()
    object.close()
    parentPort.close?.() // Deno has none
  },

  /** Streams and calls into the addon all the time. */
  busy({ producerPid }) {
    const object = loadFlood(producerPid).attach()
    let records = 0
    const ring = new RingBuffer(
      object.map('events'),
      u64,
      () => {
        ring.stats()
        void object.globals.produced
        if (++records === 1000) parentPort.postMessage('streaming')
      },
      { batchBytes: 4096, coalesceUs: 0 },
    )
    const iterates = new RingBuffer(loadRecords().map('events'), bytes())
    void iterates.batches().next()
  },

  /** Opens and closes all the time. */
  cycle({ producerPid }) {
    for (let i = 0; ; i++) {
      const object = loadFlood(producerPid)
      const ring = new RingBuffer(object.map('events'), u64, () => undefined)
      if (i === 3) parentPort.postMessage('streaming')
      ring.close()
      if (i % 2 === 0) object.close()
    }
  },

  /** Waits for room in a user ring buffer that nobody drains. */
  room() {
    const ring = new UserRingBuffer(openObject('user-ring').load().map('requests'))
    const sample = new Uint8Array(2000)
    for (let i = 0; i < 2; i++) ring.write(bytes(), sample)
    void ring.writeWhenFree(bytes(), sample)
    void ring.reserveWhenFree(2000)
    parentPort.postMessage('waiting')
  },

  exit() {
    const object = loadRecords()
    new RingBuffer(object.map('others'), bytes()).records().next()
    new RingBuffer(object.map('events'), bytes(), () => process.exit(7))
    make(object, 10)
  },

  unref() {
    const object = loadRecords()
    new RingBuffer(object.map('events'), bytes(), () => undefined).unref()
    make(object, 10)
  },

  throws() {
    const object = loadRecords()
    new RingBuffer(object.map('events'), bytes(), () => {
      throw new Error('thrown in a worker')
    })
    make(object, 10)
  },
}

function startWorker(role, data = {}) {
  return new Worker(__filename, { workerData: { role, ...data } })
}

/** The exit code of a worker that ends by itself; its error is printed. */
function endOf(worker) {
  worker.on('error', (error) => console.log(error.message))
  return new Promise((resolve) => worker.once('exit', resolve))
}

async function terminating(role, times, when) {
  const producer = await startProducer()
  producer.start()
  const before = held()
  for (let i = 0; i < times; i++) {
    const worker = startWorker(role, { producerPid: producer.pid })
    await when(worker, i)
    await worker.terminate()
  }
  await untilReleased(before)
  await producer.stop()
  console.log('terminated')
}

const cases = {
  async 'several at once'() {
    const producer = await startProducer('--pause-us', '20')
    const before = held()
    const workers = Array.from({ length: 4 }, () =>
      startWorker('stream', { producerPid: producer.pid }),
    )
    // Each counts from its own attach on.
    const streaming = Promise.all(workers.map((worker) => once(worker, 'message')))
    producer.start()
    await streaming
    const results = await Promise.all(
      workers.map(async (worker) => {
        worker.postMessage('stop')
        const [result] = await once(worker, 'message')
        return result
      }),
    )
    await Promise.all(workers.map((worker) => worker.terminate()))
    await producer.stop()
    await untilReleased(before)
    console.log(JSON.stringify(results))
  },

  'terminate at full speed': () =>
    terminating('busy', 20, async (worker) => {
      await once(worker, 'message')
    }),

  'terminate while it opens and closes': () =>
    terminating('cycle', 20, async (worker) => {
      await once(worker, 'message')
    }),

  'terminate while it waits for room': () =>
    terminating('room', 20, async (worker) => {
      await once(worker, 'message')
    }),

  'terminate at any time': () =>
    terminating('busy', 40, async (worker, i) => {
      await once(worker, 'online')
      const end = performance.now() + i
      await until(() => performance.now() >= end)
    }),

  async 'ends by itself'() {
    const before = held()
    for (const role of ['exit', 'unref', 'throws']) {
      console.log(role, await endOf(startWorker(role)))
    }
    await untilReleased(before)
  },

  async 'main thread and worker'() {
    const producer = await startProducer('--pause-us', '20')
    const object = loadFlood(producer.pid).attach()
    let records = 0
    const ring = new RingBuffer(object.map('events'), u64, () => records++)
    const worker = startWorker('busy', { producerPid: producer.pid })
    producer.start()
    await once(worker, 'message')
    await worker.terminate()
    const before = records
    await until(() => records > before + 1000)
    object.detach()
    await producer.stop()
    await ring.flush()
    const { lost } = ring.stats()
    console.log(Number(object.globals.produced) === records + lost)
    ring.close()
    object.close()
  },
}

if (isMainThread) void cases[process.argv[2]]()
else void roles[workerData.role](workerData)
