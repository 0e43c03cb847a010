// Storage of sockets, tasks, cgroups and inodes: programs read what JavaScript wrote
// for a descriptor, and JavaScript what they wrote.
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BpfMap, type BpfObject, i32, TaskDescriptor, u64 } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { errorOf, judge, type Refusal } from '../features.js'
import { hasMaps, openMapOfStorage } from '../map-types.js'
import { mounted } from '../mount.js'
import { openDatagrams } from '../network.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'

const types = { key: i32, value: u64 }
const noLsm: Refusal = ['ERR_UNSUPPORTED', /lsm=.*bpf|refuses BPF trampolines/]

type Storage = 'sockets' | 'tasks' | 'groups' | 'inodes'

/** With one map and its program, which takes another map when it is given. */
function opened(map: Storage, program: string, other?: BpfMap<number, bigint>): BpfObject {
  const object = openMapOfStorage(map)
  if (other !== undefined) object.map(map).reuse(other)
  object.program(program).autoload = true
  object.globals['only_tgid'] = process.pid
  object.globals['only_call'] = process.arch === 'arm64' ? 174n : 102n // getuid
  return object
}

/** Runs the program once, and gives what it found stored. */
async function found(object: BpfObject, trigger: () => unknown): Promise<bigint> {
  const before = object.globals['runs']
  await trigger()
  expect(object.globals['runs']).not.toBe(before)
  return object.globals['held'] as bigint
}

/** What each side writes, the other reads; of a map of an object, or of one by itself. */
async function checkBothWays(
  map: BpfMap<number, bigint>,
  fd: number,
  object: BpfObject,
  trigger: () => unknown,
): Promise<void> {
  map.set(fd, 5n)
  expect([await found(object, trigger), map.get(fd)]).toEqual([5n, 6n])
  expect([map.delete(fd), map.delete(fd), map.has(fd)]).toEqual([true, false, false])
  expect([await found(object, trigger), map.get(fd)]).toEqual([0n, 100n])
}

const kinds = { sockets: 'sk', tasks: 'task', groups: 'cgrp', inodes: 'inode' } as const

/** That of the object, and one that no object declares. */
const origins = ['declared', 'created'] as const

function storage(
  name: Storage,
  origin: (typeof origins)[number],
): BpfMap<number, bigint> | undefined {
  if (origin === 'declared') return undefined
  return BpfMap.create({ type: `${kinds[name]}_storage`, ...types })
}

for (const origin of origins)
  describeBpf(`${origin} storage`, () => {
    expectNothingLeftOpen()
    const cgroup = mounted('cgroup2')

    test('of a socket is read and written by a program of its cgroup', async () => {
      using other = storage('sockets', origin)
      using object = opened('sockets', 'add_of_socket', other).load()
      object.program('add_of_socket').attach({ cgroup: cgroup() })
      using socket = await openDatagrams()
      object.globals['only_port'] = socket.port
      await checkBothWays(object.map('sockets', types), socket.fd, object, socket.receive)
    })

    test('of a task is read and written by a program of its system calls', async () => {
      if (!hasMaps('tasks')) return
      using other = storage('tasks', origin)
      using object = opened('tasks', 'add_of_task', other).load()
      using task = TaskDescriptor.open(process.pid)
      const map = object.map('tasks', types)
      const link = object.program('add_of_task').attach()
      await checkBothWays(map, task.fd, object, () => process.getuid?.())
      link.close()
    })

    test('of a cgroup is read and written by a program of what runs in it', async () => {
      if (!hasMaps('groups')) return
      using other = storage('groups', origin)
      using object = opened('groups', 'add_of_group', other).load()
      const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/'
      const fd = openSync(join(cgroup(), own), 'r')
      try {
        object.program('add_of_group').attach()
        await checkBothWays(object.map('groups', types), fd, object, () => process.getuid?.())
      } finally {
        closeSync(fd)
      }
    })

    test('of an inode is read and written by a program that is asked when it is opened', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'inode-'))
      const path = join(directory, 'file')
      const fd = openSync(path, 'w')
      try {
        if (!hasMaps('inodes')) return
        using other = storage('inodes', origin)
        using object = opened('inodes', 'add_of_inode', other)
        object.globals['only_inode'] = BigInt(fstatSync(fd).ino)
        const error = errorOf(() => object.load().program('add_of_inode').attach())
        judge('lsm', error, noLsm)
        if (error !== undefined) return
        const map = object.map('inodes', types)
        await checkBothWays(map, fd, object, () => closeSync(openSync(path, 'r')))
      } finally {
        closeSync(fd)
        rmSync(directory, { recursive: true })
      }
    })
  })

describeBpf('storage that is created', () => {
  expectNothingLeftOpen()

  test.each(Object.keys(kinds) as Storage[])('of %s is kept by descriptor', (name) => {
    if (!hasMaps(name)) return
    const type = `${kinds[name]}_storage`
    using map = BpfMap.create({ type, ...types, name: 'kept' })
    expect(map.info()).toMatchObject({
      type,
      name: 'kept',
      keySize: 4,
      valueSize: 8,
      maxEntries: 0,
      flags: ['no_prealloc'],
    })
    expect(thrownBy(() => [...map]).code).toBe('ERR_MAP_TYPE')
    expect(thrownBy(() => map.set(2 ** 30, 1n)).message).toMatch(/Its keys are descriptors of/)
  })

  test('what it cannot be is one clear error', () => {
    const create = (options: object) =>
      thrownBy(() => BpfMap.create({ type: 'sk_storage', ...options })).message
    expect(create({ ...types, maxEntries: 5 })).toMatch(
      /maxEntries 5\. Give no maxEntries, keys of/,
    )
    expect(create({ key: u64, value: u64 })).toMatch(/keys of 8 bytes.*keys of 4 bytes/)
    expect(create({})).toMatch(/^Expected valueSize or value/)
  })
})
