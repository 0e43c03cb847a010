// What the tools of examples/ share.
import { addressOf, endpoint } from '../../examples/kit/address.js'
import { clock, header, left, right, rowLine } from '../../examples/kit/columns.js'
import { drawn } from '../../examples/kit/histogram.js'
import { errorName, signalName } from '../../examples/kit/names.js'
import {
  choice,
  describe as usage,
  flag,
  integer,
  otherwise,
  outputFile,
  parse,
  seconds,
  text,
  UsageError,
} from '../../examples/kit/options.js'
import { printableJson } from '../../examples/kit/printable.js'

describe('options', () => {
  const options = {
    pid: integer('N', 'only process N'),
    minUs: otherwise(integer('N', 'not below N', [0, 1000]), 10),
    failed: flag('only failures'),
    name: text('TEXT', 'of this name'),
    sort: choice(['count', 'time'], 'sorted by'),
    interval: seconds('every so often'),
    output: outputFile('write it there'),
  }

  test('have their defaults, and what is given', () => {
    expect(parse(options, [])).toEqual({
      pid: undefined,
      minUs: 10,
      failed: false,
      name: undefined,
      sort: 'count',
      interval: undefined,
      output: undefined,
    })
    const args = [
      '--pid',
      '7',
      '--min-us=0',
      '--failed',
      '--name',
      'x',
      '--sort',
      'time',
      '--interval',
      '.5',
    ]
    expect(parse(options, args)).toEqual({
      pid: 7,
      minUs: 0,
      failed: true,
      name: 'x',
      sort: 'time',
      interval: 0.5,
      output: undefined,
    })
  })

  test.each([
    [['--pid', '0'], "Expected an integer from 1 to 2147483647 for --pid but received '0'"],
    [['--pid', '1e3'], "Expected an integer from 1 to 2147483647 for --pid but received '1e3'"],
    [['--min-us', '1001'], "Expected an integer from 0 to 1000 for --min-us but received '1001'"],
    [
      ['--interval', '\x1b'],
      "Expected seconds from 0.001 to 2000000 for --interval but received '\\x1b'",
    ],
    [['--sort', 'size'], "Expected one of count, time for --sort but received 'size'"],
    [['--output', '/no/such/x'], "--output: '/no/such/x' cannot be written (ENOENT)"],
    [['--name', ''], 'Expected a text for --name but received none'],
    [['--failed=1'], "Option '--failed' does not take an argument"],
    [['--minUs', '1'], "Unknown option '--minUs'"],
  ])('%j is refused', (args, message) => {
    expect(() => parse(options, args)).toThrow(new UsageError(message))
  })

  test('are explained', () => {
    const some = { minUs: options.minUs, failed: options.failed, sort: options.sort }
    expect(usage(some, 80)).toBe(
      '      --min-us N   not below N (10)\n' +
        '      --failed     only failures\n' +
        '      --sort WORD  sorted by: count, time\n',
    )
    expect(usage(some, 39)).toBe(
      '      --min-us N   not below N (10)\n' +
        '      --failed     only failures\n' +
        '      --sort WORD  sorted by: count,\n' +
        '                   time\n',
    )
  })
})

describe('columns', () => {
  interface Row {
    time: Date
    pid: number
    comm: string
    path: string
  }
  const columns = [
    clock(),
    right<Row>('PID', 5, ({ pid }) => pid),
    left<Row>(
      'COMM',
      6,
      ({ comm }) => comm,
      ({ comm }) => (comm === 'bad' ? 'red' : undefined),
    ),
    left<Row>('PATH', 0, ({ path }) => path),
  ]
  const row = { time: new Date(2026, 0, 2, 3, 4, 5, 6), pid: 42, comm: 'cat', path: '/a/b\n' }
  const plain = { columns: undefined, isColoured: false }

  test('stand below their titles, and controls are escaped', () => {
    expect(header(columns, plain)).toBe('TIME           PID COMM   PATH')
    expect(rowLine(columns, row, plain)).toBe('03:04:05.006    42 cat    /a/b\\x0a')
  })

  test('tell the time of each row, whichever second came before', () => {
    const at = (ms: number): string =>
      rowLine(columns, { ...row, time: new Date(row.time.getTime() + ms) }, plain).slice(0, 12)
    expect([0, 990, 994, -7, 3_600_000].map(at)).toEqual([
      '03:04:05.006',
      '03:04:05.996',
      '03:04:06.000',
      '03:04:04.999',
      '04:04:05.006',
    ])
  })

  test('fit the terminal', () => {
    const line = rowLine(columns, { ...row, path: 'x'.repeat(100) }, { ...plain, columns: 40 })
    expect(line).toBe(`03:04:05.006    42 cat    ${'x'.repeat(13)}…`)
    expect(rowLine(columns, row, { ...plain, columns: 15 })).toBe('03:04:05.006  …')
    const wide = rowLine(columns, { ...row, comm: '世'.repeat(9) }, { ...plain, columns: 24 })
    expect(wide).toBe('03:04:05.006    42 世世…')
  })

  test('have colour where it is wanted, which takes no room', () => {
    const painted = rowLine(columns, { ...row, comm: 'bad' }, { columns: 40, isColoured: true })
    expect(painted).toBe('03:04:05.006    42 \x1b[31mbad   \x1b[0m /a/b\\x0a')
    expect(rowLine(columns, row, { columns: 40, isColoured: true })).not.toContain('\x1b')
  })
})

describe('a histogram', () => {
  test('draws the slots that count, as wide as there is room', () => {
    expect(drawn({ title: 'cat', unit: 'µs', slots: [0, 0, 1, 4n, 0, 2] }, 40)).toEqual([
      'cat',
      '       µs  COUNT',
      '   4 –  7      1  █████▌',
      '   8 – 15      4  ' + '█'.repeat(22),
      '  16 – 31      0  ',
      '  32 – 63      2  ' + '█'.repeat(11),
    ])
  })

  test('begins with zero and one', () => {
    expect(drawn({ unit: 'ms', slots: [3] })[1]).toMatch(/^ {2}0 – {2}1 +3 {2}█{40}$/)
  })

  test('has the average, where the total is known', () => {
    expect(drawn({ unit: 'µs', slots: [1, 1], total: 3 }).at(-1)).toBe('  average 1.5 µs')
    expect(drawn({ unit: 'µs', slots: [0, 0, 0, 0, 1], total: 17.4 }).at(-1)).toBe(
      '  average 17 µs',
    )
  })

  test('says when nothing was counted', () => {
    expect(drawn({ unit: 'µs', slots: new Uint32Array(8) })).toEqual(['  no µs were counted'])
  })
})

test.each([
  ['00000000000000000000ffffc0000207', '192.0.2.7', '192.0.2.7:80'],
  ['20010db8000000000000000000000001', '2001:db8::1', '[2001:db8::1]:80'],
  ['00000000000000000000000000000000', '::', '[::]:80'],
  ['20010db8000000010002000300040005', '2001:db8:0:1:2:3:4:5', '[2001:db8:0:1:2:3:4:5]:80'],
])('the address %s is %s', (hex, text, place) => {
  const address = addressOf(Buffer.from(hex, 'hex'))
  expect(address).toBe(text)
  expect(endpoint(address, 80)).toBe(place)
})

test('numbers have their usual names', () => {
  expect([signalName(9), signalName(6), signalName(64)]).toEqual(['SIGKILL', 'SIGABRT', 'SIG64'])
  expect([errorName(2), errorName(11), errorName(9999)]).toEqual(['ENOENT', 'EAGAIN', 'error 9999'])
})

test('JSON has numbers as far as they are exact', () => {
  expect(printableJson({ deep: [{ a: 5n }] })).toBe('{"deep":[{"a":5}]}')
  expect(printableJson({ a: 5n, b: 2n ** 63n, c: '\x1b' })).toBe(
    '{"a":5,"b":"9223372036854775808","c":"\\u001b"}',
  )
})
