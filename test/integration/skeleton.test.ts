// Objects by generated modules: what the module has to say, and the object to be.
import {
  at,
  BpfSkeleton,
  bytes,
  struct,
  tagged,
  u32,
  u64,
  type SkeletonParts,
} from '../../lib/index.js'
import type { BpfMap, BpfProgram, BpfRing } from '../../lib/index.js'
import { make, numbers, objectPath, Sample } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'

interface Maps {
  readonly events: BpfMap<never, never>
  readonly latest: BpfMap<number, Sample>
}
interface Rings {
  readonly events: BpfRing<Sample>
  readonly others: BpfRing<Uint8Array>
}
interface Programs {
  readonly make_events: BpfProgram
}

const command = 'npx bpf-ringbuf gen records.bpf.o -o records.bpf.ts'
const parts: SkeletonParts = {
  name: 'records',
  command,
  file: 'build/bpf/test/records.bpf.o',
  types: [],
  maps: { events: { type: 'ringbuf' }, latest: { type: 'hash', key: u32, value: Sample } },
  rings: { events: Sample, others: undefined },
  programs: ['make_events'],
  globals: {},
}

class Records extends BpfSkeleton<Maps, Rings, Programs, object> {}

function open(changed: Partial<SkeletonParts> = {}, name = 'records'): Records {
  return new Records({ ...parts, ...changed }, { object: objectPath(name) })
}

describe('an object that its module does not match', () => {
  const key = u32
  const maps = (value: SkeletonParts['maps'][string]): Partial<SkeletonParts> => ({
    maps: { latest: value },
  })
  const shorter = struct('sample', { wide: u64 })

  test.each<[string, Partial<SkeletonParts>, string]>([
    [
      'a map',
      { maps: { lattest: { type: 'hash' } } },
      'map "lattest" is gone; did you mean "latest"?',
    ],
    [
      'a program',
      { programs: ['make_event'] },
      'program "make_event" is gone; did you mean "make_events"?',
    ],
    ['a global', { globals: { limit: u32 } }, 'global "limit" is gone'],
    [
      'the type of a map',
      maps({ type: 'array', key, value: Sample }),
      'map "latest" was of type array and is of type hash',
    ],
    [
      'the type of a key',
      maps({ type: 'hash', key: u64, value: Sample }),
      'the keys of map "latest": it was u64 and is u32',
    ],
    [
      'a new field',
      maps({ type: 'hash', key, value: shorter }),
      'negative of the values of map "latest": it is new',
    ],
    [
      'a struct',
      { types: [struct('smaple', { wide: u64 })] },
      'struct smaple is gone from its BTF',
    ],
    [
      'a field',
      { types: [struct('sample', { wide: u64, sequence: u32 })] },
      'sequence of struct sample: it was at offset 8 and is at 16',
    ],
  ])('says which %s moved', (_, changed, problem) => {
    const error = thrownBy(() => open(changed))
    expect(error.code).toBe('ERR_LAYOUT')
    expect(error.message).toBe(
      `Cannot open object "records": it is not the one that its module was made from: ${problem}${problem.endsWith('?') ? '' : '.'} Make the module again: ${command}`,
    )
  })

  test('may have more than the module', () => {
    using records = open({ maps: {}, rings: {}, programs: [] })
    expect([records.maps, records.rings, records.programs]).toEqual([{}, {}, {}])
  })

  test('has to have types', () => {
    const error = thrownBy(() => open({ maps: {}, programs: [] }, 'globals.nobtf'))
    expect(error.message).toContain('it has no BTF any more')
  })

  test('of bytes is one of any type of that size', () => {
    using records = open(maps({ type: 'hash', key, value: bytes(64) }))
    expect(records.phase).toBe('open')
  })
})

describe('the object of a module', () => {
  test('is found where the module or its package has it', () => {
    using records = new Records(parts)
    expect(records.object.name).toBe('records')
  })

  test('that is nowhere is an error with all places', () => {
    const error = thrownBy(() => new Records({ ...parts, file: 'build/nowhere.bpf.o' }))
    expect(error.code).toBe('ERR_FILE_NOT_FOUND')
    expect(error.message).toMatch(
      /test\/integration\/nowhere\.bpf\.o and not at .*\/build\/nowhere/,
    )
    expect(error.hint).toContain('--embed')
  })

  test('takes the options of open() and no others', () => {
    expect(() => new Records(parts, { objekt: 'x' } as object)).toThrow(
      /Expected one of object, name, pinRoot, tokenPath .*'objekt'/,
    )
  })
})

describeBpf('a skeleton', () => {
  test('has maps, rings, programs and links of the object', async () => {
    using records = open()
    expect(records.load().attach().phase).toBe('loaded')
    await using ring = records.rings.events.read()
    make(records.object, 'events', { count: 3 })
    const found: number[] = []
    for await (const { sequence } of ring) if (found.push(sequence) === 3) break
    expect(found).toEqual(numbers(3))
    expect(records.links.make_events).toBeUndefined()
    expect(records.programs.make_events.name).toBe('make_events')
    expect(records.maps.latest.get(99)).toBeUndefined()
  })

  test('reads rings with other types, by callback', async () => {
    using records = open().load()
    const found: number[] = []
    await using ring = records.rings.others
      .as(struct('sample', { wide: u64 }))
      .read(({ wide }) => found.push(Number(wide & 0xffffffffn)))
    make(records.object, 'others', { count: 2 })
    await ring.flush()
    expect(found).toEqual([1, 2])
    expect(() => records.rings.others.as('sample' as never)).toThrow(TypeError)
    expect(() => records.rings.others.read('x' as never)).toThrow(
      "Expected a function, or an object of options or of callbacks by tag, for onRecord but received 'x'",
    )
  })

  test('reads rings with all that a reader takes: integers, callbacks by tag, options', async () => {
    using records = open().load()
    const found: unknown[] = []
    await using others = records.rings.others
      .as(struct('sample', { wide: u64 }))
      .read(({ wide }) => found.push(wide), { integers: 'number' })
    make(records.object, 'others', { count: 1 })
    await others.flush()
    const first = struct('sample', { sequence: at(16, u32) })
    const Tagged = tagged('sequence', { 1: first, 2: first }, { unknown: 'skip' })
    await using ring = records.rings.events.as(Tagged).read({
      1: ({ sequence }, source) => found.push([sequence, source]),
      2: ({ sequence }) => found.push(sequence),
    })
    make(records.object, 'events', { count: 3 })
    await ring.flush()
    expect(found).toEqual([0x100000001, [1, 'events'], 2])
    expect(() => records.rings.events.as(Tagged).read({ 1: () => undefined } as never)).toThrow(
      'Expected a function for the callback for 2',
    )
  })

  test('has maps that take other types', () => {
    using records = open().load()
    const latest = records.maps.latest.as({ key: u32, value: bytes(Sample.size) })
    latest.set(7, new Uint8Array(Sample.size).fill(1))
    expect(records.maps.latest.get(7)?.sequence).toBe(0x01010101)
    expect(() => records.maps.latest.as({ key: u64, value: Sample })).toThrow(/8 bytes/)
    expect(() => records.maps.latest.as({ keys: u32 } as never)).toThrow(TypeError)
  })

  test('is frozen, but for what the object lets be set', () => {
    using records = open()
    expect(Object.isFrozen(records.maps) && Object.isFrozen(records.links)).toBe(true)
    records.close()
    records.close()
    expect(records.phase).toBe('closed')
  })
})
