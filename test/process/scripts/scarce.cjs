// scarce.cjs CASE: readers where the machine has nothing left to give.
'use strict'
const { openSync } = require('node:fs')
const { bytes, held, loadRecords, make, RingBuffer } = require('./setup.cjs')

/** Opens until there is no descriptor left; their number is limited outside. */
function useUpDescriptors() {
  for (;;) {
    try {
      openSync('/dev/null')
    } catch {
      return
    }
  }
}

const before = held()
const object = loadRecords()
let records = 0
const ring = new RingBuffer(object.map('events'), bytes(), () => records++)
make(object, 10)
if (process.argv[2] === 'no descriptor') useUpDescriptors()
ring.consume()
const { lost, discarded } = ring.stats()
console.log(JSON.stringify({ records, lost, discarded }))
ring.close()
console.log(JSON.stringify({ lost: ring.stats().lost, closed: ring.closed }))
object.close()
if (process.argv[2] !== 'no descriptor') console.log(held().length - before.length)
