// life.cjs CASE [HOW]: how a process with a reader ends.
'use strict'
const { at, cstring, struct, u32 } = require('../../..')
const {
  block,
  bytes,
  loadFlood,
  loadRecords,
  make,
  RingBuffer,
  sequenceOf,
  startProducer,
  u64,
  until,
} = require('./setup.cjs')

function ignore() {
  // the records do not matter
}

/** Lets the poll thread of the next reader fail, as nothing outside can, when it is called. */
function failNextThread() {
  const native = require('../../../dist/addon/addon.js').addon()
  const { Reader } = native
  const errorField = 4 // see native/binding/reader.cc
  let fail
  native.Reader = class extends Reader {
    constructor(...args) {
      super(...args)
      native.Reader = Reader
      this.taken = args.at(-1)
    }
    start(pump, ...rest) {
      fail = () => {
        this.error = 5
        setImmediate(pump)
      }
      return super.start(pump, ...rest)
    }
    take() {
      const index = super.take()
      if (this.error) this.taken[errorField] = -this.error
      return index
    }
  }
  return () => fail()
}

/** A reader of a producer that never stops. */
async function readProducer(onRecord, options) {
  const producer = await startProducer()
  producer.unref()
  const object = loadFlood(producer.pid).attach()
  const ring = new RingBuffer(object.map('events'), u64, onRecord, options)
  producer.start()
  return { ring, object }
}

const cases = {
  'close in a callback'() {
    const object = loadRecords()
    const ring = new RingBuffer(object.map('events'), bytes(), (record) => {
      console.log(sequenceOf(record))
      if (sequenceOf(record) < 3) return
      ring.close()
      object.close()
    })
    make(object, 10)
  },

  'two readers of structs'() {
    const object = loadRecords()
    const Sample = struct('sample', { wide: u64, sequence: at(16, u32), name: at(28, cstring(16)) })
    const print = ({ wide, sequence, name }) => console.log(wide, sequence, name)
    const options = { pollThread: false }
    const ring = new RingBuffer(object.map('events'), Sample, print, options)
    const other = new RingBuffer(object.map('others'), Sample.view(), print, options)
    make(object, 2)
    ring.consume()
    ring.close()
    other.close()
    object.close()
  },

  async 'close in a callback at full speed'() {
    let records = 0
    const { ring, object } = await readProducer(() => {
      if (++records < 100_000) return
      ring.close()
      object.close()
      console.log('closed')
    })
  },

  async 'exit in a callback'() {
    let records = 0
    await readProducer(() => {
      if (++records === 1000) process.exit(3)
    })
  },

  'exit with everything open'() {
    const object = loadRecords()
    new RingBuffer(object.map('events'), bytes(), ignore)
    new RingBuffer(object.map('others'), bytes()).records().next()
    make(object, 10)
    process.exit(4)
  },

  'natural exit after close'() {
    const object = loadRecords()
    const ring = new RingBuffer(object.map('events'), bytes(), ignore)
    make(object, 10)
    setImmediate(() => {
      ring.close()
      object.close()
    })
  },

  'a running reader keeps it alive'() {
    const object = loadRecords()
    const ring = new RingBuffer(object.map('events'), bytes(), () => {
      console.log('delivered')
      ring.close()
    })
    setTimeout(() => make(object, 1), 100).unref()
  },

  'a running iterator keeps it alive'() {
    const object = loadRecords()
    const ring = new RingBuffer(object.map('events'), bytes())
    void ring
      .records()
      .next()
      .then(() => {
        console.log('delivered')
        ring.close()
      })
    setTimeout(() => make(object, 1), 100).unref()
  },

  'ref() after unref() keeps it alive'() {
    const object = loadRecords()
    const ring = new RingBuffer(object.map('events'), bytes(), () => {
      console.log('delivered')
      ring.close()
    })
    ring.unref().unref().ref()
    setTimeout(() => make(object, 1), 100).unref()
  },

  'unref() lets it end'() {
    const object = loadRecords()
    new RingBuffer(object.map('events'), bytes(), ignore).unref()
  },

  async 'unref() lets it end at full speed'() {
    const { ring } = await readProducer(ignore)
    ring.unref()
  },

  'unref() of an iterator lets it end'() {
    const object = loadRecords()
    const ring = new RingBuffer(object.map('events'), bytes()).unref()
    void ring.records().next()
  },

  'an unref()ed reader delivers while something else runs'() {
    const object = loadRecords()
    const timer = setTimeout(ignore, 1e6)
    new RingBuffer(object.map('events'), bytes(), () => {
      console.log('delivered')
      clearTimeout(timer)
    }).unref()
    make(object, 1)
  },

  'a reader that has not started lets it end'() {
    const object = loadRecords()
    new RingBuffer(object.map('events'), bytes())
    new RingBuffer(object.map('others'), bytes(), ignore, { pollThread: false })
  },

  'exception without a handler'() {
    const object = loadRecords()
    new RingBuffer(object.map('events'), bytes(), () => {
      throw new Error('thrown by the callback')
    })
    make(object, 3)
  },

  'record too short without a handler'() {
    const object = loadRecords()
    new RingBuffer(object.map('plain'), u64, ignore)
    const ring = new RingBuffer(object.map('events'), bytes(1000), ignore)
    make(object, 1)
    void ring.flush()
  },

  async 'exceptions with a handler'(how) {
    const object = loadRecords()
    const delivered = []
    const caught = []
    process.on('uncaughtException', (error) => caught.push(error.message))
    const ring = new RingBuffer(object.map('events'), bytes(), (record) => {
      const sequence = sequenceOf(record)
      delivered.push(sequence)
      if (sequence % 2 === 0) throw new Error(String(sequence))
    })
    make(object, 10)
    if (how === 'by flush()') await ring.flush()
    await until(() => delivered.length === 10 && caught.length === 5)
    const { records, undelivered } = ring.stats()
    console.log(JSON.stringify({ delivered, caught, records, undelivered }))
    ring.close()
  },

  // Node does not survive an immediate that is cleared then, when it is the next one.
  async 'closed by who hears of an exception'() {
    const object = loadRecords()
    const caught = []
    const ring = new RingBuffer(object.map('events'), bytes(), () => {
      if (caught.length > 0) return
      // Before that of the reader, which has the next turn of the loop.
      setImmediate(() => {
        throw new Error('thrown')
      })
      block(10)
    })
    process.on('uncaughtException', ({ message }) => {
      caught.push(message)
      ring.close()
      // It would throw for ever.
      if (caught.length > 100) process.exit(3)
    })
    make(object, 10)
    await until(() => ring.closed)
    await new Promise((resolve) => setImmediate(resolve))
    console.log(JSON.stringify(new Set(caught).size))
  },

  async 'callbacks that give promises'() {
    const object = loadRecords()
    const caught = []
    let delivered = 0
    process.on('uncaughtException', ({ message }) => caught.push(message))
    const ring = new RingBuffer(object.map('events'), bytes(), () => {
      const odd = ++delivered % 2 === 1
      return odd ? Promise.resolve() : Promise.reject(new Error(String(delivered)))
    })
    make(object, 10)
    await ring.flush()
    ring.close()
    await new Promise((resolve) => setImmediate(resolve))
    console.log(JSON.stringify({ delivered, caught }))
  },

  async 'the poll thread fails'() {
    const fail = failNextThread()
    const caught = []
    process.on('uncaughtException', ({ code }) => caught.push(code))
    const ring = new RingBuffer(loadRecords().map('events'), bytes(), ignore)
    fail()
    await until(() => caught.length > 0)
    const outcome = async (call) => {
      try {
        await call()
        return 'ok'
      } catch ({ code }) {
        return code
      }
    }
    const { closed } = ring
    const consume = await outcome(() => ring.consume())
    const flush = await outcome(() => ring.flush())
    const end = await outcome(() => ring.end())
    const { undelivered } = ring.stats()
    console.log(JSON.stringify({ caught, closed, consume, flush, end, undelivered }))
  },

  /** In each frame as the full stack unwinds, until there is room enough. */
  async 'consume() on a full stack'() {
    const object = loadRecords()
    const sequences = []
    // Where a callback finds no room.
    process.on('uncaughtException', () => undefined)
    const options = { pollThread: false }
    const ring = new RingBuffer(
      object.map('events'),
      bytes(),
      (record) => {
        sequences.push(sequenceOf(record))
      },
      options,
    )
    make(object, 200)
    const dive = () => {
      try {
        dive()
      } catch {
        ring.consume()
      }
    }
    dive()
    ring.consume()
    await new Promise((resolve) => setImmediate(resolve))
    const { records, undelivered } = ring.stats()
    ring.close()
    const inOrder = sequences.every((sequence, i) => sequence > (sequences[i - 1] ?? 0))
    const once = sequences.length === new Set(sequences).size
    console.log(JSON.stringify({ records, undelivered, inOrder, once }))
  },

  async 'records too short with a handler'() {
    const object = loadRecords()
    const caught = []
    process.on('uncaughtException', ({ code, bytes: record }) => {
      caught.push([code, record.length, sequenceOf(record)])
    })
    const ring = new RingBuffer(object.map('events'), bytes(1000), () => console.log('delivered'))
    make(object, 3)
    await ring.flush()
    await new Promise((resolve) => setImmediate(resolve))
    console.log(JSON.stringify(caught))
    ring.close()
  },

  async 'blocked while records come, then closed'() {
    const { ring, object } = await readProducer(ignore, { batchBytes: 4096 })
    for (let i = 0; i < 5; i++) {
      block(200)
      await new Promise((resolve) => setImmediate(resolve))
    }
    // The thread and the producer may have no CPU for a while.
    do block(200)
    while (ring.stats().lost === 0 || ring.stats().undelivered === 0)
    ring.close()
    object.close()
    const { records, lost, undelivered } = ring.stats()
    console.log(JSON.stringify({ some: records > 0, lost: lost > 0, undelivered: undelivered > 0 }))
  },

  async 'runs until it is told to end'() {
    let records = 0
    await readProducer(() => {
      if (++records === 1000) console.log('running')
    })
  },
}

void (async () => {
  await cases[process.argv[2]](process.argv[3])
})()
