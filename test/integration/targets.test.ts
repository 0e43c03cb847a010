// Each kind of target: the program runs there, and not before and after.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import {
  type AttachTarget,
  type BpfLink,
  type BpfObject,
  type BpfProgram,
  features,
} from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { errorOf, judge, type Refusal } from '../features.js'
import { mounted } from '../mount.js'
import {
  connectToSelf,
  NetkitPair,
  openDatagrams,
  sendDatagram,
  withCongestionControl,
} from '../network.js'
import { openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'
import { burn, until } from '../until.js'

const noKprobes: Refusal = ['ERR_UNSUPPORTED', /no kprobes|tracefs is not mounted/]
const noMultiKprobes: Refusal = ['ERR_UNSUPPORTED', /kprobe\.multi needs Linux 5\.18/]
const { libbpf } = features()
const noMultiUprobes: Refusal = [
  'ERR_UNSUPPORTED',
  libbpf.uprobeMulti.answer === 'yes'
    ? /uprobe\.multi needs Linux 6\.6/
    : /Sections "uprobe\.multi" need libbpf 1\.3/,
]
const noRawCookies: Refusal = [
  'ERR_UNSUPPORTED',
  libbpf.consumeN.answer === 'yes' // it came with the same release
    ? /cookie of a raw tracepoint needs Linux 6\.10/
    : /cookie of a raw tracepoint needs libbpf 1\.5/,
]
const noTracefs: Refusal = ['ERR_UNSUPPORTED', /tracefs is not mounted/]
const noTrampolines: Refusal = ['ERR_UNSUPPORTED', /refuses BPF trampolines/]
const noLsm: Refusal = ['ERR_UNSUPPORTED', /lsm=.*bpf|refuses BPF trampolines/]

const noClsact: Refusal = ['ERR_UNSUPPORTED', /no clsact qdisc/]

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
  trigger: (object: BpfObject) => unknown
  /** What it changes, while it is attached. */
  effect?: (object: BpfObject) => void
  refusals?: Refusal[]
}

/** The program refuses to open files, and only when it is to. */
function expectRefusal(object: BpfObject): void {
  object.globals['refuse'] = true
  const error = thrownBy(readAFile)
  object.globals['refuse'] = false
  expect(error.code).toBe('EACCES')
  readAFile()
}

/** Loads the program, attaches, and checks that it runs while it is attached. */
async function tryOut(testCase: Case): Promise<void> {
  const { feature, program: name, prepare, target, trigger, effect, refusals = [] } = testCase
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
  await trigger(object)
  await until(
    () => hits(object) > 0,
    () => `${name} runs`,
  )
  effect?.(object)
  object.detach()
  await object.detached()
  const before = hits(object)
  await trigger(object)
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
      effect: expectRefusal,
      refusals: [noTrampolines],
    },
    {
      feature: 'lsm',
      program: 'lsm',
      prepare: (program) => program.setAttachTarget('file_open'),
      trigger: readAFile,
      effect: expectRefusal,
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
      feature: 'uprobe.multi',
      program: 'uprobe_multi',
      target: { uprobeMulti: { path: 'libc.so.6', pattern: 'getui?' } },
      trigger: callLibc,
      refusals: [noMultiUprobes],
    },
    {
      feature: 'perf_event-hardware',
      program: 'perf_event',
      target: { perfEvent: { type: 'cpu-cycles', period: 100_000 } },
      trigger: () => burn(20),
      refusals: [['ERR_UNSUPPORTED', /no such event.* virtual machines/]],
    },
    {
      feature: 'perf_event',
      program: 'perf_event',
      target: { perfEvent: { type: 'cpu-clock', hz: 999 } },
      trigger: () => burn(20),
    },
    {
      feature: 'perf_event',
      program: 'perf_event',
      target: { perfEvent: { type: 'task-clock', period: 1_000_000, pid: process.pid } },
      trigger: () => burn(20),
    },
  ]

  test.each(cases)('$feature: $program, to $target', tryOut)
})

describeBpf('a target of the network', () => {
  expectNothingLeftOpen()
  const cgroup = mounted('cgroup2')
  const toCgroup = (): AttachTarget => ({ cgroup: cgroup() })

  const cases: Case[] = [
    { feature: 'cgroup_skb', program: 'cgroup_egress', target: toCgroup, trigger: sendDatagram },
    { feature: 'cgroup_skb', program: 'cgroup_ingress', target: toCgroup, trigger: sendDatagram },
    { feature: 'cgroup_sock', program: 'cgroup_socket', target: toCgroup, trigger: sendDatagram },
    {
      feature: 'cgroup_sock_addr',
      program: 'cgroup_address',
      target: toCgroup,
      trigger: connectToSelf,
    },
    {
      feature: 'cgroup_device',
      program: 'cgroup_device',
      target: toCgroup,
      trigger: () => readFileSync('/dev/null'),
    },
    {
      feature: 'cgroup_sysctl',
      program: 'cgroup_sysctl',
      target: toCgroup,
      trigger: () => readFileSync('/proc/sys/kernel/ostype'),
    },
    {
      feature: 'cgroup_sockopt',
      program: 'cgroup_sockopt',
      target: toCgroup,
      trigger: connectToSelf,
    },
    {
      feature: 'sk_lookup',
      program: 'socket_lookup',
      target: { netns: '/proc/self/ns/net' },
      trigger: connectToSelf,
    },
    {
      feature: 'xdp',
      program: 'network_device',
      target: { xdp: { interface: 'lo', mode: 'skb' } },
      trigger: sendDatagram,
    },
    {
      feature: 'tc',
      program: 'traffic_control',
      target: { tc: { interface: 'lo', direction: 'egress' } },
      trigger: sendDatagram,
      refusals: [noClsact],
    },
    {
      feature: 'tcx',
      program: 'traffic_control',
      target: { tcx: { interface: 1, direction: 'ingress' } },
      trigger: sendDatagram,
      refusals: [['ERR_UNSUPPORTED', /TCX needs Linux 6\.6/]],
    },
    {
      feature: 'netfilter',
      program: 'netfilter',
      prepare: (program) => {
        program.type = 'netfilter'
        program.expectedAttachType = 'netfilter'
      },
      target: { netfilter: { family: 'ipv4', hook: 'output', priority: 0 } },
      trigger: sendDatagram,
      refusals: [['ERR_UNSUPPORTED', /netfilter needs Linux 6\.4/]],
    },
  ]

  test.each(cases)('$feature: $program', tryOut)

  test('XDP: a second program is refused, with what to do', () => {
    using object = openObject('targets')
    object.program('network_device').autoload = true
    const program = object.load().program('network_device')
    using link = program.attach({ xdp: { interface: 'lo', mode: 'skb' } })
    const error = thrownBy(() => program.attach({ xdp: { interface: 'lo', mode: 'skb' } }))
    expect(error).toMatchObject({
      code: 'ERR_BUSY',
      message: expect.stringMatching(
        /already, and takes one: close .* or update\(\) it; see "ip link show lo"$/,
      ) as string,
    })
    expect(link.info().type).toBe('xdp')
  })

  test('a socket: its own packets and no others', async () => {
    using object = openObject('targets')
    object.program('socket_filter').autoload = true
    object.load()
    using socket = await openDatagrams()
    using link = object.program('socket_filter').attach({ socket: socket.fd })
    await sendDatagram()
    expect(hits(object)).toBe(0)
    await socket.receive()
    expect(hits(object)).toBe(1)
    link.close()
    await socket.receive()
    expect(hits(object)).toBe(1)
  })

  test('TCX: before or after a link, first and last', async () => {
    using object = openObject('targets')
    for (const name of ['traffic_control', 'traffic_control_other']) {
      object.program(name).autoload = true
    }
    object.load()
    const tcx = { interface: 'lo', direction: 'egress' } as const
    let one: BpfLink | undefined
    const error = errorOf(() => (one = object.program('traffic_control').attach({ tcx })))
    judge('tcx', error, ['ERR_UNSUPPORTED', /TCX needs Linux 6\.6/])
    if (one === undefined) return
    // The first of them ends the chain: it alone counts, one or a million at a time.
    const other = object.program('traffic_control_other')
    const isOther = async (): Promise<boolean> => {
      const before = hits(object)
      await sendDatagram()
      return hits(object) - before >= 1_000_000
    }
    for (const [order, first] of [
      [{}, false],
      [{ before: one }, true],
      [{ after: one }, false],
      [{ before: 'all' }, true],
      [{ after: 'all' }, false],
    ] as const) {
      using link = other.attach({ tcx: { ...tcx, ...order } })
      expect({ order, first: await isOther() }).toEqual({ order, first })
      expect(link.info().type).toBe('tcx')
    }
    expect(await isOther()).toBe(false)
    one.close()
    expect(thrownBy(() => other.attach({ tcx: { ...tcx, before: one } })).code).toBe('ERR_CLOSED')
  })

  test('TCX: each program once, and only beside links of its place', () => {
    using object = openObject('targets')
    const [one, other] = ['traffic_control', 'traffic_control_other'].map((name) => {
      object.program(name).autoload = true
      return object.program(name)
    }) as [BpfProgram, BpfProgram]
    object.load()
    const tcx = { interface: 'lo', direction: 'egress' } as const
    let link: BpfLink | undefined
    const error = errorOf(() => (link = one.attach({ tcx })))
    judge('tcx', error, ['ERR_UNSUPPORTED', /TCX needs Linux 6\.6/])
    if (link === undefined) return
    expect(thrownBy(() => one.attach({ tcx }))).toMatchObject({
      code: 'ERR_EXISTS',
      hint: expect.stringContaining('takes each program once') as string,
    })
    const before = link
    const elsewhere = { tcx: { ...tcx, direction: 'ingress', before } } as const
    expect(thrownBy(() => other.attach(elsewhere))).toMatchObject({
      code: 'ERR_NOT_FOUND',
      hint: expect.stringContaining('not of this interface and direction') as string,
    })
  })

  test('netkit: what either device of a pair sends', () => {
    const made: NetkitPair[] = []
    const error = errorOf(() => made.push(new NetkitPair()))
    using pair = made[0]
    using object = openObject('targets')
    const program = object.program('traffic_control')
    program.autoload = true
    object.load()
    const attach = (side: 'primary' | 'peer') =>
      program.attach({ netkit: { interface: pair?.primary ?? 'lo', side } })
    judge('netkit', pair === undefined ? errorOf(() => attach('primary')) : error, [
      'ERR_UNSUPPORTED',
      /netkit needs Linux 6\.7/,
    ])
    if (pair === undefined) return
    for (const [device, why] of [
      ['lo', /no netkit device/],
      [pair.peer, /give the primary device, and side: 'peer'/],
    ] as const) {
      const refused = thrownBy(() => program.attach({ netkit: { interface: device } }))
      expect(refused).toMatchObject({
        code: 'ERR_KERNEL',
        hint: expect.stringMatching(why) as string,
      })
    }
    for (const side of ['primary', 'peer'] as const) {
      const other = side === 'primary' ? 'peer' : 'primary'
      // The kernel sends a few by itself, for IPv6.
      const isRun = (from: 'primary' | 'peer'): boolean => {
        const before = hits(object)
        pair.send(pair[from], 100)
        return hits(object) - before >= 100
      }
      const link = attach(side)
      expect(link.info()).toMatchObject({ type: 'netkit', attachType: `netkit_${side}` })
      expect([isRun(side), isRun(other)]).toEqual([true, false])
      link.close()
      expect(isRun(side)).toBe(false)
    }
  })

  test('a network namespace, for its flow dissector', () => {
    using object = openWith('flow_dissector')
    const program = object.load().program('flow_dissector')
    const link = program.attach({ netns: '/proc/self/ns/net' })
    expect(link.info()).toMatchObject({
      type: 'netns',
      programId: program.info().id,
      attachType: 'flow_dissector',
      netnsInode: statSync('/proc/self/ns/net').ino,
    })
    program.testRun({ data: new Uint8Array(64) })
    expect(hits(object)).toBe(1)
  })

  test('a map of sockets, which a program of a cgroup fills', async () => {
    using object = openObject('targets')
    for (const name of ['connected', 'message']) object.program(name).autoload = true
    object.load()
    object.program('connected').attach({ cgroup: cgroup() })
    const link = object.program('message').attach({ sockmap: object.map('connections') })
    await connectToSelf()
    expect(hits(object)).toBeGreaterThan(0)
    link.close()
    const before = hits(object)
    await connectToSelf()
    expect(hits(object)).toBe(before)
  })

  test('sockets that share a port', async () => {
    using object = openObject('targets')
    for (const name of ['share_port', 'reuseport_select']) object.program(name).autoload = true
    let error = errorOf(() => object.load())
    // Node cannot have a socket share its port; before Linux 5.12 nor can a program of a cgroup.
    if (error !== undefined) {
      judge('sk_reuseport', error, ['ERR_VERIFIER', /unknown func|func unknown/])
      return
    }
    const sharing = object.program('share_port').attach({ cgroup: cgroup() })
    using socket = await openDatagrams()
    sharing.close()
    let link: BpfLink | undefined
    error = errorOf(
      () => (link = object.program('reuseport_select').attach({ reuseport: socket.fd })),
    )
    judge('sk_reuseport', error)
    if (link === undefined) return
    await socket.receive()
    expect(hits(object)).toBe(1)
    link.close()
    await socket.receive()
    expect(hits(object)).toBe(1)
  })

  test('a congestion control of TCP', async () => {
    const available = '/proc/sys/net/ipv4/tcp_available_congestion_control'
    using object = openObject('struct-ops')
    const error = errorOf(() => object.load())
    judge('struct_ops', error, noTrampolines, ['ERR_UNSUPPORTED', /does not support/])
    if (error !== undefined) return
    const link = object.program('counted_init').attach({ structOps: 'counted' })
    expect(readFileSync(available, 'utf8')).toMatch(/bpfrb_counted/)
    await withCongestionControl('bpfrb_counted', connectToSelf)
    expect(hits(object)).toBeGreaterThan(0)
    link.close()
    expect(readFileSync(available, 'utf8')).not.toMatch(/bpfrb_counted/)
  })
})

describeBpf('a target in another program', () => {
  expectNothingLeftOpen()

  test('takes the place of a function', () => {
    using object = openWith('replaced')
    const replaced = object.load().program('replaced')
    const result = (): number => replaced.testRun({ data: new Uint8Array(64) }).returnValue
    expect(result()).toBe(42)
    using other = openWith('replacement')
    const replacement = other.program('replacement')
    replacement.setAttachTarget('replaceable', replaced)
    const error = errorOf(() => {
      other.load()
      replacement.attach()
    })
    judge('freplace', error, noTrampolines)
    if (error !== undefined) return
    expect(result()).toBe(1041)
    other.close()
    expect(result()).toBe(42)
  })
})

describeBpf('a USDT probe', () => {
  expectNothingLeftOpen()

  test('that there is not: says so', () => {
    const path = join(__dirname, '../../build/test/usdt')
    using object = openObject('usdt').load()
    const usdt = { path, provider: 'bpfrb_test', name: 'nosuch' }
    expect(thrownBy(() => object.program('on_line').attach({ usdt }))).toMatchObject({
      code: 'ERR_NOT_FOUND',
      hint: `It has no probe bpfrb_test:nosuch: see "readelf -n ${path}"`,
    })
  })

  test('gives its argument and its cookie, and its semaphore counts', async () => {
    const path = join(__dirname, '../../build/test/usdt')
    const child = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const pass = async (): Promise<unknown> => {
      child.stdin.write('\n')
      return (await lines.next()).value
    }
    try {
      expect(await pass()).toBe('0')
      using object = openObject('usdt').load()
      const pid = child.pid as number
      const usdt = { path, provider: 'bpfrb_test', name: 'line', pid, cookie: 77n }
      const link = object.program('on_line').attach({ usdt })
      expect(await pass()).toBe('1')
      const { hits, argument, cookie } = object.globals
      expect({ hits, argument, cookie }).toEqual({ hits: 1n, argument: 2n, cookie: 77n })
      link.close()
      expect(await pass()).toBe('0')
      expect(object.globals['hits']).toBe(1n)
    } finally {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    }
  })
})

describeBpf('a program loaded for another kind of target', () => {
  expectNothingLeftOpen()

  test.each<[string, AttachTarget]>([
    ['kprobe_multi', { kprobe: { symbol } }],
    ['kprobe_multi', { ksyscall: { syscall: 'openat' } }],
    ['kprobe_multi', { uprobe: { path: 'libc.so.6', symbol: 'getuid' } }],
    ['uprobe_multi', { uretprobe: { path: 'libc.so.6', symbol: 'getuid' } }],
  ])('is refused: %s, to %j', (name, target) => {
    using object = openWith(name)
    const program = object.program(name)
    if (name === 'uprobe_multi' && libbpf.uprobeMulti.answer !== 'yes') return
    object.load()
    const error = thrownBy(() => program.attach(target))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    expect(error.message).toContain(`a program whose section is "${Object.keys(target)[0] ?? ''}"`)
  })

  test('is refused of USDT, where the kernel has many places at once', () => {
    const path = join(__dirname, '../../build/test/usdt')
    using object = openObject('usdt')
    object.program('on_call').autoload = true
    const program = object.load().program('on_call')
    const target = { usdt: { path, provider: 'bpfrb_test', name: 'line' } }
    const error = errorOf(() => program.attach(target))
    const hasMany = [libbpf.uprobeMulti, features().attach.uprobeMulti]
    if (hasMany.some(({ answer }) => answer !== 'yes')) expect(error).toBeUndefined()
    else expect(error?.message).toMatch(/a program whose section is "usdt" .*"uprobe"/)
  })
})

describeBpf('a cookie', () => {
  expectNothingLeftOpen()
  const cookie = 2n ** 64n - 2n

  test.each<[string, string, AttachTarget, () => unknown, Refusal[]]>([
    ['kprobe', 'kprobe', { kprobe: { symbol, cookie } }, readAFile, [noKprobes]],
    [
      'kprobe.multi',
      'kprobe_multi',
      { kprobeMulti: { symbols: [symbol], cookies: [cookie] } },
      readAFile,
      [noMultiKprobes],
    ],
    ['uprobe', 'uprobe', { uprobe: { path: 'libc.so.6', symbol: 'getuid', cookie } }, callLibc, []],
    [
      'uprobe.multi',
      'uprobe_multi',
      // Not of libc: in what is stripped libbpf finds no lists of symbols.
      {
        uprobeMulti: {
          path: process.execPath,
          symbols: ['uv_run', 'uv_hrtime'],
          cookies: [1n, cookie],
        },
      },
      () => process.hrtime(),
      [noMultiUprobes],
    ],
    [
      'raw_tp',
      'raw_tracepoint',
      { rawTracepoint: { name: 'sys_enter', cookie } },
      readAFile,
      [noRawCookies],
    ],
    [
      'tp',
      'tracepoint',
      { tracepoint: { category: 'syscalls', name: 'sys_enter_openat', cookie } },
      readAFile,
      [noTracefs],
    ],
    [
      'perf_event',
      'perf_event',
      { perfEvent: { type: 'cpu-clock', hz: 999, cookie } },
      () => burn(20),
      [],
    ],
    ...['fentry', 'fexit', 'lsm'].map(
      (name): [string, string, AttachTarget, () => unknown, Refusal[]] => [
        name,
        name,
        { trace: { cookie } },
        readAFile,
        [noTrampolines, noLsm],
      ],
    ),
  ])('of %s', async (feature, name, target, trigger, refusals) => {
    using object = openWith(`${name}_cookie`)
    const program = object.program(`${name}_cookie`)
    const error = errorOf(() => {
      if ('trace' in target) program.setAttachTarget(name === 'lsm' ? 'file_open' : symbol)
      object.load()
      program.attach(target)
    })
    judge(
      `${feature}-cookie`,
      error,
      ...refusals,
      ['ERR_UNSUPPORTED', /cookie needs Linux 5\.15/],
      ['ERR_VERIFIER', /unknown func|func unknown/],
    )
    if (error !== undefined) return
    await trigger()
    await until(() => hits(object) > 0)
    expect(object.globals['cookie']).toBe(cookie)
  })
})

describeBpf('a wrong target', () => {
  // What a test is started with on descriptor 0 may be one.
  let noSocket: number
  beforeEach(() => {
    noSocket = openSync('/dev/null', 'r')
  })
  afterEach(() => closeSync(noSocket))
  expectNothingLeftOpen()

  const wrongTargets: [string, string, unknown, string, RegExp][] = [
    ['no target', 'uprobe', {}, 'TypeError', /exactly one of kprobe,/],
    ['no object', 'uprobe', 'libc', 'TypeError', /a target such as/],
    [
      'two targets',
      'uprobe',
      { uprobe: { path: 'a', symbol: 'b' }, kprobe: { symbol } },
      'TypeError',
      /exactly one of/,
    ],
    ['an unknown kind', 'uprobe', { probe: {} }, 'TypeError', /for the kind of a target/],
    ['a kind that Object has', 'uprobe', { toString: {} }, 'TypeError', /the kind of a target/],
    [
      'a program of another type',
      'socket_filter',
      { kprobe: { symbol } },
      'TypeError',
      /a program of type kprobe for .* "socket_filter" .*of type socket_filter/,
    ],
    ['an unknown option', 'uprobe', { uprobe: { path: 'a', name: 'b' } }, 'TypeError', /an option/],
    ['no symbol', 'uprobe', { uprobe: { path: 'libc.so.6' } }, 'TypeError', /symbol or an offset/],
    ['a NUL', 'uprobe', { uprobe: { path: 'a\0', symbol: 'b' } }, 'RangeError', /no NUL/],
    [
      'a cookie that is no bigint',
      'uprobe',
      { uprobe: { path: 'a', symbol: 'b', cookie: 1 } },
      'TypeError',
      /a bigint for cookie/,
    ],
    [
      'a library that there is not',
      'uprobe',
      { uprobe: { path: 'libno_such.so.1', symbol: 'b' } },
      'ERR_FILE_NOT_FOUND',
      /LD_LIBRARY_PATH/,
    ],
    [
      'a file that there is not',
      'uprobe',
      { uprobe: { path: '/no/such', offset: 1 } },
      'ERR_FILE_NOT_FOUND',
      /\/no\/such/,
    ],
    [
      'a symbol that there is not',
      'uprobe',
      { uprobe: { path: 'libc.so.6', symbol: 'no_such' } },
      'ERR_NOT_FOUND',
      /no_such/,
    ],
    [
      'an offset beyond the file',
      'uprobe',
      { uprobe: { path: 'libc.so.6', offset: 2 ** 40 + 1 } },
      'ERR_KERNEL',
      /an offset at which an instruction begins/,
    ],
    [
      'a function twice',
      'kprobe_multi',
      { kprobeMulti: { symbols: [symbol, 'vfs_write', symbol] } },
      'RangeError',
      /each function once for symbols but received 'vfs_read'/,
    ],
    [
      'cookies with a pattern',
      'kprobe_multi',
      { kprobeMulti: { pattern: 'vfs_*', cookies: [1n] } },
      'TypeError',
      /^Expected nothing, with a pattern, for cookies but received/,
    ],
    [
      'a mode of XDP that lo has not',
      'network_device',
      { xdp: { interface: 'lo', mode: 'driver' } },
      'ERR_UNSUPPORTED',
      /no XDP of the mode 'driver'/,
    ],
    [
      'a process that there is not',
      'uprobe',
      { uprobe: { path: 'libc.so.6', symbol: 'getuid', pid: 2 ** 30 } },
      'ERR_NOT_FOUND',
      /no such process/,
    ],
    [
      'many places for a program of one',
      'uprobe',
      { uprobeMulti: { path: 'libc.so.6', pattern: 'getu*' } },
      'TypeError',
      /a program whose section is "uprobe\.multi" .*program "uprobe" of section "uprobe"/,
    ],
    [
      'functions for a program of one',
      'kprobe',
      { kprobeMulti: { symbols: [symbol] } },
      'TypeError',
      /a program whose section is "kprobe\.multi"/,
    ],
    [
      'both orders',
      'traffic_control',
      { tcx: { interface: 'lo', direction: 'ingress', before: 'all', after: 'all' } },
      'TypeError',
      /one of before and after/,
    ],
    [
      'an order beside what is no link',
      'traffic_control',
      { tcx: { interface: 'lo', direction: 'ingress', before: 'first' } },
      'TypeError',
      /a BpfLink for before/,
    ],
    ['no rate', 'perf_event', { perfEvent: { type: 'cpu-clock' } }, 'TypeError', /hz and period/],
    ['no event', 'perf_event', { perfEvent: { type: 'clock', hz: 1 } }, 'TypeError', /one of cpu-/],
    [
      'both process and CPUs',
      'perf_event',
      { perfEvent: { type: 'cpu-clock', hz: 1, pid: 1, cpus: [0] } },
      'TypeError',
      /either pid or cpus/,
    ],
    [
      'a CPU that there is not',
      'perf_event',
      { perfEvent: { type: 'cpu-clock', hz: 1, cpus: [8191] } },
      'ERR_UNSUPPORTED',
      /no such CPU/,
    ],
    [
      'more samples than the kernel takes',
      'perf_event',
      { perfEvent: { type: 'cpu-clock', hz: 1_000_000 } },
      'ERR_KERNEL',
      /kernel\.perf_event_max_sample_rate is \d+: give fewer hz/,
    ],
    ...['/tmp', '/proc/self/status'].map((path): (typeof wrongTargets)[number] => [
      `events of ${path}, which is no cgroup`,
      'perf_event',
      { perfEvent: { type: 'cpu-clock', hz: 9, cgroup: path } },
      'ERR_KERNEL',
      /cgroup has to be a directory of version 2/,
    ]),
    ['no interface', 'network_device', { xdp: { interface: 'no' } }, 'ERR_NOT_FOUND', /interface/],
    [
      'no interface of this index',
      'network_device',
      { xdp: { interface: 2 ** 31 - 1 } },
      'ERR_KERNEL',
      /no interface of this index, see "ip link"/,
    ],
    ['no cgroup', 'cgroup_egress', { cgroup: '/no/such' }, 'ERR_FILE_NOT_FOUND', /no\/such/],
    ['what is no cgroup', 'cgroup_egress', { cgroup: '/tmp' }, 'ERR_KERNEL', /cgroup version 2/],
    [
      'what is no socket',
      'socket_filter',
      {
        get socket() {
          return noSocket
        },
      },
      'ERR_KERNEL',
      /ENOTSOCK/,
    ],
  ]

  test.each(wrongTargets)('%s', (_, name, target, kind, message) => {
    using object = openWith(name)
    const program = object.load().program(name)
    const error = thrownBy(() => program.attach(target as AttachTarget))
    expect(kind.startsWith('ERR') ? error.code : error.name).toBe(kind)
    expect(error.message).toMatch(message)
    expect(object.links).toEqual([])
  })
})
