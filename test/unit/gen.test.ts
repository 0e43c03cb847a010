// What generated modules call things, and how their text is broken.
import { assignNames, commented, pascalCase, propertyKey, quoted } from '../../lib/gen/names.js'
import { call, generic, labelled, lines, object, render } from '../../lib/gen/layout.js'
import { runInNewContext } from 'node:vm'
import { reservedNames } from '../../lib/gen/reserved.js'

test.each([
  ['exec_event', 'ExecEvent'],
  ['event', 'Event'],
  ['fooBar', 'FooBar'],
  ['__be_careful_', 'BeCareful'],
  ['event2_t', 'Event2T'],
  ['HTTP_EVENT', 'HttpEvent'],
  ['bpf_sock_addr', 'BpfSockAddr'],
  ['core::option::Option<u32>', 'CoreOptionOptionU32'],
  ['9lives', 'T9lives'],
  ['___', 'T'],
  ['größe', 'GrE'],
])('struct %s is %s', (cName, name) => {
  expect(pascalCase(cName)).toBe(name)
})

function named(...cNames: string[]): string[] {
  const wishes = cNames.map((cName) => ({ cName, name: pascalCase(cName), suffix: 'Struct' }))
  return assignNames(wishes, reservedNames)
}

describe('names that collide', () => {
  test('are numbered by their names in C, whatever the order', () => {
    expect(named('foo_bar', 'fooBar', 'event')).toEqual(['FooBar2', 'FooBar', 'Event'])
    expect(named('event', 'fooBar', 'foo_bar')).toEqual(['Event', 'FooBar', 'FooBar2'])
  })

  test('of several structs of one name are numbered in the order of the object', () => {
    expect(named('event', 'event', 'event')).toEqual(['Event', 'Event2', 'Event3'])
  })

  test('do not take a number that is a name', () => {
    expect(named('event', 'event2', 'Event')).toEqual(['Event3', 'Event2', 'Event'])
  })

  test('with those of the language and the module say what they are', () => {
    expect(named('map', 'object', 'maps', 'bpf_map')).toEqual([
      'MapStruct',
      'ObjectStruct',
      'MapsStruct',
      'BpfMapStruct',
    ])
  })
})

test.each([
  ['events', 'events'],
  ['class', 'class'],
  ['a.b', "'a.b'"],
  ['1st', "'1st'"],
  ['', "''"],
  ["it's", '"it\'s"'],
  ['__proto__', "['__proto__']"],
])('a property %j is written %s', (name, key) => {
  expect(propertyKey(name)).toBe(key)
})

test.each(["it's", '"', '\'"\\', 'a\nb\u2028', '\u202e', '${x}`', '\ud800', '*/'])(
  'a string %j is a literal of one line that means it',
  (text) => {
    const literal = quoted(text)
    expect(literal).toMatch(/^[^\n\u2028\u202e]*$/)
    expect(runInNewContext(literal)).toBe(text)
  },
)

test('nothing ends a comment', () => {
  expect(commented('int (*/evil)\n//')).toBe('int (* /evil) //')
})

describe('a piece of source', () => {
  const name = (length: number): string => 'x'.repeat(length)

  test('is on one line of 100 columns where it fits', () => {
    expect(render([call('f', name(44), name(50)), ';'])).toHaveLength(100)
    expect(render([call('f', name(44), name(51)), ';'])).toBe(
      `f(\n  ${name(44)},\n  ${name(51)},\n);`,
    )
  })

  test('is broken at the outermost list first', () => {
    const inner = call('g', name(30), name(30))
    expect(render(call('f', inner, name(40)), '  ')).toBe(
      `  f(\n    g(${name(30)}, ${name(30)}),\n    ${name(40)},\n  )`,
    )
  })

  test('has trailing commas but in type arguments', () => {
    expect(render(generic('T', name(60), name(60)))).toBe(`T<\n  ${name(60)},\n  ${name(60)}\n>`)
    expect(render(object(name(60), name(60)))).toBe(`{\n  ${name(60)},\n  ${name(60)},\n}`)
  })

  test('keeps the lines of an object that has some', () => {
    expect(render(lines('a: 1', ['b: ', lines('c: 2')]))).toBe(
      '{\n  a: 1,\n  b: {\n    c: 2,\n  },\n}',
    )
    expect(render(object())).toBe('{}')
  })

  test('moves a string that does not fit to a line of its own', () => {
    expect(render(lines(labelled('a', "'b'")))).toBe("{\n  a: 'b',\n}")
    expect(render(lines(labelled('a', name(95))))).toBe(`{\n  a:\n    ${name(95)},\n}`)
  })
})
