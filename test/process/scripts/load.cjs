// load.cjs [UID]: opens an object, becomes another user, loads and attaches, and
// prints how far it came.
'use strict'
const { openObject } = require('./setup.cjs')

const object = openObject('flood')
const steps = [object.phase]
if (process.argv[2] !== undefined) process.setuid(Number(process.argv[2]))
try {
  object.load()
  steps.push(object.phase)
  object.attach()
  steps.push('attached')
  object.close()
} catch ({ name, code, errno, hint, message }) {
  steps.push({ name, code, errno, hint, message })
}
console.log(JSON.stringify(steps))
