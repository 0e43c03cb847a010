// What the runners of checks share: the lines they print, child processes that
// end, and jest by file.
import { spawnSync } from 'node:child_process'
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
let failed = 0

/** Prints the line of one check, and below it what was wrong. */
export function check(name, ok, details = '') {
  if (ok) passed += 1
  else failed += 1
  console.log(`${ok ? 'ok' : 'not ok'} ${name.replaceAll('\n', ' ')}`)
  if (!ok && details !== '') console.log(details.replace(/^/gm, '    '))
}

/** Prints the last line, and makes this process fail when a check did. */
export function summarize() {
  console.log(`${String(passed)} passed, ${String(failed)} failed`)
  if (failed > 0 || passed === 0) process.exitCode = 1
}

/**
 * Runs a program to its end, or to that of its time: then it and its children
 * are killed.
 */
export function run(command, args, { env = {}, cwd = root, timeoutSeconds = 60 } = {}) {
  const timeout = ['--signal=KILL', String(timeoutSeconds), command, ...args]
  const { error, status, signal, stdout, stderr } = spawnSync('timeout', timeout, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 256 << 20,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (error !== undefined) throw error
  // timeout dies of the signal that it sends.
  const timedOut = signal === 'SIGKILL' || status === 137
  const end = timedOut
    ? `killed, or not ended after ${String(timeoutSeconds)} s`
    : `exit status ${String(status)}`
  return { end, status, stdout, stderr, output: stdout + stderr }
}

/**
 * Runs jest and makes a check of each test file. A skipped test fails.
 *
 * @param command What starts it: a program and its first arguments.
 */
export function checkJest(label, [command, ...first], args, options = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'bpf-ringbuf-jest-'))
  const resultsPath = join(directory, 'results.json')
  const jest = join(root, 'node_modules/jest/bin/jest.js')
  const ended = run(
    command,
    [...first, jest, '--runInBand', '--json', '--outputFile', resultsPath, ...args],
    { timeoutSeconds: 240, ...options, env: { REQUIRE_BPF: '1', ...options.env } },
  )
  let files = []
  try {
    files = JSON.parse(readFileSync(resultsPath, 'utf8')).testResults
  } catch {
    check(`${label}: jest writes results`, false, `${ended.end}\n${ended.stderr}`)
  }
  rmSync(directory, { recursive: true })
  for (const { name, status, message, assertionResults } of files) {
    const count = assertionResults.filter((test) => test.status === 'passed').length
    const ok = status === 'passed' && count > 0 && count === assertionResults.length
    const skipped = assertionResults.filter((test) => test.status !== 'passed')
    const details = message || skipped.map((test) => `${test.status}: ${test.fullName}`).join('\n')
    check(`${label}: ${relative(root, name)}, ${String(count)} tests`, ok, details)
  }
  return ended
}
