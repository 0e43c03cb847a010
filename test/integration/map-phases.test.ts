// Every method of a map in every state: of an object, and alone.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BpfMap, RingBuffer, u32, u64 } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'

const types = { key: u32, value: u64 }

/** Where a map may stand, and what leads there; the second closes all that was made. */
const states: Record<string, () => [map: BpfMap, close: () => void]> = {
  'not loaded': () => {
    const object = openObject('maps')
    return [object.map('array'), () => object.close()]
  },
  loaded: () => {
    const object = openObject('maps').load()
    return [object.map('array'), () => object.close()]
  },
  'object closed': () => {
    const object = openObject('maps').load()
    const map = object.map('array')
    // What was used once has something to be closed.
    map.get(1)
    object.close()
    return [map, () => undefined]
  },
  alone: () => {
    const map = BpfMap.create({ type: 'array', ...types, maxEntries: 8 }) as BpfMap
    return [map, () => map.close()]
  },
  'alone, closed': () => {
    const map = BpfMap.create({ type: 'array', ...types, maxEntries: 8 }) as BpfMap
    map.get(1)
    map.close()
    return [map, () => undefined]
  },
  pinned: () => {
    using map = BpfMap.create({ type: 'array', ...types, maxEntries: 8 })
    const path = join(directory, 'map')
    map.pin(path)
    const pinned = BpfMap.fromPin(path, types) as BpfMap
    return [
      pinned,
      () => {
        pinned.close()
        rmSync(path, { force: true })
      },
    ]
  },
  // As from another thread or process: the object that had it is gone.
  "another object's": () => {
    const object = openObject('maps').load()
    const map = BpfMap.fromId(object.map('array').info().id, types) as BpfMap
    object.close()
    return [map, () => map.close()]
  },
}

const directory = mkdtempSync(join(tmpdir(), 'bpffs-'))
const names = Object.keys(states)
const always = names.map(() => 'ok')
const open = ['ok', 'ok', 'ERR_CLOSED', 'ok', 'ERR_CLOSED', 'ok', 'ok']
const usable = ['ERR_STATE', 'ok', 'ERR_CLOSED', 'ok', 'ERR_CLOSED', 'ok', 'ok']
const configurable = [
  'ok',
  'ERR_STATE',
  'ERR_CLOSED',
  'ERR_STATE',
  'ERR_CLOSED',
  'ERR_STATE',
  'ERR_STATE',
]
/** Only of a map that was opened from its pin there is one to be removed. */
const unpinned = usable.map((code, i) => {
  return code === 'ok' && names[i] !== 'pinned' ? 'ERR_STATE' : code
})
/** What an array does not have is said only of one that could be used. */
const refused = (code: string) => usable.map((outcome) => (outcome === 'ok' ? code : outcome))

const matrix: [string, string[], (map: BpfMap) => unknown][] = [
  ['name', always, (map) => map.name],
  ['type', always, (map) => map.type],
  ['closed', always, (map) => map.closed],
  ['bytes', always, (map) => map.bytes],
  ['as()', open, (map) => map.as(types)],
  ['close()', always, (map) => map.close()],
  ['[Symbol.dispose]()', always, (map) => map[Symbol.dispose]()],
  ['keySize', open, (map) => map.keySize],
  ['valueSize', open, (map) => map.valueSize],
  ['maxEntries', open, (map) => map.maxEntries],
  ['autocreate', ['ok', 'ok', 'ERR_CLOSED', 'ok', 'ok', 'ok', 'ok'], (map) => map.autocreate],
  ['keySize = 4', configurable, (map) => (map.keySize = 4)],
  ['valueSize = 8', configurable, (map) => (map.valueSize = 8)],
  ['maxEntries = 9', configurable, (map) => (map.maxEntries = 9)],
  ['autocreate = false', configurable, (map) => (map.autocreate = false)],
  ['reuse()', configurable, reuse],
  ['fd', usable, (map) => map.fd],
  ['info()', usable, (map) => map.info()],
  ['get()', usable, (map) => map.get(1)],
  ['has()', usable, (map) => map.has(1)],
  ['set()', usable, (map) => map.set(1, 2n)],
  ['bytes.get()', usable, (map) => map.bytes.get(new Uint8Array(4))],
  ['delete()', refused('ERR_MAP_TYPE'), (map) => map.delete(1)],
  ['take()', refused('ERR_MAP_TYPE'), (map) => map.take(1)],
  ['push()', refused('ERR_MAP_TYPE'), (map) => map.push(1)],
  ['pop()', refused('ERR_MAP_TYPE'), (map) => map.pop()],
  ['peek()', refused('ERR_MAP_TYPE'), (map) => map.peek()],
  ['entries()', usable, (map) => [...map.entries()]],
  ['keys()', usable, (map) => [...map.keys()]],
  ['values()', usable, (map) => [...map.values()]],
  ['[Symbol.iterator]()', usable, (map) => [...map]],
  ['size()', usable, (map) => map.size()],
  ['clear()', usable, (map) => map.clear()],
  ['getMany()', usable, (map) => map.getMany([1])],
  ['getMany() of none', usable, (map) => map.getMany([])],
  ['setMany()', usable, (map) => map.setMany([[1, 2n]])],
  ['deleteMany()', refused('ERR_MAP_TYPE'), (map) => map.deleteMany([1])],
  ['takeAll()', refused('ERR_MAP_TYPE'), (map) => map.takeAll()],
  ['view()', refused('ERR_MAP_TYPE'), (map) => map.view()],
  ['freeze()', usable, (map) => map.freeze()],
  ['pin()', usable.map((code) => (code === 'ok' ? 'ERR_STATE' : code)), pinNowhere],
  ['unpin()', unpinned, (map) => map.unpin()],
  ['new RingBuffer()', names.map(() => 'ERR_MAP_TYPE'), (map) => new RingBuffer(map, u32)],
]

function reuse(map: BpfMap): void {
  using other = BpfMap.create({ type: 'array', ...types, maxEntries: 8 })
  map.reuse(other)
}

function pinNowhere(map: BpfMap): void {
  map.pin('/no/such/directory/map')
}

function outcomeOf(action: () => unknown): string {
  try {
    action()
    return 'ok'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

describeBpf('a map', () => {
  expectNothingLeftOpen()
  beforeAll(() => execFileSync('mount', ['-t', 'bpf', 'bpf', directory]))
  afterAll(() => {
    execFileSync('umount', [directory])
    rmdirSync(directory)
  })

  test.each(names)('%s', (name) => {
    for (const [method, expected, action] of matrix) {
      const [map, close] = (states[name] as (typeof states)[string])()
      try {
        // The second time, too: the first one opened what there is to open.
        const outcomes = [outcomeOf(() => action(map)), outcomeOf(() => action(map))]
        const first = expected[names.indexOf(name)]
        expect([method, outcomes[0]]).toEqual([method, first])
        const ended = /close|dispose|freeze/.test(method)
        // What was unpinned is pinned no more.
        const second = method === 'unpin()' && first === 'ok' ? 'ERR_STATE' : first
        if (!ended) expect([method, outcomes[1]]).toEqual([method, second])
      } finally {
        close()
      }
    }
  })

  test('that is frozen is read, and not written', () => {
    using map = BpfMap.create({ type: 'array', ...types, maxEntries: 2 })
    map.freeze()
    expect([map.get(0), map.size(), [...map.values()]]).toEqual([0n, 2, [0n, 0n]])
    const writes = [() => map.set(0, 1n), () => map.clear(), () => map.setMany([[0, 1n]])]
    expect(writes.map(outcomeOf)).toEqual(writes.map(() => 'ERR_STATE'))
  })

  test('knows every method in every state', () => {
    const described = new Set(matrix.map(([method]) => method.replace(/[( ].*$/, '')))
    const own = Object.getOwnPropertyNames(BpfMap.prototype).filter(
      (name) => !['constructor', 'createInner', 'usePerfBuffer', 'wakeupBytes'].includes(name),
    )
    const internal = [
      'typed',
      'prepareLoad',
      'producerCounts',
      'described',
      'controls',
      'innerTemplate',
      'overwrites',
      'recorder',
      'perfHalf',
    ]
    expect(own.filter((name) => !described.has(name) && !internal.includes(name))).toEqual([])
  })
})
