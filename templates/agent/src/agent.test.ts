import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { open } from './agent.bpf.js'
import { lineOf } from './line.js'

test('an event is a line without control characters', () => {
  const event = { pid: 2, parent_pid: 1, uid: 0, comm: 'sh', filename: '/bin/sh\u001b[2J' }
  assert.equal(lineOf(event), 'pid 2, parent 1, uid 0: sh /bin/sh?[2J')
})

const skip = process.getuid?.() === 0 ? false : 'it needs root'

test('a program that is executed is an event', { skip, timeout: 60_000 }, async () => {
  using agent = open().load()
  using events = agent.rings.events.read()
  const records = events.records()
  agent.attach()
  const { pid } = spawnSync('true')
  for await (const event of records) {
    if (event.pid !== pid) continue
    assert.equal(event.comm, 'true')
    assert.equal(event.parent_pid, process.pid)
    assert.match(event.filename, /\/true$/)
    break
  }
})
