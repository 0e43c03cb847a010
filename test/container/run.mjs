// Builds the images of this directory with podman, runs the integration tests in
// a privileged container and a probe in containers of less privileges.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { allPassed, check, mustRun, root, run, summarize, testsOf } from '../checks.mjs'
import { checkPart } from '../document.mjs'
import { readDaemonSet } from './daemonset.mjs'
import { checkCommands, matrixMarkdown } from './document.mjs'
import { cells, tracefs } from './matrix.mjs'
import {
  buildImage,
  configure,
  makeBase,
  profilePath,
  removeUnused,
  runContainer,
} from './podman.mjs'

const usage = `Usage: run.mjs [OPTION]...
Tests the library in containers, with podman. Needs root.

      --quick      some integration tests and cells instead of all
      --cell NAME  only this cell of the matrix; may be given several times
      --write      write the matrix to docs/containers.md
      --help       print this
`

/** Where an image has it. */
const addon = '/app/node_modules/bpf-ringbuf/build/Release/bpf_ringbuf.node'
const probe = ['probe.cjs', '../../build/bpf/test/privileges.bpf.o'].flatMap((path) => [
  '--volume',
  `${join(import.meta.dirname, path)}:/app/probe/${basename(path)}:ro`,
])

/** Makes a check of what throws, or gives what is wrong. */
async function attempt(name, test) {
  try {
    const wrong = await test()
    check(name, wrong === undefined, wrong)
  } catch (error) {
    check(name, false, error.message)
  }
}

async function timed(name, make) {
  const start = performance.now()
  const made = await make()
  console.log(`  ${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
  return made
}

async function buildImages(quick) {
  const BASE = await timed('base image', makeBase)
  // An image of its own, so that it is not removed as unused.
  await timed('build image', () => buildImage('Containerfile', 'build', { BASE }))
  const RUN = await timed('run image', () => buildImage('Containerfile', 'run', { BASE }))
  const more = (stage) =>
    timed(`${stage} image`, () => buildImage('Containerfile.test', stage, { RUN }))
  const images = {
    run: RUN,
    integration: quick ? RUN : await more('integration'),
    setcap: quick ? undefined : await more('setcap'),
  }
  await removeUnused()
  return images
}

/** The compilers and headers that a program finds in an image. */
async function toolsIn(image) {
  const tools = ['as', 'cc', 'c++', 'clang', 'g++', 'gcc', 'ld', 'make', 'python3']
  const search = 'for tool; do command -v "$tool"; done; ls /usr/include/bpf/libbpf.h; true'
  const args = ['-c', search, 'sh', ...tools]
  const { stdout, output, status } = await runContainer(['--entrypoint', 'sh'], image, args)
  return status === 0 ? stdout || undefined : output
}

/** The shipped image's Node, libbpf and addon, with jest and the tests of this directory. */
async function runIntegrationTests(image, jestOptions) {
  // A congestion control may be chosen in the host's network alone.
  const host = ['--privileged', '--pid', 'host', '--network', 'host']
  const options = [...host, ...tracefs, '--entrypoint', 'node']
  const environment = { REQUIRE_BPF: '1', BPF_RINGBUF_ADDON: addon }
  for (const [name, value] of Object.entries(environment)) options.push('--env', `${name}=${value}`)
  options.push('--volume', `${root}:/src:ro`, '--workdir', '/src')
  const jest = ['node_modules/jest/bin/jest.js', '--runInBand', '--json', '--cacheDirectory=/tmp']
  // What tools.test.ts adds is other programs, which no image has.
  const tests = ['--selectProjects', 'integration', '--testPathIgnorePatterns', '/tools\\.test']
  const args = [...jest, ...tests, ...jestOptions]
  const { stdout, status, end, output } = await runContainer(options, image, args, 600)
  let results
  try {
    results = [...testsOf(JSON.parse(stdout))]
  } catch {
    check('integration tests write results', false, `${end}\n${output}`)
    return
  }
  for (const { name, status, details } of results) {
    check(`privileged container: ${name}`, status === 'passed', `${status}\n${details}`)
  }
  check('integration tests end well', results.length > 0 && status === 0, end)
}

/** podman's profile for containers, with what CAP_BPF and CAP_PERFMON permit allowed. */
function writeSeccompProfile() {
  const profile = JSON.parse(readFileSync('/usr/share/containers/seccomp.json', 'utf8'))
  const names = ['bpf', 'perf_event_open']
  for (const rule of profile.syscalls) {
    rule.names = rule.names.filter((name) => !names.includes(name))
  }
  profile.syscalls.push({ names, action: 'SCMP_ACT_ALLOW' })
  writeFileSync(profilePath, JSON.stringify(profile))
}

/** What the programs of probe.cjs did in a container, by their names. */
async function runProbe({ options, asDocker, mountTracefs, setcap }, images) {
  let command = ['node', 'probe/probe.cjs']
  // podman lets other users than root inherit what --cap-add says. After env
  // nothing of it is left, as with Docker.
  if (asDocker) command = ['setpriv', '--inh-caps=-all', '--ambient-caps=-all', 'env', ...command]
  if (mountTracefs) {
    const mount = 'mount -t tracefs tracefs /sys/kernel/tracing && exec "$@"'
    command = ['sh', '-c', mount, 'sh', ...command]
  }
  const [entrypoint, ...args] = command
  const image = setcap ? images.setcap : images.run
  const ended = await runContainer([...options, ...probe, '--entrypoint', entrypoint], image, args)
  const { status, stdout, end, output } = ended
  if (status !== 0) throw new Error(`${end}\n${output}`)
  return Object.fromEntries(jsonLines(stdout).map(({ program, ...outcome }) => [program, outcome]))
}

function jsonLines(text) {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line))
}

/** Where an outcome is not as expected. */
function difference(expected, outcomes) {
  const lines = []
  for (const [program, wanted] of Object.entries(expected)) {
    const outcome = outcomes[program] ?? {}
    for (const [name, value] of Object.entries(wanted)) {
      if (outcome[name] !== value) {
        lines.push(
          `${program}: Expected ${name} ${JSON.stringify(value)} but received ${JSON.stringify(outcome)}`,
        )
      }
    }
    const { message = '', hint = '' } = outcome
    if (!message.endsWith(hint)) lines.push(`${program}: No hint at the end of: ${message}`)
    // Wrong since Linux 5.11.
    if (/memlock|ulimit/i.test(message)) lines.push(`${program}: libbpf's guess in: ${message}`)
  }
  return lines.length > 0 ? lines.join('\n') : undefined
}

/** Where the doctor said other than what then happened. */
function doctorDifference({ doctor = {}, ...programs }) {
  const lines = []
  const expect = (what, wanted, found) => {
    const text = (value) => JSON.stringify(value)
    if (found !== wanted) lines.push(`doctor: Expected ${what} ${text(wanted)}: ${text(doctor)}`)
  }
  const events = programs.raw_tp?.events === true // as its own program is
  expect('status', events ? 0 : 1, doctor.status)
  expect('works', events, doctor.works)
  expect('hint', programs.raw_tp?.hint, doctor.hint)
  for (const [name, outcome] of Object.entries(programs)) {
    // Whoever may not try cannot tell that there is none.
    const saysYes = doctor.answers?.[name] === 'yes'
    expect(`yes to ${name}`, outcome.events === true, saysYes)
  }
  return lines.length > 0 ? lines.join('\n') : undefined
}

/** exec-snoop with the DaemonSet's privileges sees what the host executes, by its numbers. */
async function checkAgent(image, { options, args }) {
  const marker = 'exec-of-the-host'
  const host = spawn('sh', ['-c', `while :; do /bin/true ${marker}; sleep 0.1; done`])
  try {
    const { stdout, output } = await runContainer(options, image, [...args, '--duration', '3'])
    const seen = jsonLines(stdout).some(
      (event) => event.args.includes(marker) && event.ppid === host.pid,
    )
    return seen ? undefined : `No exec of process ${host.pid} in its output:\n${output}`
  } finally {
    host.kill()
  }
}

function parseOptions() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      cell: { type: 'string', multiple: true },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  return values
}

async function main() {
  const { quick, cell: names, write, help } = parseOptions()
  if (help) {
    process.stdout.write(usage)
    process.exit()
  }
  if (quick && names) throw new Error('--quick chooses its cells: leave out --cell')
  if (write && (quick || names)) {
    throw new Error('--write needs the whole matrix: leave out --quick and --cell')
  }
  const daemonSet = readDaemonSet(join(root, 'examples/daemonset.yaml'))
  const all = cells({ daemonSetOptions: daemonSet.options, seccompProfile: profilePath })
  const known = all.map(({ name }) => name)
  const unknown = names?.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw new Error(`There is no cell ${unknown}; there are ${known.join(', ')}`)
  }
  if (process.getuid() !== 0) {
    throw new Error('Containers that load BPF programs need root: run it with sudo')
  }
  // Where what it mounts, and what podman does, goes away with it.
  if (process.env.TEST_CONTAINER_NAMESPACE !== '1') {
    const { status } = await run('unshare', ['--mount', ...process.argv], {
      env: { TEST_CONTAINER_NAMESPACE: '1' },
      stdout: 'inherit',
      stderr: 'inherit',
      timeoutSeconds: 3600,
    })
    process.exit(status ?? 1)
  }
  // As the hosts of containers have it.
  if ((await run('mountpoint', ['-q', '/sys/kernel/tracing'])).status !== 0) {
    await mustRun('mount', ['-t', 'tracefs', 'tracefs', '/sys/kernel/tracing'])
  }
  await configure()
  const images = await buildImages(quick)
  writeSeccompProfile()

  if (names === undefined) {
    await attempt('the shipped image has no compiler', () => toolsIn(images.run))
    await timed('integration tests', () =>
      runIntegrationTests(images.integration, quick ? ['--testPathPatterns', 'ring-buffer'] : []),
    )
    await attempt('exec-snoop as examples/daemonset.yaml starts it sees the host', () =>
      checkAgent(images.run, daemonSet),
    )
    await attempt('the command lines of docs/containers.md are proven', () =>
      checkCommands('docs/containers.md', all),
    )
  }
  // In the short run none that needs an image of its own.
  const chosen = all.filter(({ name, setcap }) => names?.includes(name) ?? !(quick && setcap))
  const seen = chosen.map((cell) => ({ cell, outcomes: {} }))
  for (const { cell, outcomes } of seen) {
    await attempt(`container ${cell.name}`, async () => {
      Object.assign(outcomes, await runProbe(cell, images))
      return difference(cell.expected, outcomes)
    })
    await attempt(`container ${cell.name}: the doctor`, () => doctorDifference(outcomes))
  }
  const matrix = await matrixMarkdown(seen)
  const path = 'docs/containers.md'
  if (seen.length === all.length) await checkPart(path, matrix, write && allPassed())
  console.log(`\n${matrix}\n`)
}

try {
  await main()
} catch (error) {
  check('test-container', false, error.message)
}
summarize()
