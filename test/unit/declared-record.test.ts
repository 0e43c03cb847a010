// The types of rings' records that an object declares, as `tail`, `inspect` and `gen` see them.
import { inspect } from '../../lib/cli/inspection.js'
import { recordTypeOf } from '../../lib/cli/record-type.js'
import { generateModule } from '../../lib/gen/module.js'
import type { Features } from '../../lib/machine/features.js'
import { declaredRecord } from '../../lib/map/declared-record.js'
import type { BpfMap } from '../../lib/map/map.js'
import { BpfObject } from '../../lib/object/object.js'
import { checkMatch } from '../../lib/skeleton/match.js'
import { i32, i64, struct, u32 } from '../../lib/types/struct.js'
import { tagged } from '../../lib/types/tagged.js'
import { compileBpf } from './compilers.js'

const header = `
#define SEC(name) __attribute__((section(name), used))
#define TAG(tag) __attribute__((btf_decl_tag(tag)))
#define MAP(name, type_number, more) \\
  struct { int (*type)[type_number]; int (*max_entries)[4096]; more } name SEC(".maps")
#define RING(name) MAP(name, 27, )
#define PERF(name) MAP(name, 4, )

struct event { int pid; };
struct other { int cpu; long time; };
typedef struct { short half; } alias;
typedef int number;
struct event *unused_event;
struct other *unused_other;
alias *unused_alias;
number *unused_number;
char LICENSE[] SEC("license") = "GPL";
`

function open(rings: string): BpfObject {
  return BpfObject.open(compileBpf(header + rings))
}

/** By the names of rings, as all commands call it. */
function recordsOf(object: BpfObject): Record<string, string | undefined> {
  const { btf } = object
  if (btf === undefined) throw new Error('the object has no BTF')
  return Object.fromEntries(
    [...object.maps.values()]
      .filter(({ type }) => type !== 'array')
      .map((map) => {
        const id = declaredRecord(btf, map)
        return [map.name, id === undefined ? undefined : btf.describe(id)]
      }),
  )
}

const options = {
  types: [],
  rings: new Map<string, string>(),
  specifier: 'bpf-ringbuf',
  fileName: 'tags.bpf.o',
  file: 'tags.bpf.o',
  command: '',
  embedded: undefined,
}

const machine = { mapTypes: {}, buffers: {}, attach: {} } as unknown as Features

/** All that looks at the records of its only map refuses it; gives that map. */
function expectRefusals(object: BpfObject, error: object): BpfMap {
  const [map] = object.maps.values()
  if (map === undefined) throw new Error('the object has no map')
  for (const use of [
    () => recordTypeOf(object, map),
    () => inspect(object, machine),
    () => generateModule(object, options),
  ]) {
    expect(use).toThrow(expect.objectContaining(error) as Error)
  }
  return map
}

test('a tag says it, else a global of the name, else the values of the map', () => {
  using object = open(`
    RING(by_name) TAG("record:event");
    RING(with_struct) TAG("something") TAG("record:struct other");
    RING(by_typedef) TAG("record:alias");
    PERF(perf) TAG("record:other");
    RING(both) TAG("record:other");
    struct event *const volatile both__record = 0;
    RING(pointed);
    struct event *const volatile pointed__record = 0;
    PERF(half__perf);
    struct event *const volatile half__record = 0;
    MAP(tagged_values, 27, struct event *value;) TAG("record:other");
    MAP(values, 27, struct event *value;);
    MAP(numbers, 27, number *value;);
    MAP(descriptors, 4, number *value;);
    RING(nothing) TAG("records:event") TAG("my record:event");
  `)
  expect(recordsOf(object)).toEqual({
    by_name: 'struct event',
    with_struct: 'struct other',
    by_typedef: 'alias',
    perf: 'struct other',
    both: 'struct other',
    pointed: 'struct event',
    half__perf: 'struct event',
    tagged_values: 'struct other',
    values: 'struct event',
    numbers: 'number',
    descriptors: undefined,
    nothing: undefined,
  })
})

test('one that cannot be read is said by all, and nothing else takes its place', () => {
  using object = open(`
    struct weird { int __proto__; };
    RING(events) TAG("record:event");
    struct weird *const volatile odd__record = 0;
    RING(odd);
  `)
  const why = '__proto__ of struct weird is no name in JavaScript'
  const map = object.map('odd')
  expect(recordTypeOf(object, map)).toMatchObject({ name: 'bytes', note: why })
  expect(inspect(object, machine).maps).toContainEqual(
    expect.objectContaining({ name: 'odd', record: null, recordProblem: why }),
  )
  const leftOut: string[] = []
  const text = generateModule(object, { ...options, onLeftOut: (each) => leftOut.push(each) })
  expect(text).toContain('readonly odd: BpfRing<Uint8Array>')
  expect(leftOut).toEqual([`the records of "odd" are bytes in the module, as ${why}`])

  const source = `
    struct weird { int __proto__; };
    struct event { int pid; } *unused_event;
    struct { int (*type)[27]; int (*max_entries)[4096]; } odd __attribute__((section(".maps"), used));
    struct weird *const volatile odd__record = 0;
  `
  using alone = BpfObject.open(compileBpf(source))
  // The record that is kept in BTF is another one.
  expect(generateModule(alone, options)).toContain('readonly odd: BpfRing<Uint8Array>')
})

test('tail, inspect and gen go by the tag', () => {
  using object = open(`
    RING(events) TAG("record:event");
    RING(others) TAG("record:other");
    RING(aliases) TAG("record:alias");
  `)
  expect([...object.maps.values()].map((map) => recordTypeOf(object, map).name)).toEqual([
    'struct event',
    'struct other',
    'alias',
  ])
  expect(inspect(object, machine).maps.map(({ record }) => record)).toEqual([
    'struct event',
    'struct other',
    'alias',
  ])
  const text = generateModule(object, options)
  expect(text).toContain('readonly events: BpfRing<Event>')
  expect(text).toContain('readonly others: BpfRing<Other>')
  expect(text).toContain('readonly aliases: BpfRing<Alias>')
})

const cases = `
#define CASE(ring, field, tag, type) \\
  const volatile struct { int (*field)[tag]; struct type (*__record)[1]; } ring##__record_##tag = {}
struct begun { unsigned type; int pid; };
struct done { unsigned type; long code; };
struct moved { int more; unsigned type; };
`

test('tail, inspect and gen go by the tags of BPFRB_RECORD_TAGGED()', () => {
  using object = open(`${cases}
    RING(events);
    CASE(events, type, 0, begun);
    CASE(events, type, 7, done);
    PERF(half__perf);
    CASE(half, type, 1, done);
  `)
  const named = ['struct begun | struct done by type', 'struct done by type']
  expect([...object.maps.values()].map((map) => recordTypeOf(object, map).name)).toEqual(named)
  expect(inspect(object, machine).maps.map(({ record }) => record)).toEqual(named)
  const text = generateModule(object, options)
  expect(text).toContain(`export interface EventsCases {
  0: CaseValue<'type', 0, Begun>
  7: CaseValue<'type', 7, Done>
}`)
  expect(text).toContain('readonly events: BpfRing<EventsCases[keyof EventsCases], EventsCases>')
  expect(text).toContain("events: tagged('type', { 0: Begun, 7: Done }),")
  expect(text).toContain('types: [Begun, Done,')
  expect(text).not.toMatch(/__record/)
})

test('a module refuses an object whose tags are of other types, or gone', () => {
  const begun = struct('begun', { type: u32, pid: i32 })
  const done = struct('done', { type: u32, code: i64 })
  const parts = { name: 'agent', command: 'gen', file: '', types: [], programs: [], globals: {} }
  const rings = { events: tagged('type', { 0: begun, 7: done }) }
  const check = (declared: string): void => {
    using object = open(`${cases} RING(events); ${declared}`)
    checkMatch(object, { ...parts, maps: { events: { type: 'ringbuf' } }, rings })
  }
  check('CASE(events, type, 0, begun); CASE(events, type, 7, done); CASE(events, type, 8, done);')
  expect(() => {
    check('CASE(events, type, 0, begun); CASE(events, type, 7, begun);')
  }).toThrow(
    'the records of "events" with type 7 were of struct done and are of struct begun. ' +
      'Make the module again: gen',
  )
  for (const declared of ['', 'CASE(events, type, 0, begun);', 'CASE(events, code, 7, done);']) {
    expect(() => {
      check(declared)
    }).toThrow(/the records of "events" with type [07] are gone/)
  }
})

test.each([
  [
    'CASE(events, type, 0, begun); CASE(events, pid, 1, begun);',
    'their tag is both "type" and "pid"',
  ],
  [
    'CASE(events, type, 1, begun); enum { ONE = 1 }; CASE(events, type, ONE, done);',
    'two are for "type" 1',
  ],
  [
    'CASE(events, type, 0, begun); struct event *const volatile events__record = 0;',
    'both with one type and with several',
  ],
  ['CASE(events, type, 0, begun); CASE(events, type, 1, moved);', 'u32 at 4'],
  ['CASE(events, kind, 0, begun);', 'with an integer or enum "kind"'],
])('tags that cannot be are an error for each of them: %s', (declared, problem) => {
  using object = open(`${cases} RING(events); ${declared}`)
  const map = expectRefusals(object, {
    code: 'ERR_LAYOUT',
    operation: 'find',
    message: expect.stringContaining(problem) as string,
  })
  expect(recordTypeOf(object, map, 'begun').name).toBe('struct begun')
})

test.each([
  [
    'evnt',
    'its declaration tag "record:evnt" names no struct of the object; did you mean "event"?',
    'struct evnt *unused',
  ],
  ['number', 'its declaration tag "record:number" names no struct of the object', ''],
  ['', 'its declaration tag "record:" names no struct of the object', 'The tag is record:NAME'],
])('a tag that names %j is an error for each of them', (name, problem, hint) => {
  using object = open(`RING(events) TAG("record:${name}");`)
  expectRefusals(object, {
    code: 'ERR_NOT_FOUND',
    operation: 'find',
    target: 'the type of the records in "events"',
    message: expect.stringContaining(problem) as string,
    hint: expect.stringContaining(hint) as string,
  })
})

test('what is asked for goes before the tag, also before one that is wrong', () => {
  using object = open('RING(events) TAG("record:evnt");')
  const [map] = object.maps.values()
  if (map === undefined) throw new Error('the object has no map')
  expect(recordTypeOf(object, map, 'other').name).toBe('struct other')
  const text = generateModule(object, { ...options, rings: new Map([['events', 'other']]) })
  expect(text).toContain('readonly events: BpfRing<Other>')
})

test('tags that name different structs are an error, the same one twice is none', () => {
  using twice = open('RING(events) TAG("record:event") TAG("record:struct event");')
  expect(recordsOf(twice)).toEqual({ events: 'struct event' })
  using two = open('RING(events) TAG("record:event") TAG("record:other");')
  expect(() => recordsOf(two)).toThrow(
    'Cannot find the type of the records in "events": ' +
      'its declaration tags "record:event" and "record:other" contradict each other',
  )
})
