// Says what the library can do in this container. For each program, one line of
// JSON: { program, events: true } when an event of this process arrived, else
// { program, operation, code, errno, hint, message } of the error.
'use strict'
const { spawnSync } = require('node:child_process')
const { randomBytes } = require('node:crypto')
const { join } = require('node:path')
const { BpfError, BpfObject, RingBuffer, cstring, struct } = require('bpf-ringbuf')

const timeoutMs = 5000
const ForkEvent = struct('fork_event', { comm: cstring(16) })

// Also the name of this thread, by which its events are known: process numbers
// are others outside of the container.
process.title = `probe-${randomBytes(4).toString('hex')}`

async function receiveEvent(name) {
  const object = BpfObject.open(join(__dirname, 'privileges.bpf.o'))
  const signal = AbortSignal.timeout(timeoutMs)
  let ring
  try {
    object.program(name).autoload = true
    object.load()
    ring = new RingBuffer(object.map('events'), ForkEvent, { signal })
    const records = ring.records()
    object.attach()
    spawnSync('/bin/true')
    for await (const { comm } of records) if (comm === process.title) return true
    throw new Error(`No event within ${timeoutMs} ms`)
  } finally {
    ring?.close()
    object.close()
  }
}

async function probe(program) {
  try {
    return { program, events: await receiveEvent(program) }
  } catch (error) {
    if (!(error instanceof BpfError)) return { program, message: String(error) }
    const { operation, code, errno, hint, message } = error
    return { program, operation, code, errno, hint, message }
  }
}

async function main() {
  for (const program of ['tracepoint', 'raw_tp', 'tp_btf']) {
    console.log(JSON.stringify(await probe(program)))
  }
}

void main()
