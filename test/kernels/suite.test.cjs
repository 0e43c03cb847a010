// The whole integration suite as one file of tests: in an emulator it takes seconds
// to load the library, which jest does once a file.
'use strict'
const { readdirSync } = require('node:fs')
const { join } = require('node:path')

/** Of the JavaScript and of opening, which no kernel changes. */
const sameOnEveryKernel = new Set([
  ...['iterator', 'waiting', 'stats', 'tagged', 'skeleton', 'perf-buffer', 'topologies'],
  ...['reader-life', 'reader-life-fair', 'reader-life-records', 'reader-life-states'],
  ...['map-phases', 'object-phases', 'program-phases', 'map-differential'],
  ...['ring-buffer', 'event-stream', 'stress', 'symbols', 'object', 'open', 'globals'],
])
/** Of the other files, the same of single tests, by their names. */
const sameTests = {
  // Those of kprobes and trampolines are not.
  tools: /^(?!.*(kprobe|fexit))/,
  features: /^(without |asking again after)/,
  maps: /seen exactly once/,
  'flight-recorder': /^costs the programs/,
  'user-ring-buffer': /^any calls in any order/,
}

const integration = join(__dirname, '../integration')
const { SUITES, ONLY = '' } = process.env
const only = ONLY.split(',')
const isQuick = SUITES === 'quick'

/** Defines tests, but those that a pattern matches. */
function without(pattern, define) {
  const all = global.test
  const others =
    (add) =>
    (name, ...rest) => {
      if (!pattern.test(name)) add(name, ...rest)
    }
  global.test = Object.assign(others(all), { each: (...table) => others(all.each(...table)) })
  try {
    define()
  } finally {
    global.test = all
  }
}

for (const file of readdirSync(integration).filter((name) => name.endsWith('.test.js'))) {
  const name = file.slice(0, -'.test.js'.length)
  if (!only.some((text) => name.includes(text)) || (isQuick && sameOnEveryKernel.has(name)))
    continue
  const same = isQuick ? sameTests[name] : undefined
  describe(name, () => {
    const load = () => require(join(integration, file))
    try {
      if (same === undefined) load()
      else without(same, load)
    } catch (error) {
      test('is loaded', () => {
        throw error
      })
    }
  })
}
