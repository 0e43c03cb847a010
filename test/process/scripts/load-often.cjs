// load-often.cjs COUNT [DESCRIPTORS]: loads objects one after the other and prints
// what became of each; the first with so many descriptors left.
'use strict'
const { closeSync, openSync } = require('node:fs')
const { openObject } = require('./setup.cjs')

/** Opens files until no more than `left` can be opened. */
function useUp(left) {
  const held = []
  try {
    for (;;) held.push(openSync('/dev/null'))
  } catch {
    for (let i = 0; i < left; i++) closeSync(held.pop())
  }
  return held
}

const [count, left] = process.argv.slice(2).map(Number)
const objects = Array.from({ length: count }, () => openObject('records'))
const held = left === undefined ? [] : useUp(left)
const results = objects.map((object) => {
  try {
    object.load()
    return 'loaded'
  } catch ({ name, code, errno, message }) {
    return { name, code, errno, message }
  } finally {
    object.close()
    for (const descriptor of held.splice(0)) closeSync(descriptor)
  }
})
console.log(JSON.stringify(results))
