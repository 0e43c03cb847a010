// Every method in every phase; those of programs and links are in
// program-phases.test.ts.
import { BpfObject, bytes, type Phase, RingBuffer } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'

/** An object of rejected.bpf.c, which loads only without its second program. */
function objectIn(phase: Phase): BpfObject {
  const object = openObject('rejected')
  if (phase === 'loaded') {
    object.program('unchecked').autoload = false
    object.load()
  }
  if (phase === 'failed') expect(thrownBy(() => object.load()).code).toBe('ERR_VERIFIER')
  if (phase === 'closed') object.close()
  expect(object.phase).toBe(phase)
  return object
}

type Outcome = 'ok' | 'ERR_STATE' | 'ERR_CLOSED'

async function outcomeOf(action: () => unknown): Promise<string> {
  try {
    await action()
    return 'ok'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

const always: Outcome[] = ['ok', 'ok', 'ok', 'ok']
const untilClosed: Outcome[] = ['ok', 'ok', 'ok', 'ERR_CLOSED']
const untilLoaded: Outcome[] = ['ok', 'ERR_STATE', 'ERR_STATE', 'ERR_CLOSED']
const whileUsable: Outcome[] = ['ok', 'ok', 'ERR_STATE', 'ERR_CLOSED']
const onceLoaded: Outcome[] = ['ERR_STATE', 'ok', 'ERR_STATE', 'ERR_CLOSED']

const phases: Phase[] = ['open', 'loaded', 'failed', 'closed']

const matrix: [string, Outcome[], (object: BpfObject) => unknown][] = [
  ['object.name', always, (object) => object.name],
  ['object.phase', always, (object) => object.phase],
  ['object.map()', always, (object) => object.map('events')],
  ['object.program()', always, (object) => object.program('accepted')],
  ['object.maps', always, (object) => object.maps.size],
  ['object.btf', always, (object) => object.btf?.variables()],
  ['object.links', always, (object) => object.links],
  ['object.detach()', always, (object) => object.detach()],
  ['object.close()', always, (object) => object.close()],
  ['object[Symbol.dispose]()', always, (object) => object[Symbol.dispose]()],
  ['object.load()', untilLoaded, loadAccepted],
  ['object.attach()', onceLoaded, (object) => object.attach()],
  ['object.unattached', onceLoaded, (object) => object.unattached],
  // Nothing was attached.
  ['object.detached()', always, (object) => object.detached({ timeoutMs: 2000 })],
  ['object.kernelVersion', untilClosed, (object) => object.kernelVersion],
  ['object.kernelVersion = …', untilLoaded, (object) => (object.kernelVersion = 0x60100)],
  ['map.name', always, (object) => object.map('values').name],
  ['map.type', always, (object) => object.map('values').type],
  ['map.keySize', untilClosed, (object) => object.map('values').keySize],
  ['map.valueSize', untilClosed, (object) => object.map('values').valueSize],
  ['map.maxEntries', untilClosed, (object) => object.map('values').maxEntries],
  ['map.maxEntries = 8', untilLoaded, (object) => (object.map('values').maxEntries = 8)],
  ['map.wakeupBytes', untilClosed, (object) => object.map('events').wakeupBytes],
  ['map.wakeupBytes = 8', untilLoaded, (object) => (object.map('events').wakeupBytes = 8)],
  ['map.fd', onceLoaded, (object) => object.map('values').fd],
  ['map.bytes.get()', onceLoaded, (object) => object.map('values').bytes.get(new Uint8Array(4))],
  ['globals.step', untilClosed, (object) => object.globals.step],
  ['globals.step = 1', whileUsable, (object) => (object.globals.step = 1)],
  ['globals.limit', untilClosed, (object) => object.globals.limit],
  ['globals.limit = 1', untilLoaded, (object) => (object.globals.limit = 1)],
  ["'step' in globals", always, (object) => 'step' in object.globals],
  ['Object.keys(globals)', always, (object) => Object.keys(object.globals)],
  [
    'new RingBuffer()',
    onceLoaded,
    (object) => new RingBuffer(object.map('events'), bytes()).close(),
  ],
]

const methods = Object.getOwnPropertyNames(BpfObject.prototype).filter(
  (name) => name !== 'constructor',
)

function loadAccepted(object: BpfObject): void {
  if (object.phase === 'open') object.program('unchecked').autoload = false
  object.load()
}

describeBpf('an object', () => {
  expectNothingLeftOpen()

  describe.each(matrix)('%s', (_, expected, action) => {
    test.each(phases)('%s', async (phase) => {
      const object = objectIn(phase)
      try {
        expect(await outcomeOf(() => action(object))).toBe(expected[phases.indexOf(phase)])
      } finally {
        object.close()
      }
    })
  })

  test.each(phases)('closes from %s', (phase) => {
    const object = objectIn(phase)
    object.close()
    object.close()
    expect(object.phase).toBe('closed')
  })

  test('that came from another thread is none', () => {
    using object = objectIn('open')
    expect(thrownBy(() => structuredClone(object)).name).toBe('DataCloneError')
    for (const name of methods.filter((each) => each !== 'detached')) {
      const { name: thrown } = thrownBy(() => {
        const value: unknown = Reflect.get(BpfObject.prototype, name, {})
        if (typeof value === 'function') Reflect.apply(value, {}, ['events'])
      })
      expect([name, thrown]).toEqual([name, 'TypeError'])
    }
  })

  test('knows every method in every phase', () => {
    const described = new Set(matrix.map(([what]) => /^object\.(\w+)/.exec(what)?.[1]))
    expect(methods.filter((name) => !described.has(name))).toEqual([])
  })

  test('keeps names after it was closed', () => {
    const object = objectIn('closed')
    expect(object.name).toBe('rejected')
    expect(object.map('events').name).toBe('events')
    expect(object.program('accepted').section).toBe('raw_tp/sys_enter')
  })

  test('closes at the end of its scope', () => {
    let kept: BpfObject
    {
      using object = objectIn('loaded')
      kept = object.attach()
    }
    expect(kept.phase).toBe('closed')
  })
})
