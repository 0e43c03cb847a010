// Runs the integration suite under other kernels, in qemu, and on this one, and
// prints "ok RELEASE: …" or "not ok RELEASE: …" for each. `make test-kernels` and
// `make test-arm64` build what it needs.
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { architectures, boot, copySuite, makeImage, suiteFiles } from './guest.mjs'
import { kernels } from './kernels.mjs'
import { parseLog } from './log.mjs'
import { describe, renderTable, writeDocument } from './table.mjs'

const usage = `Usage: run.mjs [--kernel NAME]... [--arch x64|arm64] [--write] [--update] [--list]
  --kernel NAME   one of these alone, see --list
  --arch NAME     those of this architecture alone
  --write         write the table of what each kernel has to docs/kernels.md; of kernels that are
                  not run now, it takes the last run of the same build
  --update        download the kernels again, should there be newer ones
  --list          the kernels there are`

const root = resolve(import.meta.dirname, '../..')
const build = join(root, 'build/kernels')

// An emulated machine beside other work on the same CPUs takes minutes.
const guestTimeoutMs = 10 * 60_000
const hereTimeoutMs = 5 * 60_000
const downloadTimeoutMs = 5 * 60_000
/** How many times longer than usual tests may wait in a guest. */
const timeScale = 10

/** The path of a kernel's image; downloads it when it is not there. */
function fetchKernel({ name, suite, architecture }, update) {
  const { debian } = architectures[architecture]
  const directory = join(root, '.cache/kernels', name)
  if (update) rmSync(directory, { recursive: true, force: true })
  if (!existsSync(directory)) {
    // Which package has the kernel itself depends on the release.
    const pattern = '^linux-(image|binary)-[0-9]'
    const script = join(root, 'scripts/fetch-debs.sh')
    const { status, error } = spawnSync(
      'sh',
      [script, debian, suite, directory, pattern, `linux-image-cloud-${debian}`],
      { stdio: ['ignore', 'ignore', 'inherit'], timeout: downloadTimeoutMs },
    )
    if (status !== 0) {
      throw new Error(
        `cannot download kernel ${name} of ${suite}${error ? `: ${error.message}` : ''}`,
      )
    }
  }
  const image = readdirSync(directory, { recursive: true }).find((path) => /\bvmlinuz\b/.test(path))
  if (image === undefined) throw new Error(`${directory} has no vmlinuz: remove it and run again`)
  return join(directory, image)
}

/** Runs the suite in a guest; gives its console. */
async function runGuest(kernel, { update }) {
  const architecture = architectures[kernel.architecture]
  const image = join(build, `${kernel.architecture}.cpio`)
  makeImage(architecture, image)
  return boot(architecture, {
    kernel: fetchKernel(kernel, update),
    image,
    log: join(build, `${kernel.name}.log`),
    environment: { TEST_TIME_SCALE: timeScale, KERNEL_LACKS: kernel.lacks.join() },
    timeoutMs: guestTimeoutMs,
  })
}

/** Runs it on this machine's kernel, with what a guest has mounted. */
function runHere({ name, architecture }) {
  const directory = join(build, name)
  copySuite(architectures[architecture], directory)
  const script = join(import.meta.dirname, 'here.sh')
  const jest = join(root, 'node_modules/jest/bin/jest.js')
  const { stdout } = spawnSync('unshare', ['--mount', 'sh', script, process.execPath, jest], {
    cwd: directory,
    env: { ...process.env, CI: '1', FEATURES_FILE: join(directory, 'features') },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    timeout: hereTimeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 28,
  })
  writeFileSync(join(build, `${name}.log`), stdout)
  return stdout
}

/** Runs the suite under a kernel; prints what failed, then one line. */
async function run(kernel, options) {
  const start = performance.now()
  let result
  try {
    const log = kernel.lacks === undefined ? runHere(kernel) : await runGuest(kernel, options)
    result = parseLog(log)
  } catch (error) {
    result = {
      passed: 0,
      failures: [],
      features: [],
      problems: [error.message],
    }
  }
  const { release = kernel.name, passed, failures, features, problems } = result
  const seconds = Math.round((performance.now() - start) / 1000)
  for (const { file, name, messages } of failures) {
    console.log(`  ${kernel.name}: ${file}: ${name}`)
    const lines = messages.join('\n').split('\n')
    for (const line of lines.filter((line) => !line.includes('/node_modules/'))) {
      console.log(`      ${line}`)
    }
  }
  for (const problem of problems) console.log(`  ${kernel.name}: ${problem}`)
  if (problems.length > 0) console.log(`  ${kernel.name}: see build/kernels/${kernel.name}.log`)
  const missing = features.filter(({ code }) => code !== undefined).length
  const failed = failures.length + problems.length
  console.log(
    `${failed === 0 ? 'ok' : 'not ok'} ${release}: ` +
      `${passed} passed, ${failed} failed, ${missing} asserted missing, ${seconds} s`,
  )
  const outcome = { kernel, release, passed, failed, features }
  writeFileSync(resultPath(kernel), JSON.stringify(outcome))
  return outcome
}

function resultPath({ name }) {
  return join(build, `${name}.json`)
}

/** What the last run found, unless something was built since. */
function lastResult(kernel) {
  const path = resultPath(kernel)
  if (!existsSync(path)) return undefined
  const { mtimeMs } = statSync(path)
  const files = suiteFiles(architectures[kernel.architecture])
  if (files.some(([from]) => statSync(from).mtimeMs > mtimeMs)) return undefined
  return JSON.parse(readFileSync(path, 'utf8'))
}

async function write(results) {
  const all = kernels.map(
    (kernel) => results.find((result) => result.kernel === kernel) ?? lastResult(kernel),
  )
  const absent = kernels.filter((_, i) => all[i] === undefined).map(({ name }) => name)
  if (absent.length > 0) throw new Error(`run these as well: ${absent.join(', ')}`)
  if (all.some(({ failed }) => failed > 0)) throw new Error('tests failed')
  await writeDocument(all)
}

function fail(message) {
  console.error(`test-kernels: ${message}\n${usage}`)
  process.exit(2)
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        kernel: { type: 'string', multiple: true, default: [] },
        arch: { type: 'string' },
        write: { type: 'boolean', default: false },
        update: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    return fail(error.message)
  }
}

async function main() {
  const options = readOptions()
  const known = kernels.map(({ name }) => name)
  if (options.list) {
    for (const kernel of kernels) console.log(describe(kernel))
    return
  }
  for (const name of options.kernel) {
    if (!known.includes(name)) fail(`no kernel ${name}; there are ${known.join(', ')}`)
  }
  if (options.arch !== undefined && !(options.arch in architectures)) {
    fail(`no architecture ${options.arch}; there are ${Object.keys(architectures).join(', ')}`)
  }
  const chosen = kernels.filter(
    ({ name, architecture }) =>
      (options.kernel.length === 0 || options.kernel.includes(name)) &&
      (options.arch === undefined || architecture === options.arch),
  )
  if (chosen.length === 0) fail(`none of these kernels is for ${options.arch}`)
  if (process.getuid() !== 0) fail('root is needed, to load BPF programs on this kernel')

  mkdirSync(build, { recursive: true })
  const results = []
  for (const kernel of chosen) results.push(await run(kernel, options))
  const failed = results.filter((result) => result.failed > 0).length
  let unwritten = 0
  if (options.write) {
    await write(results).catch((error) => {
      unwritten = 1
      console.log(`not ok docs/kernels.md is not written: ${error.message}`)
    })
  } else if (results.length > 1) {
    console.log(`\n${await renderTable(results)}\n`)
  }
  console.log(`${results.length - failed} passed, ${failed + unwritten} failed`)
  process.exitCode = failed + unwritten === 0 ? 0 : 1
}

await main()
