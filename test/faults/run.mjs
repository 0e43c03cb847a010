// Lets each call that the addon and libbpf make to the system, and each that the
// addon makes to Node-API, fail once, one at a time, while scenario.cjs does what
// users do; then lets them take long. The process has to live, to end what it
// waits for, to report an error of its own or none, and to keep nothing.
// Usage: run.mjs [--quick] [--only TEXT]
//   --quick: of each function in each scenario one call, by turns the first and the last
//   --only: of functions with TEXT in "MODULE FUNCTION"
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { check, needRoot, root, summarize } from '../checks.mjs'

const { quick, only } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
}).values

const directory = join(root, 'build/faults')
const control = join(directory, 'control')
// Longer than scenario.cjs waits before it says what is stuck, and for what is released.
const answerMs = 60_000
const scenarios = ['ring', 'large', 'attached', 'perf', 'maps', 'worker']

/** A process that goes through scenarios, until one ends it. */
class Runner {
  #child
  #lines
  #stderr = ''

  start() {
    writeFileSync(control, Buffer.alloc(64 * 256))
    const script = join(import.meta.dirname, 'scenario.cjs')
    this.#child = spawn(process.execPath, ['--expose-gc', script, control], {
      env: {
        ...process.env,
        BPF_RINGBUF_FAULTS: control,
        LD_PRELOAD: join(directory, 'interpose.so'),
      },
    })
    this.#stderr = ''
    this.#child.stderr.setEncoding('utf8').on('data', (text) => (this.#stderr += text))
    this.#child.stdin.on('error', () => undefined) // it has ended
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** What came of a scenario; `died` when it ended the process. */
  async ask(request) {
    if (this.#child === undefined) this.start()
    const child = this.#child
    child.stdin.write(`${JSON.stringify(request)}\n`)
    const timer = setTimeout(() => child.kill('SIGKILL'), answerMs)
    const { value } = await this.#lines.next()
    clearTimeout(timer)
    if (value !== undefined) {
      const ended = JSON.parse(value)
      // What is left of one does not count for the next.
      if (problemOf(ended) !== undefined) this.end()
      return ended
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    this.#child = undefined
    const end = child.signalCode ?? `exit status ${String(child.exitCode)}`
    return { died: `${end}\n${this.#stderr.slice(-2000)}` }
  }

  end() {
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }
}

const ours = /^(clean|TypeError|ERR_[A-Z_]+)$/
// Made by Node and by node-addon-api of a status of Node-API.
const ofNodeApi =
  /^Error: (Unknown failure|Invalid argument|Node-API failed|Error in native callback)$/

/** What is wrong with the end of a scenario; nothing when it is as it has to be. */
function problemOf({ died, outcome, leak }, isNodeApi) {
  if (died !== undefined) return died
  const others = outcome.filter((name) => !ours.test(name) && !(isNodeApi && ofNodeApi.test(name)))
  if (others.length > 0) return others.join(', ')
  return leak === '' ? undefined : `not released: ${leak}`
}

/** Which calls of several fail. */
function callsToFail(index, count) {
  if (quick) return [index % 2 === 0 ? 1 : count]
  return Array.from({ length: count }, (_, before) => before + 1)
}

/** Each call of each function that a scenario makes fails. */
async function failEach(scenario, calls) {
  for (const { index, name, calls: count } of calls) {
    const problems = []
    let failed = 0
    for (const countdown of callsToFail(index, count)) {
      const ended = await runner.ask({ scenario, mode: 'fail', target: index, countdown })
      failed += ended.hits ?? 1
      const problem = problemOf(ended, name.includes('napi_'))
      if (problem !== undefined) problems.push(`call ${String(countdown)}: ${problem}`)
    }
    const label = `${scenario}: ${name}() fails, ${String(failed)} of ${String(count)} calls`
    check(label, problems.length === 0, problems.join('\n'))
  }
}

/** Each function takes long, every time. */
async function slowEach(scenario, calls) {
  for (const { index, name, calls: count } of calls) {
    const delayUs = Math.ceil(20_000 / count)
    const ended = await runner.ask({ scenario, mode: 'slow', target: index, delayUs })
    const problem = problemOf(ended) ?? (ended.outcome[0] === 'clean' ? undefined : 'not clean')
    check(`${scenario}: ${name}() is slow, ${String(count)} calls`, problem === undefined, problem)
  }
}

/** A worker is terminated at different times while Node-API is slow. */
async function terminateSlowly(role) {
  const problems = []
  const times = quick ? 5 : 200
  for (let i = 0; i < times; i++) {
    const request = { scenario: 'terminated', role, mode: 'slow', target: -1, delayUs: 300 }
    const problem = problemOf(await runner.ask({ ...request, afterMs: (7 * i) % 100 }))
    if (problem !== undefined) problems.push(`time ${String(i)}: ${problem}`)
  }
  const label = `a worker is terminated, ${String(times)} times, while Node-API is slow: ${role}`
  check(label, problems.length === 0, problems.join('\n'))
}

needRoot()
mkdirSync(directory, { recursive: true })
const runner = new Runner()
for (const scenario of scenarios) {
  const whole = await runner.ask({ scenario, mode: 'none' })
  const problem = problemOf(whole)
  check(`${scenario}: without a fault`, problem === undefined, problem)
  const calls = (whole.calls ?? []).filter((one) => one.calls > 0 && one.name.includes(only))
  await failEach(scenario, calls)
  if (!quick) await slowEach(scenario, calls)
}
for (const role of ['attach', 'everything']) await terminateSlowly(role)
runner.end()
summarize()
