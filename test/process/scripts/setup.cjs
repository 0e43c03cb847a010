// What the scripts share. They use the package as it was built.
'use strict'
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { readdirSync, readFileSync, readlinkSync } = require('node:fs')
const { join } = require('node:path')
const library = require('../../..')

const root = join(__dirname, '../../..')

function openObject(name) {
  return library.BpfObject.open(join(root, 'build/bpf/test', `${name}.bpf.o`))
}

/** An object of records.bpf.c with a ring of 64 KiB, loaded. */
function loadRecords() {
  const object = openObject('records')
  object.map('events').maxEntries = 64 * 1024
  return object.load()
}

/** Makes samples with the sequence numbers from `first` on. */
function make(object, count, first = 1) {
  const perRun = 500 // as records.bpf.c has it
  for (let index = 0; index < count; index += perRun) {
    const request = Uint32Array.of(Math.min(perRun, count - index), first + index, 0, index)
    object.program('make_events').testRun({ context: new Uint8Array(request.buffer) })
  }
}

/** The sequence number of a sample that was read as bytes. */
function sequenceOf(record) {
  return new DataView(record.buffer, record.byteOffset).getUint32(16, true)
}

/** A process that makes system calls, as fast as it can unless told otherwise. */
async function startProducer(...options) {
  const child = spawn(join(root, 'build/test/producer'), ['--threads', '1', ...options], {
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  await once(child, 'spawn')
  return {
    pid: child.pid,
    exited: once(child, 'exit'),
    start() {
      child.stdin.write('\n')
    },
    /** Lets this process end although the producer runs. */
    unref() {
      child.unref()
      child.stdin.unref?.() // Bun has none
    },
    async stop() {
      child.stdin.destroy()
      await this.exited
    },
  }
}

/** An object of flood.bpf.c that reports the system calls of a process. */
function loadFlood(producerPid, recordsPerCall = 10) {
  const object = openObject('flood')
  object.globals.producer_tgid = producerPid
  object.globals.records_per_call = recordsPerCall
  object.load()
  return object
}

/** What this process holds: descriptors and poll threads. */
function held() {
  void process.stdout // opens a descriptor at its first use
  const descriptors = readdirSync('/proc/self/fd').map((descriptor) =>
    textOf(() => readlinkSync(`/proc/self/fd/${descriptor}`)),
  )
  const threads = readdirSync('/proc/self/task')
    .map((thread) => textOf(() => readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim()))
    .filter((name) => name === 'bpf-ringbuf')
  // Deno keeps descriptors of each worker; a reader holds more than those.
  const counted = process.versions.deno === undefined ? /./ : /bpf|btf|perf/
  return [...descriptors, ...threads].filter((text) => counted.test(text)).sort()
}

/** What was read, or nothing when it has gone in between. */
function textOf(read) {
  try {
    return read()
  } catch {
    return ''
  }
}

/** Waits for a condition while the event loop runs. */
async function until(condition, describe = () => String(condition)) {
  const end = performance.now() + 40_000
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Did not come true: ${describe()}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** Waits until this process holds no more than before. */
async function untilReleased(before) {
  await until(
    () => held().length <= before.length,
    () => `released: ${JSON.stringify({ before, held: held() })}`,
  )
}

/** Stops this thread. */
function block(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

module.exports = {
  ...library,
  block,
  held,
  loadFlood,
  loadRecords,
  make,
  openObject,
  sequenceOf,
  startProducer,
  until,
  untilReleased,
}
