// addon.cjs CASE: the addon itself, called as lib/ never would.
'use strict'
const { closeSync, readFileSync } = require('node:fs')
const { join } = require('node:path')
const { held, loadRecords, make, openObject, until } = require('./setup.cjs')
const { addon } = require('../../../dist/addon/addon.js')

const native = addon()
const contentsOf = (name) =>
  readFileSync(join(__dirname, '../../../build/bpf/test', `${name}.bpf.o`))
const contents = contentsOf('records')

function detached(array) {
  structuredClone(array, { transfer: [array.buffer] })
  return array
}

const values = () => [
  undefined,
  null,
  true,
  -1,
  0,
  3,
  7,
  1.5,
  NaN,
  2 ** 32,
  -(2 ** 31) - 1,
  Infinity,
  5n,
  -1n,
  2n ** 64n,
  'text',
  ['text', ''],
  ['text', 1],
  new BigUint64Array(1),
  Symbol('symbol'),
  {},
  [],
  () => undefined,
  new ArrayBuffer(8),
  new DataView(new ArrayBuffer(8)),
  new Uint8Array(0),
  new Uint8Array(4),
  new Uint8Array(new SharedArrayBuffer(4)),
  detached(new Uint8Array(4)),
  new Int32Array(2),
  detached(new Int32Array(2)),
  new Float64Array(1),
  new Float64Array(16),
  detached(new Float64Array(16)),
  new Proxy({}, {}),
]

const taken = () => new Float64Array(16)
/** Hash: 1, array: 2, queue: 22, ring: 27. */
const newMap = (type, keySize, valueSize) =>
  native.createMap(type, '', keySize, valueSize, 4096, type === 2 ? 1 << 10 : 0, 0, -1)
const newReader = () => new native.Reader(500, 4096, 2, taken())

/** Instances of every class, in every state, by the name of both. */
function instances() {
  const made = {}
  const opened = () => {
    const object = new native.Object()
    object.open(contents, 'records', '', '')
    return object
  }
  made['Object new'] = new native.Object()
  made['Object open'] = opened()
  made['Object closed'] = opened()
  made['Object refused'] = new native.Object()
  made['Object refused'].open(new Uint8Array(3), 'nothing', '', '')
  for (const phase of ['open', 'loaded', 'closed']) {
    const object = phase === 'open' ? opened() : new native.Object()
    if (phase !== 'open') object.open(contents, 'records', '', '')
    if (phase !== 'open') object.load()
    made[`Object of parts, ${phase}`] = object
    made[`Map ${phase}`] = object.maps()[0]
    if (phase === 'loaded') made['MapHandle of an object, loaded'] = object.maps()[0].handle()
    if (phase === 'closed') made['MapHandle of an object, closed'] = object.maps()[0].handle()
    made[`Map of data ${phase}`] = object.dataMap('.rodata')
    made[`Program ${phase}`] = object.programs()[0]
    if (phase === 'closed') object.close()
  }
  made['Object closed'].close()
  for (const type of [1, 2, 22, 27]) {
    const [keySize, valueSize] = [type > 2 ? 0 : 4, type === 27 ? 0 : 8]
    made[`MapHandle new, type ${type}`] = newMap(type, keySize, valueSize)
    made[`MapHandle open, type ${type}`] = newMap(type, keySize, valueSize)
    made[`MapHandle open, type ${type}`].memory(64)
  }
  made['MapHandle closed'] = newMap(1, 4, 8)
  made['MapHandle closed'].memory(64)
  made['MapHandle closed'].close()
  const flood = new native.Object()
  flood.open(contentsOf('flood'), 'flood', '', '')
  flood.load()
  const [program] = flood.programs()
  made['Link open'] = program.attach()
  made['Link closed'] = program.attach()
  made['Link closed'].close()
  const streams = new native.Object()
  streams.open(contentsOf('streams'), 'streams', '', '')
  streams.load()
  made['Object of streams'] = streams
  const samples = streams.maps().find((map) => map.name() === 'samples')
  made['FlightRecorder new'] = new native.FlightRecorder()
  made['FlightRecorder open'] = new native.FlightRecorder()
  made['FlightRecorder open'].openPerf(samples.fd(), 4, Int32Array.of(0), -1)
  made['FlightRecorder closed'] = new native.FlightRecorder()
  made['FlightRecorder closed'].close()
  const iterators = new native.Object()
  iterators.open(contentsOf('iterators'), 'iterators', '', '')
  iterators.load()
  const lines = iterators.programs().find((it) => it.name() === 'task_lines')
  made['Object of an iterator'] = iterators
  made['Program iterator'] = lines
  made['Link of an iterator'] = lines.attachIter(new Uint8Array(0))
  made['Descriptor open'] = made['Link of an iterator'].iterate()
  made['Descriptor closed'] = made['Link of an iterator'].iterate()
  made['Descriptor closed'].close()
  made['Reader new'] = newReader()
  made['Reader open'] = newReader()
  made['Reader open'].open()
  made['Reader started'] = newReader()
  made['Reader started'].open()
  made['Reader started'].start(() => undefined, process.versions.bun === undefined)
  made['Reader closed'] = newReader()
  made['Reader closed'].open()
  made['Reader closed'].close()
  made['UserRingBuffer new'] = new native.UserRingBuffer()
  const requests = new native.Object()
  requests.open(contentsOf('user-ring'), 'user-ring', '', '')
  // Linux 6.1
  if (requests.load() === 0) {
    const map = requests.maps().find((each) => each.type() === 'user_ringbuf')
    for (const state of ['closed', 'open']) {
      const ring = new native.UserRingBuffer()
      ring.open(map.fd())
      if (state === 'closed') ring.close()
      made[`UserRingBuffer ${state}`] = ring
    }
  }
  return made
}

function partsOf(bytes) {
  const object = new native.Object()
  object.open(bytes, 'records', '', '')
  return { map: object.maps()[0], program: object.programs()[0] }
}

function closeTask(fd) {
  if (fd >= 0) closeSync(fd)
  return fd
}

const methodsOf = (instance) =>
  Object.getOwnPropertyNames(Object.getPrototypeOf(instance)).filter(
    (name) => name !== 'constructor',
  )

/** Calls, and says what came of it. */
function outcomeOf(call) {
  try {
    const result = call()
    return typeof result === 'number' && result < 0 ? String(result) : 'returns'
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return error.name
  }
}

function sayOfMaps(say) {
  const map = newMap(1, 4, 8)
  say('lookup() without memory', () => map.lookup(0, 8))
  const buffer = map.memory(64)
  say('memory() is large enough', () => (buffer.byteLength >= 64 ? 0 : -1))
  say('update()', () => map.update(8, 16, 0))
  say('lookup()', () => map.lookup(8, 24))
  say('lookup() at the end', () => map.lookup(8, buffer.byteLength - 8))
  say('lookup() beyond the end', () => map.lookup(8, buffer.byteLength - 7))
  say('lookup() of a key beyond it', () => map.lookup(buffer.byteLength - 3, 8))
  say('lookupMany() of too many', () => map.lookupMany(0, 2 ** 32 - 1, 0, 0))
  say('updateMany() of too many', () => map.updateMany(0, 0, 100, 0))
  say('walk() with too many', () => map.walk(true, false, 8, 16, 16, 100))
  say('walk() of none', () => map.walk(true, false, 8, 16, 16, 0))
  structuredClone(buffer, { transfer: [buffer] })
  say('lookup() after its memory was transferred', () => map.lookup(8, 24))
  say('mmap() of a hash', () => map.mmap())
  map.close()
  say('lookup() after close()', () => map.lookup(8, 24))
  say('memory() after close()', () => map.memory(8))
  say('createMap() of no type', () => native.createMap(1000, '', 4, 4, 1, 0, 0, -1))
  say('mapFromFd(-1)', () => native.mapFromFd(-1))
}

const cases = {
  /** Everything with everything; it only has to live. */
  async 'anything goes'() {
    const before = held()
    const outcomes = {}
    const note = (outcome) => (outcomes[outcome] = (outcomes[outcome] ?? 0) + 1)
    const made = instances()
    const all = Object.values(made)
    for (const instance of all) {
      // What ends it comes last.
      const last = ['stop', 'close']
      const methods = methodsOf(instance).sort((a, b) => last.indexOf(a) - last.indexOf(b))
      for (const method of methods) {
        note(outcomeOf(() => instance[method]()))
        for (const first of values()) {
          note(outcomeOf(() => instance[method](first)))
          // walk() begins with two of them, and goes on with positions.
          note(outcomeOf(() => instance[method](true, false, first, first, first, 3)))
          for (const second of values()) {
            const many = [first, second, first, second, first, second, first, second]
            note(outcomeOf(() => instance[method](...many)))
          }
          // Of another class, or of none.
          if (typeof first === 'object') note(outcomeOf(() => instance[method].call(first, 0)))
        }
        for (const other of all) {
          if (Object.getPrototypeOf(other) === Object.getPrototypeOf(instance)) continue
          note(outcomeOf(() => instance[method].call(other, 0)))
        }
      }
      const { constructor } = instance
      note(outcomeOf(() => constructor()))
      note(outcomeOf(() => new constructor()))
      for (const first of [...values(), ...all]) {
        note(outcomeOf(() => new constructor(first)))
        note(outcomeOf(() => new constructor(first, first, first, first, taken())))
        note(outcomeOf(() => new constructor(1, 1, 4096, 1, first)))
      }
    }
    for (const value of values()) {
      for (const type of [0, 1, 2, 12, 22, 27, 29, 1000]) {
        note(outcomeOf(() => native.createMap(type, 'x', value, value, value, value, value, value)))
        note(outcomeOf(() => native.createMap(type, 'x', 4, 4, value, 0, 0, value)))
      }
      note(outcomeOf(() => native.createMap(value, value, 4, 4, 4, 0, 0, -1)))
      note(outcomeOf(() => closeTask(native.openTask(value))))
      const probes = Object.keys(native).filter((name) => /^probe|Names$/.test(name))
      for (const name of [
        'takeLog',
        'possibleCpus',
        'monotonicNs',
        'mapFromPin',
        'mapFromId',
        'mapFromFd',
        'nextProgramId',
        'nextMapId',
        'demangle',
        'openLink',
        'interfaceIndex',
        ...probes,
      ]) {
        note(outcomeOf(() => native[name](value)))
        note(outcomeOf(() => native[name](value, value)))
        note(outcomeOf(() => native[name].call(value, value)))
      }
    }
    for (const instance of all) instance.close?.()
    // Links that were made on the way, and that nobody has closed.
    await until(() => {
      globalThis.gc()
      return held().length <= before.length
    })
    console.log(JSON.stringify(Object.keys(outcomes).sort()))
  },

  /** Each way to attach, with arguments of the right types and any values. */
  async 'any target'() {
    const before = held()
    const outcomes = new Set()
    const words = [0n, 1n, 2n ** 64n - 1n]
    const some = {
      s: ['', 'text', '/proc/self/exe', 'x'.repeat(5000), '%s%n', '\0'],
      n: [0, 1, 2 ** 31 - 1],
      w: words,
      b: [false, true],
      S: [[], ['vfs_read'], ['', 'a', 'b']],
      W: [new BigUint64Array(0), new BigUint64Array(3).fill(2n ** 64n - 1n)],
      I: [new Int32Array(0), new Int32Array(3), Int32Array.of(-1, -1, 2 ** 31 - 1, 9999)],
      U: [new Uint8Array(0), new Uint8Array(3), new Uint8Array(5000).fill(255)],
    }
    const signatures = {
      attachTrace: 'w',
      attachFreplace: 'ns',
      attachKprobe: 'snwb',
      attachKsyscall: 'swb',
      attachKprobeMulti: 'sSWb',
      attachUprobe: 'ssnnwnb',
      attachUprobeMulti: 'ssSWWnb',
      attachUsdt: 'sssnw',
      attachTracepoint: 'ssw',
      attachRawTracepoint: 'sw',
      attachPerfEvents: 'nwwbIbw',
      attachCgroup: 'n',
      attachNetns: 'n',
      attachDevice: 'nnnn',
      attachNetfilter: 'nnnn',
      attachTc: 'nnnn',
      attachSocket: 'nb',
      attachSockmap: 'nn',
      attachIter: 'U',
      attachStructOps: 's',
      setAttachTarget: 'ns',
      setType: 'n',
      setExpectedAttachType: 'n',
      setFlags: 'n',
      setLog: 'nn',
      testRun: 'UbUnnnn',
    }
    const made = instances()
    const programs = Object.keys(made).filter((name) => name.startsWith('Program'))
    // A number that is the same in each run.
    let seed = 1
    const pick = (list) => list[(seed = (seed * 48271) % 2147483647) % list.length]
    for (const program of programs) {
      for (const [method, types] of Object.entries(signatures)) {
        for (let i = 0; i < 12; i++) {
          const given = [...types].map((type) => pick(some[type]))
          // Not a billion runs.
          if (method === 'testRun') given[3] = 0
          outcomes.add(
            outcomeOf(() => {
              const result = made[program][method](...given)
              result?.close?.()
              return result
            }),
          )
        }
      }
    }
    for (const instance of Object.values(made)) instance.close?.()
    await until(() => {
      globalThis.gc()
      return held().length <= before.length
    })
    console.log(JSON.stringify([...outcomes].sort()))
  },

  /** Calls with a wrong argument throw a TypeError, out of order a number says it. */
  'one by one'() {
    const object = loadRecords()
    const results = []
    const say = (name, call) => results.push(`${name}: ${outcomeOf(call)}`)
    const reader = newReader()
    say('drain() before open()', () => reader.drain())
    say('start() before open()', () => reader.start(() => undefined, true))
    reader.open()
    say('open() twice', () => reader.open())
    say('arena(5)', () => reader.arena(5))
    say('contents(5)', () => reader.contents(5))
    say('giveBack(7)', () => reader.giveBack(7))
    say('sourceState(3)', () => reader.sourceState(3))
    say('addRing(1.5)', () => reader.addRing(1.5, 0, 0))
    say('addRing(-1)', () => reader.addRing(-1, 0, 0))
    say('addRing()', () => reader.addRing())
    say('new Reader()', () => new native.Reader())
    say('new Reader() with many batches', () => new native.Reader(0, 4096, 2 ** 31, taken()))
    say('new Map()', () => new (partsOf(contents).map.constructor)())
    say('this', () => reader.take.call(new native.Object()))

    say('addRing()', () => reader.addRing(object.map('events').fd, 0, 0))
    make(object, 10)
    reader.drain()
    const index = reader.take()
    say('arena() of a lent batch', () => reader.arena(index))
    say('giveBack() once', () => reader.giveBack(index))
    say('giveBack() twice', () => reader.giveBack(index))
    say('arena() of a free batch', () => reader.arena(index))
    // Both batches are free, once each.
    for (const first of [1, 11, 21]) {
      make(object, 10, first)
      reader.drain()
    }
    const lent = [reader.take(), reader.take(), reader.take()]
    results.push(`take(): ${String(new Set(lent).size)} of them differ`)
    reader.close()
    say('giveBack() after close()', () => reader.giveBack(0))
    say('arena() after close()', () => reader.arena(0))
    say('open() after close()', () => reader.open())
    say('take() after close()', () => reader.take())

    const streams = openObject('streams').load()
    const { fd } = streams.map('samples')
    const recorder = new native.FlightRecorder()
    say('snapshot() before open', () => recorder.snapshot(new Uint8Array(8), taken()))
    say('openPerf() of 3 pages', () => recorder.openPerf(fd, 3, Int32Array.of(0), -1))
    say('openRing() of a ring that is drained', () => recorder.openRing(object.map('events').fd))
    recorder.openPerf(fd, 4, Int32Array.of(0), -1)
    say('openPerf() twice', () => recorder.openPerf(fd, 4, Int32Array.of(0), -1))
    say('snapshot() into too little', () => recorder.snapshot(new Uint8Array(8), taken()))
    recorder.close()
    streams.close()
    say('snapshot() after close()', () => recorder.snapshot(new Uint8Array(1 << 14), taken()))

    const array = taken()
    const other = new native.Reader(500, 4096, 2, array)
    other.open()
    say('take()', () => other.take())
    detached(array)
    say('take() into a detached array', () => other.take())
    say('drain() into a detached array', () => other.drain())
    other.close()

    const twice = new native.Object()
    twice.open(contents, 'records', '', '')
    say('open() of an object twice', () => twice.open(contents, 'records', '', ''))
    twice.close()
    say('open() of a closed object', () => twice.open(contents, 'records', '', ''))
    sayOfMaps(say)
    console.log(results.join('\n'))
  },
}

void cases[process.argv[2]]()
