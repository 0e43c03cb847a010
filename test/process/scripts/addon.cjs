// addon.cjs CASE: the addon itself, called as lib/ never would.
'use strict'
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { held, loadRecords, make, until } = require('./setup.cjs')
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
const newReader = () => new native.Reader(500, 4096, 2, taken())

/** Instances of every class, in every state, by the name of both. */
function instances() {
  const made = {}
  const opened = () => {
    const object = new native.Object()
    object.open(contents, 'records')
    return object
  }
  made['Object new'] = new native.Object()
  made['Object open'] = opened()
  made['Object closed'] = opened()
  made['Object refused'] = new native.Object()
  made['Object refused'].open(new Uint8Array(3), 'nothing')
  for (const phase of ['open', 'loaded', 'closed']) {
    const object = phase === 'open' ? opened() : new native.Object()
    if (phase !== 'open') object.open(contents, 'records')
    if (phase !== 'open') object.load()
    made[`Object of parts, ${phase}`] = object
    made[`Map ${phase}`] = object.maps()[0]
    made[`Map of data ${phase}`] = object.dataMap('.rodata')
    made[`Program ${phase}`] = object.programs()[0]
    if (phase === 'closed') object.close()
  }
  made['Object closed'].close()
  const flood = new native.Object()
  flood.open(contentsOf('flood'), 'flood')
  flood.load()
  const [program] = flood.programs()
  made['Link open'] = program.attach()
  made['Link closed'] = program.attach()
  made['Link closed'].close()
  const iterators = new native.Object()
  iterators.open(contentsOf('iterators'), 'iterators')
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
  return made
}

function partsOf(bytes) {
  const object = new native.Object()
  object.open(bytes, 'records')
  return { map: object.maps()[0], program: object.programs()[0] }
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
          for (const second of values()) {
            note(outcomeOf(() => instance[method](first, second, first, second, first)))
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
      for (const name of [
        'takeLog',
        'possibleCpus',
        'probeMapType',
        'openLink',
        'interfaceIndex',
      ]) {
        note(outcomeOf(() => native[name](value)))
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
      attachUprobeMulti: 'ssSWWWnb',
      attachUsdt: 'sssnw',
      attachTracepoint: 'ssw',
      attachRawTracepoint: 'sw',
      attachPerfEvents: 'nwwbIbw',
      attachCgroup: 'n',
      attachNetns: 'n',
      attachDevice: 'nnn',
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

    const array = taken()
    const other = new native.Reader(500, 4096, 2, array)
    other.open()
    say('take()', () => other.take())
    detached(array)
    say('take() into a detached array', () => other.take())
    say('drain() into a detached array', () => other.drain())
    other.close()

    const twice = new native.Object()
    twice.open(contents, 'records')
    say('open() of an object twice', () => twice.open(contents, 'records'))
    twice.close()
    say('open() of a closed object', () => twice.open(contents, 'records'))
    console.log(results.join('\n'))
  },
}

void cases[process.argv[2]]()
