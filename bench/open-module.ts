// Opens, loads and attaches the object of a generated module, once in a new process, and
// prints how long each took as "open_ns load_ns attach_ns". For open-load.ts.
//
//   node build/bench/open-module.js MODULE
import { createRequire } from 'node:module'
import type * as Snoop from '../examples/exec-snoop.bpf.js'

const now = (): bigint => process.hrtime.bigint()

const { open } = createRequire(__filename)(process.argv[2] ?? '') as typeof Snoop
const start = now()
using snoop = open()
const opened = now()
snoop.load()
const loaded = now()
snoop.attach()
console.log([opened - start, loaded - opened, now() - loaded].join(' '))
