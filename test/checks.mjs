// What the runners of checks share: the lines that they print, the processes that
// they run, and what jest found.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '..')

/** Ends with a message when this process may not load BPF programs. */
export function needRoot() {
  if (process.getuid() === 0) return
  console.error(`${relative(root, process.argv[1])}: BPF programs need root, run it with sudo`)
  process.exit(1)
}

let passed = 0
const failures = []
const skips = []

/** Counts a check whose line has been printed by somebody else. */
export function count(name, ok) {
  if (ok) passed += 1
  else failures.push(name)
}

/** Counts a check that could not be made: a failure with REQUIRE_BPF=1. */
export function skip(name) {
  if (process.env.REQUIRE_BPF === '1') count(`skipped, but REQUIRE_BPF=1: ${name}`, false)
  else skips.push(name)
}

/** Counts a check, and prints its line with what was wrong below it. */
export function check(name, ok, details = '') {
  const line = name.replaceAll(/\s+/g, ' ')
  count(line, ok)
  console.log(`${ok ? 'ok' : 'not ok'} ${line}`)
  if (!ok && details !== '') console.log(details.trimEnd().replace(/^/gm, '    '))
}

/** Counts the lines "ok NAME" and "not ok NAME" that a process printed. */
export function countLines(label, { stdout, status, end }) {
  const lines = [...stdout.matchAll(/^(not )?ok (.*)$/gm)]
  for (const [, not, name] of lines) count(`${label}: ${name}`, not === undefined)
  if (lines.length === 0) count(`${label}: no test was run`, false)
  const told = lines.some(([, not]) => not !== undefined)
  if (status !== 0 && !told) count(`${label}: ${end}`, false)
}

/** Whether all is well so far. */
export function allPassed() {
  return failures.length === 0
}

/** Prints what failed and the last line; this process fails when a check did. */
export function summarize() {
  for (const [title, names] of Object.entries({ Skipped: skips, Failed: failures })) {
    if (names.length > 0) console.log([`${title}:`, ...names].join('\n  '))
  }
  const skipped = skips.length > 0 ? `, ${skips.length} skipped` : ''
  console.log(`${passed} passed, ${failures.length} failed${skipped}`)
  if (failures.length > 0 || passed === 0) process.exitCode = 1
}

/** Processes that run, each the leader of a group. */
const running = new Set()
process.on('exit', () => {
  for (const { pid } of running) process.kill(-pid, 'SIGKILL')
})
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

/**
 * Runs a program to its end, or to that of its time: then it and its children
 * are killed, as when this process ends before.
 *
 * `stdout` and `stderr` are those of spawn(): what is a pipe is collected, and
 * given to `onStdout` as it comes.
 */
export async function run(command, args, options = {}) {
  const { env = {}, cwd = root, timeoutSeconds = 300, onStdout } = options
  const { stdout = 'pipe', stderr = 'pipe' } = options
  // A process of its own, so that time is over for it even when this one was killed.
  const timeout = ['--signal=KILL', String(timeoutSeconds), command, ...args]
  const child = spawn('timeout', timeout, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', stdout, stderr],
    detached: true,
  })
  if (child.pid !== undefined) running.add(child)
  const collected = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) {
    child[name]?.setEncoding('utf8').on('data', (text) => (collected[name] += text))
  }
  if (onStdout !== undefined) child.stdout.on('data', onStdout)
  child.once('exit', () => running.delete(child))
  const [status, signal] = await once(child, 'close')
  // timeout dies of the signal that it sends.
  const end =
    signal === 'SIGKILL' || status === 137
      ? `killed, or not ended after ${timeoutSeconds} s`
      : `exit status ${status}`
  return { end, status, ...collected, output: collected.stdout + collected.stderr }
}

/** The same; throws when the program fails. */
export async function mustRun(command, args, options) {
  const ended = await run(command, args, options)
  if (ended.status === 0) return ended
  throw new Error(`${command} ${args.join(' ')}: ${ended.end}\n${ended.output}`)
}

/** What starts jest, after the name of a program and its own arguments. */
export const jest = join(root, 'node_modules/jest/bin/jest.js')

/** The tests in jest's results; a file that failed without a test to blame is one. */
export function* testsOf({ testResults }) {
  for (const { name, status, message, assertionResults } of testResults) {
    const file = relative(root, name)
    for (const test of assertionResults) {
      const details = test.failureMessages.join('\n')
      yield { file, name: test.fullName, status: test.status, details }
    }
    const blamed = assertionResults.some((test) => test.status === 'failed')
    if (status === 'failed' && !blamed) yield { file, name: file, status, details: message }
  }
}

/**
 * Runs jest; gives how it ended and its tests. No results is a check that failed.
 *
 * @param command What starts it: a program and its first arguments.
 */
export async function runJest(label, [command, ...first], args, options = {}) {
  const { workers = 1, ...others } = options
  const directory = mkdtempSync(join(tmpdir(), 'bpf-ringbuf-jest-'))
  const path = join(directory, 'results.json')
  const own = [
    jest,
    workers === 1 ? '--runInBand' : `--maxWorkers=${workers}`,
    '--json',
    '--outputFile',
    path,
  ]
  const ended = await run(command, [...first, ...own, ...args], others)
  let tests = []
  try {
    tests = [...testsOf(JSON.parse(readFileSync(path, 'utf8')))]
  } catch {
    check(`${label}: jest writes results`, false, `${ended.end}\n${ended.stderr}`)
  }
  rmSync(directory, { recursive: true })
  return { ...ended, tests }
}

/** Runs jest and makes a check of each test file. A skipped test fails. */
export async function checkJest(label, command, args, options = {}) {
  const env = { REQUIRE_BPF: '1', ...options.env }
  const ended = await runJest(label, command, args, { timeoutSeconds: 600, ...options, env })
  for (const file of new Set(ended.tests.map((test) => test.file))) {
    const tests = ended.tests.filter((test) => test.file === file)
    const bad = tests.filter(({ status }) => status !== 'passed')
    const details = bad.map(({ name, status, details }) => `${status}: ${name}\n${details}`)
    check(`${label}: ${file}, ${tests.length} tests`, bad.length === 0, details.join('\n'))
  }
  return ended
}
