// What has to hold of a version before it is published, and is quick to see; the
// rest is in release.mk. Run it with `make release-check`.
// Usage: release-check.mjs [--tag TAG]
//   --tag: the tag that is about to be published, which has to be of this version
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { check, mustRun, root, run, skip, summarize } from '../test/checks.mjs'

const { tag } = parseArgs({ options: { tag: { type: 'string' } } }).values

/** npm's megabytes. */
const largestBytes = 2.5e6
const targets = ['linux-x64', 'linux-arm64', 'linux-x64-musl', 'linux-arm64-musl']

const read = (path) => readFileSync(join(root, path), 'utf8')
const readJson = (path) => JSON.parse(read(path))
const { name, version } = readJson('package.json')

const status = await mustRun('git', ['-C', root, 'status', '--porcelain'])
check('everything is committed', status.stdout === '', status.stdout)

const lock = readJson('package-lock.json')
check(
  `package-lock.json is of ${version}`,
  [lock.version, lock.packages[''].version].every((each) => each === version),
)
const [, entry] = /^## (.*)$/m.exec(read('CHANGELOG.md')) ?? []
check(
  `the first entry of CHANGELOG.md is "${version}, YYYY-MM-DD"`,
  entry?.startsWith(`${version}, `) && /, \d{4}-\d\d-\d\d$/.test(entry),
  `it is "${entry}"`,
)
if (tag !== undefined) check(`the tag ${tag} is v${version}`, tag === `v${version}`)

// Made of this version and of these files, with the licences of what is in them.
for (const target of targets) {
  const addon = join(root, 'prebuilds', target, 'bpf_ringbuf.node')
  if (!existsSync(addon)) {
    check(`prebuilds/${target} is there`, false, 'run make prebuilds')
    continue
  }
  const bill = readJson(`prebuilds/${target}/bpf_ringbuf.cdx.json`)
  const { hashes, purl } = bill.metadata.component
  const digest = createHash('sha256').update(readFileSync(addon)).digest('hex')
  check(
    `the bill of ${target} is of its addon and of ${version}`,
    hashes[0].content === digest && purl === `pkg:npm/${name}@${version}`,
  )
  const notice = read('prebuilds/licenses/NOTICE.txt')
  const lacks = bill.components.filter(
    (part) =>
      !existsSync(join(root, 'prebuilds/licenses', part.name)) ||
      !notice.includes(`${part.name} ${part.version}`),
  )
  check(
    `prebuilds/licenses has what is linked into ${target}`,
    lacks.length === 0,
    lacks.map((part) => part.name).join('\n'),
  )
}

const packed = await mustRun('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
  cwd: root,
})
const [{ size, files }] = JSON.parse(packed.stdout)
const paths = files.map((file) => file.path)
const strange = paths.filter(
  (path) =>
    !/\.(cjs|js|d\.ts|html|json|md|txt|h|c|cc|gyp|sh|o|node|ts|yaml)$/.test(path) &&
    !/(^|\/)(LICENSE[^/]*|COPYING[^/]*|copyright|Containerfile|gitignore|dockerignore)$/.test(path),
)
check('nothing strange is packed', strange.length === 0, strange.join('\n'))
const used = [
  'LICENSE',
  'CHANGELOG.md',
  'bpf/include/bpf-ringbuf.bpf.h',
  'dist/bpf/doctor.bpf.o',
  'dist/cli/main.js',
  'dist/cli/program.js',
  'dist/index.d.ts',
  'dist/index.js',
  'dist/library.js',
  'dist/prebuilt.js',
  'dist/tools/open-snoop.bpf.o',
  ...targets.map((target) => `prebuilds/${target}/bpf_ringbuf.node`),
]
const missing = used.filter((path) => !paths.includes(path))
check('all that is used is packed', missing.length === 0, missing.join('\n'))
check(`packed it has ${size} bytes, at most ${largestBytes}`, size <= largestBytes)

// A registry that is a mirror may not have what `npm audit` asks: that is no answer.
const audit = await run('npm', ['audit', '--json'], { cwd: root, timeoutSeconds: 120 })
const { message, vulnerabilities } = JSON.parse(audit.stdout || '{}')
if (vulnerabilities === undefined) {
  skip(`npm audit had no answer, so ask it elsewhere: ${message ?? audit.output}`)
} else {
  const found = Object.values(vulnerabilities)
  const lines = found.map((each) => `${each.name} ${each.range}: ${each.severity}`)
  check('npm knows no vulnerability of what is installed', found.length === 0, lines.join('\n'))
}
summarize()
