// Each kind of target: the program runs there, and not before and after.
import { readFileSync } from 'node:fs'
import { type AttachTarget, type BpfObject, type BpfProgram } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { errorOf, judge, type Refusal } from '../features.js'
import { mounted } from '../mount.js'
import { sendDatagram } from '../network.js'
import { openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { spin, until } from '../until.js'

const noKprobes: Refusal = ['ERR_UNSUPPORTED', /no kprobes|tracefs is not mounted/]
const noMultiKprobes: Refusal = ['ERR_UNSUPPORTED', /kprobe\.multi needs Linux 5\.18/]
const noTracefs: Refusal = ['ERR_UNSUPPORTED', /tracefs is not mounted/]
const noTrampolines: Refusal = ['ERR_UNSUPPORTED', /refuses BPF trampolines/]
const noLsm: Refusal = ['ERR_UNSUPPORTED', /lsm=.*bpf|refuses BPF trampolines/]

const readAFile = (): void => {
  readFileSync('/proc/self/comm')
}
const callLibc = (): void => {
  process.getuid?.()
}

function openWith(name: string): BpfObject {
  const object = openObject('targets')
  object.program(name).autoload = true
  object.globals['only_tgid'] = process.pid
  return object
}

function hits(object: BpfObject): number {
  return Number(object.globals['hits'])
}

interface Case {
  /** As test/kernels knows it. */
  feature: string
  program: string
  /** Before load. */
  prepare?: (program: BpfProgram) => void
  target?: AttachTarget | (() => AttachTarget)
  trigger: () => unknown
  refusals?: Refusal[]
}

/** Loads the program, attaches, and checks that it runs while it is attached. */
async function tryOut(testCase: Case): Promise<void> {
  const { feature, program: name, prepare, target, trigger, refusals = [] } = testCase
  using object = openWith(name)
  const program = object.program(name)
  const where = typeof target === 'function' ? target() : target
  const error = errorOf(() => {
    prepare?.(program)
    object.load()
    program.attach(where)
  })
  judge(feature, error, ...refusals)
  if (error !== undefined) return
  expect(object.links.map((link) => link.program)).toEqual([program])
  await trigger()
  await until(
    () => hits(object) > 0,
    () => `${name} runs`,
  )
  object.detach()
  await object.detached()
  const before = hits(object)
  await trigger()
  expect(hits(object)).toBe(before)
}

const symbol = 'vfs_read'

describeBpf('a target of tracing', () => {
  expectNothingLeftOpen()

  const cases: Case[] = [
    {
      feature: 'kprobe',
      program: 'kprobe',
      target: { kprobe: { symbol } },
      trigger: readAFile,
      refusals: [noKprobes],
    },
    {
      feature: 'kretprobe',
      program: 'kretprobe',
      target: { kretprobe: { symbol } },
      trigger: readAFile,
      refusals: [noKprobes],
    },
    {
      feature: 'kprobe.multi',
      program: 'kprobe_multi',
      target: { kprobeMulti: { pattern: 'vfs_rea*' } },
      trigger: readAFile,
      refusals: [noMultiKprobes],
    },
    {
      feature: 'kretprobe.multi',
      program: 'kretprobe_multi',
      target: { kretprobeMulti: { symbols: ['vfs_write', symbol] } },
      trigger: readAFile,
      refusals: [noMultiKprobes],
    },
    {
      feature: 'ksyscall',
      program: 'ksyscall',
      target: { ksyscall: { syscall: 'openat' } },
      trigger: readAFile,
      refusals: [noKprobes],
    },
    {
      feature: 'kretsyscall',
      program: 'kretsyscall',
      target: { kretsyscall: { syscall: 'openat' } },
      trigger: readAFile,
      refusals: [noKprobes],
    },
    {
      feature: 'tp',
      program: 'tracepoint',
      target: { tracepoint: { category: 'syscalls', name: 'sys_enter_openat' } },
      trigger: readAFile,
      refusals: [noTracefs],
    },
    {
      feature: 'raw_tp',
      program: 'raw_tracepoint',
      target: { rawTracepoint: { name: 'sys_enter' } },
      trigger: readAFile,
    },
    {
      feature: 'tp_btf',
      program: 'typed_tracepoint',
      prepare: (program) => program.setAttachTarget('sys_enter'),
      trigger: readAFile,
    },
    ...['fentry', 'fexit'].map((program) => ({
      feature: program,
      program,
      prepare: (it: BpfProgram) => it.setAttachTarget(symbol),
      trigger: readAFile,
      refusals: [noTrampolines],
    })),
    {
      feature: 'fmod_ret',
      program: 'fmod_ret',
      prepare: (program) => program.setAttachTarget('security_file_open'),
      trigger: readAFile,
      refusals: [noTrampolines],
    },
    {
      feature: 'lsm',
      program: 'lsm',
      prepare: (program) => program.setAttachTarget('file_open'),
      trigger: readAFile,
      refusals: [noLsm],
    },
    {
      feature: 'uprobe',
      program: 'uprobe',
      target: { uprobe: { path: 'libc.so.6', symbol: 'getuid', pid: process.pid } },
      trigger: callLibc,
    },
    {
      feature: 'uretprobe',
      program: 'uretprobe',
      target: { uretprobe: { path: 'libc.so.6', symbol: 'getuid' } },
      trigger: callLibc,
    },
    {
      feature: 'perf_event',
      program: 'perf_event',
      target: { perfEvent: { type: 'cpu-clock', hz: 999 } },
      trigger: () => spin(20),
    },
    {
      feature: 'perf_event',
      program: 'perf_event',
      target: { perfEvent: { type: 'task-clock', period: 1_000_000, pid: process.pid } },
      trigger: () => spin(20),
    },
  ]

  test.each(cases)('$feature: $program, to $target', tryOut)
})

describeBpf('a target of the network', () => {
  expectNothingLeftOpen()
  const cgroup = mounted('cgroup2')

  const cases: Case[] = [
    {
      feature: 'cgroup',
      program: 'cgroup_egress',
      target: () => ({ cgroup: cgroup() }),
      trigger: sendDatagram,
    },
  ]

  test.each(cases)('$feature: $program', tryOut)
})
