// What iterators write, as lines and as records.
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { bytes, cstring, struct, u32, u64 } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { errorOf, judge } from '../features.js'
import { mounted } from '../mount.js'
import { openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { rejectionOf, thrownBy } from '../thrown.js'

const Task = struct('task', { pid: u32, tgid: u32, comm: cstring(16) })
const Entry = struct('entry', { key: u32, value: u64 }, { packed: true })

describeBpf('iterate()', () => {
  expectNothingLeftOpen()
  const cgroup = mounted('cgroup2')
  const self = process.pid

  test('gives lines, each time anew', async () => {
    using object = openObject('iterators').load()
    const lines = object.program('task_lines').iterate()
    const mine = new RegExp(`^${String(self)} ${String(self)} \\S+`)
    expect([...lines].some((line) => mine.test(line))).toBe(true)
    const again: string[] = []
    for await (const line of lines) again.push(line)
    expect(again.some((line) => mine.test(line))).toBe(true)
    expect(lines.text()).toMatch(new RegExp(mine.source, 'm'))
    expect(object.links).toEqual([])
  })

  test('gives records', async () => {
    using object = openObject('iterators').load()
    const tasks = object.program('task_records').iterate(Task)
    const isMine = ({ pid }: { pid: number }): boolean => pid === self
    expect([...tasks].filter(isMine)).toMatchObject([{ pid: self, tgid: self }])
    const again = []
    for await (const task of tasks) again.push(task)
    expect(again.filter(isMine)).toMatchObject([{ pid: self, tgid: self }])
  })

  test('gives each record once, over many pieces', async () => {
    using object = openObject('iterators').load()
    const many = object.program('many_records').iterate(Entry)
    let keys = new Set<number>()
    let count = 0
    let wrong = 0
    const take = ({ key, value }: { key: number; value: bigint }): void => {
      if (value !== 3n * BigInt(key)) wrong++
      keys.add(key)
      count++
    }
    const expectWhole = (): void => {
      expect([keys.size, wrong, count % 100]).toEqual([count, 0, 0])
      // A piece has eight pages.
      expect(count * 12).toBeGreaterThan(8 * 4096)
    }
    for (const record of many) take(record)
    expectWhole()
    keys = new Set()
    count = 0
    for await (const record of many) take(record)
    expectWhole()
  })

  test('gives each entry of a map', () => {
    using object = openObject('iterators')
    const program = object.program('map_records')
    program.autoload = true
    const error = errorOf(() => object.load())
    judge('iter-map-elem', error, ['ERR_UNSUPPORTED', /refuses iterators of this kind/])
    if (error !== undefined) return
    for (let i = 0; i < 20000; i += 500) object.program('fill').testRun()
    const entries = [...program.iterate(Entry, { map: object.map('entries') })]
    expect(entries.every(({ key, value }) => value === 3n * BigInt(key))).toBe(true)
    expect(new Set(entries.map(({ key }) => key)).size).toBe(20000)
    expect(entries).toHaveLength(20000)
  })

  test('gives one process', () => {
    using object = openObject('iterators').load()
    let lines: string[] = []
    judge(
      'iter-process',
      errorOf(() => (lines = [...object.program('task_lines').iterate(undefined, { pid: self })])),
      ['ERR_UNSUPPORTED', /Such a target needs Linux 6\.1/],
    )
    expect(lines.every((line) => line.startsWith(`${String(self)} `))).toBe(true)
  })

  test('gives a cgroup and those below', () => {
    using object = openObject('iterators')
    const program = object.program('cgroup_lines')
    program.autoload = true
    const child = join(cgroup(), 'bpf-ringbuf-child')
    mkdirSync(child)
    try {
      let counts: number[] = []
      const error = errorOf(() => {
        object.load()
        counts = (['self', 'descendants_pre', 'ancestors'] as const).map(
          (order) => [...program.iterate(undefined, { cgroup: child, order })].length,
        )
      })
      judge('iter-cgroup', error, [
        'ERR_UNSUPPORTED',
        /Such a target needs|no such tracepoint or function/,
      ])
      if (error === undefined) expect(counts).toEqual([1, 1, 2])
    } finally {
      rmdirSync(child)
    }
  })

  test('ends early, and leaves nothing open', async () => {
    using object = openObject('iterators').load()
    const entries = object.program('many_records').iterate(Entry)
    for (const { key } of entries) if (key >= 0) break
    for await (const { key } of entries) if (key >= 0) break
    const iterator = entries[Symbol.asyncIterator]()
    const [first, second] = await Promise.all([iterator.next(), iterator.next()])
    expect(first.value).not.toEqual(second.value)
    await iterator.return()
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  test('ends with the object', async () => {
    using object = openObject('iterators').load()
    const entries = object.program('many_records').iterate(Entry)
    const iterator = entries[Symbol.asyncIterator]()
    const waiting = iterator.next()
    object.close()
    await waiting
    const rest = async (): Promise<void> => {
      while ((await iterator.next()).done !== true);
    }
    expect(await rejectionOf(rest())).toMatchObject({ code: 'ERR_CLOSED', operation: 'iterate' })
    expect(thrownBy(() => [...entries]).code).toBe('ERR_CLOSED')
  })

  test('refuses what is no iterator, and wrong arguments', () => {
    using object = openObject('iterators').load()
    expect(thrownBy(() => object.program('fill').iterate())).toMatchObject({
      code: 'ERR_UNSUPPORTED',
      hint: expect.stringContaining('iter/task') as string,
    })
    const program = object.program('task_records')
    const wrong: [unknown, unknown, string][] = [
      ['Task', undefined, 'TypeError'],
      [bytes(), undefined, 'RangeError'],
      [Task, { pid: 'self' }, 'TypeError'],
      [Task, { pid: 1, tid: 1 }, 'TypeError'],
      [Task, { order: 'self' }, 'TypeError'],
      [Task, { map: {} }, 'TypeError'],
      [Task, { map: object.map('entries') }, 'TypeError'],
      [Task, { process: 1 }, 'TypeError'],
      [struct('task', { pid: u32, tgid: u32 }), undefined, 'BpfError'],
    ]
    for (const [type, target, name] of wrong) {
      const error = thrownBy(() => [...program.iterate(type as never, target as never)])
      expect(error.name).toBe(name)
    }
  })

  test('says when a record is torn, or an item too large', () => {
    using object = openObject('iterators').load()
    expect(thrownBy(() => [...object.program('torn_records').iterate(u64)])).toMatchObject({
      code: 'ERR_RECORD_TOO_SHORT',
    })
    expect(thrownBy(() => object.program('too_much').iterate().text()).code).toBe('ERR_FULL')
  })
})
