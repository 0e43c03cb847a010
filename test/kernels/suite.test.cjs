// The whole integration suite as one file of tests: in an emulator it takes seconds
// to load the library, which jest does once a file.
'use strict'
const { readdirSync } = require('node:fs')
const { basename, join } = require('node:path')

/** Of the JavaScript and of opening, which no kernel changes. */
const sameOnEveryKernel = new Set([
  ...['iterator', 'waiting', 'stats', 'tagged', 'skeleton', 'perf-buffer', 'topologies'],
  ...['reader-life', 'reader-life-fair', 'reader-life-records', 'reader-life-states'],
  ...['map-phases', 'object-phases', 'program-phases', 'map-differential'],
  'gallery',
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

// Of the tools' tests the one that asks for nothing but a kernel.
const files = [...readdirSync(integration), '../kernels/gallery.test.js']
for (const file of files.filter((name) => name.endsWith('.test.js'))) {
  const name = basename(file, '.test.js')
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
