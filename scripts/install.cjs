// The install script of the package: compiles the addon where none of prebuilds/
// loads, or where npm_config_build_from_source asks for it. Plain JavaScript, as
// it runs before anything is built.
'use strict'
const { spawnSync } = require('node:child_process')
const { accessSync, constants, existsSync, readFileSync } = require('node:fs')
const { delimiter, join, resolve } = require('node:path')

const root = resolve(__dirname, '..')
const prefix = resolve(process.execPath, '../..')

/** What compiling needs, and the packages that bring it. */
const needs = ['a C++ compiler', 'make', 'Python 3', 'pkg-config', "libbpf's headers"]
const managers = {
  'apt-get install': ['g++', 'make', 'python3', 'pkg-config', 'libbpf-dev'],
  'dnf install': ['gcc-c++', 'make', 'python3', 'pkgconf-pkg-config', 'libbpf-devel'],
  'apk add': ['g++', 'make', 'python3', 'pkgconf', 'libbpf-dev'],
  'pacman -S': ['gcc', 'make', 'python', 'pkgconf', 'libbpf'],
  'zypper install': ['gcc-c++', 'make', 'python3', 'pkg-config', 'libbpf-devel'],
}
const distributions = {
  'apt-get install': ['debian', 'ubuntu'],
  'dnf install': ['fedora', 'rhel', 'centos', 'amzn'],
  'apk add': ['alpine'],
  'pacman -S': ['arch'],
  'zypper install': ['suse', 'opensuse'],
}

/** The command that installs these of `needs`, by what /etc/os-release says. */
function installCommand(lacks, osRelease) {
  const valueOf = (name) => new RegExp(`^${name}=["']?([^"'\n]*)`, 'm').exec(osRelease)?.[1] ?? ''
  const names = `${valueOf('ID')} ${valueOf('ID_LIKE')}`.split(' ')
  for (const name of names) {
    const manager = Object.keys(managers).find((each) => distributions[each].includes(name))
    if (manager === undefined) continue
    const packages = lacks.map((what) => managers[manager][needs.indexOf(what)])
    return `run "${manager} ${packages.join(' ')}"`
  }
  return `install ${lacks.join(', ')}`
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function find(program) {
  if (program.includes('/')) return isExecutable(program) ? program : undefined
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, program)).find(isExecutable)
}

/** Those of `needs` that are not there. */
function missing() {
  const { CXX = 'g++', PYTHON = 'python3', npm_config_python: python = PYTHON } = process.env
  const programs = [CXX.split(' ')[0], 'make', python, 'pkg-config']
  const lacks = needs.filter((_, i) => i < programs.length && find(programs[i]) === undefined)
  const { status } = spawnSync('pkg-config', ['--exists', 'libbpf'])
  return status === 0 ? lacks : [...lacks, needs.at(-1)]
}

/** node-gyp: the package manager's, an installed one, or npm's. */
function nodeGyp() {
  const program = find('node-gyp')
  const script = [
    process.env.npm_config_node_gyp || undefined,
    program,
    ...['lib', 'share'].map((folder) =>
      join(prefix, folder, 'node_modules/npm/node_modules/node-gyp/bin/node-gyp.js'),
    ),
  ].find((path) => path !== undefined && existsSync(path))
  if (script === undefined) return undefined
  return script === program ? [program] : [process.execPath, script]
}

function wantsSource() {
  const wants = (process.env.npm_config_build_from_source ?? 'false').split(',')
  return wants.some((want) => ['', '1', 'true', 'bpf-ringbuf'].includes(want))
}

function loadsPrebuilt() {
  const library = join(root, 'dist/prebuilt.js')
  // A clone has none at first; there it is compiled.
  return existsSync(library) && require(library).loadsPrebuilt(root)
}

/** Compiles it; gives what is wrong, in one line. */
function compile() {
  const lacks = missing()
  if (lacks.length > 0) {
    const path = '/etc/os-release'
    return installCommand(lacks, existsSync(path) ? readFileSync(path, 'utf8') : '')
  }
  const library = spawnSync('pkg-config', ['--modversion', 'libbpf'], { encoding: 'utf8' })
  const version = library.stdout.trim()
  if (version.startsWith('0.')) return `libbpf has to be 1.0 or newer, it is ${version}`
  const gyp = nodeGyp()
  if (gyp === undefined) return 'run "npm install -g node-gyp"'
  // Node's headers are not downloaded where they are.
  const own = existsSync(join(prefix, 'include/node/node_api.h'))
  const nodedir = own && !process.env.npm_config_nodedir ? [`--nodedir=${prefix}`] : []
  const options = { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 }
  const built = spawnSync(
    gyp[0],
    [...gyp.slice(1), 'rebuild', '--jobs', 'max', ...nodedir],
    options,
  )
  if (built.status === 0) return undefined
  console.error(`${built.stdout}${built.stderr}${built.error ?? ''}`)
  return 'node-gyp says above why'
}

function main() {
  const source = wantsSource()
  if (!source && loadsPrebuilt()) return
  const problem = compile()
  if (problem === undefined) return
  const why = source ? '' : `no prebuilt addon loads on this machine (${process.arch}), and `
  console.error(`bpf-ringbuf: ${why}it cannot be compiled: ${problem}`)
  process.exitCode = 1
}

module.exports = { installCommand }
if (require.main === module) main()
