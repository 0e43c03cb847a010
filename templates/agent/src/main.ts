// Prints each program that is executed, until Ctrl-C.
import { once } from 'node:events'
import { open } from './agent.bpf.js'
import { lineOf } from './line.js'

using agent = open()
agent.globals.min_uid = Number(process.env['MIN_UID'] ?? 0)
agent.load()
using events = agent.rings.events.read((event) => {
  console.log(lineOf(event))
})
agent.attach()
console.error('Waiting for programs to be executed; Ctrl-C ends it')

await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
agent.detach()
await events.end()
console.error(`${events.stats().lost ?? 0} events lost`)
