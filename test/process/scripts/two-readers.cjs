// two-readers.cjs [consume]: two processes on one ring that is pinned. It needs a
// /sys/fs/bpf of its own.
'use strict'
const { spawnSync } = require('node:child_process')
const { BpfMap, bytes, loadRecords, make, RingBuffer, until } = require('./setup.cjs')

const path = '/sys/fs/bpf/events'

/** Another process takes what there is; gives how many records that was. */
function consumeElsewhere() {
  const { stdout, stderr } = spawnSync(process.execPath, [__filename, 'consume'])
  process.stderr.write(stderr)
  return Number(stdout)
}

function consume() {
  const ring = BpfMap.fromPin(path)
  const reader = new RingBuffer(ring, bytes(), () => undefined, { pollThread: false })
  console.log(reader.consume())
  reader.close()
  ring.close()
}

const outcomeOf = (error) => `${error.code}: ${error.message}`

/** Makes records, of which the reader's thread takes a part, and another process the rest. */
function share(object, reader) {
  make(object, 500)
  while (reader.stats().stalls === 0);
  return consumeElsewhere()
}

const small = { batchCount: 1, batchBytes: 4096 }

const cases = {
  async 'consume()'(object) {
    let got = 0
    const take = () => void got++
    const reader = new RingBuffer(object.map('events'), bytes(), take, { pollThread: false })
    make(object, 3)
    reader.consume()
    make(object, 3, 4)
    const elsewhere = consumeElsewhere()
    let outcome
    try {
      reader.consume()
    } catch (error) {
      outcome = outcomeOf(error)
    }
    return { got, elsewhere, reader, outcome }
  },

  async 'flush()'(object) {
    let got = 0
    const take = () => void got++
    const reader = new RingBuffer(object.map('events'), bytes(), take, { pollThread: false })
    make(object, 6)
    const elsewhere = consumeElsewhere()
    const outcome = await reader.flush().then(String, outcomeOf)
    return { got, elsewhere, reader, outcome }
  },

  async callbacks(object) {
    let got = 0
    const take = () => void got++
    const reader = new RingBuffer(object.map('events'), bytes(), take, small)
    const elsewhere = share(object, reader)
    const caught = []
    process.on('uncaughtException', (error) => caught.push(outcomeOf(error)))
    make(object, 1)
    await until(() => reader.closed)
    await until(() => caught.length > 0)
    process.removeAllListeners('uncaughtException')
    return { got, elsewhere, reader, outcome: caught.join() }
  },

  async iterator(object) {
    let got = 0
    const reader = new RingBuffer(object.map('events'), bytes(), small)
    const batches = reader.batches()
    const elsewhere = share(object, reader)
    let outcome
    make(object, 1)
    try {
      for await (const batch of batches) got += batch.length
    } catch (error) {
      outcome = outcomeOf(error)
    }
    return { got, elsewhere, reader, outcome }
  },
}

async function main() {
  const object = loadRecords()
  object.map('events').pin(path)
  const results = {}
  for (const [name, run] of Object.entries(cases)) {
    const { got, elsewhere, reader, outcome } = await run(object)
    const { records, undelivered } = reader.stats()
    // What was taken here, and there, is all that was made.
    results[name] = { outcome, closed: reader.closed, made: got + elsewhere, undelivered }
    if (records !== got) throw new Error(`${name}: ${records} are counted, ${got} came`)
    if (got === 0 && name !== 'flush()') throw new Error(`${name}: nothing came`)
    consumeElsewhere()
  }
  console.log(JSON.stringify(results))
  object.close()
}

if (process.argv[2] === 'consume') consume()
else void main()
