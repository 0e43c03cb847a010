// Runs the integration suite under other kernels, in qemu, and on this one, and
// makes a check of each. With --stress it runs the stress test instead, in guests
// with more CPUs than this machine may have. `make test-kernels`, `make test-arm64`
// and `make test-smp` build what it needs.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { allPassed, check, jest, needRoot, root, run, summarize } from '../checks.mjs'
import { checkDocument } from '../document.mjs'
import { describe, page, renderTables } from './document.mjs'
import { architectures, boot, copySuite, filesOfSuite, makeImage } from './guest.mjs'
import { chooseKernels, fetchKernel, kernels } from './kernels.mjs'
import { parseStress, parseSuite } from './log.mjs'

const usage = `Usage: run.mjs [--kernel NAME]... [--arch x64|arm64] [--quick] [--only TEXT]...
               [--write] [--update] [--list] [--stress SECONDS [--cpus N]]
  --kernel NAME     one of these alone, see --list
  --arch NAME       those of this architecture alone
  --quick           without the suites of what is the same on every kernel, in all guests at once
  --only TEXT       those test files alone whose names have this text, or another such text
  --write           write the table of what each kernel has to docs/kernels.md; of kernels that
                    are not run now, it takes the last run of the same build
  --update          download the kernels again, should there be newer ones
  --list            the kernels there are
  --stress SECONDS  run the stress test for so long, and nothing else
  --cpus N          in a guest with N CPUs, 8 by default, and as many producers but for one`

const build = join(root, 'build/kernels')

// An emulated machine beside other work on the same CPUs takes minutes.
const guestTimeoutSeconds = 60 * 60
const hereTimeoutSeconds = 10 * 60
/** How many times longer than usual tests may wait in a guest. */
const timeScale = 10

/** Boots a guest; gives its console. */
async function runGuest(kernel, { update, stress }, environment, cpus) {
  const architecture = architectures[kernel.architecture]
  const image = join(build, `${kernel.architecture}.cpio`)
  makeImage(architecture, image, stress === undefined ? 'suite' : 'stress')
  return boot(architecture, {
    kernel: await fetchKernel(kernel, update),
    image,
    log: logPath(kernel),
    environment,
    cpus,
    timeoutSeconds: guestTimeoutSeconds,
  })
}

/** Runs the suite on this machine's kernel, with what a guest has mounted. */
async function runHere(kernel, environment) {
  const directory = join(build, kernel.name)
  copySuite(architectures[kernel.architecture], directory)
  const script = join(import.meta.dirname, 'here.sh')
  const args = ['--mount', 'sh', script, process.execPath, jest]
  const { stdout } = await run('unshare', args, {
    cwd: directory,
    env: { CI: '1', FEATURES_FILE: join(directory, 'features'), ...environment },
    stderr: 'inherit',
    timeoutSeconds: hereTimeoutSeconds,
  })
  writeFileSync(logPath(kernel), stdout)
  return stdout
}

/** Gives what a test on a kernel found, or what went wrong before it could be seen. */
async function attempt(kernel, parse, test) {
  const start = performance.now()
  const result = await Promise.resolve(test())
    .then(parse)
    .catch((error) => ({ ...parse(''), problems: [error.message] }))
  const { release = kernel.name, problems } = result
  if (problems.length > 0) problems.push(`see ${logPath(kernel)}`)
  return { ...result, release, seconds: Math.round((performance.now() - start) / 1000) }
}

/** Runs the suite under a kernel. */
async function checkSuite(kernel, options) {
  const chosen = { SUITES: options.quick ? 'quick' : 'all', ONLY: options.only.join() }
  const environment = {
    TEST_TIME_SCALE: timeScale,
    KERNEL_LACKS: kernel.lacks?.join(),
    BCC_TOOLS: kernel.bcc ? 1 : 0,
    ...chosen,
  }
  const parse = (log) => parseSuite(log, options.only.length === 0)
  const result = await attempt(kernel, parse, () =>
    kernel.lacks === undefined ? runHere(kernel, chosen) : runGuest(kernel, options, environment),
  )
  const { release, passed, features, problems, seconds } = result
  const missing = features.filter(({ code }) => code !== undefined).length
  const found = `${passed} tests passed, ${missing} features asserted missing, ${seconds} s`
  // In the name, as who sums checks up shows no details.
  const wrong = problems.slice(0, 3).map((problem) => `; ${problem.split('\n', 1)}`)
  const name = `${release}: ${found}${wrong.join('')}`
  check(name, problems.length === 0, problems.join('\n'))
  const outcome = { kernel, release, passed, features, failed: problems.length }
  if (!isPart(options)) writeFileSync(resultPath(kernel), JSON.stringify(outcome))
  return outcome
}

/** Runs the stress test in a guest. */
async function checkStress(kernel, options) {
  const cpus = Number(options.cpus)
  const environment = { STRESS_SECONDS: options.stress, STRESS_THREADS: cpus - 1 }
  const { release, results, problems, seconds } = await attempt(kernel, parseStress, () =>
    runGuest(kernel, options, environment, cpus),
  )
  const label = `${release} with ${cpus} CPUs`
  for (const { row, received, discarded, lost, produced, problems } of results) {
    const sum = `${received} received + ${discarded} discarded + ${lost} lost`
    const ok = problems.length === 0
    check(`${label}: ${row}: ${sum} = ${produced} produced`, ok, problems.join('\n'))
  }
  check(`${label} ends well, ${seconds} s`, problems.length === 0, problems.join('\n'))
}

/** Whether not all of the suite is run. */
function isPart({ quick, only }) {
  return quick || only.length > 0
}

function logPath({ name }) {
  return join(build, `${name}.log`)
}

function resultPath({ name }) {
  return join(build, `${name}.json`)
}

/** What the last run found, unless something was built since. */
function lastResult(kernel) {
  const path = resultPath(kernel)
  if (!existsSync(path)) return undefined
  const { mtimeMs } = statSync(path)
  const files = filesOfSuite(architectures[kernel.architecture])
  if (files.some(([from]) => statSync(from).mtimeMs > mtimeMs)) return undefined
  return JSON.parse(readFileSync(path, 'utf8'))
}

async function write(results) {
  const all = kernels.map(
    (kernel) => results.find((result) => result.kernel === kernel) ?? lastResult(kernel),
  )
  const absent = kernels.filter((_, i) => all[i] === undefined).map(({ name }) => name)
  if (absent.length > 0 || all.some(({ failed }) => failed > 0) || !allPassed()) {
    const why = absent.length > 0 ? `run these as well: ${absent.join(', ')}` : 'tests failed'
    check('docs/kernels.md is written', false, why)
  } else await checkDocument('docs/kernels.md', page(all), true)
}

function readOptions() {
  try {
    const options = parseArgs({
      options: {
        kernel: { type: 'string', multiple: true },
        arch: { type: 'string' },
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        write: { type: 'boolean', default: false },
        update: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        stress: { type: 'string' },
        cpus: { type: 'string', default: '8' },
      },
    }).values
    if (isPart(options) && options.write) throw new Error('--write needs all suites')
    return { ...options, chosen: chooseKernels(options) }
  } catch (error) {
    console.error(`test-kernels: ${error.message}\n${usage}`)
    process.exit(2)
  }
}

const options = readOptions()
if (options.list) {
  for (const kernel of kernels) console.log(describe(kernel))
  process.exit()
}
needRoot()
mkdirSync(build, { recursive: true })
const results = []
// apt downloads for one at a time.
for (const kernel of options.chosen) {
  if (kernel.lacks !== undefined) await fetchKernel(kernel, options.update)
}
if (options.stress === undefined && options.quick) {
  results.push(...(await Promise.all(options.chosen.map((kernel) => checkSuite(kernel, options)))))
} else {
  for (const kernel of options.chosen) {
    if (options.stress === undefined) results.push(await checkSuite(kernel, options))
    else if (kernel.lacks !== undefined) await checkStress(kernel, options)
  }
}
if (options.write) await write(results)
else if (results.length > 1) console.log(`\n${await renderTables(results)}\n`)
summarize()
