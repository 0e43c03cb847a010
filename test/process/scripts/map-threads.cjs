// map-threads.cjs: one map of the kernel, used by several threads at once.
'use strict'
const { once } = require('node:events')
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads')
const { BpfMap, held, openObject, u32, u64, untilReleased } = require('./setup.cjs')

const types = { key: u32, value: u64 }
const perThread = 2000

/** Adds keys of its own, reads all, and deletes every other one of its own. */
function work(map, thread) {
  const own = Array.from({ length: perThread }, (_, i) => thread * perThread + i)
  map.setMany(own.map((key) => [key, BigInt(key)]))
  const seen = new Map()
  for (const [key, value] of map) {
    if (value !== BigInt(key)) throw new Error(`key ${key} has the value ${value}`)
    seen.set(key, (seen.get(key) ?? 0) + 1)
  }
  const once = own.filter((key) => seen.get(key) === 1).length
  map.deleteMany(own.filter((key) => key % 2 === 1))
  return once
}

async function main() {
  const before = held()
  const map = BpfMap.create({ type: 'hash', ...types, maxEntries: 20_000 })
  const workers = [1, 2].map(
    (thread) => new Worker(__filename, { workerData: { thread, fd: map.fd } }),
  )
  const answers = workers.map((worker) => once(worker, 'message'))
  console.log(`main saw ${work(map, 0)} of its own once`)
  const [first, second] = await Promise.all(answers)
  console.log(`workers saw ${first[0].once} and ${second[0].once} of their own once`)
  console.log(`left: ${map.size()}`)

  const theirs = BpfMap.fromId(first[0].id, types)
  // In the middle of whatever they do.
  await Promise.all(workers.map((worker) => worker.terminate()))
  theirs.set(3, 5n)
  console.log(`a map of an object of a thread that ended: ${theirs.get(3)}`)
  let cloned
  try {
    cloned = typeof structuredClone(theirs).get
  } catch (error) {
    cloned = error.name
  }
  console.log(`what another thread would get of a map: ${cloned}`)
  theirs.close()
  map.close()
  await untilReleased(before)
}

async function inWorker() {
  const { thread, fd } = workerData
  const map = BpfMap.fromFd(fd, types)
  const once = work(map, thread)
  map.close()
  const object = openObject('maps').load()
  const array = object.map('array', types)
  parentPort.postMessage({ once, id: array.info().id })
  for (;;) {
    for (const [key] of array) array.set(key, 1n)
    await new Promise(setImmediate)
  }
}

void (isMainThread ? main() : inWorker())
