// The table of what each kernel has, as measured by a run.
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { format, resolveConfig } from 'prettier'

const path = join(resolve(import.meta.dirname, '../..'), 'docs/kernels.md')

/** The features of attach.test.ts, and how they read. */
const features = {
  tp: 'tracepoint: `tp`',
  raw_tp: 'raw tracepoint: `raw_tp`',
  'raw_tp-twice': '`raw_tp`, one program attached twice',
  tp_btf: 'typed raw tracepoint: `tp_btf`',
  kprobe: '`kprobe`',
  kretprobe: '`kretprobe`',
  'kprobe.multi': '`kprobe.multi`',
  'kretprobe.multi': '`kretprobe.multi`',
  ksyscall: '`ksyscall`',
  kretsyscall: '`kretsyscall`',
  fentry: '`fentry`',
  fexit: '`fexit`',
  fmod_ret: '`fmod_ret`',
  lsm: '`lsm`',
  'lsm.s': '`lsm.s`, sleepable',
  uprobe: '`uprobe`',
  uretprobe: '`uretprobe`',
  iter: '`iter`',
  syscall: '`syscall` programs, by `testRun()`',
  bpf_loop: '`bpf_loop()`',
  'beyond-memlock': 'memory beyond `RLIMIT_MEMLOCK`, without CAP_SYS_RESOURCE',
}

/** A line of --list. */
export function describe({ name, architecture, suite }) {
  const from = suite === '' ? "this machine's kernel" : `Debian ${suite}`
  return `${name.padEnd(10)} ${architecture.padEnd(6)} ${from}`
}

function row(cells) {
  return `| ${cells.join(' | ')} |`
}

function cellOf(result, name) {
  const feature = result.features.find((found) => found.feature === name)
  if (feature === undefined) return '?'
  return feature.code === undefined ? '✓' : `– ${feature.code}`
}

/** A kernel in a word or two. */
function headOf({ kernel, release }) {
  const version = release.replace(/^(\d+\.\d+).*/, '$1')
  return kernel.architecture === 'x64' ? version : `${version} ${kernel.architecture}`
}

/** As the linters want it. */
async function formatted(markdown) {
  return format(markdown, { ...(await resolveConfig(path)), parser: 'markdown' })
}

/** Features down, kernels across. */
export async function renderTable(results) {
  const names = new Set(results.flatMap(({ features }) => features.map(({ feature }) => feature)))
  const rows = [
    ['', ...results.map(headOf)],
    ['---', ...results.map(() => '---')],
    ['release', ...results.map(({ release }) => release)],
    [
      'from',
      ...results.map(({ kernel }) =>
        kernel.suite === '' ? 'a machine' : `Debian ${kernel.suite}`,
      ),
    ],
    ['tests passed', ...results.map(({ passed }) => String(passed))],
    ['tests failed', ...results.map(({ failed }) => String(failed))],
    ...[...names].map((name) => [
      features[name] ?? name,
      ...results.map((result) => cellOf(result, name)),
    ]),
  ]
  return (await formatted(rows.map(row).join('\n'))).trimEnd()
}

/** What the errors say, each once, with the kernels that it was seen on. */
function renderErrors(results) {
  const seen = new Map()
  for (const result of results) {
    const { release, features: found } = result
    for (const { feature, code, hint, message } of found) {
      if (code === undefined) continue
      const text = (hint ?? message).replaceAll(release, 'RELEASE')
      const key = `${code}: ${text}`
      const entry = seen.get(key) ?? { names: new Set(), releases: new Set() }
      entry.names.add(feature)
      entry.releases.add(headOf(result))
      seen.set(key, entry)
    }
  }
  return [...seen]
    .map(
      ([text, { names, releases }]) =>
        `- ${[...names].map((name) => `\`${name}\``).join(', ')} on ${[...releases].join(', ')}: ${text}`,
    )
    .join('\n')
}

/** Writes the table to docs/. */
export async function writeDocument(results) {
  const text = `# Kernels

The integration suite passes on each of these kernels: Debian's for the cloud, in qemu, and the one of the machine that
wrote this page. ✓: the suite has seen it work, with events where it delivers any. –: this kernel does not have it, and the
suite has seen the library refuse it with this code. \`make kernels-doc\` writes this page.

${await renderTable(results)}

Debian's 5.10 is booted as it comes, without BPF among its security modules.

## What the errors say

${renderErrors(results)}
`
  writeFileSync(path, await formatted(text))
  console.log('wrote docs/kernels.md')
}
