// pinned.cjs: maps that are one in the kernel, opened several times. It needs a
// /sys/fs/bpf of its own.
'use strict'
const { once } = require('node:events')
const { isMainThread, parentPort, Worker } = require('node:worker_threads')
const { bytes, openObject, PerfBuffer, RingBuffer } = require('./setup.cjs')

/** Makes a reader of each map; gives what came of it. */
function readBoth(object) {
  const readers = []
  const outcomes = [
    ['shared_ring', RingBuffer],
    ['shared_perf', PerfBuffer],
  ].map(([name, Reader]) => {
    try {
      readers.push(new Reader(object.map(name), bytes()))
      return 'reads'
    } catch (error) {
      return error.code
    }
  })
  return { readers, outcomes }
}

function closeAll(object, readers) {
  for (const reader of readers) reader.close()
  object.close()
}

async function inWorker() {
  const [outcomes] = await once(new Worker(__filename), 'message')
  return outcomes
}

async function main() {
  const object = openObject('pinned').load()
  const first = readBoth(object)
  const other = openObject('pinned').load()
  const say = (what, outcomes) => console.log(`${what}: ${outcomes.join(', ')}`)
  say('the first', first.outcomes)
  say('another object', readBoth(other).outcomes)
  say('another thread', await inWorker())
  closeAll(object, first.readers)
  say('another object, then', readBoth(other).outcomes)
  process.exit()
}

if (isMainThread) {
  void main()
} else {
  const object = openObject('pinned').load()
  const { readers, outcomes } = readBoth(object)
  closeAll(object, readers)
  parentPort.postMessage(outcomes)
}
