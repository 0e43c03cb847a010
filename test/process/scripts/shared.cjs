// Opens an object out of memory that another thread writes to all the time.
'use strict'
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { isMainThread, Worker, workerData } = require('node:worker_threads')
const { BpfObject, until } = require('./setup.cjs')

const rounds = 2000

/** Changes words of the BTF, each for about as long as opening takes to check it. */
function scribble({ shared, original, state }) {
  const words = new Uint32Array(shared)
  const start = original.findIndex((word) => (word & 0xffffff) === 0x01eb9f) + 6
  for (let at = start; Atomics.load(state, 1) === 0; at = at + 1 < words.length ? at + 1 : start) {
    const end = performance.now() + 0.2
    words[at] = at % 2 === 0 ? 0xffffff : 0x7fffffff
    while (performance.now() < end);
    words[at] = original[at]
    while (performance.now() < end + 0.1);
    Atomics.add(state, 0, 1)
  }
}

async function open() {
  const contents = readFileSync(join(__dirname, '../../../build/bpf/test/records.bpf.o'))
  const shared = new SharedArrayBuffer((contents.length + 3) & ~3)
  new Uint8Array(shared).set(contents)
  const state = new Int32Array(new SharedArrayBuffer(8))
  const original = new Uint32Array(shared).slice()
  const worker = new Worker(__filename, { workerData: { shared, original, state } })
  await until(() => Atomics.load(state, 0) > 1)
  const codes = new Set()
  for (let i = 0; i < rounds; i++) {
    try {
      BpfObject.open(new Uint8Array(shared)).close()
      codes.add('opened')
    } catch (error) {
      codes.add(error.code)
    }
  }
  Atomics.store(state, 1, 1)
  await new Promise((resolve) => worker.once('exit', resolve))
  console.log(JSON.stringify([...codes]))
}

if (isMainThread) void open()
else scribble(workerData)
