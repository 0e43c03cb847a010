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

  onTestCaseResult(_, { ancestorTitles, title, status, duration, failureMessages }) {
    const [file, ...titles] = ancestorTitles // see suite.test.cjs
    const name = [...titles, title].join(' ')
    // With colours they are not readable in a log.
    const messages = failureMessages.map((message) => message.replace(/\x1b\[\d*m/g, ''))
    this.#print({ file, name, status, ms: duration ?? 0, messages })
  }

  // What fails outside of the tests: a file that leaves something open.
  onTestFileResult({ path }, { testExecError, failureMessage, numFailingTests }) {
    const file = basename(path)
    if (testExecError === undefined && (numFailingTests > 0 || !failureMessage)) return
    const messages = [String(failureMessage).replace(/\x1b\[\d*m/g, '')]
    this.#print({ file, name: file, status: 'failed', ms: 0, messages })
  }

  onRunComplete() {
    process.stdout.write(`@tests ${this.#count}\n`)
  }
}
