// Installs what `npm pack` makes of this package, in each of the ways of cells.mjs,
// and runs the README's program there. Run it with `make test-install`, which builds
// what it needs; package managers and bundlers come from the npm registry.
// Usage: run.mjs [--quick] [--cell NAME]...
//   --quick: a few cells that download nothing but the package's own dependencies, and
//     with the addon that was compiled on this machine in the place of the prebuilt ones
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import { check, mustRun, needRoot, root, run, summarize } from '../checks.mjs'
import { fromRegistry } from '../registry.mjs'
import { cells } from './cells.mjs'

const { quick, cell: chosen } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    cell: { type: 'string', multiple: true },
  },
}).values

const objectPath = 'build/bpf/ringbuf-reserve-submit.bpf.o'
const code = /```js\n([^]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))[1]
const asCommonJs = code.replace(/^import (.*) from (.*)$/m, 'const $1 = require($2)')

/** Ends the README's program, as Ctrl-C does, after its first event. */
const ending = `
const timer = setInterval(() => {
  if (ring.stats().records === 0) return
  clearInterval(timer)
  process.kill(process.pid, 'SIGINT')
}, 10)
`
const test = `
test('an event is received', async () => {
  const ExecEvent = struct('exec_event', { pid: u32, comm: cstring(16), filename: cstring(256) })
  const object = BpfObject.open('${objectPath}').load().attach()
  const ring = new RingBuffer(object.map('events'), ExecEvent)
  for await (const event of ring.records()) {
    expect(event.filename).toMatch(/^\\//)
    break
  }
  ring.close()
  object.close()
})
`
const names = '{ BpfObject, RingBuffer, cstring, struct, u32 }'
const files = {
  'package.json': JSON.stringify({
    private: true,
    dependencies: { 'bpf-ringbuf': 'file:./package.tgz' },
  }),
  'snoop.mjs': code + ending,
  'snoop.cjs': asCommonJs + ending,
  // For compilers, too.
  'snoop.mts': code,
  'jest.test.js': `const ${names} = require('bpf-ringbuf')\n${test}`,
  'vitest.test.mjs':
    `import { expect, test } from 'vitest'\nimport ${names} from 'bpf-ringbuf'\n` + test,
}

const event = /^\d+ \S+ \/\S+$/m

const suites = { 11: 'bullseye', 12: 'bookworm', 13: 'trixie' }

/** A root directory with a release of Debian and Node 22; made at the first time. */
async function bareRoot(release) {
  const cache = join(root, '.cache/install')
  const directory = join(cache, `debian-${release}`)
  if (!existsSync(directory)) {
    console.log(`  ROOT     Debian ${release}`)
    mkdirSync(`${directory}.part`, { recursive: true })
    const archive = join(cache, `debian-${release}.tar`)
    const makeBase = [join(root, 'test/container/make-base.sh'), '22', '10', cache, archive]
    await mustRun('sh', [...makeBase, suites[release]], { timeoutSeconds: 900 })
    await mustRun('tar', ['-xf', archive, '-C', `${directory}.part`], { timeoutSeconds: 300 })
    rmSync(archive)
    renameSync(`${directory}.part`, directory)
  }
  return directory
}

/** Bun for musl, with its libraries. */
async function muslBun() {
  const directory = join(root, '.cache/install/musl')
  if (!existsSync(directory)) {
    await mustRun('sh', [join(import.meta.dirname, 'make-musl.sh'), directory])
  }
  return directory
}

/** Runs the commands of a cell in a folder; gives what is wrong. */
async function runCell(cell, folder, tarball) {
  const { packages = [], says } = cell
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  cpSync(tarball, join(folder, 'package.tgz'))
  cpSync(join(root, objectPath), join(folder, objectPath))
  chmodSync(folder, 0o755)
  const modules = packages.length === 0 ? undefined : await fromRegistry(...packages)
  const inRoot = cell.debian
    ? ['sh', join(import.meta.dirname, 'in-root.sh'), await bareRoot(cell.debian), folder]
    : []
  const commands = cell.commands(modules).map((command) => [...inRoot, ...command])
  // Nothing is left in the home directory, nor taken from it.
  const caches = ['XDG_DATA_HOME', 'XDG_CACHE_HOME', 'YARN_CACHE_FOLDER', 'YARN_GLOBAL_FOLDER']
  const env = Object.fromEntries(
    [...caches, 'BUN_INSTALL_CACHE_DIR', 'DENO_DIR'].map((name) => [
      name,
      join(folder, '.cache', name),
    ]),
  )
  if (cell.musl) {
    cpSync(await muslBun(), join(folder, 'musl'), { recursive: true, verbatimSymlinks: true })
  }
  const { node } = cell
  if (node) env.IN_ROOT_NODE = join(await fromRegistry(node), node.split('@')[0], 'bin/node')
  const options = { cwd: folder, env: { ...env, NO_COLOR: '1' }, timeoutSeconds: 600 }
  for (const [command, ...args] of commands.slice(0, -1)) await mustRun(command, args, options)

  const [command, ...args] = commands.at(-1)
  const exec = setInterval(() => spawn('/bin/true'), 20)
  const start = performance.now()
  let eventMs
  const onStdout = (text) => {
    if (event.test(text)) eventMs ??= performance.now() - start
  }
  const { status, output, stdout, end } = await run(command, args, { ...options, onStdout })
  clearInterval(exec)
  if (cell.debian && eventMs) console.log(`  ${(eventMs / 1000).toFixed(1)} s until an event`)
  const works =
    says === undefined
      ? status === 0 && event.test(stdout) && /records: [1-9]/.test(stdout)
      : says.test(output)
  return works ? undefined : `${command} ${args.join(' ')}: ${end}\n${output}`
}

/** Puts the addon of build/ into a tarball, instead of what is in prebuilds/. */
async function packOwnAddon(tarball, directory) {
  await mustRun('tar', ['-xzf', tarball, '-C', directory])
  const prebuilds = join(directory, 'package/prebuilds')
  rmSync(prebuilds, { recursive: true, force: true })
  const addon = 'bpf_ringbuf.node'
  cpSync(join(root, 'build/Release', addon), join(prebuilds, `linux-${process.arch}`, addon))
  await mustRun('tar', ['-czf', tarball, '-C', directory, 'package'])
}

needRoot()
const prebuilt = join(root, `prebuilds/linux-${process.arch}/bpf_ringbuf.node`)
if (!quick && !existsSync(prebuilt)) throw new Error(`${prebuilt} is missing: run make prebuilds`)
const temporary = mkdtempSync(join(tmpdir(), 'bpf-ringbuf-install-'))
process.on('exit', () => rmSync(temporary, { recursive: true, force: true }))
chmodSync(temporary, 0o755)
const packed = ['pack', '--ignore-scripts', '--json', '--pack-destination', temporary]
const [{ filename, size }] = JSON.parse((await mustRun('npm', packed)).stdout)
const largestBytes = 2.5e6
check(`the package has ${size} bytes, at most ${largestBytes}`, size <= largestBytes)
if (quick) await packOwnAddon(join(temporary, filename), temporary)
const unknown = chosen?.find((name) => !(name in cells))
if (unknown !== undefined) {
  throw new Error(`There is no cell ${unknown}; there are ${Object.keys(cells).join('; ')}`)
}
for (const [index, [name, cell]] of Object.entries(cells).entries()) {
  if (!(chosen?.includes(name) ?? (cell.quick === true || !quick))) continue
  const folder = join(temporary, String(index))
  mkdirSync(join(folder, 'build/bpf'), { recursive: true })
  let wrong
  try {
    wrong = await runCell(cell, folder, join(temporary, filename))
  } catch (error) {
    wrong = error.message
  }
  check(name, wrong === undefined, wrong)
  rmSync(folder, { recursive: true, force: true })
}
summarize()
