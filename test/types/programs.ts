// What programs and links are to a user's compiler. Compiled, never run.
import { BpfLink, type BpfObject, cstring, enableStats, struct, u32 } from 'bpf-ringbuf'

const Task = struct('task', { pid: u32, comm: cstring(16) })

export async function attach(object: BpfObject): Promise<void> {
  const program = object.program('p')

  using link = program.attach({ uprobe: { path: 'libc.so.6', symbol: 'getuid', cookie: 1n } })
  program.attach()
  program.attach({ uretprobe: { path: '/bin/true', offset: 0x1234, pid: 1 } })
  program.attach({ kprobeMulti: { pattern: 'vfs_*' } })
  program.attach({ kprobeMulti: { symbols: ['vfs_read'], cookies: [1n] } })
  program.attach({ perfEvent: { type: 'cpu-clock', hz: 99, cpus: 'all' } })
  program.attach({ perfEvent: { type: 4, config: 1n, period: 1000, pid: 1 } })
  program.attach({ cgroup: '/sys/fs/cgroup' })
  program.attach({ sockmap: object.map('sockets') })
  program.attach({ iter: { map: object.map('entries') } })
  program.attach({ freplace: { program: object.program('q'), symbol: 'f' } })

  // @ts-expect-error it is attached nowhere
  program.attach({})
  // @ts-expect-error one place at a time
  program.attach({ cgroup: 1, socket: 1 })
  // @ts-expect-error there is no such kind
  program.attach({ probe: { symbol: 'vfs_read' } })
  // @ts-expect-error it needs a symbol or an offset
  program.attach({ uprobe: { path: 'libc.so.6' } })
  // @ts-expect-error a cookie is a bigint
  program.attach({ kprobe: { symbol: 'vfs_read', cookie: 1 } })
  // @ts-expect-error cookies are for a list
  program.attach({ kprobeMulti: { pattern: 'vfs_*', cookies: [1n] } })
  // @ts-expect-error a pattern or a list
  program.attach({ kprobeMulti: { pattern: 'vfs_*', symbols: ['vfs_read'] } })
  // @ts-expect-error a rate or a period
  program.attach({ perfEvent: { type: 'cpu-clock' } })
  // @ts-expect-error a rate and a period
  program.attach({ perfEvent: { type: 'cpu-clock', hz: 99, period: 1 } })
  // @ts-expect-error a process runs on any CPU
  program.attach({ perfEvent: { type: 'cpu-clock', hz: 99, pid: 1, cpus: [0] } })
  // @ts-expect-error a named event has its config
  program.attach({ perfEvent: { type: 'cpu-clock', config: 1n, hz: 99 } })
  // @ts-expect-error there is no such direction
  program.attach({ tc: { interface: 'lo', direction: 'in' } })
  // @ts-expect-error an order is of a cgroup
  program.attach({ iter: { pid: 1, order: 'self' } })

  const name: string = link.program.name
  link.update(object.program('q'))
  const pinned = BpfLink.fromPin('/sys/fs/bpf/link')
  // @ts-expect-error another process may have attached it
  const other: string = pinned.program.name
  const id: number = pinned.info().id
  void [name, other, id]

  for (const line of program.iterate()) line.toUpperCase()
  for await (const task of program.iterate(Task, { pid: 1 })) {
    const pid: number = task.pid
    // @ts-expect-error it has no such field
    void task.ppid
    void pid
  }
  // @ts-expect-error a target comes after the type
  program.iterate({ pid: 1 })

  const { returnValue, data, durationNs } = program.testRun({ data: new Uint8Array(64), repeat: 9 })
  const values: [number, Uint8Array | undefined, number] = [returnValue, data, durationNs]
  // @ts-expect-error options, not a context
  program.testRun(new Uint8Array(8))
  // @ts-expect-error there is no such flag
  program.testRun({ flags: ['fast'] })
  program.type = 'xdp'
  program.flags = ['sleepable']
  // @ts-expect-error there is no such type
  program.type = 'xdb'
  // @ts-expect-error there is no such flag
  program.flags = ['sleepy']
  using stats = enableStats()
  const count: bigint = program.info().runCount
  void [values, stats, count]
}
