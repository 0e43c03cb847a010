// scenario.cjs CONTROL: goes through what a user does, each time with another
// fault of interpose.cc, as run.mjs asks for it, a line of JSON each.
'use strict'
const { once } = require('node:events')
const { openSync, readSync, statSync, writeSync } = require('node:fs')
const { createInterface } = require('node:readline')
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads')
const library = require('../process/scripts/setup.cjs')
const { addon } = require('../../dist/addon/addon.js')

const { bytes, BpfError, BpfMap, held, make, openObject, PerfBuffer, RingBuffer, u32, u64 } =
  library

const control = openSync(isMainThread ? process.argv[2] : '/dev/null', 'r+')
const entryBytes = 64
const mode = { none: 0, fail: 1, slow: 2 }

/** A second time when Node-API let the first one down: this is what its user can do. */
function close(one) {
  try {
    one.close()
  } catch {
    one.close()
  }
}

/** Steps that close what they made, newest first, whatever happens. */
function closing(steps) {
  return async () => {
    const made = []
    try {
      await steps((one) => {
        made.unshift(one)
        return one
      })
    } finally {
      for (const one of made) close(one)
    }
  }
}

const scenarios = {
  ring: closing(async (use) => {
    const object = use(openObject('records'))
    object.map('events').maxEntries = 64 * 1024
    object.load()
    object.map('latest').bytes.get(new Uint8Array(4))
    const ring = use(new RingBuffer(object.map('events'), bytes(), () => undefined))
    make(object, 10)
    ring.consume()
    await ring.flush()
    ring.unref().ref().stats()
    const iterated = use(new RingBuffer(object.map('others'), bytes()))
    await iterated.flush()
    await iterated.end()
    iterated.stats()
  }),

  maps: closing((use) => {
    const types = { key: u32, value: u64 }
    const map = use(BpfMap.create({ type: 'hash', ...types, maxEntries: 100 }))
    map.setMany([1, 2, 3].map((key) => [key, BigInt(key)]))
    map.set(4, 4n).get(4)
    map.getMany([1, 9])
    if ([...map].length !== 4 || map.size() !== 4) throw new Error('entries are missing')
    map.take(4)
    map.delete(3)
    if (map.takeAll().length !== 2) throw new Error('entries are missing')
    map.clear()
    map.info()
    use(BpfMap.fromId(map.info().id, types))
    use(BpfMap.fromFd(map.fd, types))
    const object = use(openObject('maps'))
    object.load()
    const view = object.map('shown').view()
    view.set(0, view.get(1))
    object.map('outer').set(0, use(object.map('outer').createInner()))
    object.map('queue', { value: u64 }).push(1n).pop()
  }),

  large: closing(async (use) => {
    const object = use(openObject('records'))
    object.map('events').maxEntries = 1 << 20
    object.load()
    const ring = use(
      new RingBuffer(object.map('events'), bytes(), () => undefined, { batchBytes: 4096 }),
    )
    // Beyond what of a batch JavaScript sees without a copy.
    const request = Uint32Array.of(200_000, 0)
    object.program('make_bytes').testRun({ context: new Uint8Array(request.buffer) })
    await ring.flush()
  }),

  attached: closing(async (use) => {
    const object = use(openObject('flood'))
    object.globals.producer_tgid = process.pid
    object.load().attach()
    void object.globals.produced
    const ring = use(new RingBuffer(object.map('events'), u64))
    const records = ring.records()
    statSync('/')
    await records.next()
    object.detach()
    await records.return()
  }),

  perf: closing(async (use) => {
    const object = use(openObject('streams'))
    object.globals.producer_tgid = process.pid
    object.load().attach()
    const perf = use(new PerfBuffer(object.map('samples'), bytes(), () => undefined))
    statSync('/')
    await perf.flush()
    perf.stats()
  }),

  /** The addon, loaded into another environment. */
  async worker() {
    const worker = new Worker(__filename, { workerData: 'load' })
    const failed = once(worker, 'error').then(([error]) => Promise.reject(error))
    await Promise.race([once(worker, 'exit'), failed])
  },

  /** A worker that is terminated while it does its part. */
  async terminated({ role, afterMs }) {
    const worker = new Worker(__filename, { workerData: role })
    await once(worker, 'message')
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    await worker.terminate()
  },
}

const roles = {
  load() {
    addon()
    openObject('records').close()
  },
  attach() {
    const object = openObject('flood').load()
    const program = object.program('on_enter')
    parentPort.postMessage('begins')
    for (;;) program.attach()
  },
  async everything() {
    parentPort.postMessage('begins')
    for (;;) for (const name of ['ring', 'attached', 'perf']) await scenarios[name]()
  },
}

function setControl(...words) {
  writeSync(control, Int32Array.from(words), 0, 4 * words.length, 0)
}

/** What was called since the last time, by module and function. */
function takeCalls() {
  const text = Buffer.alloc(256 * entryBytes)
  readSync(control, text, 0, text.length, 0)
  const calls = []
  for (let index = 0; index < text.readInt32LE(20); index++) {
    const at = entryBytes * (1 + index)
    const name = text.toString('latin1', at + 4, text.indexOf(0, at + 4))
    calls.push({ index, name, calls: text.readInt32LE(at) })
    writeSync(control, new Int32Array(1), 0, 4, at)
  }
  return { hits: text.readInt32LE(12), calls }
}

/** Whose error it is. */
function nameOf(error) {
  // Of a worker's error the class is lost on the way.
  if (error instanceof BpfError || error?.name === 'BpfError') return error.code
  if (error instanceof TypeError) return 'TypeError'
  return `${error?.name}: ${error?.message}`
}

const stuckMs = 20_000

async function outcomeOf({ scenario, ...options }) {
  const uncaught = []
  const note = (error) => uncaught.push(nameOf(error))
  process.on('uncaughtException', note)
  let timer
  const stuck = new Promise((resolve) => {
    timer = setTimeout(() => resolve('stuck'), stuckMs)
  })
  const end = scenarios[scenario](options).then(
    () => 'clean',
    (error) => nameOf(error),
  )
  const outcome = await Promise.race([end, stuck])
  clearTimeout(timer)
  setControl(mode.none)
  process.off('uncaughtException', note)
  return [outcome, ...uncaught]
}

/** Whether nothing is held any more that was not before. */
async function released(before) {
  const end = performance.now() + 10_000
  while (held().length > before.length) {
    if (performance.now() > end) return false
    globalThis.gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return true
}

async function serve() {
  addon()
  await scenarios.ring()
  const before = held()
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    takeCalls()
    const { target = 0, countdown = 0, delayUs = 0 } = request
    setControl(mode[request.mode], target, countdown, 0, delayUs)
    const outcome = await outcomeOf(request)
    const { hits, calls } = takeCalls()
    const leak = (await released(before)) ? '' : JSON.stringify({ before, held: held() })
    console.log(JSON.stringify({ outcome, hits, leak, calls }))
  }
}

if (isMainThread) void serve()
else void roles[workerData]()
