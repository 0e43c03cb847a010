// Prints each result as a line "@test JSON" at once, so that what was tested
// before a crash is known; the last line says how many there are.
'use strict'
const { basename } = require('node:path')

module.exports = class {
  #count = 0

  #print(result) {
    this.#count++
    process.stdout.write(`\n@test ${JSON.stringify(result)}\n`)
  }

  onTestCaseResult({ path }, { fullName, status, duration, failureMessages }) {
    const file = basename(path, '.test.js')
    // With colours they are not readable in a log.
    const messages = failureMessages.map((message) => message.replace(/\x1b\[\d*m/g, ''))
    this.#print({ file, name: fullName, status, ms: duration ?? 0, messages })
  }

  // A file that fails outside of its tests: one that cannot be loaded, or one
  // that leaves something open.
  onTestFileResult({ path }, { testExecError, failureMessage, numFailingTests }) {
    const file = basename(path, '.test.js')
    if (testExecError === undefined && (numFailingTests > 0 || !failureMessage)) return
    const messages = [String(failureMessage).replace(/\x1b\[\d*m/g, '')]
    this.#print({ file, name: file, status: 'failed', ms: 0, messages })
  }

  onRunComplete() {
    process.stdout.write(`@tests ${this.#count}\n`)
  }
}
