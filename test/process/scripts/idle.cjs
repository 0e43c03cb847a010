// Attached, streaming, and nothing happens: says so and waits for its end.
'use strict'
const { bytes, loadFlood, loadRecords, RingBuffer } = require('./setup.cjs')

const object = loadFlood(0).attach()
new RingBuffer(object.map('events'), bytes(), () => undefined)
new RingBuffer(loadRecords().map('events'), bytes()).records().next()
console.log('idle')
