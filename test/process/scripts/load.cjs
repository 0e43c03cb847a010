// load.cjs [UID]: opens an object, becomes another user, loads, attaches and
// detaches, and prints how far it came.
'use strict'
const { openObject } = require('./setup.cjs')

const object = openObject('flood')
const steps = [object.phase]
if (process.argv[2] !== undefined) process.setuid(Number(process.argv[2]))

async function run() {
  object.load()
  steps.push(object.phase)
  object.attach()
  steps.push('attached')
  object.detach()
  steps.push((await object.detached()) ? 'detached' : 'detached, perhaps')
  object.close()
}

run()
  .catch(({ name, code, errno, hint, message }) => {
    steps.push({ name, code, errno, hint, message })
  })
  .finally(() => console.log(JSON.stringify(steps)))
