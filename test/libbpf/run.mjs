// Runs the integration and process tests over newer libbpf, each static in the addon
// of a package root of its own, build/libbpf-RELEASE. Run it with `make test-libbpf`,
// which builds what it needs.
// Usage: run.mjs [--quick] RELEASE...
//   --quick: a few integration tests of what asks libbpf, over the last RELEASE in the
//     addon of build/libbpf-quick
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { check, checkJest, needRoot, root, run, summarize } from '../checks.mjs'

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
})

/** What only newer ones have, what is opened and loaded, and rings that libbpf reads. */
const asksLibbpf = '/integration/(features|newer-libbpf|open|ring-buffer)\\.'

const askForFeatures = `
  const { libbpfVersion, libbpf } = require('./dist').features()
  const lacking = Object.entries(libbpf).filter(([, { answer }]) => answer !== 'yes')
  console.log(JSON.stringify({ libbpfVersion, lacking }))`

needRoot()
for (const release of values.quick ? positionals.slice(-1) : positionals) {
  const label = `libbpf ${release}`
  const options = values.quick
    ? { env: { BPF_RINGBUF_ADDON: join(root, 'build/libbpf-quick/bpf_ringbuf.node') } }
    : {
        cwd: join(root, `build/libbpf-${release}`),
        // The tests compile programs too.
        env: { PKG_CONFIG_PATH: join(root, '.cache/libbpf', release, 'lib/pkgconfig') },
      }
  const { stdout, output } = await run(process.execPath, ['-e', askForFeatures], options)
  const expected = JSON.stringify({ libbpfVersion: release, lacking: [] })
  check(`${label}: features() name it and all that it has`, stdout.trim() === expected, output)
  const suites = values.quick
    ? [['integration', '--testPathPatterns', asksLibbpf]]
    : [['integration'], ['process']]
  for (const [suite, ...args] of suites) {
    await checkJest(
      label,
      [process.execPath, '--expose-gc'],
      ['--selectProjects', suite, ...args],
      { ...options, timeoutSeconds: 15 * 60 },
    )
  }
}
summarize()
