// Runs the native tests, the integration suite and whole processes under ASan with
// UBSan and under TSan. Any report fails; and so does a sanitizer that does not
// report a deliberate fault. Run it with `make sanitize`, which builds what it
// needs.
// Usage: run.mjs [--quick]
//   --quick: the suites and scripts that have most of the addon's threads and memory
import { execFileSync } from 'node:child_process'
import { isAbsolute, join } from 'node:path'
import { parseArgs } from 'node:util'
import { check, checkJest, jest, needRoot, root, run, summarize } from '../checks.mjs'

const { quick } = parseArgs({ options: { quick: { type: 'boolean', default: false } } }).values

const reportStatus = 66
const reportPattern =
  /^(==\d+==ERROR: .*|WARNING: ThreadSanitizer: .*|SUMMARY: \w+Sanitizer: .*|.*: runtime error: .*)$/m

const suppressions = (name) => `suppressions=${join(root, 'test/sanitize', name)}`

const sanitizers = [
  {
    name: 'asan',
    env: {
      ASAN_OPTIONS: `exitcode=${reportStatus}:detect_leaks=1`,
      LSAN_OPTIONS: `${suppressions('lsan.supp')}:print_suppressions=0`,
      UBSAN_OPTIONS: `exitcode=${reportStatus}:halt_on_error=1:print_stacktrace=1`,
    },
    faults: {
      'use-after-free': /^==\d+==ERROR: AddressSanitizer: heap-use-after-free on address /m,
      overflow: /^\S*fault\.cc:\d+:\d+: runtime error: signed integer overflow: /m,
      leak: /^==\d+==ERROR: LeakSanitizer: detected memory leaks$/m,
    },
  },
  {
    name: 'tsan',
    env: { TSAN_OPTIONS: `exitcode=${reportStatus}:${suppressions('tsan.supp')}` },
    faults: { race: /^WARNING: ThreadSanitizer: data race /m },
  },
]

/** Scripts of test/process/scripts, their argument, and the status that they end with. */
const quickProcesses = [
  ['workers.cjs', 'terminate at any time', 0],
  ['life.cjs', 'close in a callback at full speed', 0],
  ['memory.cjs', 'garbage-collected without close()', 0],
  ['damaged.cjs', 0],
  ['addon.cjs', 'anything goes', 0],
]
const processes = [
  ...quickProcesses,
  ['workers.cjs', 'several at once', 0],
  ['workers.cjs', 'terminate at full speed', 0],
  ['workers.cjs', 'terminate while it opens and closes', 0],
  ['workers.cjs', 'ends by itself', 0],
  ['workers.cjs', 'main thread and worker', 0],
  ['life.cjs', 'exit in a callback', 3],
  ['life.cjs', 'exit with everything open', 4],
  ['life.cjs', 'exceptions with a handler', 0],
  ['life.cjs', 'unref() lets it end at full speed', 0],
  ['life.cjs', 'blocked while records come, then closed', 0],
  ['addon.cjs', 'one by one', 0],
]

/** Without address randomisation, as gcc 12's TSan does not know every layout. */
const [setarch, noRandomisation] = ['setarch', '-R']

function preloadOf(name) {
  const compiler = process.env.CXX ?? 'g++'
  const library = execFileSync(compiler, [`-print-file-name=lib${name}.so`], { encoding: 'utf8' })
  if (isAbsolute(library)) return library.trim()
  throw new Error(`${compiler} has no lib${name}.so: the sanitizers here are those of gcc`)
}

/**
 * Says where the frames in the addon are: gcc's TSan knows only what was loaded
 * when it started.
 */
function withFrames(report, addon) {
  const frame = /<null> <null> \(\S+\.node\+(0x[0-9a-f]+)\)/g
  const addresses = [...new Set([...report.matchAll(frame)].map(([, address]) => address))]
  if (addresses.length === 0) return report
  const args = ['-C', '-f', '-s', '-e', addon, ...addresses]
  const lines = execFileSync('addr2line', args, { encoding: 'utf8' }).split('\n')
  const named = new Map(addresses.map((at, i) => [at, `${lines[2 * i]} ${lines[2 * i + 1]}`]))
  return report.replace(frame, (_, address) => named.get(address))
}

/** The integration tests that are left out: the stress test is a process of its own, see below. */
const apart = '/stress\\.test\\.ts$'
/** Those that reach most of the addon. */
const quickSuites = '/(maps|object-phases|program|links|ring-buffer|perf-buffer|flight-recorder)\\.'
/** Where there are threads: the rest has nothing to race with. */
const withThreads = '/(ring|perf|event-stream|stats|waiting|reader|iterator|flight|topologies|user)'

/** The ways to run the code under a sanitizer: all of it, or as little as commits a fault. */
function waysOf({ name, env }) {
  const sanitizedRoot = join(root, 'build', name)
  const addon = join(sanitizedRoot, 'build/Release/bpf_ringbuf.node')
  const node = ['env', `LD_PRELOAD=${preloadOf(name)}`, process.execPath]
  const jestConfig = ['--config', join(root, 'test/sanitize/jest.config.mjs')]

  // For what hangs: the longest takes 30 seconds alone, and others may run beside it.
  const runSanitized = async (args, fault, timeoutSeconds = 180) => {
    const once = () =>
      run(setarch, [noRandomisation, ...args], {
        env: { ...env, SANITIZED_ROOT: sanitizedRoot, ...fault },
        timeoutSeconds,
      })
    const ended = await once()
    // It crashed itself, as it does when a thread ends meanwhile, and has said nothing of ours.
    return ended.output.includes('LeakSanitizer has encountered a fatal error') ? once() : ended
  }
  const runNative = (filter, fault) =>
    runSanitized([join(root, `build/test/native-test-${name}`), ...filter], fault, 120)
  // The package root consists of links: what is run there finds its dist/, and
  // that its addon, as long as Node does not follow them.
  const runScript = (path, args, fault, timeoutSeconds) => {
    const links = ['--preserve-symlinks', '--preserve-symlinks-main']
    const notPreloaded = ['--require', join(root, 'test/sanitize/not-preloaded.cjs')]
    const script = ['--expose-gc', join(sanitizedRoot, path), ...args]
    return runSanitized([...node, ...links, ...notPreloaded, ...script], fault, timeoutSeconds)
  }

  return [
    {
      name: `plain-${name}`,
      addon,
      async *test(label) {
        // `make test` runs them, too.
        if (quick) return
        const ended = await runNative([])
        for (const [, not, test] of ended.stdout.matchAll(/^(not )?ok (.*)$/gm)) {
          check(`${label}: ${test}`, not === undefined)
        }
        yield [label, ended, 0]
      },
      commit: (fault) => runNative(['batch: clearing'], fault),
    },
    {
      name: `node-${name}`,
      addon,
      async *test(label) {
        const args = [...jestConfig, '--testPathIgnorePatterns', apart]
        if (quick) args.push('--testPathPatterns', quickSuites)
        else if (name === 'tsan') args.push('--testPathPatterns', withThreads)
        const command = [setarch, noRandomisation, ...node]
        const options = { env: { ...env, SANITIZED_ROOT: sanitizedRoot } }
        yield [label, await checkJest(label, command, args, options), 0]
      },
      commit(fault) {
        return runSanitized([...node, jest, ...jestConfig, '--runInBand', 'event-stream'], fault)
      },
    },
    {
      name: `process-${name}`,
      addon,
      async *test(label) {
        for (const [script, ...rest] of quick ? quickProcesses : processes) {
          const [status, ...args] = rest.reverse()
          const ended = await runScript(join('test/process/scripts', script), args)
          yield [`${label}: ${[script, ...args].join(' ')}`, ended, status]
        }
        const seconds = quick ? 4 : 30
        const args = ['--duration', String(seconds)]
        const ended = await runScript('build/test/stress/stress.js', args, {}, 20 * seconds)
        yield [`${label}: stress.js ${args.join(' ')}`, ended, 0]
      },
      commit: (fault) =>
        runScript('test/process/scripts/life.cjs', ['natural exit after close'], fault),
    },
  ]
}

needRoot()
// In the short form threads race in the native tests alone, which `make test` runs under TSan.
for (const sanitizer of quick ? sanitizers.slice(0, 1) : sanitizers) {
  for (const way of waysOf(sanitizer)) {
    const faults = Object.entries(sanitizer.faults)
    for (const [fault, firstLine] of quick ? faults.slice(0, 1) : faults) {
      const { end, status, output } = await way.commit({ BPF_RINGBUF_FAULT: fault })
      const report = withFrames(output, way.addon)
      check(
        `${way.name} reports a fault: ${fault}`,
        status === reportStatus && firstLine.test(report) && report.includes('fault.cc'),
        `${end}\n${report}`,
      )
    }
    for (let round = 1; round <= (quick ? 1 : 3); round++) {
      for await (const [label, { end, status, output }, expected] of way.test(way.name)) {
        check(
          `${label} ends without a report`,
          status === expected && !reportPattern.test(output),
          `${end}\n${withFrames(output, way.addon).slice(0, 20_000)}`,
        )
      }
    }
  }
}
summarize()
