// Runs the type tests, the native tests (plain and under sanitizers), jest and
// the short forms of the benchmarks, and sums them up in one last line.
// Usage: run-tests.mjs [NATIVE_TEST_BINARY]...
// With REQUIRE_BPF=1 a skipped test is a failure. With EVERYWHERE=1 the short
// forms of the checks that need more than this machine's packages follow.
import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { count, countLines, run, runJest, skip, summarize } from '../test/checks.mjs'

const shown = { stdout: 'inherit', stderr: 'inherit' }

/** A check by a program of Node that prints for itself. */
async function countNode(name, args) {
  const { status, end } = await run(process.execPath, args, { ...shown, timeoutSeconds: 600 })
  count(status === 0 ? name : `${name}: ${end}`, status === 0)
}

// A regression of the design is some factors, the noise of a shared machine less.
const benchDivisor = '3'

const bench = (name) => [`build/bench/${name}.js`, '--quick']

async function runBench(name) {
  if (process.getuid() !== 0) skip(`bench: ${name} needs root`)
  else await countNode(`bench: ${name}.js`, bench(name))
}

/** Rows that miss their claims by far; undefined when they could not be measured. */
async function rowsMissed(rows) {
  const chosen = rows.flatMap((row) => ['--row', row])
  const args = [...bench('bench'), ...chosen, '--check', benchDivisor]
  const onStdout = (text) => process.stdout.write(text)
  const options = { stderr: 'inherit', timeoutSeconds: 600, onStdout }
  const { status, stdout } = await run(process.execPath, args, options)
  const missed = [...stdout.matchAll(/^missed by more than .*, row ([^:]+):/gm)]
  return status === 0 ? [] : missed.length > 0 ? missed.map(([, row]) => row) : undefined
}

const make = (...args) => ['make', '--no-print-directory', ...args]

// Each has a target of its own, with a longer form.
const onThisKernel = [
  ['soak', make('soak', 'DURATION=30')],
  ['sanitize', make('sanitize', 'ARGS=--quick')],
  ['faults', make('faults', 'ARGS=--quick')],
  ['nodes', make('test-nodes', 'ARGS=--quick')],
  ['users', ['scripts/users-machine.sh', ...make('test-kernels', 'ARGS=--quick --kernel here')]],
  ['install', make('test-install', 'ARGS=--quick')],
  ['libbpf', make('test-libbpf', 'ARGS=--quick')],
]
// They take the time that the others leave: nothing in them is measured.
const inGuests = [
  ['docs', make('docs')],
  ['model', make('model', 'ARGS=--quick')],
  ['kernels', make('test-kernels', 'ARGS=--quick --kernel 6.1')],
  // Of the two the one with the weaker memory order.
  ['smp', make('test-smp', 'DURATION=12', 'SMP_KERNELS=6.1-arm64')],
]
// As do these, later.
const besideOthers = [
  ['container', make('test-container', 'ARGS=--quick')],
  ['fuzz', make('fuzz', 'ARGS=--quick')],
]

/** Runs commands that print lines as countLines() reads them; shows those when each has ended. */
async function runCommands(commands, niceness = 0) {
  for (const [name, command] of commands) {
    const start = performance.now()
    const args = ['-n', String(niceness), ...command]
    const ended = await run('nice', args, { timeoutSeconds: 20 * 60 })
    console.log(command.join(' '))
    // Its own summary is no last line.
    process.stdout.write(ended.output.replace(/^\d+ passed, \d+ failed.*$/gm, '$& here'))
    console.log(`${name}: ${((performance.now() - start) / 1000).toFixed(0)} s`)
    countLines(name, ended)
  }
}

const everywhere = process.env.EVERYWHERE === '1'
// With EVERYWHERE `make lint` came before, which has these and more.
const typeTests = everywhere ? [] : ['test/types', 'test/types/bundler']
for (const project of typeTests) {
  const args = ['--noEmit', '-p', `${project}/tsconfig.json`]
  await countNode(`types: tsc -p ${project}`, ['node_modules/typescript-7/bin/tsc', ...args])
}
for (const path of process.argv.slice(2)) {
  // Without address randomisation, as gcc 12's TSan does not know every layout.
  const native = await run('setarch', ['-R', path], { stderr: 'inherit', timeoutSeconds: 300 })
  process.stdout.write(native.stdout)
  countLines(`native, ${basename(path)}`, native)
}

/** Runs jest with these arguments, and counts each test. */
async function countJest(args, workers) {
  const options = { ...shown, timeoutSeconds: 15 * 60, workers }
  const { status, tests } = await runJest('jest', [process.execPath], args, options)
  for (const test of tests) {
    if (test.status === 'passed' || test.status === 'failed')
      count(test.name, test.status === 'passed')
    else skip(test.name)
  }
  const told = tests.some((test) => test.status === 'failed')
  if (tests.length > 0 && status !== 0 && !told) count('jest ends well', false)
}

// What measures no time, and shares nothing of the kernel with others: tools that look at
// the whole machine are asked about processes of their own.
const sideBySide = [
  '/test/unit/',
  '/test/process/(build|gen|guide|init|inspect|reader-life|tail)\\.',
  '/test/examples/',
]
await countJest(['--testPathPatterns', ...sideBySide], availableParallelism())
const guests = everywhere ? runCommands(inGuests, 19) : undefined
await countJest(['--testPathIgnorePatterns', ...sideBySide])
let missed = []
if (process.getuid() === 0) missed = await rowsMissed([])
else skip('bench: bench.js needs root')
await runBench('compare/compare')
if (everywhere) {
  // Containers have this kernel, whose programs and maps the tests above look at.
  const others = guests.then(() => runCommands(besideOthers, 19))
  await runCommands(onThisKernel)
  await others
}
// What other tests, or other guests of the machine, disturbed is measured once more, alone.
if (missed?.length !== 0) missed = await rowsMissed(missed ?? [])
if (process.getuid() === 0) {
  const rows = missed?.join(', ') ?? 'not measured'
  count(`bench: bench.js${rows === '' ? '' : `: ${rows}`}`, rows === '')
}
summarize()
