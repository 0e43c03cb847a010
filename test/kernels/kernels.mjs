// Which kernels are tested, and where they come from: Debian's for the cloud,
// which are small and bring BTF.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { mustRun, root } from '../checks.mjs'
import { architectures } from './guest.mjs'

/** Of Debian 12's libbpf, which the suite is built with. */
const nowhere = ['uprobe.multi', 'uprobe.multi-cookie', 'raw_tp-cookie']
/** A guest has no modules, and of these are the clsact qdisc and cables. */
const withoutModules = ['tc', 'veth', ...nowhere]
/** That its CPU counts cycles qemu emulates for arm64 alone. */
const x64 = ['perf_event-hardware', ...withoutModules]
const before66 = ['tcx', 'netkit', 'netfilter', 'cgrp_storage']
const before515 = [
  ...['kprobe-cookie', 'uprobe-cookie', 'tp-cookie', 'perf_event-cookie'],
  ...['fentry-cookie', 'fexit-cookie', 'lsm-cookie'],
  ...['task_storage', 'bloom_filter'],
  ...['uprobe-pin', 'perf_event-pin', 'iter-process', 'iter-cgroup', 'sk_reuseport'],
]

/**
 * The oldest that is there, those of two Debian releases, and the newest; `bcc`:
 * bcc's tools, which this machine has, are made for it.
 */
export const kernels = [
  {
    name: '5.10',
    architecture: 'x64',
    suite: 'bullseye',
    lacks: [
      ...x64,
      ...before66,
      ...before515,
      'kprobe.multi',
      'kretprobe.multi',
      'kprobe.multi-cookie',
      'lsm', // it boots without BPF among the security modules
      'lsm.s',
      'raw_tp-twice',
      'syscall',
      'bpf_loop',
      'beyond-memlock',
      'rb_overwrite',
    ],
  },
  {
    name: '6.1',
    architecture: 'x64',
    suite: 'bookworm',
    lacks: [
      ...x64,
      ...before66,
      'kprobe.multi',
      'kretprobe.multi',
      'kprobe.multi-cookie',
      'raw_tp-twice',
      'rb_overwrite',
    ],
    bcc: true,
  },
  {
    name: '6.12',
    architecture: 'x64',
    suite: 'trixie',
    lacks: [...x64, 'rb_overwrite'],
  },
  { name: 'newest', architecture: 'x64', suite: 'trixie-backports', lacks: x64 },
  {
    name: '6.1-arm64',
    architecture: 'arm64',
    suite: 'bookworm',
    lacks: [
      ...withoutModules,
      ...before66,
      'kprobe.multi',
      'kretprobe.multi',
      'kprobe.multi-cookie',
      'raw_tp-twice',
      // arm64 has trampolines since Linux 6.4
      'fentry',
      'fexit',
      'fmod_ret',
      'lsm',
      'lsm.s',
      'fentry-cookie',
      'fexit-cookie',
      'lsm-cookie',
      'rb_overwrite',
    ],
  },
  // Without `lacks`: what this machine's kernel has is found out.
  { name: 'here', architecture: 'x64', suite: '' },
]

/** The kernels that command-line options choose; an Error that says what is wrong with these. */
export function chooseKernels({ kernel: names = [], arch }) {
  const known = kernels.map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw new Error(`there is no kernel ${unknown}; there are ${known.join(', ')}`)
  }
  if (arch !== undefined && !(arch in architectures)) {
    const there = Object.keys(architectures).join(', ')
    throw new Error(`there is no architecture ${arch}; there are ${there}`)
  }
  const chosen = kernels.filter(
    ({ name, architecture }) =>
      (names.length === 0 || names.includes(name)) && [architecture, undefined].includes(arch),
  )
  if (chosen.length === 0) throw new Error(`none of these kernels is for ${arch}`)
  return chosen
}

/** The path of a kernel's image; downloads it when it is not there, or with `update`. */
export async function fetchKernel({ name, suite, architecture }, update = false) {
  const { debian } = architectures[architecture]
  const directory = join(root, '.cache/kernels', name)
  if (update) rmSync(directory, { recursive: true, force: true })
  if (!existsSync(directory)) {
    // Which package has the kernel itself depends on the release.
    const pattern = '^linux-(image|binary)-[0-9]'
    const script = join(root, 'scripts/fetch-debs.sh')
    const args = [script, debian, suite, directory, pattern, `linux-image-cloud-${debian}`]
    await mustRun('sh', args, { timeoutSeconds: 300 })
  }
  const image = readdirSync(directory, { recursive: true }).find((path) => /\bvmlinuz\b/.test(path))
  if (image === undefined) throw new Error(`${directory} has no vmlinuz: remove it and run again`)
  return join(directory, image)
}
