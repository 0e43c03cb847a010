// load.cjs: opens, loads and attaches an object, and prints how far it came.
'use strict'
const { openObject } = require('./setup.cjs')

const object = openObject('flood')
const steps = [object.phase]
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
