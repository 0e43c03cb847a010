// Opens an object many times, each time with another word of its BTF damaged,
// and prints what came of it, once. A damaged file must not end the process.
'use strict'
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { BpfObject } = require('./setup.cjs')

const contents = readFileSync(join(__dirname, '../../../build/bpf/test/records.bpf.o'))

/** Where the BTF is: it begins with a magic number that nothing else has. */
function btfOf(file) {
  const magic = Buffer.from(new Uint16Array([0xeb9f, 1]).buffer)
  const start = file.indexOf(magic.subarray(0, 3))
  const headerBytes = file.readUInt32LE(start + 4)
  const stringsOffset = file.readUInt32LE(start + 16)
  return { start: start + headerBytes, end: start + headerBytes + stringsOffset }
}

const { start, end } = btfOf(contents)
const codes = new Set()
for (let at = start; at < end; at += 4) {
  for (const value of [0xffffff, 0x7fffffff]) {
    const file = Buffer.from(contents)
    file.writeUInt32LE(value, at)
    try {
      BpfObject.open(file).close()
      codes.add('opened')
    } catch (error) {
      codes.add(error.code)
    }
  }
}
console.log(JSON.stringify([...codes]))
