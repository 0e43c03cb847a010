// Looks at a prebuilt addon's file: what it needs of a machine, and what it shows.
// Usage: check.mjs TARGET FILE
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { check, summarize } from '../test/checks.mjs'

const [target, file] = process.argv.slice(2)

const largestBytes = 1 << 20
/** glibc of Debian 10, RHEL 8 and what Node 20's own binaries need. */
const newestGlibc = '2.28'
const machines = { x64: 'Advanced Micro Devices X86-64', arm64: 'AArch64' }
const loaders = { x64: 'ld-linux-x86-64.so.2', arm64: 'ld-linux-aarch64.so.1' }
const exported = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']
/** What may have no version: it is Node's, or of a compiler's that is not there. */
const unversioned = /^(napi_\w+|uv_thread_(create|join)|_ITM_\w+|__gmon_start__)$/

const [, architecture, musl] = target.split('-')

function readelf(...options) {
  return execFileSync('readelf', ['--wide', ...options, file], { encoding: 'utf8' })
}

function all(text, pattern) {
  return [...text.matchAll(pattern)].map(([, word]) => word)
}

/** Checks that a list is empty, and shows what is in it. */
function none(name, list) {
  check(`${target}: ${name}`, list.length === 0, list.join('\n'))
}

function isNewer(version, than) {
  const [a, b] = [version, than].map((text) => text.split('.').map(Number))
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if (a[i] !== b[i]) return (a[i] ?? 0) > (b[i] ?? 0)
  }
  return false
}

const dynamic = readelf('--dynamic')
const needed = all(dynamic, /\(NEEDED\).*\[(.*)\]/g)
const tags = all(dynamic, /\((RPATH|RUNPATH|TEXTREL)\)/g)
const sections = all(readelf('--sections'), /^ +\[ *\d+\] (\.\S+)/gm)
const versions = all(readelf('--version-info'), / Name: (\S+) +Flags/g)
const symbols = [
  ...readelf('--dyn-syms').matchAll(/ (?:GLOBAL|WEAK) .*? (\S+) (\S+)(?: \(\d+\))?$/gm),
]
const undefinedNames = symbols.filter(([, section]) => section === 'UND').map(([, , name]) => name)
const definedNames = symbols
  .filter(([, section]) => /^\d+$/.test(section))
  .map(([, , name]) => name)

const libraries = musl ? ['libc.so'] : ['libc.so.6', 'libpthread.so.0', loaders[architecture]]
const tooNew = versions.filter((name) => {
  const version = /^GLIBC_([\d.]+)$/.exec(name)?.[1]
  return version === undefined || isNewer(version, newestGlibc)
})
const { size } = statSync(file)

check(`${target}: is of its machine`, readelf('--file-header').includes(machines[architecture]))
none(
  'needs libc alone',
  needed.filter((name) => !libraries.includes(name)),
)
// Nothing in musl has a version.
none(musl ? 'needs no version' : `needs nothing newer than glibc ${newestGlibc}`, tooNew)
// musl's have none either: there, what is C++ has to be in the file.
const isStrange = (name) =>
  musl ? name.startsWith('_Z') : !name.includes('@') && !unversioned.test(name)
none('what has no version is of Node', undefinedNames.filter(isStrange))
none(
  "exports Node-API's entries and nothing else",
  [...exported, ...definedNames].filter(
    (name) => exported.includes(name) !== definedNames.includes(name),
  ),
)
none('is loaded from anywhere, its code not written to', tags)
none(
  'is stripped',
  sections.filter((name) => name === '.symtab' || name.startsWith('.debug')),
)
check(`${target}: ${size} bytes, at most ${largestBytes}`, size <= largestBytes)
summarize()
