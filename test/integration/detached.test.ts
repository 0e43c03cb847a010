// That programs have ended, also when somebody else has a copy of the link.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { BpfObject, RingBuffer, u64 } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { objectPath, openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { rejectionOf } from '../thrown.js'
import { deadlineMs } from '../until.js'

/** More than the default where a guest needs it, for RCU as well. */
const patient = { timeoutMs: deadlineMs }

function loadPrograms(): BpfObject {
  const object = BpfObject.open(objectPath('programs'))
  object.globals['only_tgid'] = process.pid
  object.program('on_exec').autoload = false
  return object.load()
}

function countCalls(object: BpfObject): number {
  const before = object.globals['calls'] as bigint
  for (let i = 0; i < 100; i++) process.getuid?.()
  return Number((object.globals['calls'] as bigint) - before)
}

const holders: ChildProcess[] = []

afterEach(() => {
  for (const holder of holders.splice(0)) holder.kill()
})

/** A process that has a copy of the one link of this process, until it is told. */
async function holdLink(): Promise<ChildProcess> {
  const link = readdirSync('/proc/self/fd').find((descriptor) => {
    try {
      return /bpf[-_]link/.test(readlinkSync(`/proc/self/fd/${descriptor}`))
    } catch {
      return false // it has listed the directory
    }
  })
  const holder = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore', Number(link)] })
  holders.push(holder)
  await once(holder, 'spawn')
  return holder
}

async function letGo(holder: ChildProcess): Promise<void> {
  const ended = once(holder, 'exit')
  holder.stdin?.end()
  await ended
}

describeBpf('detached()', () => {
  expectNothingLeftOpen()

  test('waits for the last copy of a link', async () => {
    using object = loadPrograms()
    const link = object.program('on_enter').attach()
    const holder = await holdLink()
    object.detach()
    expect(object.links).toEqual([])
    expect(countCalls(object)).toBeGreaterThanOrEqual(100)
    const timeout = { name: 'BpfError', code: 'ERR_TIMEOUT', operation: 'detach' }
    expect(await rejectionOf(object.detached({ timeoutMs: 20 }))).toMatchObject({
      ...timeout,
      target: 'object "programs"',
    })
    expect(await rejectionOf(link.detached({ timeoutMs: 0 }))).toMatchObject({
      ...timeout,
      target: 'program "on_enter"',
    })
    const waiting = Promise.all([object.detached(patient), link.detached(patient)])
    await letGo(holder)
    expect(await waiting).toEqual([true, true])
    expect(countCalls(object)).toBe(0)
  })

  test('is waited for by end(), which gets the last records', async () => {
    using object = openObject('flood')
    object.globals['producer_tgid'] = process.pid
    const ring = new RingBuffer(object.load().map('events'), u64, () => undefined)
    object.attach()
    const holder = await holdLink()
    object.detach()
    const ended = ring.end()
    await letGo(holder)
    await ended
    const { records, lost = NaN, undelivered } = ring.stats()
    expect(records + lost).toBe(Number(object.globals['produced']))
    expect(undelivered).toBe(0)
  })

  test('waits for links of before another attach()', async () => {
    using object = BpfObject.open(objectPath('programs')).load()
    object.program('on_enter').attach()
    const holder = await holdLink()
    object.detach()
    object.program('on_exec').attach()
    object.detach()
    expect((await rejectionOf(object.detached({ timeoutMs: 20 }))).code).toBe('ERR_TIMEOUT')
    await letGo(holder)
    expect(await object.detached(patient)).toBe(true)
  })

  test('is what await using waits for', async () => {
    let holder: ChildProcess
    let kept: BpfObject
    {
      await using object = loadPrograms()
      await using other = loadPrograms()
      object.attach()
      kept = object
      holder = await holdLink()
      setTimeout(() => holder.stdin?.end(), 20)
      expect(other.phase).toBe('loaded')
    }
    expect(kept.phase).toBe('closed')
    // Otherwise it would have been there.
    expect(holder.stdin?.writableEnded).toBe(true)
  })

  test('of what is attached is an error', async () => {
    using object = loadPrograms()
    const link = object.program('on_enter').attach()
    expect(await rejectionOf(object.detached())).toMatchObject({ code: 'ERR_STATE' })
    expect(await rejectionOf(link.detached())).toMatchObject({ code: 'ERR_STATE' })
  })

  test('of what was never attached is at once', async () => {
    const object = loadPrograms()
    expect(await object.detached(patient)).toBe(true)
    object.close()
    expect(await object.detached(patient)).toBe(true)
  })

  test('takes only options that it knows', async () => {
    using object = loadPrograms()
    expect((await rejectionOf(object.detached({ timeoutMs: -1 }))).name).toBe('RangeError')
    const unknown = { timeout: 1 } as unknown as { timeoutMs: number }
    expect((await rejectionOf(object.detached(unknown))).name).toBe('TypeError')
  })
})
