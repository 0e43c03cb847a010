// Twelve of bcc's tools, written with this library: what they find is compared with
// what is known of an activity, and with what bcc's own tools print of it.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  array,
  type BpfError,
  type BpfObject,
  Btf,
  bytes,
  cstring,
  i32,
  RingBuffer,
  struct,
  Symbolizer,
  type Type,
  u16,
  u32,
  u64,
  u8,
} from '../../lib/index.js'
import { Activity, activityPath, killActivities } from '../activity.js'
import { bccIsHere, BccTool, killTools, pathOf } from '../bcc.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { deadlineMs, timeScale } from '../until.js'

/** The words of each line of a table that a tool prints, below the line that begins with `title`. */
function rowsOf(output: string, title: string): string[][] {
  const lines = output.split('\n').map((line) => line.trim())
  const start = lines.findIndex((line) => line.startsWith(title))
  return lines
    .slice(start + 1)
    .filter((line) => line !== '')
    .map((line) => line.split(/\s+/))
}

/** What a tool prints as a histogram, without its empty slots: counts by where a slot begins. */
function histogramOf(output: string): Record<string, number> {
  const lines = [...output.matchAll(/^ +(\d+) -> \d+ +: (\d+) /gm)]
  const slots = lines.map(([, start = '', count]) => [start, Number(count)] as const)
  return Object.fromEntries(slots.filter(([, count]) => count > 0))
}

/** The same of the slots that our programs count in. */
function histogramFrom(slots: readonly number[]): Record<string, number> {
  const starts = slots.map((count, slot) => [slot === 0 ? 0 : 2 ** slot, count] as const)
  return Object.fromEntries(starts.filter(([, count]) => count > 0))
}

/**
 * Two tools measure one after the other, so that what lasts about as long as where a
 * slot ends may be in the next one.
 */
function expectAlike(theirs: Record<string, number>, ours: Record<string, number>): void {
  const total = sum(Object.values(ours))
  expect(sum(Object.values(theirs))).toBe(total)
  const moved = Object.entries(ours).map(([slot, count]) => count - (theirs[slot] ?? 0))
  expect(sum(moved.filter((count) => count > 0))).toBeLessThanOrEqual(total / 4)
}

/** Stacks with different addresses may have the same names. */
function add(stacks: Map<string, number>, stack: string, us: number): void {
  stacks.set(stack, (stacks.get(stack) ?? 0) + us)
}

/** Stacks as offcputime prints them, and how many microseconds they were off the CPU. */
function stacksOf(output: string): Map<string, number> {
  const stacks = new Map<string, number>()
  let frames: string[] = []
  for (const line of output.split('\n').map((text) => text.trim())) {
    if (/^\d+$/.test(line)) add(stacks, withoutTracing(frames), Number(line))
    if (line === '') frames = []
    else if (!line.startsWith('-') && !/^\d+$/.test(line)) frames.push(line)
  }
  return stacks
}

/**
 * Without the BPF program that looks, which is at the top, and those functions of the process
 * that may not be among what its libraries export, of which bcc gives the one before: what
 * calls main(), and what an interrupt came upon, which may be anything.
 */
function withoutTracing(frames: readonly string[]): string {
  const interrupt = frames.findIndex((name) => /^(asm_\w+|el0t_64_irq)$/.test(name))
  return frames
    .slice(0, interrupt === -1 ? undefined : interrupt + 1)
    .filter((name) => !/^__libc_(start_call_main|init_first)$/.test(name))
    .filter((name, at) => name !== '[unknown]' || frames[at - 1] !== 'main')
    .filter((name) => !/^(bpf_prog_|bpf_trace_run|__bpf_trace_|__traceiter_)/.test(name))
    .join(' ')
}

function sum(counts: Iterable<number>): number {
  return [...counts].reduce((total, count) => total + count, 0)
}

/** One of ours and bcc's that watch the same activities. */
class Watched {
  static readonly #open = new Set<Watched>()

  readonly object: BpfObject
  readonly #activities: Activity[]
  #ring: { flush: () => Promise<void>; close: () => void } | undefined

  private constructor(object: BpfObject, activities: Activity[]) {
    this.object = object
    this.#activities = activities
    Watched.#open.add(this)
  }

  /** Opens an object; the activities wait. */
  static async open(name: string, commands: string[], path = activityPath): Promise<Watched> {
    const activities = commands.map((command) => new Activity(command, path))
    await Promise.all(activities.map((activity) => activity.waiting()))
    const watched = new Watched(openObject(name), activities)
    if ('only_tgid' in watched.object.globals) watched.object.globals['only_tgid'] = watched.pid
    return watched
  }

  /** The first activity's. */
  get pid(): number {
    return this.#activities[0]?.pid ?? 0
  }

  /**
   * Has the activities done while bcc's tool watches them as well; gives its rows,
   * or nothing where bcc's tools are not made for the kernel.
   *
   * @param act What is done besides.
   */
  async run<T>(
    start: (pid: number) => BccTool | undefined,
    rowsOf: (output: string) => T,
    act: () => Promise<void> = () => Promise.resolve(),
  ): Promise<T | undefined> {
    const bcc = bccIsHere ? start(this.pid) : undefined
    await bcc?.ready()
    await Promise.all([act(), ...this.#activities.map((activity) => activity.run())])
    await this.#ring?.flush()
    if (bcc === undefined) return undefined
    await bcc.idle()
    return rowsOf(await bcc.end())
  }

  /** Reads a ring of the object, which is loaded. */
  read<T>(map: string, type: Type<T>, onRecord: (record: T) => void): void {
    this.#ring = new RingBuffer(this.object.map(map), type, onRecord)
  }

  async #close(): Promise<void> {
    this.#ring?.close()
    this.object.close()
    await Promise.all(this.#activities.map((activity) => activity.end()))
  }

  static async closeAll(): Promise<void> {
    const open = [...Watched.#open]
    Watched.#open.clear()
    await Promise.all(open.map((watched) => watched.#close()))
  }
}

/** Emulated CPUs do between any two programs, while others have those of the machine. */
const mayStandStill = timeScale > 1

const lacking = process.env['KERNEL_LACKS']?.split(',')

/**
 * Whether the kernel refuses what an action needs. A kernel in a guest is known, and
 * may only if it lacks that; one of another machine may.
 */
function refused(feature: string, action: () => unknown): boolean {
  try {
    action()
    return false
  } catch (error) {
    if (lacking?.includes(feature) === false) throw error
    expect((error as BpfError).code).toBe('ERR_UNSUPPORTED')
    return true
  }
}

/** A control group of version 2, and what removes it. */
function makeCgroup(): [string, () => void] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
  const mounted = /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1]
  const root = mounted ?? mkdtempSync(join(tmpdir(), 'cgroups-'))
  if (mounted === undefined) execFileSync('mount', ['-t', 'cgroup2', 'none', root])
  const directory = mkdtempSync(join(root, 'tools-'))
  const remove = (): void => {
    rmdirSync(directory)
    if (mounted !== undefined) return
    execFileSync('umount', [root])
    rmdirSync(root)
  }
  return [directory, remove]
}

describeBpf("bcc's tools", () => {
  expectNothingLeftOpen()

  const removals: (() => void)[] = []

  function makeDirectory(): string {
    const directory = mkdtempSync(join(tmpdir(), 'tools-'))
    removals.push(() => {
      rmSync(directory, { recursive: true })
    })
    return directory
  }

  afterEach(async () => {
    await killTools()
    await Watched.closeAll()
    killActivities()
    for (const remove of removals.splice(0)) remove()
  })

  test('execsnoop: records of the processes of a control group', async () => {
    const Exec = struct('exec_event', {
      pid: u32,
      ppid: u32,
      args_size: u32,
      comm: cstring(16),
      filename: cstring(64),
      args: bytes(256),
    })
    const [directory, remove] = makeCgroup()
    removals.push(remove)
    const watched = await Watched.open('execsnoop', ['exec /bin/true one two, exec /bin/true 3'])
    writeFileSync(join(directory, 'cgroup.procs'), String(watched.pid))
    const descriptor = openSync(directory, 'r')
    watched.object.load().map('cgroups', { key: u32 }).set(0, descriptor)
    closeSync(descriptor)
    const ours: string[][] = []
    watched.read('execs', Exec, (exec) => {
      const args = Buffer.from(exec.args.subarray(0, exec.args_size - 1))
        .toString()
        .split('\0')
      const { comm, pid, ppid, filename } = exec
      ours.push([comm, String(pid), String(ppid), '0', filename, ...args.slice(1)])
    })
    watched.object.attach()
    const theirs = await watched.run(
      () => new BccTool('execsnoop', '-c', directory),
      (output) => rowsOf(output, 'PCOMM'),
    )
    const ppid = String(watched.pid)
    expect(ours).toMatchObject([
      ['true', expect.any(String), ppid, '0', '/bin/true', 'one', 'two'],
      ['true', expect.any(String), ppid, '0', '/bin/true', '3'],
    ])
    expect(theirs ?? ours).toEqual(ours)
  })

  test('syscount: counts of a map that is taken as a batch', async () => {
    const names: Record<number, string> =
      process.arch === 'arm64'
        ? { 63: 'read', 64: 'write', 155: 'getpgid', 173: 'getppid' }
        : { 0: 'read', 1: 'write', 110: 'getppid', 121: 'getpgid' }
    const watched = await Watched.open('syscount', ['calls 100'])
    const Calls = struct('calls', { count: u64.number, total_ns: u64 })
    const counts = watched.object.load().attach().map('counts', { key: u32, value: Calls })
    const theirs = await watched.run(
      (pid) => new BccTool('syscount', '-p', pid),
      (output) => new Map(rowsOf(output, 'SYSCALL').map(([name, count]) => [name, Number(count)])),
    )
    const ours = new Map(counts.takeAll().map(([number, { count }]) => [names[number], count]))
    expect(Object.fromEntries(ours)).toEqual({ getpgid: 100, getppid: 50, read: 1, write: 1 })
    expect(theirs ?? ours).toEqual(ours)
    expect(counts.size()).toBe(0)
  })

  test('cpudist: histograms of a map that is iterated while its entries are removed', async () => {
    const watched = await Watched.open('cpudist', ['sleep 20 6'])
    const Histogram = struct('histogram', { slots: array(u32, 27) })
    const { object } = watched
    const histograms = object.load().attach().map('histograms', { key: u32, value: Histogram })
    const theirs = await watched.run((pid) => new BccTool('cpudist', '-O', '-p', pid), histogramOf)
    const ours: [number, Record<string, number>][] = []
    for (const [pid, { slots }] of histograms) {
      ours.push([pid, histogramFrom(slots)])
      histograms.delete(pid)
    }
    expect(ours.map(([pid]) => pid)).toEqual([watched.pid])
    const histogram = ours[0]?.[1] ?? {}
    // A timer may expire before the thread is off the CPU.
    const slept = Object.entries(histogram).filter(([us]) => Number(us) >= 4096)
    expect(sum(slept.map(([, count]) => count))).toBeGreaterThan(10)
    expectAlike(theirs ?? histogram, histogram)
    expect([...histograms.keys()]).toEqual([])
  })

  test(
    'offcputime: stacks of a chosen depth, with the names of their functions',
    async () => {
      const sleepMs = 6 * timeScale
      const watched = await Watched.open('offcputime', [`sleep 10 ${String(sleepMs)}`])
      const { object } = watched
      object.map('stacks').valueSize = 127 * 8
      object.load().attach()
      const theirs = await watched.run((pid) => new BccTool('offcputime', '-p', pid), stacksOf)
      // Reading the kernel's symbols takes an emulated machine half a minute.
      const symbolizer = new Symbolizer()
      const StacksOf = struct('stacks_of', { pid: u32, kernel_stack: i32, user_stack: i32 })
      const stacks = object.map('stacks', { key: i32, value: array(u64, 127) })
      const ours = new Map<string, number>()
      const entries = object.map('off_cpu_ns', { key: StacksOf, value: u64.number })
      for (const [{ pid, kernel_stack, user_stack }, ns] of entries) {
        const frames = [
          ...symbolizer.kernel(stacks.get(kernel_stack) ?? []),
          ...symbolizer.user(pid, stacks.get(user_stack) ?? []),
        ]
        // Without the version that a function of libc may have.
        const names = frames.map(({ name }) => name?.replace(/@.*/, '') ?? '[unknown]')
        add(ours, withoutTracing(names), ns / 1000)
      }
      for (const stacks of [ours, theirs ?? ours]) {
        const sleeping = [...stacks].find(([stack]) =>
          /(^| )do_nanosleep .* clock_nanosleep/.test(stack),
        )
        // Of ten times: a timer may expire before the thread is off the CPU.
        expect(sleeping?.[1]).toBeGreaterThan(5 * 1000 * sleepMs)
      }
      for (const [stack, us] of theirs ?? ours) {
        // Both measure from one program to the next, and each measures the other as well.
        const apart = Math.abs((ours.get(stack) ?? 0) - us)
        const isAlike = apart < us / 3 || apart < 5000 || mayStandStill
        expect({ stack, isAlike }).toEqual({ stack, isAlike: true })
      }
      expect(new Set(ours.keys())).toEqual(new Set((theirs ?? ours).keys()))
    },
    4 * deadlineMs,
  )

  test('funclatency: a function by its symbol, and an array among the globals', async () => {
    const watched = await Watched.open('funclatency', ['wait 20 6'])
    const { object, pid } = watched
    object.load()
    object.program('on_entry').attach({ uprobe: { path: activityPath, symbol: 'waits', pid } })
    object.program('on_return').attach({ uretprobe: { path: activityPath, symbol: 'waits', pid } })
    const theirs = await watched.run(
      () => new BccTool('funclatency', '-p', pid, ':waits'),
      histogramOf,
    )
    const ours = histogramFrom(object.globals['slots'] as number[])
    expect(sum(Object.values(ours))).toBe(20)
    // At least 6 ms each.
    expect(Math.min(...Object.keys(ours).map(Number))).toBeGreaterThanOrEqual(2 ** 22)
    expectAlike(theirs ?? ours, ours)
  })

  test('javagc: probes that a program has for tracers', async () => {
    const Collection = struct('collection', { duration_ns: u64.number, pid: u32, cpu: u32 })
    // What javagc looks for among what a process has mapped.
    const directory = makeDirectory()
    const path = join(directory, 'libjvm.so')
    copyFileSync(activityPath, path)
    const watched = await Watched.open('javagc', ['gc 5 3'], path)
    const { object, pid } = watched
    object.load()
    for (const [program, name] of [
      ['on_begin', 'mem__pool__gc__begin'],
      ['on_end', 'mem__pool__gc__end'],
    ] as const) {
      object.program(program).attach({ usdt: { path, provider: 'hotspot', name, pid } })
    }
    const ours: number[][] = []
    watched.read('collections', Collection, (collection) => {
      ours.push([collection.pid, collection.duration_ns / 1000])
    })
    const theirs = await watched.run(
      () => new BccTool('javagc', '-p', pid, '-t', 1000),
      (output) => rowsOf(output, 'TIME').map(([, , pid, us]) => [Number(pid), Number(us)]),
    )
    expect(ours.map(([process]) => process)).toEqual([pid, pid, pid, pid, pid])
    for (const rows of [ours, theirs ?? ours]) {
      expect(Math.min(...rows.map(([, us = 0]) => us))).toBeGreaterThan(3000)
    }
    expect((theirs ?? ours).map(([process]) => process)).toEqual([pid, pid, pid, pid, pid])
    // One of the two may lose its CPU before the other measures.
    const apart = (theirs ?? ours).map(([, us = 0], i) => Math.abs(us - (ours[i]?.[1] ?? 0)))
    expect(apart.sort((a, b) => a - b)[2]).toBeLessThan(mayStandStill ? Infinity : 1000)
  })

  test('softirqs: a count on each CPU, and an array of structs among the globals', async () => {
    const Softirq = struct('softirq', { count: u64.number, total_ns: u64 })
    // enum of linux/interrupt.h
    const NET_RX = 3
    const watched = await Watched.open('softirqs', ['datagrams 3000'])
    const { object } = watched
    object.load().attach()
    const theirs = await watched.run(
      () => new BccTool('softirqs', '-d'),
      (output) => {
        const [, block = ''] = /softirq = net_rx\n([^]*?)(\n\n|$)/.exec(output) ?? []
        return sum(Object.values(histogramOf(block)))
      },
    )
    object.detach()
    await object.detached()
    const types = { key: u32, value: Softirq, perCpu: true } as const
    const perCpu = object.map('per_cpu', types).get(NET_RX) ?? []
    const ours = sum(perCpu.map(({ count }) => count))
    const ofAll = object.globals['of_all'] as { count: bigint; total_ns: bigint }[]
    expect(Number(ofAll[NET_RX]?.count)).toBe(ours)
    // Others may receive as well, also while ours is attached and theirs is not.
    expect(theirs ?? ours).toBeGreaterThanOrEqual(3000)
    expect(theirs ?? ours).toBeLessThanOrEqual(ours)
  })

  test('tcpstates: connections of the ports that a map has', async () => {
    const Change = struct('change', {
      socket: u64,
      duration_ns: u64,
      pid: u32,
      local_port: u16,
      remote_port: u16,
      local_address: bytes(4),
      remote_address: bytes(4),
      from: u8,
      to: u8,
      comm: cstring(16),
    })
    // As bcc's tool has them, of net/tcp_states.h.
    const states =
      ' ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING NEW_SYN_RECV'.split(
        ' ',
      )
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1')
    removals.push(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const watched = await Watched.open('tcpstates', [])
    const { object } = watched
    object.load().map('local_ports', { key: u16, value: u8 }).set(port, 1)
    const ours: string[][] = []
    watched.read('changes', Change, (change) => {
      const [from = '', to = ''] = [states[change.from], states[change.to]]
      ours.push([
        `${change.local_address.join('.')}:${String(change.local_port)}`,
        `${change.remote_address.join('.')}:${String(change.remote_port)}`,
        `${from} -> ${to}`,
      ])
    })
    object.attach()
    const theirs = await watched.run(
      () => new BccTool('tcpstates', '-4', '-L', port),
      (output) =>
        rowsOf(output, 'SKADDR').map((row) => {
          const [from = '', , to = ''] = row.slice(-4)
          const [local = '', localPort = '', remote = '', remotePort = ''] = row.slice(-8, -4)
          return [`${local}:${localPort}`, `${remote}:${remotePort}`, `${from} -> ${to}`]
        }),
      async () => {
        const client = connect(port, '127.0.0.1').resume()
        await once(client, 'close')
        server.close()
        await once(server, 'close')
      },
    )
    expect(ours.map(([, , change]) => change)).toContain('LISTEN -> CLOSE')
    expect(ours.length).toBeGreaterThanOrEqual(4)
    // Of a perf buffer, records of different CPUs may be out of order.
    expect((theirs ?? ours).map((row) => row.join(' ')).sort()).toEqual(
      ours.map((row) => row.join(' ')).sort(),
    )
  })

  test(
    'runqlen: a sampling clock on each CPU, and an array of structs among the globals',
    async () => {
      // Since Linux 6.15 bcc's tool does not know what the length of a queue is called.
      const isRenamed = readFileSync('/sys/kernel/btf/vmlinux').includes('\0nr_queued\0')
      const watched = await Watched.open('runqlen', new Array<string>(3).fill('burn 0 200'))
      const { object } = watched
      object.load()
      object.program('on_sample').attach({ perfEvent: { type: 'cpu-clock', hz: 99, cpus: 'all' } })
      // Three take turns on a CPU: two wait, besides those of others.
      const busy = (): number => {
        const [first] = object.globals['lengths_of'] as { slots: number[] }[]
        return sum(first?.slots.slice(2) ?? [])
      }
      let before = 0
      const theirs = await watched.run(
        () => (isRenamed ? undefined : new BccTool('runqlen', '-C')),
        (output) => {
          const [, block = ''] = /cpu = 0\n([^]*?)(\n\n|$)/.exec(output) ?? []
          const lines = [...block.matchAll(/^ +(\d+) +: (\d+) /gm)]
          return sum(lines.slice(2).map(([, , count]) => Number(count)))
        },
        () => {
          before = busy()
          return Promise.resolve()
        },
      )
      const all = busy()
      expect(all - before).toBeGreaterThan(20)
      // Each has a clock of its own, and theirs runs from some time before the three until after.
      expect(theirs ?? all).toBeLessThan(2 * all)
      expect(theirs ?? all).toBeGreaterThan((all - before) / 2)
    },
    4 * deadlineMs,
  )

  test('filetop: an LRU map, by kprobes', async () => {
    const directory = makeDirectory()
    const watched = await Watched.open('filetop', [`files ${directory} 3`])
    const { object, pid } = watched
    object.load()
    if (refused('kprobe', () => object.attach())) return
    const theirs = await watched.run(
      () => new BccTool('filetop', '-C', '-p', pid, 3, 1),
      (output) => rowsOf(output, 'TID'),
    )
    const FileOf = struct('file_of', { inode: u64, thread: u32, zero: u32 })
    const Use = struct('use', {
      reads: u64,
      read_bytes: u64,
      writes: u64,
      written_bytes: u64,
      comm: cstring(16),
      name: cstring(32),
    })
    const uses = object.map('uses', { key: FileOf, value: Use }).takeAll()
    const ours = uses.map(([{ thread }, use]) => {
      const kilobytes = [use.read_bytes / 1024n, use.written_bytes / 1024n]
      const numbers = [use.reads, use.writes, ...kilobytes].map(String)
      return [String(thread), use.comm, ...numbers, 'R', use.name]
    })
    expect(ours.sort()).toEqual(
      [0, 1, 2].map((i) => [String(pid), 'activity', '4', '1', '4', '4', 'R', `file-${String(i)}`]),
    )
    expect((theirs ?? ours).sort()).toEqual(ours)
  })

  test('filelife: kprobes whose functions are named', async () => {
    const Life = struct('life', { age_ns: u64, pid: u32, comm: cstring(16), name: cstring(32) })
    const directory = makeDirectory()
    const watched = await Watched.open('filelife', [`files ${directory} 3`])
    const { object, pid } = watched
    object.load()
    const isRefused = refused('kprobe', () => {
      object.program('on_create').attach({ kprobe: { symbol: 'security_inode_create' } })
      object.program('on_unlink').attach({ kprobe: { symbol: 'security_inode_unlink' } })
    })
    if (isRefused) return
    const ours: string[][] = []
    watched.read('lives', Life, ({ comm, name, ...life }) => {
      ours.push([String(life.pid), comm, (Number(life.age_ns) / 1e9).toFixed(2), name])
    })
    const theirs = await watched.run(
      () => new BccTool('filelife', '-p', pid),
      (output) => rowsOf(output, 'TIME').map((row) => row.slice(1)),
    )
    const shown = (rows: string[][]) => rows.map(([id, comm, , name]) => [id, comm, name])
    expect(shown(ours)).toEqual(
      [0, 1, 2].map((i) => [String(pid), 'activity', `file-${String(i)}`]),
    )
    expect(shown(theirs ?? ours)).toEqual(shown(ours))
  })

  test('solisten: fexit of a function that is chosen before the load', async () => {
    const Listening = struct('listening', {
      pid: u32,
      result: i32,
      backlog: i32,
      family: u16,
      port: u16,
      address: bytes(4),
      comm: cstring(16),
    })
    const watched = await Watched.open('solisten', ['listen 4'])
    const { object, pid } = watched
    const isRefused = refused('fexit', () => {
      object.program('on_listen').setAttachTarget('inet_listen')
      object.load().attach()
    })
    if (isRefused) return
    const ours: string[][] = []
    watched.read('sockets', Listening, (socket) => {
      const numbers = [socket.result, socket.backlog].map(String)
      const address = [String(socket.port), socket.address.join('.')]
      ours.push([String(socket.pid), socket.comm, ...numbers, 'TCPv4', ...address])
    })
    const theirs = await watched.run(
      () => new BccTool('solisten', '-p', pid),
      (output) => rowsOf(output, 'PID'),
    )
    const withoutPort = ours.map((row) => [...row.slice(0, 5), row[6]])
    expect(withoutPort).toEqual(
      ['1', '2', '3', '4'].map((backlog) => {
        return [String(pid), 'activity', '0', backlog, 'TCPv4', '127.0.0.1']
      }),
    )
    expect(theirs ?? ours).toEqual(ours)
  })

  test('ksnoop: what a function of the kernel takes', () => {
    const kernel = new Btf(readFileSync('/sys/kernel/btf/vmlinux'))
    const { parameters = [] } = kernel.function('vfs_read') ?? {}
    const names = parameters.map(({ name }) => name)
    expect(names).toEqual(['file', 'buf', 'count', 'pos'])
    const first = kernel.type(parameters[0]?.type ?? 0)
    expect(kernel.describe(first.kind === 'pointer' ? first.to : 0)).toBe('struct file')
    // It needs no probe for that, so that any kernel will do.
    if (!bccIsHere || lacking !== undefined) return
    const theirs = execFileSync(pathOf('ksnoop'), ['info', 'vfs_read'], { encoding: 'utf8' })
    expect([...theirs.matchAll(/(\w+)[,)]/g)].map(([, name]) => name)).toEqual(names)
  })
})
