// memory.cjs CASE: what a process holds after it let go, or closed, readers and
// objects. Run with --expose-gc.
'use strict'
const {
  bytes,
  held,
  loadFlood,
  loadRecords,
  make,
  openObject,
  RingBuffer,
  until,
  untilReleased,
} = require('./setup.cjs')

async function collect(before) {
  await until(() => {
    global.gc()
    return held().length <= before.length
  })
}

function letGo() {
  for (let i = 0; i < 20; i++) {
    openObject('records')
    const object = loadRecords()
    new RingBuffer(object.map('events'), bytes())
    new RingBuffer(object.map('others'), bytes(), () => undefined, { pollThread: false }).consume()
    void object.globals.events__wakeup_bytes
    loadFlood(process.pid).attach()
    try {
      openObject('rejected').load()
    } catch {
      // as it should
    }
    openObject('programs').load().program('on_enter').attach().close()
  }
}

const cases = {
  async 'garbage-collected without close()'() {
    const before = held()
    letGo()
    const count = held().length - before.length
    await collect(before)
    console.log(JSON.stringify({ many: count > 100 }))
  },

  async 'a reader keeps its object'() {
    let object = loadRecords()
    make(object, 5)
    let records = 0
    const ring = new RingBuffer(object.map('events'), bytes(), () => records++, {
      pollThread: false,
    })
    object = undefined
    for (let i = 0; i < 5; i++) {
      global.gc()
      await new Promise((resolve) => setImmediate(resolve))
    }
    console.log(JSON.stringify({ consumed: ring.consume(), records, lost: ring.stats().lost }))
    ring.close()
  },

  async 'many cycles'() {
    const cycle = async (i) => {
      const object = loadFlood(process.pid)
      let records = 0
      const ring = new RingBuffer(object.map('events'), bytes(), () => records++)
      if (i % 10 === 0) {
        object.attach()
        process.umask()
        await until(() => records > 0)
      }
      ring.close()
      object.close()
    }
    for (let i = 0; i < 10; i++) await cycle(i)
    global.gc()
    const before = held()
    const rssBefore = process.memoryUsage.rss()
    for (let i = 0; i < 1000; i++) await cycle(i)
    await untilReleased(before)
    global.gc()
    const grownMiB = (process.memoryUsage.rss() - rssBefore) / 1024 / 1024
    console.log(JSON.stringify({ grownMiB: Math.round(grownMiB) }))
  },
}

void cases[process.argv[2]]()
