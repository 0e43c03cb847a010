// Runs one build of the addon in several versions of Node, in Bun and in Deno:
// the suites in each Node, acceptance tests in all. Run it with `make test-nodes`,
// which builds what it needs; the runtimes come from the npm registry.
// Usage: run.mjs [--quick | --write]
//   --quick: what Node has a part in of the integration suite, in the newest Node, and the
//            acceptance tests in Bun and Deno
//   --write: docs/runtimes.md, which is otherwise checked
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { check, checkJest, mustRun, needRoot, root, run, summarize } from '../checks.mjs'
import { checkDocument, table } from '../document.mjs'
import { fromRegistry } from '../registry.mjs'

const { quick, write } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
}).values

const cache = join(root, '.cache/nodes')

// Exact versions, as what fails in them is asserted.
const nodes = ['20.20.2', '22.23.3', '24.21.0', '26.10.0'].map((version) => ({
  name: `Node ${version}`,
  package: `node-linux-${process.arch}@${version}`,
  program: 'bin/node',
  args: ['--expose-gc'],
  runsJest: true,
}))
const bun = {
  name: 'Bun 1.4.5',
  package: `@oven/bun-linux-${process.arch === 'arm64' ? 'aarch64' : process.arch}@1.4.5`,
  program: 'bin/bun',
  args: ['--expose-gc'],
  // It keeps what it compiled in the home directory.
  env: { BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0' },
}
const deno = {
  name: 'Deno 2.9.6',
  package: `@deno/linux-${process.arch}-glibc@2.9.6`,
  program: 'deno',
  args: ['run', '--no-prompt', '--allow-all', '--v8-flags=--expose-gc'],
  env: { DENO_DIR: join(cache, 'deno-dir'), DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' },
  knownFailures: {
    'terminate() ends a worker that never waits': {
      output: /AssertionError: The worker runs on/,
      why:
        '`terminate()` does not stop a worker that never returns to its event loop, ' +
        'whether it uses this package or plain JavaScript alone. It goes on until the process ends.',
    },
  },
}
const runtimes = [...nodes, bun, deno]

const script = (name, ...args) => [join('test/process/scripts', name), ...args]

/**
 * What processes do: a script, its exit status, what it prints. The short form leaves out
 * what takes seconds.
 */
const processFeatures = {
  'a callback that throws ends the process, which says so': {
    run: script('life.cjs', 'exception without a handler'),
    status: 1,
    stderr: /error: .*thrown by the callback/i,
  },
  'with a handler of uncaughtException, the stream goes on': {
    run: script('life.cjs', 'exceptions with a handler'),
    stdout:
      /^\{"delivered":\[1,2,3,4,5,6,7,8,9,10\],"caught":\["2","4","6","8","10"\],"records":10,"undelivered":0\}$/,
  },
  'a running reader keeps the process alive': {
    run: script('life.cjs', 'a running reader keeps it alive'),
    stdout: /^delivered$/,
  },
  'unref() lets it end, at full speed': {
    run: script('life.cjs', 'unref() lets it end at full speed'),
  },
  'close() in a callback, at full speed': {
    run: script('life.cjs', 'close in a callback at full speed'),
    stdout: /^closed$/,
  },
  'process.exit() in a callback, at full speed': {
    run: script('life.cjs', 'exit in a callback'),
    status: 3,
  },
  'process.exit() with everything open': {
    run: script('life.cjs', 'exit with everything open'),
    status: 4,
  },
  'blocked while records come, it loses none uncounted': {
    run: script('life.cjs', 'blocked while records come, then closed'),
    stdout: /^\{"some":true,"lost":true,"undelivered":true\}$/,
  },
  'a thousand readers leave nothing open': {
    run: script('memory.cjs', 'many cycles'),
    takesSeconds: true,
    stdout: /^\{"grownMiB":-?\d+\}$/,
  },
  'garbage collection closes what was let go': {
    run: script('memory.cjs', 'garbage-collected without close()'),
    stdout: /^\{"many":true\}$/,
  },
  'worker threads stream': {
    run: script('workers.cjs', 'several at once'),
    stdout: /^\[(\{"records":\d+,"lost":\d+,"produced":\d+\},?){4}\]$/,
  },
  'the main thread streams on when a worker is terminated': {
    run: script('workers.cjs', 'main thread and worker'),
    stdout: /^true$/,
  },
  'workers that exit, end or throw leave nothing open': {
    run: script('workers.cjs', 'ends by itself'),
    stdout: /^exit 7\nunref 0\nthrown in a worker\nthrows 1$/,
  },
  'terminate() ends a worker that streams at full speed': {
    run: script('workers.cjs', 'terminate at full speed'),
    takesSeconds: true,
    stdout: /^terminated$/,
  },
  'received + discarded + lost = produced, in order': {
    run: ['build/test/stress/stress.js', '--duration', '6'],
    takesSeconds: true,
    stdout: /^nothing lost uncounted$/m,
  },
}

async function features() {
  const acceptance = 'test/nodes/acceptance.cjs'
  const { stdout } = await mustRun(process.execPath, [acceptance])
  const names = stdout.split('\n').filter((name) => name !== '')
  if (names.length === 0) throw new Error(`${acceptance} names no tests`)
  const ofScript = names.map((name) => [name, { run: [acceptance, name], stdout: /^works$/ }])
  return { ...Object.fromEntries(ofScript), ...processFeatures }
}

/** The path of a runtime's program, installed when it is not in the cache. */
async function install(runtime) {
  const modules = await fromRegistry(runtime.package)
  return join(modules, runtime.package.replace(/@[^@]*$/, ''), runtime.program)
}

/** Makes a check of a feature; gives whether it works. */
async function checkFeature(runtime, program, name, feature) {
  const ended = await run(program, [...runtime.args, ...feature.run], { env: runtime.env })
  const works =
    ended.status === (feature.status ?? 0) &&
    (feature.stdout ?? /^$/).test(ended.stdout.trim()) &&
    (feature.stderr ?? /^/).test(ended.stderr)
  const label = `${runtime.name}: ${name}`
  const details = `${ended.end}\n${ended.output}`
  const known = runtime.knownFailures?.[name]
  if (known === undefined) check(label, works, details)
  else if (works) {
    check(label, false, 'It works now: take it out of knownFailures in test/nodes/run.mjs')
  } else check(`${label}: fails as known`, known.output.test(ended.output), details)
  return works
}

/** docs/runtimes.md. */
function page(names, worksIn) {
  const known = runtimes.flatMap(({ name, knownFailures = {} }) =>
    Object.entries(knownFailures).map(([feature, { why }]) => `- ${name}, “${feature}”: ${why}`),
  )
  // Node by its major number, the others by their name.
  const heads = runtimes.map(({ name }) => /^Node \d+|^\w+/.exec(name)[0])
  const rows = names.map((name) => [
    name,
    ...runtimes.map((runtime) => (worksIn.get(runtime).has(name) ? 'yes' : '**no**')),
  ])
  return `# Runtimes

One build of the addon serves all of these runtimes, because it uses Node-API 8. \`make test-nodes\`
tries what stands in the table in ${runtimes.map(({ name }) => name).join(', ')}. In each Node it also runs
the integration suite, and the process suite except for the examples. \`make test-nodes ARGS=--write\`
writes this page; without \`--write\` the page is checked, so that a change in a runtime is noticed.

${table(['', ...heads], rows, ':-:')}

## What does not work

${known.join('\n')}

## What to know

- Deno has to be given \`--allow-ffi --allow-read --allow-env\`: it loads the addon, reads the object files, and looks at
  the environment because \`bindings\` searches for the addon there.
- Bun has no libuv, so the poll thread is made by \`pthread_create()\` there.
`
}

/** The integration tests of what Node has a part in: threads, memory and the event loop. */
const ofNode =
  '/(attach|event-stream|globals|iterator|maps|perf-buffer|reader-life\\S*|ring-buffer|skeleton|stats|waiting)\\.test'

needRoot()
const all = await features()
const names = Object.keys(all)
const worksIn = new Map()
for (const runtime of runtimes) {
  const newest = runtime === nodes.at(-1)
  if (quick && runtime.runsJest && !newest) continue
  const program = await install(runtime)
  if (runtime.runsJest) {
    const projects = quick ? ['integration'] : ['integration', 'process']
    // The stress test is among the features below; the examples see the whole
    // machine, and one Node is enough for them.
    const args = [
      '--selectProjects',
      ...projects,
      '--testPathIgnorePatterns',
      'stress.test',
      'ringbuf-examples.test',
      ...(quick ? ['--testPathPatterns', ofNode] : []),
    ]
    const { end, status } = await checkJest(runtime.name, [program], args)
    check(`${runtime.name}: jest ends well`, status === 0, end)
    if (quick) continue
  }
  const works = new Set()
  worksIn.set(runtime, works)
  for (const name of names) {
    if (quick && all[name].takesSeconds) continue
    if (await checkFeature(runtime, program, name, all[name])) works.add(name)
  }
}

const leastArgs = ['run', '--no-prompt', '--allow-ffi', '--allow-read', '--allow-env']
await checkFeature({ ...deno, args: leastArgs }, await install(deno), 'with three permissions', {
  run: ['test/nodes/acceptance.cjs', 'records to a typed callback'],
  stdout: /^works$/,
})

if (!quick) await checkDocument('docs/runtimes.md', page(names, worksIn), write)
summarize()
