// Every method of programs and links in every state.
import { join } from 'node:path'
import { BpfLink, type BpfObject, BpfProgram, struct, u32 } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { mounted } from '../mount.js'
import { openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'
import { deadlineMs } from '../until.js'

type Outcome = 'ok' | 'ERR_STATE' | 'ERR_CLOSED' | 'ERR_UNSUPPORTED'

async function outcomeOf(action: () => unknown): Promise<string> {
  try {
    await action()
    return 'ok'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

/** What each method and accessor of a class throws for a `this` that is none of its instances. */
function thrownByEach(prototype: object, receiver: object): [string, string][] {
  return Object.getOwnPropertyNames(prototype)
    .filter((name) => name !== 'constructor' && name !== 'detached')
    .map((name) => {
      const { name: thrown } = thrownBy(() => {
        const value: unknown = Reflect.get(prototype, name, receiver)
        if (typeof value === 'function') Reflect.apply(value, receiver, ['vfs_read'])
      })
      return [name, thrown]
    })
}

/** The methods and accessors of a class that a matrix does not have. */
function leftOut(
  prototype: object,
  matrix: readonly (readonly [string, ...unknown[]])[],
): string[] {
  const described = new Set(matrix.map(([what]) => /^\w+/.exec(what)?.[0]))
  return Object.getOwnPropertyNames(prototype).filter((name) => !described.has(name))
}

const phases = ['open', 'loaded', 'failed', 'closed', 'left out'] as const

/** The program "accepted" of rejected.bpf.c, which loads only without its second program. */
function objectIn(phase: (typeof phases)[number]): BpfObject {
  const object = openObject('rejected')
  if (phase === 'left out') object.program('accepted').autoload = false
  if (phase === 'loaded' || phase === 'left out') {
    object.program('unchecked').autoload = false
    object.load()
  }
  if (phase === 'failed') expect(thrownBy(() => object.load()).code).toBe('ERR_VERIFIER')
  if (phase === 'closed') object.close()
  return object
}

const always: Outcome[] = ['ok', 'ok', 'ok', 'ok', 'ok']
const untilClosed: Outcome[] = ['ok', 'ok', 'ok', 'ERR_CLOSED', 'ok']
const untilLoaded: Outcome[] = ['ok', 'ERR_STATE', 'ERR_STATE', 'ERR_CLOSED', 'ERR_STATE']
const onceLoaded: Outcome[] = ['ERR_STATE', 'ok', 'ERR_STATE', 'ERR_CLOSED', 'ERR_STATE']
const noIterator: Outcome[] = onceLoaded.map((outcome) =>
  outcome === 'ok' ? 'ERR_UNSUPPORTED' : outcome,
)

const Task = struct('task', { pid: u32 }, { unchecked: true })

const programs: [string, Outcome[], (program: BpfProgram) => unknown][] = [
  ['name', always, (program) => program.name],
  ['section', always, (program) => program.section],
  ['autoload', untilClosed, (program) => program.autoload],
  ['autoload = true', untilLoaded, (program) => (program.autoload = true)],
  ['autoattach', untilClosed, (program) => program.autoattach],
  ['autoattach = false', untilClosed, (program) => (program.autoattach = false)],
  ['type', untilClosed, (program) => program.type],
  ['type = …', untilLoaded, (program) => (program.type = 'raw_tracepoint')],
  ['expectedAttachType', untilClosed, (program) => program.expectedAttachType],
  [
    'expectedAttachType = …',
    untilLoaded,
    (program) => (program.expectedAttachType = 'cgroup_inet_ingress'),
  ],
  ['flags', untilClosed, (program) => program.flags],
  ['flags = …', untilLoaded, (program) => (program.flags = ['test_rnd_hi32'])],
  ['logLevel', untilClosed, (program) => program.logLevel],
  ['logLevel = 1', untilLoaded, (program) => (program.logLevel = 1)],
  ['logBytes', untilClosed, (program) => program.logBytes],
  ['logBytes = …', untilLoaded, (program) => (program.logBytes = 1 << 16)],
  ['verifierLog', untilClosed, (program) => program.verifierLog],
  ['setAttachTarget()', untilLoaded, (program) => program.setAttachTarget('vfs_read')],
  ['fd', onceLoaded, (program) => program.fd],
  ['info()', onceLoaded, (program) => program.info()],
  ['attach()', onceLoaded, (program) => program.attach()],
  [
    'attach(target)',
    onceLoaded,
    (program) => program.attach({ rawTracepoint: { name: 'sys_enter' } }),
  ],
  ['testRun()', onceLoaded, (program) => program.testRun()],
  ['iterate()', noIterator, (program) => program.iterate()],
  ['iterate(type)', noIterator, (program) => program.iterate(Task)],
]

describeBpf('a program', () => {
  expectNothingLeftOpen()

  describe.each(programs)('%s', (_, expected, action) => {
    test.each(phases)('%s', async (phase) => {
      using object = objectIn(phase)
      const outcome = await outcomeOf(() => action(object.program('accepted')))
      expect(outcome).toBe(expected[phases.indexOf(phase)])
    })
  })

  test.each(phases)('says what is not attached: %s', async (phase) => {
    using object = objectIn(phase)
    const expected = phase === 'left out' ? 'ok' : onceLoaded[phases.indexOf(phase)]
    expect(await outcomeOf(() => object.unattached)).toBe(expected)
  })

  test('that came from another thread is none', () => {
    using object = objectIn('loaded')
    const copy = structuredClone(object.program('accepted'))
    for (const [name, thrown] of thrownByEach(BpfProgram.prototype, copy)) {
      expect([name, thrown]).toEqual([name, 'TypeError'])
    }
  })

  test('knows every method in every phase', () => {
    const internal = ['constructor', 'autoAttach', 'isIterator']
    expect(leftOut(BpfProgram.prototype, programs)).toEqual(internal)
  })
})

const states = ['attached', 'pinned', 'closed', 'pinned, closed', 'object closed'] as const
const open: Outcome[] = ['ok', 'ok', 'ERR_CLOSED', 'ERR_CLOSED', 'ERR_CLOSED']

const links: [string, Outcome[], (link: BpfLink<BpfProgram>, object: BpfObject) => unknown][] = [
  ['program', always, (link) => link.program],
  ['closed', always, (link) => link.closed],
  ['pinPath', always, (link) => link.pinPath],
  ['fd', open, (link) => link.fd],
  ['info()', open, (link) => link.info()],
  [
    'pin()',
    ['ok', 'ERR_STATE', 'ERR_CLOSED', 'ERR_CLOSED', 'ERR_CLOSED'],
    (link) => {
      link.pin(otherPin())
      link.unpin()
    },
  ],
  [
    'unpin()',
    ['ERR_STATE', 'ok', 'ERR_CLOSED', 'ERR_CLOSED', 'ERR_CLOSED'],
    (link) => link.unpin(),
  ],
  ['update()', open, (link) => link.update(link.program)],
  ['detach()', open, (link) => link.detach()],
  ['close()', always, (link) => link.close()],
  ['[Symbol.dispose]()', always, (link) => link[Symbol.dispose]()],
  [
    'detached()',
    ['ERR_STATE', 'ERR_STATE', 'ok', 'ERR_STATE', 'ok'],
    (link) => link.detached({ timeoutMs: deadlineMs }),
  ],
]

let otherPin: () => string

describeBpf('a link', () => {
  expectNothingLeftOpen()
  const bpffs = mounted('bpf')
  const cgroup = mounted('cgroup2')
  otherPin = () => join(bpffs(), 'other')

  function load(): BpfObject {
    const object = openObject('targets')
    object.program('cgroup_egress').autoload = true
    return object.load()
  }

  describe.each(links)('%s', (_, expected, action) => {
    test.each(states)('%s', async (state) => {
      using object = load()
      const path = join(bpffs(), 'pin')
      const link = object.program('cgroup_egress').attach({ cgroup: cgroup() })
      if (state.startsWith('pinned')) link.pin(path)
      if (state.endsWith(', closed') || state === 'closed') link.close()
      if (state === 'object closed') object.close()
      expect(await outcomeOf(() => action(link, object))).toBe(expected[states.indexOf(state)])
      if (link.pinPath === undefined) return
      using pinned = BpfLink.fromPin(path)
      pinned.unpin()
    })
  })

  test('that came from another thread is none', () => {
    for (const [name, thrown] of thrownByEach(BpfLink.prototype, {})) {
      expect([name, thrown]).toEqual([name, 'TypeError'])
    }
  })

  test('knows every method in every state', () => {
    expect(leftOut(BpfLink.prototype, links)).toEqual(['constructor', 'ids', 'isOver'])
  })
})
