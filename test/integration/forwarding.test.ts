// Maps of devices, CPUs and sockets: where programs send by them, it arrives.
import { once } from 'node:events'
import { join } from 'node:path'
import { type BpfObject, struct, u32 } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { errorOf, judge } from '../features.js'
import { mounted } from '../mount.js'
import {
  Cable,
  Connection,
  descriptorOfConnection,
  indexOfInterface,
  openDatagrams,
} from '../network.js'
import { openObject, objectPath } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'
import { until } from '../until.js'

function load(...programs: string[]): BpfObject {
  const object = openObject('forwarding')
  for (const name of programs) object.program(name).autoload = true
  return object.load()
}

const count = (object: BpfObject, name: 'hits' | 'sent' | 'arrived'): number =>
  Number(object.globals[name])

/** Two cables, unless this kernel, or its `ip`, has none. */
function cables(): { first: Cable; second: Cable; [Symbol.dispose]: () => void } | undefined {
  const made: Cable[] = []
  const error = errorOf(() => {
    made.push(new Cable(), new Cable())
  })
  judge(
    'veth',
    error === undefined ? undefined : Object.assign(error, { code: 'ERR_UNSUPPORTED' }),
    ['ERR_UNSUPPORTED', /ip link add/],
  )
  const [first, second] = made
  if (first === undefined || second === undefined) return undefined
  return {
    first,
    second,
    [Symbol.dispose]: () => {
      for (const cable of made) cable[Symbol.dispose]()
    },
  }
}

const xdp = (name: string) => ({ xdp: { interface: name, mode: 'skb' as const } })

describeBpf('a packet that an XDP program sends on', () => {
  expectNothingLeftOpen()

  test.each([
    ['devices', 'to_device', 3],
    ['devices_hash', 'to_device_hash', 70_000],
  ])(
    'by %s leaves through the device that is set, until it is deleted',
    async (name, program, key) => {
      using both = cables()
      if (both === undefined) return
      const { first, second } = both
      using object = load(program, 'at_device')
      const devices = object.map(name, { key: u32, value: u32 })
      object.program(program).attach(xdp(first.near))
      object.program('at_device').attach(xdp(second.far))
      object.globals['entry'] = key
      first.send(2)
      await until(() => count(object, 'hits') === 2)
      expect([count(object, 'sent'), count(object, 'arrived')]).toEqual([0, 0])
      devices.set(key, indexOfInterface(second.near))
      expect([...devices]).toEqual([[key, indexOfInterface(second.near)]])
      first.send(5)
      await until(() => count(object, 'arrived') === 5)
      expect(devices.delete(key)).toBe(true)
      first.send(4)
      await until(() => count(object, 'hits') === 11)
      expect([count(object, 'sent'), count(object, 'arrived')]).toEqual([5, 5])
      expect(thrownBy(() => devices.set(key, 2 ** 30)).code).toMatch(/^ERR_/)
    },
  )

  test('by a map of CPUs goes on there, in the program that its entry names', async () => {
    using both = cables()
    if (both === undefined) return
    const { first } = both
    using object = load('to_cpu', 'at_cpu')
    const Queue = struct('bpf_cpumap_val', { qsize: u32, program: u32 }, { unchecked: true })
    const cpus = object.map('cpus', { key: u32, value: Queue })
    object.program('to_cpu').attach(xdp(first.near))
    for (const cpu of [1, 0]) {
      const program = object.program('at_cpu')
      cpus.set(cpu, { qsize: 64, program: program.fd })
      // The kernel gives the id of what was set by descriptor.
      expect(cpus.get(cpu)).toEqual({ qsize: 64, program: program.info().id })
      object.globals['entry'] = cpu
      const before = count(object, 'arrived')
      first.send(3)
      await until(() => count(object, 'arrived') === before + 3)
      expect(object.globals['arrived_on_cpu']).toBe(cpu)
      cpus.delete(cpu)
      expect(cpus.has(cpu)).toBe(false)
    }
    const before = count(object, 'hits')
    first.send(1)
    await until(() => count(object, 'hits') === before + 1)
    expect([count(object, 'sent'), count(object, 'arrived')]).toEqual([6, 6])
  })

  test('by a map of AF_XDP sockets is received by the socket that is set', () => {
    using both = cables()
    if (both === undefined) return
    const { first } = both
    // The socket is the descriptor 3 of a process that another one has started with it.
    const code = `
      const { BpfObject, u32 } = require(${JSON.stringify(join(__dirname, '../../dist'))})
      const { execFileSync } = require('node:child_process')
      const frames = ${JSON.stringify(join(__dirname, '../../build/test/frames'))}
      const object = BpfObject.open(${JSON.stringify(objectPath('forwarding'))})
      object.program('to_xsk').autoload = true
      object.load().program('to_xsk').attach(${JSON.stringify(xdp(first.near))})
      const xsks = object.map('xsks', { key: u32 })
      const send = () => execFileSync(frames, ['send', ${JSON.stringify(first.far)}, '4'])
      send()
      xsks.set(0, 3)
      send()
      const isSet = xsks.delete(0)
      send()
      const { hits, sent } = object.globals
      console.log(isSet, Number(hits), Number(sent))`
    const { stdout, stderr, status } = first.receiveWith(process.execPath, '-e', code)
    expect({ stdout, stderr, status }).toEqual({ stdout: 'true 12 4\n4\n', stderr: '', status: 0 })
  })
})

describeBpf('what a program of sockets sends on', () => {
  expectNothingLeftOpen()
  const cgroup = mounted('cgroup2')

  test('by a map of sockets leaves through the one that is set', async () => {
    await using one = await Connection.open()
    await using other = await Connection.open()
    using object = load('to_socket')
    const sockets = object.map('sockets', { key: u32 })
    const link = object.program('to_socket').attach({ sockmap: sockets })
    sockets.set(0, descriptorOfConnection(one.server))
    sockets.set(5, descriptorOfConnection(other.server))
    expect([...sockets.keys()]).toEqual([0, 5])
    object.globals['entry'] = 5
    one.client.write('for another')
    expect(String(await once(other.client, 'data'))).toBe('for another')
    expect(count(object, 'sent')).toBeGreaterThan(0)
    link.close()
    sockets.clear()
    one.client.write('for itself')
    expect(String(await once(one.server, 'data'))).toBe('for itself')
  })

  test('by a hash of sockets is received by the one that is set', async () => {
    await using one = await Connection.open()
    await using other = await Connection.open()
    using object = load('to_socket_hash')
    const sockets = object.map('sockets_hash', { key: u32 })
    object.program('to_socket_hash').attach({ sockmap: sockets })
    sockets.set(1000, descriptorOfConnection(one.client))
    sockets.set(2000, descriptorOfConnection(other.client))
    expect([...sockets.keys()].sort()).toEqual([1000, 2000])
    object.globals['entry'] = 2000
    one.client.write('for another')
    expect(String(await once(other.client, 'data'))).toBe('for another')
    expect([count(object, 'hits'), count(object, 'sent')]).toEqual([1, 1])
    expect([sockets.delete(1000), sockets.delete(1000)]).toEqual([true, false])
    // It is not judged any more.
    one.client.write('for itself')
    expect(String(await once(one.server, 'data'))).toBe('for itself')
    expect(count(object, 'hits')).toBe(1)
  })

  test('by an array of sockets that share a port goes to the one that is set', async () => {
    using object = openObject('forwarding')
    for (const name of ['share_port', 'to_sharing']) object.program(name).autoload = true
    const error = errorOf(() => object.load())
    // Before Linux 5.12 a program of a cgroup cannot have sockets share their port.
    judge('sk_reuseport', error, ['ERR_VERIFIER', /unknown func|func unknown/])
    if (error !== undefined) return
    const sharing = object.program('share_port').attach({ cgroup: cgroup() })
    using one = await openDatagrams()
    using other = await openDatagrams(one.port)
    sharing.close()
    const array = object.map('sharing', { key: u32 })
    array.set(1, one.fd)
    array.set(6, other.fd)
    using link = object.program('to_sharing').attach({ reuseport: one.fd })
    for (const [entry, socket] of [
      [1, one],
      [6, other],
      [1, one],
    ] as const) {
      object.globals['entry'] = entry
      const before = socket.received
      for (let i = 0; i < 5; i++) one.send()
      await until(() => socket.received === before + 5)
    }
    expect([one.received, other.received, count(object, 'sent')]).toEqual([10, 5, 15])
    expect([array.delete(6), array.delete(6)]).toEqual([true, false])
    object.globals['entry'] = 6
    one.send() // to none: the program drops it
    await until(() => count(object, 'hits') === 16)
    expect([one.received, other.received, count(object, 'sent')]).toEqual([10, 5, 15])
    link.close()
  })
})
