// Maps that are pinned: by hand, and by their names when an object is loaded.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  array,
  BpfLink,
  BpfMap,
  BpfObject,
  bytes,
  cstring,
  RingBuffer,
  struct,
  u32,
  u64,
} from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { make, objectPath, openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'

const codeOf = (action: () => unknown): string | undefined => thrownBy(action).code

describeBpf('pinned maps', () => {
  expectNothingLeftOpen()
  const directory = mkdtempSync(join(tmpdir(), 'bpffs-'))
  const mounted = join(directory, 'fs')
  const pinRoot = join(mounted, 'pins')
  const at = (name: string): string => join(pinRoot, name)
  beforeAll(() => {
    mkdirSync(mounted)
    execFileSync('mount', ['-t', 'bpf', 'bpf', mounted])
  })
  beforeEach(() => mkdirSync(pinRoot))
  afterEach(() => rmSync(pinRoot, { recursive: true }))
  afterAll(() => {
    execFileSync('umount', [mounted])
    rmSync(directory, { recursive: true })
  })
  /** What it pins by name. */
  const declared = ['kept', 'kept__counters', 'shared_perf', 'shared_ring']
  const openPinned = (): BpfObject => BpfObject.open(objectPath('pinned'), { pinRoot })

  test('stay when all who had them open are gone, until they are unpinned', () => {
    const map = BpfMap.create({ type: 'hash', key: u32, value: u64, maxEntries: 3 })
    map.pin(at('first')).pin(at('second')).set(1, 5n)
    map.close()
    using again = BpfMap.fromPin(at('first'), { key: u32, value: u64 })
    expect([...again]).toEqual([[1, 5n]])
    again.unpin(at('second'))
    expect(readdirSync(pinRoot)).toEqual(['first'])
    // What it made goes before where it was found.
    again.pin(at('third'))
    again.unpin()
    expect(readdirSync(pinRoot)).toEqual(['first'])
    again.unpin()
    expect(readdirSync(pinRoot)).toEqual([])
    expect(codeOf(() => again.unpin())).toBe('ERR_STATE')
    using byId = BpfMap.fromId(again.info().id)
    expect(codeOf(() => byId.unpin())).toBe('ERR_STATE')
  })

  test('of a name are left alone by an object that has maps of its own', () => {
    const openOwn = (): BpfObject => BpfObject.open(objectPath('pinned'), { pinRoot: null }).load()
    openOwn().close()
    const places = ['shared_ring', 'kept', 'kept__counters', 'shared_perf']
    const pinned = (): boolean[] => places.map((name) => existsSync(`/sys/fs/bpf/${name}`))
    expect(pinned()).toEqual([false, false, false, false])
    using shared = openPinned().load()
    using own = openOwn()
    expect(own.map('kept').info().id).not.toBe(shared.map('kept').info().id)
    // Pinned by hand, as any other.
    own.map('kept').pin(at('by_hand')).unpin()
    expect(codeOf(() => BpfObject.open(objectPath('pinned'), { pinRoot: 5 as never }))).toBe(
      'ERR_INVALID_ARG_TYPE',
    )
  })

  test('of an object are pinned and unpinned as others are', () => {
    using object = openObject('maps')
    expect(codeOf(() => object.map('hash').pin(at('hash')))).toBe('ERR_STATE')
    object.load()
    object.map('hash').pin(at('hash'))
    using other = BpfMap.fromPin(at('hash'), { key: u32, value: bytes(32) })
    expect(other.info().id).toBe(object.map('hash').info().id)
    // Typed by the map's own BTF.
    using typed = BpfMap.fromPin(at('hash'))
    object.map('hash').set(1, { hits: 2n, slots: [0, 0, 0, 0], name: 'n' })
    expect(typed.get(1)).toEqual({ hits: 2n, slots: [0, 0, 0, 0], name: 'n' })
    object.map('hash').unpin()
    expect(existsSync(at('hash'))).toBe(false)
  })

  test('check structs that are given against their own BTF', () => {
    using object = openObject('maps')
    object.load()
    const { fd } = object.map('hash').pin(at('hash'))
    const { id } = object.map('hash').info()
    const Entry = struct('histogram', { hits: u64, slots: array(u32, 4), name: cstring(8) })
    const Swapped = struct('histogram', { name: cstring(8), slots: array(u32, 4), hits: u64 })
    using found = BpfMap.fromPin(at('hash'), { key: u32, value: Entry })
    object.map('hash').set(1, { hits: 2n, slots: [0, 0, 0, 0], name: 'n' })
    expect(found.get(1)).toEqual({ hits: 2n, slots: [0, 0, 0, 0], name: 'n' })
    const types = { key: u32, value: Swapped }
    const outcomes = [
      () => BpfMap.fromPin(at('hash'), types),
      () => BpfMap.fromId(id, types),
      () => BpfMap.fromFd(fd, types),
      // As by the object.
      () => object.map('hash', types),
    ].map((open) => thrownBy(open).message)
    expect(new Set(outcomes).size).toBe(1)
    expect(outcomes[0]).toMatch(/^Cannot decode field "histogram.name": its offset is 0/)
  })

  test('what is wrong with a path is said', () => {
    using map = BpfMap.create({ type: 'hash', key: u32, value: u64, maxEntries: 3 })
    using other = BpfMap.create({ type: 'array', key: u32, value: u64, maxEntries: 3 })
    map.pin(at('map'))
    const file = join(directory, 'file')
    writeFileSync(file, '')
    const outcomes = [
      () => map.pin(at('map')),
      () => map.pin(join(directory, 'some/map')),
      () => map.pin(''),
      () => other.unpin(at('map')),
      () => other.unpin(at('nothing')),
      () => BpfMap.fromPin(at('nothing')),
      () => BpfMap.fromPin(file),
      () => BpfMap.fromPin(at('map'), { key: u64, value: u64 }),
      () => BpfMap.fromPin(3 as unknown as string),
      () => map.pin('with\0zero'),
    ].map(codeOf)
    expect(outcomes).toEqual([
      'ERR_EXISTS',
      'ERR_STATE',
      'ERR_INVALID_ARG_TYPE',
      'ERR_STATE',
      'ERR_FILE_NOT_FOUND',
      'ERR_FILE_NOT_FOUND',
      'ERR_FILE_NOT_FOUND',
      'ERR_LAYOUT',
      'ERR_INVALID_ARG_TYPE',
      'ERR_INVALID_ARG_TYPE',
    ])
    for (const Kind of [BpfMap, BpfLink]) {
      expect(thrownBy(() => Kind.fromPin(at('.'))).message).toMatch(/: it is a directory$/)
    }
    // Nothing is made where nothing can be pinned.
    expect(existsSync(join(directory, 'some'))).toBe(false)
    rmSync(file)
  })

  test('have no names with dots, which the kernel refuses with EPERM', () => {
    using map = BpfMap.create({ type: 'hash', key: u32, value: u64, maxEntries: 3 })
    using object = openObject('attach')
    object.program('raw_tracepoint').autoload = true
    const link = object.load().program('raw_tracepoint').attach()
    using dotted = BpfObject.open(objectPath('pinned'), { pinRoot: at('agent-1.0') })
    const outcomes = [
      () => map.pin(at('v1.2')),
      () => map.pin(at('v1.2/map')),
      () => link.pin(at('my.link')),
      () => BpfMap.fromPin(at('v1.2')),
      () => BpfLink.fromPin(at('v1.2/link')),
      () => dotted.load(),
    ].map(thrownBy)
    for (const { code, message } of outcomes) {
      expect(code).toBe('ERR_FILE_NOT_FOUND')
      expect(message).toMatch(/: a BPF file system takes no name with a dot, and \S+ has "\S+"$/)
    }
    const long = at('x'.repeat(300))
    expect(thrownBy(() => map.pin(long)).message).toContain(
      `map of type hash at ${long}: ENAMETOOLONG`,
    )
  })

  test('are in directories that are made for them, of links as well', () => {
    using map = BpfMap.create({ type: 'hash', key: u32, value: u64, maxEntries: 3 })
    map.pin(at('a/b/map'))
    using object = openObject('attach')
    object.program('raw_tracepoint').autoload = true
    const link = object.load().program('raw_tracepoint').attach()
    link.pin(at('c/d/link'))
    link.unpin()
    using nested = BpfObject.open(objectPath('pinned'), { pinRoot: at('e/f') })
    nested.load()
    expect(readdirSync(at('e/f')).sort()).toEqual(declared)
    using outside = BpfObject.open(objectPath('pinned'), { pinRoot: join(directory, 'g') })
    const errors = [
      thrownBy(() => outside.load()),
      thrownBy(() => map.pin(join(directory, 'map'))),
      thrownBy(() => link.pin(join(directory, 'link'))),
    ]
    for (const { code, message } of errors) {
      expect(code).toBe('ERR_STATE')
      expect(message).toMatch(/ is in no BPF file system\. Mount one: mount -t bpf bpf/)
    }
  })

  test('are told from links and programs, and these from maps', () => {
    using object = openObject('attach')
    object.program('raw_tracepoint').autoload = true
    const program = object.load().program('raw_tracepoint')
    using link = program.attach()
    link.pin(at('link'))
    using map = BpfMap.create({ type: 'hash', key: u32, value: u64, maxEntries: 3 })
    map.pin(at('map'))
    const outcomes = [
      () => BpfMap.fromPin(at('link')),
      () => BpfMap.fromFd(link.fd),
      () => BpfMap.fromFd(program.fd),
      () => BpfLink.fromPin(at('map')),
      () => BpfLink.fromPin(at('nothing')),
      () => BpfLink.fromPin(__filename),
    ].map(codeOf)
    expect(outcomes).toEqual([
      'ERR_MAP_TYPE',
      'ERR_MAP_TYPE',
      'ERR_MAP_TYPE',
      'ERR_KERNEL',
      'ERR_FILE_NOT_FOUND',
      'ERR_FILE_NOT_FOUND',
    ])
    for (const [open, what] of [
      [() => BpfMap.fromPin(at('link')), 'a link is pinned there and no map. Open it by BpfLink'],
      [() => BpfLink.fromPin(at('map')), 'a map is pinned there and no link. Open it by BpfMap'],
    ] as const) {
      expect(thrownBy(open).message).toContain(what)
    }
    link.unpin()
  })

  test('that another user may not open are not said to need capabilities', () => {
    using map = BpfMap.create({ type: 'hash', key: u32, value: u64, maxEntries: 3 })
    map.pin(at('map'))
    const index = JSON.stringify(join(__dirname, '../../dist'))
    const code = `
      const { BpfMap, BpfLink } = require(${index})
      for (const kind of [BpfMap, BpfLink]) {
        try { kind.fromPin(${JSON.stringify(at('map'))}) } catch (error) {
          console.log(error.code, /CAP_BPF/.test(error.message), /mode of .* chmod/.test(error.message))
        }
      }`
    const output = execFileSync('setpriv', ['--reuid', '65534', process.execPath, '-e', code])
    expect(String(output)).toBe('ERR_PERMISSION false true\n'.repeat(2))
  })

  test('that are declared by name are made in the pin root, and found there', () => {
    using object = openPinned()
    object.load()
    expect(readdirSync(pinRoot).sort()).toEqual(declared)
    using other = openPinned()
    other.load()
    const idOf = (opened: BpfObject) => opened.map('shared_ring').info().id
    expect(idOf(other)).toBe(idOf(object))
    object.map('shared_ring').unpin()
    expect(readdirSync(pinRoot).sort()).toEqual(declared.slice(0, -1))
  })

  test('a pin of another shape under the name is an error that says what differs', () => {
    using wrong = BpfMap.create({ type: 'ringbuf', maxEntries: 2 ** 16 })
    wrong.pin(at('shared_ring'))
    using object = openPinned()
    const error = thrownBy(() => object.load())
    expect([error.code, error.message]).toEqual([
      'ERR_EXISTS',
      `Cannot load object "pinned": the map that is pinned at ${at('shared_ring')} has another ` +
        'shape: maxEntries 65536 there and 4096 here. Remove it if nobody needs it, or open the ' +
        'object with another pinRoot',
    ])
  })

  test('reuse() takes another map in the place of a declared one, of the same shape', () => {
    using shared = BpfMap.create({ type: 'array', key: u32, value: u64, maxEntries: 8 })
    shared.set(2, 5n)
    using object = openObject('maps')
    const array = object.map('array', { key: u32, value: u64 })
    array.reuse(shared)
    using wrong = BpfMap.create({ type: 'hash', key: u32, value: u32, maxEntries: 9 })
    const error = thrownBy(() => array.reuse(wrong))
    expect([error.code, error.message]).toEqual([
      'ERR_LAYOUT',
      expect.stringMatching(
        'type hash there and array here, valueSize 4 there and 8 here, maxEntries 9 there and 8 here',
      ),
    ])
    object.load()
    const context = new Uint8Array(BigUint64Array.of(2n, 3n).buffer)
    object.program('add').testRun({ context })
    expect([shared.get(2), array.get(2)]).toEqual([8n, 8n])
    expect(codeOf(() => array.reuse(shared))).toBe('ERR_STATE')
    expect(array.info().id).toBe(shared.info().id)
  })

  test('reuse() of what is pinned by its name pins the other map, or says that the name is taken', () => {
    using shared = BpfMap.create({ type: 'ringbuf', maxEntries: 4096 })
    const { id } = shared.info()
    const openReusing = (): BpfObject => {
      const object = openPinned()
      object.map('shared_ring').reuse(shared)
      return object
    }
    for (let time = 0; time < 2; time++) {
      using object = openReusing()
      object.load()
      expect(object.map('shared_ring').info().id).toBe(id)
    }
    rmSync(at('shared_ring'))
    openPinned().load().close()
    using object = openReusing()
    const { code, message } = thrownBy(() => object.load())
    expect([code, message]).toEqual([
      'ERR_EXISTS',
      `Cannot load map "shared_ring": it is to reuse map ${String(id)}, and another one is pinned ` +
        `at ${at('shared_ring')}. Remove that pin if nobody needs it, or open the object with ` +
        'another pinRoot, or with null',
    ])
  })

  test('a pinned ring is read without its object', () => {
    using object = openPinned()
    object.load()
    using ring = BpfMap.fromPin(at('shared_ring'))
    using reader = new RingBuffer(ring, bytes(), () => undefined, { pollThread: false })
    expect(reader.consume()).toBe(0)
    expect(codeOf(() => new RingBuffer(object.map('shared_ring'), bytes(), () => undefined))).toBe(
      'ERR_BUSY',
    )
  })

  describe('of rings that count', () => {
    const pins = (): string[] => readdirSync(pinRoot).sort()

    test('take their counters along', () => {
      using object = openObject('records')
      object.load()
      const [events, counters] = ['events', 'events__counters'].map((name) => object.map(name))
      events?.pin(at('ring'))
      expect(pins()).toEqual(['ring', 'ring__counters'])

      // Read without its object, it tells what was lost.
      using found = BpfMap.fromPin(at('ring'))
      using reader = new RingBuffer(found, bytes(), () => undefined, { pollThread: false })
      make(object, 'events', { count: 10_000, discardEvery: 10 })
      const received = reader.consume()
      const { lost = NaN, discarded = NaN } = reader.stats()
      expect([received + lost + discarded, discarded > 0, lost > 0]).toEqual([10_000, true, true])

      using other = openObject('records')
      other.map('events').reuse(found)
      other.load()
      expect(other.map('events__counters').info().id).toBe(counters?.info().id)

      found.unpin()
      expect(pins()).toEqual([])
    })

    test('are pinned both or not at all, and leave alone what is not theirs', () => {
      using object = openObject('records')
      object.load()
      using another = BpfMap.create({ type: 'array', key: u32, value: u64, maxEntries: 8 })
      another.pin(at('ring__counters'))
      expect(codeOf(() => object.map('events').pin(at('ring')))).toBe('ERR_EXISTS')
      expect(pins()).toEqual(['ring__counters'])
      another.unpin()
      object.map('events').pin(at('ring'))
      object.map('events__counters').unpin(at('ring__counters'))
      another.pin(at('ring__counters'))
      object.map('events').unpin()
      expect(pins()).toEqual(['ring__counters'])
    })

    test('are not what a map is called that is closed', () => {
      const object = openObject('records')
      const map = object.map('events')
      object.close()
      for (const action of [() => map.pin(at('ring')), () => map.unpin()]) {
        expect(thrownBy(action).message).toMatch(/pin map "events": it is closed$/)
      }
    })

    test('are pinned by their names where BPFRB_RINGBUF_PINNED() declares them', () => {
      using object = openPinned()
      object.load()
      expect(pins()).toEqual(declared)
      const ids = (of: BpfObject): number[] =>
        ['kept', 'kept__counters'].map((name) => of.map(name).info().id)
      using other = openPinned()
      other.load()
      expect(ids(other)).toEqual(ids(object))
      using reader = new RingBuffer(other.map('kept'), bytes(), () => undefined)
      expect(reader.stats()).toMatchObject({ lost: 0, discarded: 0 })
      object.map('kept').unpin()
      expect(pins()).toEqual(['shared_perf', 'shared_ring'])
    })
  })
})
