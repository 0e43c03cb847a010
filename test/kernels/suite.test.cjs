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

const integration = join(__dirname, '../integration')
const { SUITES, ONLY = '' } = process.env
const only = ONLY.split(',')

for (const file of readdirSync(integration).filter((name) => name.endsWith('.test.js'))) {
  const name = file.slice(0, -'.test.js'.length)
  if (
    !only.some((text) => name.includes(text)) ||
    (SUITES === 'quick' && sameOnEveryKernel.has(name))
  )
    continue
  describe(name, () => {
    try {
      require(join(integration, file))
    } catch (error) {
      test('is loaded', () => {
        throw error
      })
    }
  })
}
