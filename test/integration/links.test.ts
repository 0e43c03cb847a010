// What can be done with a link, of each kind that can.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  type AttachTarget,
  BpfLink,
  BpfMap,
  type BpfObject,
  type BpfProgram,
} from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { errorOf, judge, type Refusal } from '../features.js'
import { idsOf, stillLoaded, untilGone } from '../loaded.js'
import { mounted } from '../mount.js'
import { connectToSelf, openDatagrams, sendDatagram } from '../network.js'
import { openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'
import { until } from '../until.js'

function load(...names: string[]): BpfObject {
  const object = openObject('targets')
  for (const name of names) object.program(name).autoload = true
  object.globals['only_tgid'] = process.pid
  return object.load()
}

const hits = (object: BpfObject): number => Number(object.globals['hits'])

function callsCounted(object: BpfObject, call = (): unknown => process.getuid?.()): number {
  const before = hits(object)
  for (let i = 0; i < 10; i++) call()
  return hits(object) - before
}

const rawTracepoint = { rawTracepoint: { name: 'sys_enter' } }
const uprobe = { uprobe: { path: 'libc.so.6', symbol: 'getuid' } }

/** The other program of the same type counts a million at a time. */
const million = 1_000_000

describeBpf('a link', () => {
  expectNothingLeftOpen()
  const bpffs = mounted('bpf')
  const cgroup = mounted('cgroup2')

  test('that is pinned outlives its closing, until it is unpinned', async () => {
    using object = load('raw_tracepoint')
    const link = object.program('raw_tracepoint').attach(rawTracepoint)
    const path = join(bpffs(), 'directory', 'link')
    link.pin(path)
    expect(link.pinPath).toBe(path)
    const info = link.info()
    expect(info).toMatchObject({
      type: 'raw_tracepoint',
      programId: object.program('raw_tracepoint').info().id,
      name: 'sys_enter',
    })
    link.close()
    expect(object.links).toEqual([])
    expect(callsCounted(object)).toBeGreaterThanOrEqual(10)
    {
      using pinned = BpfLink.fromPin(path)
      expect(pinned.info()).toEqual(info)
      expect(pinned.program).toBeUndefined()
    }
    expect(callsCounted(object)).toBeGreaterThanOrEqual(10)
    using pinned = BpfLink.fromPin(path)
    pinned.unpin()
    expect(existsSync(path)).toBe(false)
    expect(callsCounted(object)).toBeGreaterThanOrEqual(10)
    pinned.close()
    await untilGone([`link ${String(info.id)}`])
    expect(callsCounted(object)).toBe(0)
  })

  test.each<[string, AttachTarget]>([
    ['uprobe', uprobe],
    // libbpf disables the event when it closes the link.
    ['perf_event', { perfEvent: { type: 'cpu-clock', hz: 999, cpus: [0] } }],
  ])('of a %s that is pinned goes on when it is closed', async (name, target) => {
    const object = openObject('targets')
    object.program(name).autoload = true
    const link = object.load().program(name).attach(target)
    const path = join(bpffs(), 'probe')
    const error = errorOf(() => link.pin(path))
    judge(`${name}-pin`, error, ['ERR_UNSUPPORTED', /since Linux 5\.15/])
    if (error === undefined) {
      const { id } = link.info()
      link.close()
      const before = hits(object)
      await until(() => {
        process.getuid?.()
        return hits(object) > before + 1
      })
      object.close()
      expect(stillLoaded([`link ${String(id)}`])).toHaveLength(1)
      const pinned = BpfLink.fromPin(path)
      pinned.unpin()
      pinned.close()
      await untilGone([`link ${String(id)}`])
    }
    object.close()
  })

  test('is pinned in a bpffs, once, and where there is nothing', () => {
    using object = load('raw_tracepoint')
    const link = object.program('raw_tracepoint').attach(rawTracepoint)
    const path = join(bpffs(), 'once')
    expect(thrownBy(() => link.pin('/tmp/bpf-ringbuf-no-pin'))).toMatchObject({
      code: 'ERR_STATE',
      hint: expect.stringContaining('mount -t bpf') as string,
    })
    expect(thrownBy(() => link.unpin()).code).toBe('ERR_STATE')
    link.pin(path)
    expect(thrownBy(() => link.pin(`${path}-again`)).code).toBe('ERR_STATE')
    link.unpin()
    link.pin(path)
    expect(thrownBy(() => BpfLink.fromPin(`${path}-not`)).code).toBe('ERR_FILE_NOT_FOUND')
    using other = load('socket_lookup')
    const second = other.program('socket_lookup').attach({ netns: '/proc/self/ns/net' })
    expect(thrownBy(() => second.pin(path)).code).toBe('ERR_EXISTS')
    link.unpin()
  })

  interface Update {
    feature: string
    program: string
    target: (object: BpfObject) => AttachTarget
    trigger: () => Promise<unknown>
    prepare?: (program: BpfProgram) => void
    refusals?: Refusal[]
    /** Links of this kind keep their program. */
    keeps?: boolean
  }
  const netns = (): AttachTarget => ({ netns: '/proc/self/ns/net' })
  const updates: Update[] = [
    {
      feature: 'cgroup_skb',
      program: 'cgroup_egress',
      target: () => ({ cgroup: cgroup() }),
      trigger: sendDatagram,
    },
    {
      feature: 'tc',
      program: 'traffic_control',
      target: () => ({ tc: { interface: 'lo', direction: 'egress' } }),
      trigger: sendDatagram,
      refusals: [['ERR_UNSUPPORTED', /no clsact qdisc/]],
    },
    {
      feature: 'tcx',
      program: 'traffic_control',
      target: () => ({ tcx: { interface: 'lo', direction: 'egress' } }),
      trigger: sendDatagram,
      refusals: [['ERR_UNSUPPORTED', /TCX needs Linux 6\.6/]],
    },
    {
      feature: 'xdp',
      program: 'network_device',
      target: () => ({ xdp: { interface: 'lo', mode: 'skb' } }),
      trigger: sendDatagram,
    },
    {
      feature: 'sk_lookup',
      program: 'socket_lookup',
      target: netns,
      trigger: connectToSelf,
    },
    {
      feature: 'netfilter',
      program: 'netfilter',
      prepare: (program) => {
        program.type = 'netfilter'
        program.expectedAttachType = 'netfilter'
      },
      target: () => ({ netfilter: { family: 'ipv4', hook: 'output', priority: 0 } }),
      trigger: sendDatagram,
      refusals: [['ERR_UNSUPPORTED', /netfilter needs Linux 6\.4/]],
      keeps: true,
    },
    {
      feature: 'perf_event',
      program: 'perf_event',
      target: () => ({ perfEvent: { type: 'cpu-clock', hz: 999, cpus: [0] } }),
      trigger: () => Promise.resolve(),
      keeps: true,
    },
  ]

  /** Checks that the link's program runs, then the other one, and after closing neither. */
  async function checkUpdate(
    object: BpfObject,
    link: BpfLink,
    other: BpfProgram,
    trigger: () => Promise<unknown>,
  ): Promise<void> {
    await trigger()
    expect(hits(object)).toBeGreaterThan(0)
    expect(hits(object)).toBeLessThan(million)
    link.update(other)
    expect(link.program).toBe(other)
    await trigger()
    expect(hits(object)).toBeGreaterThanOrEqual(million)
    link.close()
    const before = hits(object)
    await trigger()
    expect(hits(object)).toBe(before)
  }

  test.each(updates)('of $feature is updated without a gap, where it can be', async (update) => {
    const { feature, program: name, target, trigger, prepare, refusals = [], keeps } = update
    using object = openObject('targets')
    const names = keeps === true && name === 'perf_event' ? [name] : [name, `${name}_other`]
    let made: BpfLink<BpfProgram> | undefined
    const error = errorOf(() => {
      for (const one of names) {
        object.program(one).autoload = true
        prepare?.(object.program(one))
      }
      made = object.load().program(name).attach(target(object))
    })
    judge(feature, error, ...refusals)
    if (made === undefined) return
    const other = object.program(names.at(-1) as string)
    if (keeps === true) {
      const link = made
      expect(thrownBy(() => link.update(other))).toMatchObject({
        code: 'ERR_UNSUPPORTED',
        hint: expect.stringContaining('keep their program') as string,
      })
      expect(link.program.name).toBe(name)
    } else await checkUpdate(object, made, other, trigger)
  })

  test('of a socket is updated while it is open', async () => {
    using object = load('socket_filter', 'socket_filter_other')
    const socket = await openDatagrams()
    const link = object.program('socket_filter').attach({ socket: socket.fd })
    await checkUpdate(object, link, object.program('socket_filter_other'), socket.receive)
    const second = object.program('socket_filter').attach({ socket: socket.fd })
    socket[Symbol.dispose]()
    expect(thrownBy(() => second.update(object.program('socket_filter_other')))).toMatchObject({
      code: 'ERR_STATE',
      message: expect.stringContaining('it is detached') as string,
    })
  })

  test('of a map of sockets is updated, for sockets that are in it already', async () => {
    using object = load('connected', 'message', 'message_other')
    object.program('connected').attach({ cgroup: cgroup() })
    const link = object.program('message').attach({ sockmap: object.map('connections') })
    await checkUpdate(object, link, object.program('message_other'), connectToSelf)
  })

  test('of a network namespace is updated, for its flow dissector', () => {
    using object = load('flow_dissector', 'flow_dissector_other')
    const link = object.program('flow_dissector').attach(netns())
    const other = object.program('flow_dissector_other')
    link.update(other)
    expect(link.info()).toMatchObject({ type: 'netns', programId: other.info().id })
  })

  test('of an iterator is updated: its pin is read by the other program', () => {
    using object = openObject('iterators').load()
    const link = object.program('task_lines').attach({ iter: {} })
    const path = join(bpffs(), 'tasks')
    link.pin(path)
    const own = `${String(process.pid)} ${String(process.pid)} `
    expect(readFileSync(path, 'latin1')).toContain(own)
    link.update(object.program('task_records'))
    const records = readFileSync(path)
    expect(records.toString('latin1')).not.toContain(own)
    const ids = Buffer.from(Uint32Array.of(process.pid, process.pid).buffer)
    expect(records.includes(ids)).toBe(true)
    link.unpin()
  })

  test('of struct_ops keeps its map', () => {
    using object = openObject('struct-ops')
    const error = errorOf(() => object.load())
    judge(
      'struct_ops',
      error,
      ['ERR_UNSUPPORTED', /refuses BPF trampolines/],
      ['ERR_UNSUPPORTED', /does not support/],
    )
    if (error !== undefined) return
    const program = object.program('counted_init')
    const link = program.attach({ structOps: 'counted' })
    expect(thrownBy(() => link.update(program)).code).toBe('ERR_UNSUPPORTED')
    expect(thrownBy(() => program.attach({ structOps: 'counted' }))).toMatchObject({
      code: 'ERR_STATE',
      hint: expect.stringMatching(/attached already/) as string,
    })
    // Another object has one of the same name.
    using other = openObject('struct-ops').load()
    const attachOther = () => other.program('counted_init').attach({ structOps: 'counted' })
    expect(thrownBy(attachOther)).toMatchObject({
      code: 'ERR_EXISTS',
      hint: expect.stringMatching(/outlived its process.* map delete ID 0/) as string,
    })
    // As somebody else does it whose process is not this one.
    using found = BpfMap.fromId(object.map('counted').info().id)
    expect(thrownBy(() => found.delete(1))).toBeInstanceOf(RangeError)
    expect([found.delete(0), found.delete(0)]).toEqual([true, false])
    link.close()
    attachOther().close()
  })

  test('takes no program of another type, and goes on with its own', async () => {
    using object = load('cgroup_egress', 'network_device')
    const link = object.program('cgroup_egress').attach({ cgroup: cgroup() })
    const error = thrownBy(() => link.update(object.program('network_device')))
    expect(error.name).toBe('TypeError')
    expect(error.message).toMatch(
      /a program of type cgroup_skb for update\(\) of .*'program "network_device" of type xdp/,
    )
    const path = join(bpffs(), 'taken')
    link.pin(path)
    using taken = BpfLink.fromPin(path)
    expect(thrownBy(() => taken.update(object.program('network_device') as never))).toMatchObject({
      code: 'ERR_KERNEL',
      message: expect.stringContaining('the kernel does not take this program for it') as string,
    })
    taken.unpin()
    expect(link.program.name).toBe('cgroup_egress')
    await sendDatagram()
    expect(hits(object)).toBeGreaterThan(0)
  })

  test('of tracing keeps its program, and cannot be detached but by closing', () => {
    using object = load('raw_tracepoint', 'replaced')
    const link = object.program('raw_tracepoint').attach(rawTracepoint)
    for (const action of [() => link.update(object.program('replaced')), () => link.detach()]) {
      expect(thrownBy(action).code).toBe('ERR_UNSUPPORTED')
    }
    expect(link.program.name).toBe('raw_tracepoint')
    expect(callsCounted(object)).toBeGreaterThanOrEqual(10)
    for (const wrong of [undefined, {}, 'replaced', structuredClone({ name: 'replaced' })]) {
      expect(thrownBy(() => link.update(wrong as never)).name).toBe('TypeError')
    }
  })

  test('of a cgroup is detached, whoever has it', async () => {
    using object = load('cgroup_egress')
    const link = object.program('cgroup_egress').attach({ cgroup: cgroup() })
    const path = join(bpffs(), 'cgroup')
    link.pin(path)
    expect(link.info()).toMatchObject({ type: 'cgroup', attachType: 'cgroup_inet_egress' })
    link.detach()
    await sendDatagram()
    expect(hits(object)).toBe(0)
    expect(link.info().type).toBe('cgroup')
    expect(thrownBy(() => link.update(object.program('cgroup_egress')))).toMatchObject({
      code: 'ERR_STATE',
      message: expect.stringContaining('it is detached') as string,
    })
    link.unpin()
  })

  test('of a socket that is closed lets its descriptor be', async () => {
    using object = load('socket_filter')
    const program = object.program('socket_filter')
    let link: BpfLink
    {
      using socket = await openDatagrams()
      link = program.attach({ socket: socket.fd })
    }
    using socket = await openDatagrams() // it may have the same number
    program.attach({ socket: socket.fd })
    link.close()
    await socket.receive()
    expect(hits(object)).toBe(1)
  })

  test('of several is closed as one, and is none of the kernel', async () => {
    using object = load('perf_event')
    const perfEvent = { type: 'cpu-clock', hz: 99 } as const
    const program = object.program('perf_event')
    const link = program.attach({ perfEvent: { ...perfEvent, pid: process.pid } })
    for (const action of [() => link.fd, () => link.pin(join(bpffs(), 'several'))]) {
      expect(thrownBy(action).code).toBe('ERR_UNSUPPORTED')
    }
    link.close()
    expect(await link.detached()).toEqual(expect.any(Boolean))
    using one = program.attach({ perfEvent: { ...perfEvent, cpus: [0] } })
    expect(one.closed).toBe(false)
    program.attach({ perfEvent: { ...perfEvent, cgroup: cgroup() } })
  })

  test('that nobody refers to stays as long as the object', async () => {
    using object = load('raw_tracepoint')
    object.program('raw_tracepoint').attach(rawTracepoint)
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    for (let i = 0; i < 3; i++) {
      gc()
      await new Promise(setImmediate)
    }
    expect(callsCounted(object)).toBeGreaterThanOrEqual(10)
  })

  test('is printed with its program, and maps of an object with their sizes', () => {
    const object = load('raw_tracepoint')
    const map = [...object.maps.values()][0]
    const link = object.program('raw_tracepoint').attach(rawTracepoint)
    const open = "BpfLink { program: 'raw_tracepoint', closed: false }"
    expect(inspect(link, { breakLength: Infinity })).toBe(open)
    expect(inspect(map)).toMatch(/^BpfMap \{\s+name: '\w+',\s+type: '\w+',\s+keySize: \d+/)
    object.close()
    expect(inspect([link])).toBe("[ BpfLink { program: 'raw_tracepoint', closed: true } ]")
    expect(inspect(map)).toMatch(/^BpfMap \{ name: '\w+', type: '\w+', closed: true \}$/)
  })

  test('goes with its object, and so does all that the kernel had of it', async () => {
    const object = load('raw_tracepoint', 'cgroup_egress', 'network_device')
    object.program('raw_tracepoint').attach(rawTracepoint)
    object.program('cgroup_egress').attach({ cgroup: cgroup() })
    const xdp = object.program('network_device').attach({ xdp: { interface: 'lo', mode: 'skb' } })
    expect(xdp.info()).toMatchObject({ type: 'xdp', ifindex: 1 })
    const ids = idsOf(object)
    expect(stillLoaded(ids)).toEqual(ids)
    expect(ids.filter((id) => id.startsWith('link'))).toHaveLength(3)
    object.close()
    await untilGone(ids)
  })
})
