// Builds the images of this directory with podman, runs the integration tests in
// a privileged container and a probe in containers of less privileges.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { readDaemonSet } from './daemonset.mjs'
import { checkCommands, checkMatrix, matrixMarkdown, writeMatrix } from './document.mjs'
import { cells } from './matrix.mjs'
import {
  buildImage,
  configure,
  makeBase,
  profilePath,
  removeUnused,
  run,
  runContainer,
} from './podman.mjs'

const usage = `Usage: run.mjs [OPTION]...
Tests the library in containers, with podman. Needs root.

      --quick      some integration tests and cells instead of all
      --cell NAME  only this cell of the matrix; may be given several times
      --write      write the matrix to docs/containers.md
      --help       print this
`

const root = resolve(import.meta.dirname, '../..')

let passed = 0
let failed = 0

/** Reports one check; it failed when there are details. */
function report(name, details) {
  const line = name.replace(/\s+/g, ' ')
  if (details === undefined) {
    passed += 1
    console.log(`ok ${line}`)
  } else {
    failed += 1
    console.log(`not ok ${line}\n${details.trimEnd().replace(/^/gm, '  ')}`)
  }
}

/** Runs a check that throws, or returns what is wrong. */
function check(name, test) {
  try {
    report(name, test())
  } catch (error) {
    report(name, error.message)
  }
}

function timed(name, make) {
  const start = performance.now()
  const made = make()
  console.log(`  ${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
  return made
}

function buildImages(quick) {
  const BASE = timed('base image', makeBase)
  const BUILD = timed('build image', () => buildImage('Containerfile', 'build', { BASE }))
  const RUN = timed('run image', () => buildImage('Containerfile', 'run', { BASE }))
  const ofTests = (stage) =>
    timed(`${stage} image`, () => buildImage('Containerfile.test', stage, { BUILD, RUN }))
  ofTests('build-tests') // an image of its own, so that it is not removed as unused
  const images = {
    run: RUN,
    probe: ofTests('probe'),
    setcap: quick ? undefined : ofTests('probe-setcap'),
    integration: ofTests('integration'),
  }
  removeUnused()
  return images
}

/** The compilers and headers that a program finds in an image. */
function toolsIn(image) {
  const tools = ['as', 'cc', 'c++', 'clang', 'g++', 'gcc', 'ld', 'make', 'python3']
  const search = 'for tool; do command -v "$tool"; done; ls /usr/include/bpf/libbpf.h; true'
  const { stdout } = runContainer(['--entrypoint', 'sh'], image, ['-c', search, 'sh', ...tools])
  return stdout
}

function runIntegrationTests(image, jestOptions) {
  const options = [
    '--privileged',
    '--pid',
    'host',
    '-v',
    '/sys/kernel/tracing:/sys/kernel/tracing:ro',
  ]
  let output
  try {
    output = runContainer([...options, '--env', 'REQUIRE_BPF=1'], image, jestOptions, 300_000)
  } catch (error) {
    output = error // jest fails when a test does
  }
  let results
  try {
    results = JSON.parse(output.stdout)
  } catch {
    report('integration tests', output.message ?? output.stdout)
    return
  }
  for (const file of results.testResults) {
    for (const { fullName, status, failureMessages } of file.assertionResults) {
      const details = status === 'passed' ? undefined : [status, ...failureMessages].join('\n')
      report(`privileged container: ${fullName}`, details)
    }
    if (file.assertionResults.length === 0) {
      report(`privileged container: ${file.name}`, file.message)
    }
  }
  if (results.numTotalTests === 0) report('integration tests', 'no test was run')
  else if (output instanceof Error && results.success) report('integration tests', output.message)
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
function runProbe({ options, asDocker, mountTracefs, setcap }, images) {
  let command = ['node', 'probe/probe.cjs']
  // podman lets other users than root inherit what --cap-add says. After env
  // nothing of it is left, as with Docker.
  if (asDocker) command = ['setpriv', '--inh-caps=-all', '--ambient-caps=-all', 'env', ...command]
  if (mountTracefs) {
    const mount = 'mount -t tracefs tracefs /sys/kernel/tracing && exec "$@"'
    command = ['sh', '-c', mount, 'sh', ...command]
  }
  const [entrypoint, ...args] = command
  const image = setcap ? images.setcap : images.probe
  const { stdout } = runContainer([...options, '--entrypoint', entrypoint], image, args)
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

/** exec-snoop with the DaemonSet's privileges sees what the host executes, by its numbers. */
function checkAgent(image, { options, args }) {
  const marker = 'exec-of-the-host'
  const host = spawn('sh', ['-c', `while :; do /bin/true ${marker}; sleep 0.1; done`])
  try {
    const { stdout } = runContainer(options, image, [...args, '--duration', '3'])
    const seen = jsonLines(stdout).some(
      (event) => event.args.includes(marker) && event.ppid === host.pid,
    )
    return seen ? undefined : `No exec of process ${host.pid} in its output:\n${stdout}`
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

/** Runs this program again where what it mounts, and what podman does, goes away with it. */
function runInNamespace() {
  const { status } = spawnSync('unshare', ['--mount', ...process.argv], {
    stdio: 'inherit',
    env: { ...process.env, TEST_CONTAINER_NAMESPACE: '1' },
  })
  process.exitCode = status ?? 1
}

async function main() {
  const { quick, cell: names, write, help } = parseOptions()
  if (help) {
    process.stdout.write(usage)
    return
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
  if (process.env.TEST_CONTAINER_NAMESPACE !== '1') {
    runInNamespace()
    return
  }
  // As the hosts of containers have it.
  if (spawnSync('mountpoint', ['-q', '/sys/kernel/tracing']).status !== 0) {
    run('mount', ['-t', 'tracefs', 'tracefs', '/sys/kernel/tracing'])
  }
  configure()
  const images = buildImages(quick)
  writeSeccompProfile()

  if (names === undefined) {
    check('the shipped image has no compiler', () => toolsIn(images.run) || undefined)
    timed('integration tests', () =>
      runIntegrationTests(images.integration, quick ? ['--testPathPatterns', 'ring-buffer'] : []),
    )
    check('exec-snoop as examples/daemonset.yaml starts it sees the host', () =>
      checkAgent(images.run, daemonSet),
    )
    for (const path of ['README.md', 'docs/containers.md']) {
      check(`the command lines of ${path} are proven`, () => checkCommands(path, all))
    }
  }
  // In the short run none that needs an image of its own.
  const chosen = all.filter(({ name, setcap }) => names?.includes(name) ?? !(quick && setcap))
  const seen = chosen.map((cell) => ({ cell, outcomes: {} }))
  for (const { cell, outcomes } of seen) {
    check(`container ${cell.name}`, () => {
      Object.assign(outcomes, runProbe(cell, images))
      return difference(cell.expected, outcomes)
    })
  }
  const matrix = await matrixMarkdown(seen)
  if (write && failed === 0) writeMatrix(matrix)
  else if (seen.length === all.length) {
    check('docs/containers.md has this matrix', () => checkMatrix(matrix))
  }
  console.log(`\n${matrix}\n`)
}

try {
  await main()
} catch (error) {
  report('test-container', error.message)
}
if (passed + failed > 0) console.log(`${passed} passed, ${failed} failed`)
if (failed > 0) process.exitCode = 1
