// Says what the library can do in this container. For each program, one line of
// JSON: { program, events: true } when an event of this process arrived, else
// { program, operation, code, errno, hint, message } of the error. The last line is
// what the doctor says beforehand: { program: 'doctor', status, works, hint, answers }.
'use strict'
const { spawnSync } = require('node:child_process')
const { randomBytes } = require('node:crypto')
const { dirname, join } = require('node:path')
const { BpfError, BpfObject, RingBuffer, cstring, struct } = require('bpf-ringbuf')

const timeoutMs = 30_000
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

const programs = ['tracepoint', 'raw_tp', 'tp_btf']

function askDoctor() {
  const installed = dirname(require.resolve('bpf-ringbuf/package.json'))
  const args = [join(installed, 'dist/cli/main.js'), 'doctor', '--json']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (stderr !== '') return { program: 'doctor', status, message: stderr }
  const { works, proofs, checks } = JSON.parse(stdout)
  const answers = checks.filter(({ name }) => programs.includes(name))
  return {
    program: 'doctor',
    status,
    works,
    hint: proofs[0].mend,
    answers: Object.fromEntries(answers.map(({ name, answer }) => [name, answer])),
  }
}

async function main() {
  const doctor = askDoctor()
  for (const program of programs) console.log(JSON.stringify(await probe(program)))
  console.log(JSON.stringify(doctor))
}

void main()
