// docs/kernels.md: what each kernel has, as measured by a run.
import { formatted, table } from '../document.mjs'

/** The features of test/features.ts, and how they read. */
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
  'uprobe.multi': '`uprobe.multi`',
  perf_event: '`perf_event`: software clocks',
  'perf_event-hardware': '`perf_event`: cycles of the CPU',
  cgroup_skb: 'cgroup: `cgroup_skb`',
  cgroup_sock: 'cgroup: `sock_create`',
  cgroup_sock_addr: 'cgroup: `connect4`',
  cgroup_device: 'cgroup: `dev`',
  cgroup_sysctl: 'cgroup: `sysctl`',
  cgroup_sockopt: 'cgroup: `setsockopt`',
  sk_lookup: 'network namespace: `sk_lookup`',
  xdp: '`xdp`, on `lo`',
  tc: '`tc`: clsact',
  tcx: '`tcx`',
  netkit: '`netkit`',
  netfilter: '`netfilter`',
  veth: 'XDP redirects between `veth` devices',
  sk_reuseport: '`sk_reuseport`',
  struct_ops: '`struct_ops`: a congestion control',
  freplace: '`freplace`',
  'iter-process': '`iter` of one process',
  'iter-cgroup': '`iter` of a cgroup',
  'kprobe-cookie': 'cookie of `kprobe`',
  'kprobe.multi-cookie': 'cookie of `kprobe.multi`',
  'uprobe-cookie': 'cookie of `uprobe`',
  'uprobe.multi-cookie': 'cookies of `uprobe.multi`',
  'tp-cookie': 'cookie of `tp`',
  'raw_tp-cookie': 'cookie of `raw_tp`',
  'perf_event-cookie': 'cookie of `perf_event`',
  'fentry-cookie': 'cookie of `fentry`',
  'fexit-cookie': 'cookie of `fexit`',
  'lsm-cookie': 'cookie of `lsm`',
  'uprobe-pin': 'pinned link of `uprobe`',
  'perf_event-pin': 'pinned link of `perf_event`',
  iter: '`iter`',
  'iter-map-elem': "`iter` of a map's entries",
  syscall: '`syscall` programs, by `testRun()`',
  bpf_loop: '`bpf_loop()`',
  bloom_filter: 'maps of type `bloom_filter`',
  sk_storage: 'maps of type `sk_storage`',
  task_storage: 'maps of type `task_storage`',
  cgrp_storage: 'maps of type `cgrp_storage`',
  inode_storage: 'maps of type `inode_storage`',
  rb_overwrite: 'a ring that overwrites, `BPF_F_RB_OVERWRITE`',
  'beyond-memlock': 'more than `RLIMIT_MEMLOCK`, without CAP_SYS_RESOURCE',
}

/** A line of --list. */
export function describe({ name, architecture, suite }) {
  const from = suite === '' ? "this machine's kernel" : `Debian ${suite}`
  return `${name.padEnd(10)} ${architecture.padEnd(6)} ${from}`
}

/** A kernel in a word or two. */
function nameOf({ kernel, release }) {
  const version = release.replace(/^(\d+\.\d+).*/, '$1')
  return kernel.architecture === 'x64' ? version : `${version} ${kernel.architecture}`
}

/** The error of a feature that a kernel does not have, without what differs from run to run. */
function errorOf({ release }, { code, hint, message }) {
  if (code === undefined) return undefined
  const text = (hint ?? message)
    .replaceAll(release, 'RELEASE')
    .replace(/Cannot load object "\S+": the verifier rejected program "\S+"/, 'it was rejected')
    .replace(/ \(\d+ lines? omitted, .*\)/, '')
    .replaceAll(/\brb\d+n\d+[ab]\b/g, 'DEVICE')
  return `${code}: ${text.trim().replaceAll(/\s+/g, ' ')}`
}

const namesOf = (results) => {
  return [...new Set(results.flatMap(({ features }) => features.map(({ feature }) => feature)))]
}

/** What a kernel was seen to do with a feature, the first time. */
const foundIn = (result, name) => result.features.find(({ feature }) => feature === name)

/** Each error once, in the order in which the table has them. */
function errorsOf(results) {
  const all = namesOf(results).flatMap((name) =>
    results.map((result) => errorOf(result, foundIn(result, name) ?? {})),
  )
  return [...new Set(all.filter((error) => error !== undefined))]
}

/** One table of the kernels, and one of their features with the kernels across. */
function tables(results) {
  const errors = errorsOf(results)
  const cellOf = (result, name) => {
    const found = foundIn(result, name)
    if (found === undefined) return '?'
    const error = errorOf(result, found)
    return error === undefined ? 'yes' : `no (${errors.indexOf(error) + 1})`
  }
  return [
    table(
      ['kernel', 'release', 'from', 'tests passed'],
      results.map((result) => [
        nameOf(result),
        result.release,
        result.kernel.suite === '' ? 'a machine' : `Debian ${result.kernel.suite}`,
        result.passed,
      ]),
    ),
    table(
      ['', ...results.map(nameOf)],
      namesOf(results).map((name) => [
        features[name] ?? name,
        ...results.map((result) => cellOf(result, name)),
      ]),
    ),
  ]
}

export async function renderTables(results) {
  return (await formatted(tables(results).join('\n\n'))).trimEnd()
}

/** docs/kernels.md. */
export function page(results) {
  const [ofKernels, ofFeatures] = tables(results)
  const errors = errorsOf(results).map((error, index) => `${index + 1}. ${error}`)
  return `# Kernels

The integration suite passes on each of these kernels. Debian's kernels for the cloud are booted in qemu; the last
one is the kernel of the machine that wrote this page. \`make kernels-doc\` runs them all and writes the page.

${ofKernels}

“yes” means that the suite has seen the feature work, with events where it delivers any. “no” means that this kernel does
not have the feature, and that the suite has seen the library refuse it, or of \`veth\` the kernel, with the error of that
number in the list below. The guests have none of the modules of their kernels.

${ofFeatures}

Debian's 5.10 is booted as it comes, which is without BPF among its security modules.

## What the errors say

${errors.join('\n')}

## More CPUs than the machine has

\`make test-smp\` runs the [stress test](https://github.com/bpf-ringbuf/bpf-ringbuf/blob/main/test/stress/stress.ts) in guests with 8 CPUs and 7 producers,
on x86-64 and on arm64. qemu runs each of their CPUs in a thread of its own, so that a producer may lose its CPU at
any instruction, also between reserving and submitting a record. The emulator adds the barriers that a guest asks for, but it
runs on x86-64: what it can show of arm64's weaker memory order is what the compiler does with the arm64 build and what the
host's own store buffers reorder. An arm64 machine may show more.
`
}
