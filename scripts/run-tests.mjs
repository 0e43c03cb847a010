// Runs the type tests, the native tests (plain and under sanitizers), jest and
// the short forms of the benchmarks, and sums them up in one last line.
// Usage: run-tests.mjs [NATIVE_TEST_BINARY]...
// With REQUIRE_BPF=1 a skipped test is a failure. With EVERYWHERE=1 the short
// forms of the checks that need more than this machine's packages follow.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname } from 'node:path'

const jestTimeoutMs = 12 * 60_000
const jestResultsPath = 'build/test/jest-results.json'

let passed = 0
const failures = []
const skips = []

function describeEnd({ error, signal, status }) {
  if (error) return error.message
  return signal ? `killed by ${signal}` : `exit status ${status}`
}

function runTypeTests() {
  for (const project of ['test/types', 'test/types/bundler']) {
    const args = ['node_modules/typescript/bin/tsc', '--noEmit', '-p', `${project}/tsconfig.json`]
    const tsc = spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
    if (tsc.status === 0) passed += 1
    else failures.push(`types: tsc -p ${project}, ${describeEnd(tsc)}`)
  }
}

/** Counts the lines "ok NAME" and "not ok NAME" of what a check printed. */
function countOutcomes(check, output, end) {
  const outcomes = output.match(/^(not )?ok .*$/gm) ?? []
  const failed = outcomes.filter((outcome) => outcome.startsWith('not'))
  passed += outcomes.length - failed.length
  failures.push(...failed.map((outcome) => `${check}: ${outcome.slice('not ok '.length)}`))
  if (outcomes.length === 0) failures.push(`${check}: no test was run`)
  if (!end.ok && failed.length === 0) failures.push(`${check}: ${describeEnd(end)}`)
}

function runNativeTests(path) {
  // Without address randomisation, as gcc 12's TSan does not know every layout.
  const native = spawnSync('setarch', ['-R', path], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  process.stdout.write(native.stdout ?? '')
  countOutcomes(`native, ${basename(path)}`, native.stdout ?? '', {
    ...native,
    ok: native.status === 0,
  })
}

function runJest() {
  mkdirSync(dirname(jestResultsPath), { recursive: true })
  rmSync(jestResultsPath, { force: true })
  const args = ['node_modules/jest/bin/jest.js', '--runInBand', '--json']
  const jest = spawnSync(process.execPath, [...args, '--outputFile', jestResultsPath], {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: jestTimeoutMs,
    killSignal: 'SIGKILL',
  })

  let results
  try {
    results = JSON.parse(readFileSync(jestResultsPath, 'utf8'))
  } catch {
    failures.push(`jest: wrote no results, ${describeEnd(jest)}`)
    return
  }
  const failuresBefore = failures.length
  for (const file of results.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === 'passed') passed += 1
      else if (test.status === 'failed') failures.push(test.fullName)
      else skips.push(test.fullName)
    }
    // A file that could not be loaded has no tests to blame.
    const blamed = file.assertionResults.some((test) => test.status === 'failed')
    if (file.status === 'failed' && !blamed) failures.push(file.name)
  }
  if (results.numTotalTests === 0) failures.push('jest: no test was run')
  if (jest.status !== 0 && failures.length === failuresBefore) {
    failures.push(`jest: ${describeEnd(jest)}`)
  }
}

// A regression of the design is some factors, the noise of a shared machine less.
const benchDivisor = '3'

function runBench(name, ...args) {
  if (process.getuid() !== 0) {
    skips.push(`bench: ${name} needs root`)
    return
  }
  const bench = spawnSync(process.execPath, [`build/bench/${name}.js`, '--quick', ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (bench.status === 0) passed += 1
  else failures.push(`bench: ${name}.js, ${describeEnd(bench)}`)
}

// Each has a target of its own, with a longer form.
const everywhere = [
  ['model', ['model', 'ARGS=--quick']],
  ['fuzz', ['fuzz', 'ARGS=--quick']],
  ['soak', ['soak', 'DURATION=60']],
  ['sanitize', ['sanitize', 'ARGS=--quick']],
  ['faults', ['faults', 'ARGS=--quick']],
  ['nodes', ['test-nodes', 'ARGS=--quick']],
  ['container', ['test-container', 'ARGS=--quick']],
  ['kernels', ['test-kernels', 'ARGS=--kernel 6.1']],
  ['arm64', ['test-arm64']],
]

const everywhereTimeoutMs = 8 * 60_000

/** Runs a make target that prints lines as countOutcomes() reads them. */
async function runTarget(name, args) {
  console.log(`make ${args.join(' ')}`)
  const start = performance.now()
  const make = spawn('make', ['--no-print-directory', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Ends what it started with it.
    detached: true,
  })
  let output = ''
  make.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
    // Its own summary is no last line.
    process.stdout.write(text.replace(/^(\d+ passed, \d+ failed.*)$/gm, '$1 here'))
  })
  const timer = setTimeout(() => process.kill(-make.pid, 'SIGKILL'), everywhereTimeoutMs)
  const [status, signal] = await once(make, 'close')
  clearTimeout(timer)
  console.log(`${name}: ${((performance.now() - start) / 1000).toFixed(0)} s`)
  countOutcomes(name, output, { status, signal, ok: status === 0 })
}

function list(title, names) {
  if (names.length === 0) return
  console.log(`${title}:`)
  for (const name of names) console.log(`  ${name}`)
}

runTypeTests()
for (const path of process.argv.slice(2)) runNativeTests(path)
runJest()
runBench('bench', '--check', benchDivisor)
runBench('compare/compare')
if (process.env.EVERYWHERE === '1') {
  for (const [name, args] of everywhere) await runTarget(name, args)
}

if (process.env.REQUIRE_BPF === '1') {
  failures.push(...skips.splice(0).map((name) => `skipped, but REQUIRE_BPF=1: ${name}`))
}
list('Skipped', skips)
list('Failed', failures)
const skipped = skips.length > 0 ? `, ${skips.length} skipped` : ''
console.log(`${passed} passed, ${failures.length} failed${skipped}`)
process.exitCode = failures.length > 0 ? 1 : 0
