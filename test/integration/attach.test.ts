// Each kind of attachment by a section, and what else depends on the kernel.
// features() is held against each.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type AttachFeatures,
  type BpfObject,
  type Feature,
  features,
  RingBuffer,
  u32,
} from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { errorOf, judge, type Refusal } from '../features.js'
import { objectPath, openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import type { Thrown } from '../thrown.js'

const noKprobes: Refusal = ['ERR_UNSUPPORTED', /no kprobes|tracefs is not mounted/]
const noMultiKprobes: Refusal = ['ERR_UNSUPPORTED', /kprobe\.multi needs Linux 5\.18/]
const noTrampolines: Refusal = ['ERR_UNSUPPORTED', /refuses BPF trampolines/]
const noSleepableLsm: Refusal = ['ERR_VERIFIER', /is not sleepable/]
const noLsm: Refusal = ['ERR_UNSUPPORTED', /lsm=.*bpf|refuses BPF trampolines/]

/** What features() calls these kinds. */
const kinds: Record<string, keyof AttachFeatures> = {
  tp: 'tracepoint',
  raw_tp: 'rawTracepoint',
  tp_btf: 'tpBtf',
  kprobe: 'kprobe',
  kretprobe: 'kprobe',
  'kprobe.multi': 'kprobeMulti',
  'kretprobe.multi': 'kprobeMulti',
  ksyscall: 'kprobe',
  kretsyscall: 'kprobe',
  fentry: 'fentry',
  fexit: 'fentry',
  fmod_ret: 'fentry',
  lsm: 'lsm',
  uprobe: 'uprobe',
  uretprobe: 'uprobe',
  iter: 'iter',
}

/** features() says what then happened. */
function compare(found: Feature | undefined, error: Thrown | undefined): void {
  expect(found).toMatchObject({ answer: error === undefined ? 'yes' : 'no' })
}

/** Programs of attach.bpf.c, and how a kernel that lacks them refuses them. */
const attachments: { feature: string; program: string; refusals?: Refusal[] }[] = [
  {
    feature: 'tp',
    program: 'tracepoint',
    refusals: [['ERR_UNSUPPORTED', /tracefs is not mounted/]],
  },
  { feature: 'raw_tp', program: 'raw_tracepoint' },
  { feature: 'tp_btf', program: 'typed_tracepoint' },
  { feature: 'kprobe', program: 'kprobe', refusals: [noKprobes] },
  { feature: 'kretprobe', program: 'kretprobe', refusals: [noKprobes] },
  { feature: 'kprobe.multi', program: 'kprobe_multi', refusals: [noMultiKprobes] },
  { feature: 'kretprobe.multi', program: 'kretprobe_multi', refusals: [noMultiKprobes] },
  { feature: 'ksyscall', program: 'ksyscall', refusals: [noKprobes] },
  { feature: 'kretsyscall', program: 'kretsyscall', refusals: [noKprobes] },
  { feature: 'fentry', program: 'fentry', refusals: [noTrampolines] },
  { feature: 'fexit', program: 'fexit', refusals: [noTrampolines] },
  { feature: 'fmod_ret', program: 'fmod_ret', refusals: [noTrampolines] },
  { feature: 'lsm', program: 'lsm', refusals: [noLsm] },
  { feature: 'lsm.s', program: 'lsm_sleepable', refusals: [noLsm, noSleepableLsm] },
  { feature: 'uprobe', program: 'uprobe' },
  { feature: 'uretprobe', program: 'uretprobe' },
]

function openWith(program: string): BpfObject {
  const object = openObject('attach')
  object.program(program).autoload = true
  object.globals['only_tgid'] = process.pid
  return object
}

describeBpf('of this kernel', () => {
  expectNothingLeftOpen()

  test.each(attachments)('$feature delivers events, or is refused', async (attachment) => {
    const { feature, program, refusals } = attachment
    using object = openWith(program)
    const error = errorOf(() => object.load().attach())
    judge(feature, error, ...(refusals ?? []))
    const kind = kinds[feature]
    if (kind !== undefined) compare(features().attach[kind], error)
    if (error !== undefined) return
    expect(object.links.map((link) => link.program.name)).toEqual([program])
    let events = 0
    using ring = new RingBuffer(object.map('events'), u32, (tgid) => {
      if (tgid === process.pid) events++
    })
    readFileSync('/proc/self/comm')
    process.getuid?.()
    await ring.flush()
    expect(events).toBeGreaterThan(0)
    object.detach()
    await ring.flush()
    const before = events
    readFileSync('/proc/self/comm')
    process.getuid?.()
    await ring.flush()
    expect(events).toBe(before)
  })

  test('iter writes a line for each task', () => {
    using object = openWith('iter')
    let lines: string[] = []
    judge(
      'iter',
      errorOf(() => (lines = [...object.load().attach().program('iter').iterate()])),
    )
    expect(lines).toContain(String(process.pid))
    expect(object.links).toEqual([])
    expect(object.unattached.map(({ name }) => name)).toEqual(['iter'])
    compare(features().attach.iter, undefined)
  })

  test('raw_tp twice is attached twice, or refused', () => {
    using object = openWith('raw_tracepoint')
    const program = object.load().program('raw_tracepoint')
    program.attach()
    judge(
      'raw_tp-twice',
      errorOf(() => program.attach()),
      ['ERR_UNSUPPORTED', /Before Linux 6\.10 a raw tracepoint takes a program once/],
    )
  })

  test('syscall programs are run by testRun(), or refused', () => {
    using object = openWith('run_only')
    const error = errorOf(() => object.load())
    judge('syscall', error, ['ERR_UNSUPPORTED', /"syscall" programs need Linux 5\.14/])
    compare(features().programTypes['syscall'], error)
    if (error === undefined) expect(object.program('run_only').testRun().returnValue).toBe(0)
  })

  test('bpf_loop() is there, or rejected by the verifier', () => {
    using object = openWith('loop')
    const error = errorOf(() => object.load())
    judge('bpf_loop', error, ['ERR_VERIFIER', /rejected program "loop"/])
    compare(features().helper('raw_tracepoint', 'bpf_loop'), error)
    if (error === undefined) expect(object.program('loop').testRun().returnValue).toBe(10)
  })

  test('a ring that overwrites its oldest records is created, or refused', () => {
    using object = openObject('recorder')
    object.map('recorder').usePerfBuffer = false
    judge(
      'rb_overwrite',
      errorOf(() => object.load()),
      ['ERR_UNSUPPORTED', /BPF_F_RB_OVERWRITE\) need Linux 6\.19 or newer/],
    )
  })

  test('memory beyond RLIMIT_MEMLOCK is to be had, or refused', () => {
    const code = `
      const { BpfObject, features } = require(${JSON.stringify(join(__dirname, '../../dist'))})
      const object = BpfObject.open(${JSON.stringify(objectPath('flood'))})
      const memlock = features().process.memlockPermits
      object.map('events').maxEntries = 1 << 20
      try {
        object.load()
        console.log(JSON.stringify({ memlock }))
      } catch ({ code, hint, message }) {
        console.log(JSON.stringify({ memlock, error: { code, hint, message } }))
      }`
    // Root raises the limit itself, unless it lacks this capability.
    const { stdout, stderr } = spawnSync(
      'setpriv',
      [
        ...['--bounding-set', '-sys_resource'],
        ...['sh', '-c', 'ulimit -l 64 && exec "$0" -e "$1"', process.execPath, code],
      ],
      { encoding: 'utf8' },
    )
    expect(stderr).toBe('')
    const { memlock, error } = JSON.parse(stdout) as { memlock: Feature; error?: Thrown }
    compare(memlock, error)
    expect(memlock.value).toBe(64 * 1024)
    judge('beyond-memlock', error, [
      'ERR_PERMISSION',
      /Before Linux 5\.11 BPF memory counts against RLIMIT_MEMLOCK/,
    ])
  })
})
