// foreign.cjs: what a worker makes of objects, maps, programs, links and readers that
// another thread posts to it. Prints a line for each.
'use strict'
const { once } = require('node:events')
const { inspect } = require('node:util')
const { isMainThread, parentPort, Worker } = require('node:worker_threads')
const library = require('./setup.cjs')
const { BpfMap, held, loadRecords, openObject, u32, untilReleased } = library

/** Each thing by its class, and what closes all of them. */
function makeThings() {
  const object = loadRecords()
  const targets = openObject('targets')
  targets.program('raw_tracepoint').autoload = true
  const program = targets.load().program('raw_tracepoint')
  const link = program.attach({ rawTracepoint: { name: 'sys_enter' } })
  const alone = BpfMap.create({ type: 'array', key: u32, value: u32, maxEntries: 4 })
  const ring = new library.RingBuffer(object.map('events'), u32, () => undefined)
  const perfObject = openObject('maps').load()
  const perf = new library.PerfBuffer(perfObject.map('events'), u32, () => undefined)
  const userObject = openObject('user-ring').load()
  const userRing = new library.UserRingBuffer(userObject.map('requests'))
  const task = library.TaskDescriptor.open(process.pid)
  const symbolizer = new library.Symbolizer()
  const things = {
    BpfObject: object,
    'BpfMap of an object': object.map('events'),
    BpfMap: alone,
    BpfProgram: program,
    BpfLink: link,
    RingBuffer: ring,
    PerfBuffer: perf,
    UserRingBuffer: userRing,
    TaskDescriptor: task,
    Symbolizer: symbolizer,
  }
  const close = () => {
    const all = [ring, perf, userRing, link, task, alone, object, targets, perfObject, userObject]
    for (const thing of all) thing.close()
  }
  return { things, close }
}

function nameOf(action) {
  try {
    action()
    return 'nothing'
  } catch (error) {
    return error.name
  }
}

/** What each method and accessor of the class throws for the copy. */
function thrownByMembers(name, copy) {
  const all = new Set()
  const members = []
  let { prototype } = library[name.split(' ')[0]]
  for (; prototype !== Object.prototype; prototype = Object.getPrototypeOf(prototype)) {
    for (const member of Reflect.ownKeys(prototype)) {
      // What console.log() calls must not fail.
      if (member === 'constructor' || member === inspect.custom) continue
      let promise
      const thrown = nameOf(() => {
        const value = Reflect.get(prototype, member, copy)
        if (typeof value === 'function') promise = Reflect.apply(value, copy, [u32, u32, u32])
      })
      // An asynchronous method rejects with what others throw, and a generator throws later.
      if (thrown === 'nothing' && typeof promise?.next === 'function') {
        all.add(nameOf(() => promise.next()))
      } else if (thrown === 'nothing' && typeof promise?.then === 'function') {
        promise.then(
          () => undefined,
          () => undefined,
        )
      } else all.add(thrown)
      if (thrown === 'nothing') members.push(String(member))
    }
  }
  return `${[...all].sort().join(', ')}${members.length === 0 ? '' : ` (${members.join(', ')})`}`
}

/** What takes such a thing, given the copy. */
function thrownByTakers(copy) {
  const object = openObject('targets')
  const other = object.program('raw_tracepoint')
  other.autoload = true
  const link = object
    .load()
    .program('raw_tracepoint')
    .attach({ rawTracepoint: { name: 'sys_enter' } })
  const inner = BpfMap.create({ type: 'array', key: u32, value: u32, maxEntries: 4 })
  const programs = BpfMap.create({ type: 'prog_array', key: u32, maxEntries: 4 })
  const unloaded = openObject('maps')
  const actions = [
    () => new library.RingBuffer(copy, u32, () => undefined),
    () => new library.PerfBuffer(copy, u32, () => undefined),
    () => new library.UserRingBuffer(copy),
    () => link.update(copy),
    () => other.attach({ sockmap: copy }),
    () => other.attach(copy),
    () => other.attach({ tcx: { interface: 'lo', direction: 'egress', before: copy } }),
    () => other.iterate({ map: copy }),
    () => programs.set(0, copy),
    () => unloaded.map('array').reuse(copy),
    () => BpfMap.create({ type: 'array_of_maps', maxEntries: 1, innerMap: copy }),
  ]
  const all = actions.map(nameOf)
  for (const thing of [link, inner, programs, unloaded, object]) thing.close()
  const wrong = all.map((name, i) => `${i}: ${name}`).filter((_, i) => all[i] !== 'TypeError')
  return wrong.length === 0 ? 'TypeError' : wrong.join(', ')
}

async function main() {
  const before = held()
  const { things, close } = makeThings()
  const worker = new Worker(__filename)
  for (const [name, thing] of Object.entries(things)) {
    const answer = once(worker, 'message')
    try {
      worker.postMessage({ name, thing })
    } catch (error) {
      worker.postMessage({ name, thing: undefined })
      await answer
      console.log(`${name}: ${error.name}`)
      continue
    }
    const [text] = await answer
    console.log(`${name}: ${text}`)
  }
  // They are as they were.
  console.log(`here: ${things.BpfMap.get(0)}, ${things.BpfLink.info().type}`)
  await worker.terminate()
  close()
  await untilReleased(before)
}

function inWorker() {
  parentPort.on('message', ({ name, thing }) => {
    if (thing === undefined) {
      parentPort.postMessage('')
      return
    }
    const methods = Reflect.ownKeys(Object.getPrototypeOf(thing)).filter((key) => key === 'close')
    parentPort.postMessage(
      `a copy with ${methods.length} of its methods; members ${thrownByMembers(name, thing)}; ` +
        `takers ${thrownByTakers(thing)}`,
    )
  })
}

if (isMainThread) void main()
else inWorker()
