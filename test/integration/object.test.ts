import { execFileSync } from 'node:child_process'
import { kernelAtLeast, readSystemFacts } from '../../lib/machine/facts.js'
import type { BpfObject } from '../../lib/index.js'
import { bytes, RingBuffer, VerifierError } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { make, openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'

const pageBytes = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }))

function key(number: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(number).buffer)
}

describeBpf('maxEntries', () => {
  expectNothingLeftOpen()

  test('of a ring is rounded up to what the kernel takes', () => {
    using object = openObject('records')
    const map = object.map('events')
    expect(map.maxEntries).toBe(Math.max(4096, pageBytes))
    map.maxEntries = 5000
    const rounded = Math.max(8192, pageBytes)
    expect(map.maxEntries).toBe(rounded)
    object.load()
    expect(map.maxEntries).toBe(rounded)
    using ring = new RingBuffer(map, bytes(), { pollThread: false })
    expect(ring.stats().rings[0]?.sizeBytes).toBe(rounded)
  })

  test('of other maps is taken as it is', () => {
    using object = openObject('records')
    object.map('latest').maxEntries = 5
    object.load()
    expect(object.map('latest').maxEntries).toBe(5)
  })

  test.each([0, -1, 1.5, NaN, Infinity, 2 ** 31 + 1, 2 ** 32])('%p is a RangeError', (count) => {
    using object = openObject('records')
    const map = object.map('events')
    const before = map.maxEntries
    const error = thrownBy(() => (map.maxEntries = count))
    expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
    expect(error.message).toMatch(/from 1 to 2147483648 for maxEntries of map "events"/)
    expect(map.maxEntries).toBe(before)
  })

  test('of a map that is no ring may be up to 2^32 - 1', () => {
    using object = openObject('records')
    const map = object.map('latest')
    map.maxEntries = 2 ** 32 - 1
    expect(map.maxEntries).toBe(2 ** 32 - 1)
    expect(thrownBy(() => (map.maxEntries = 2 ** 32)).name).toBe('RangeError')
  })

  test.each(['4096', 4096n, null, undefined])('%p is a TypeError', (count) => {
    using object = openObject('records')
    const error = thrownBy(() => (object.map('events').maxEntries = count as unknown as number))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  })
})

describeBpf('load()', () => {
  expectNothingLeftOpen()

  test('gives the object, once', () => {
    using object = openObject('records')
    expect(object.load()).toBe(object)
    expect(object.phase).toBe('loaded')
    expect(thrownBy(() => object.load())).toMatchObject({
      code: 'ERR_STATE',
      message: 'Cannot load object "records": the object is loaded already',
    })
    expect(object.phase).toBe('loaded')
  })

  test('fails with what the verifier says', () => {
    using object = openObject('rejected')
    let error: unknown
    try {
      object.load()
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(VerifierError)
    const rejection = error as VerifierError
    expect(rejection).toMatchObject({
      name: 'VerifierError',
      code: 'ERR_VERIFIER',
      operation: 'load',
      target: 'object "rejected"',
      program: 'unchecked',
      errno: -13,
    })
    expect(rejection.message).toMatch(
      /rejected program "unchecked": R\d invalid mem access 'map_value_or_null' \(\d+ lines omitted/,
    )
    expect(rejection.verifierLog).toMatch(/invalid mem access 'map_value_or_null'\n/)
    expect(rejection.verifierLog).not.toMatch(/libbpf/)
    expect(rejection.log).toContain(rejection.verifierLog)
    // They may have megabytes, and console.log() prints what is enumerable.
    expect(Object.keys(rejection)).not.toContain('log')
    expect(Object.keys(rejection)).not.toContain('verifierLog')
    expect(object.phase).toBe('failed')
    expect(thrownBy(() => object.load()).code).toBe('ERR_STATE')
  })

  test('leaves out what has no autoload', () => {
    using object = openObject('rejected')
    const program = object.program('unchecked')
    expect(program.autoload).toBe(true)
    program.autoload = false
    expect(program.autoload).toBe(false)
    object.load().attach()
    expect(object.links.map((link) => link.program.name)).toEqual(['accepted'])
    expect(thrownBy(() => program.attach()).code).toBe('ERR_STATE')
    expect(thrownBy(() => program.testRun()).code).toBe('ERR_STATE')
    expect(thrownBy(() => (program.autoload = true)).code).toBe('ERR_STATE')
  })

  test('takes autoload only as a boolean', () => {
    using object = openObject('rejected')
    const error = thrownBy(() => (object.program('accepted').autoload = 0 as unknown as boolean))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    expect(object.program('accepted').autoload).toBe(true)
  })

  test('of what this kernel lacks says so', () => {
    using object = openObject('programs')
    object.program('no_such_type').autoload = true
    const error = thrownBy(() => object.load())
    expect(error.code).toBe('ERR_UNSUPPORTED')
    expect(error.message).toMatch(/no_such_tracepoint/)
    expect(error.hint).toMatch(/kernel .* has no such tracepoint/)
    expect(error.log).toMatch(/^libbpf: /)
  })

  test('of a section without the target that it needs says so', () => {
    using object = openObject('places')
    object.program('no_function').autoload = true
    const { message } = thrownBy(() => object.load())
    expect(message).toMatch(/no BTF-based attach target is specified\. Its section has to name/)
    expect(message).not.toMatch(/bpf_program__/)
  })

  test('of maps that are declared wrongly says how', () => {
    {
      using object = openObject('misdeclared')
      const { message } = thrownBy(() => object.load())
      expect(message).toMatch(/: map 'without_entries': failed to create: .*max_entries is 0/)
    }
    using object = openObject('misdeclared')
    object.map('without_entries').maxEntries = 1
    expect(thrownBy(() => object.load()).message).toMatch(
      /: map 'with_value': failed to create: .*neither key nor value/,
    )
  })

  test('reports no failure of an earlier object', () => {
    using rejected = openObject('rejected')
    expect(thrownBy(() => rejected.load()).code).toBe('ERR_VERIFIER')
    using object = openObject('programs')
    object.program('no_such_type').autoload = true
    expect(thrownBy(() => object.load()).log).not.toMatch(/unchecked/)
  })
})

describeBpf('attach()', () => {
  expectNothingLeftOpen()

  function countCalls(object: BpfObject): number {
    const before = object.globals.calls as bigint
    for (let i = 0; i < 100; i++) process.getuid?.()
    return Number((object.globals.calls as bigint) - before)
  }

  function openPrograms(...autoload: string[]): BpfObject {
    const object = openObject('programs')
    object.globals.only_tgid = process.pid
    for (const name of autoload) object.program(name).autoload = true
    return object.load()
  }

  test('attaches all whose sections name a place', () => {
    using object = openPrograms()
    expect(countCalls(object)).toBe(0)
    expect(object.attach()).toBe(object)
    expect(object.links.map((link) => link.program.name)).toEqual(['on_enter', 'on_exec'])
    expect(countCalls(object)).toBeGreaterThanOrEqual(100)
  })

  test('leaves alone what is attached already', () => {
    using object = openPrograms()
    const link = object.program('on_enter').attach()
    object.attach()
    const { links } = object
    expect(links.map(({ program }) => program.name)).toEqual(['on_enter', 'on_exec'])
    expect(links[0]).toBe(link)
    object.attach()
    expect(object.links).toEqual(links)
    links[1]?.close()
    object.attach()
    expect(object.links.map(({ program }) => program.name)).toEqual(['on_enter', 'on_exec'])
    expect(object.links[0]).toBe(link)
  })

  test('detaches only what it attached itself when one fails', () => {
    using object = openPrograms('no_such_raw')
    const link = object.program('on_enter').attach()
    expect(thrownBy(() => object.attach()).target).toMatch(/^program "no_such_raw"/)
    expect(object.links).toEqual([link])
    expect(countCalls(object)).toBeGreaterThanOrEqual(100)
  })

  test('works again after detach()', () => {
    using object = openPrograms()
    object.attach()
    const links = object.links
    object.detach()
    expect(links.every((link) => link.closed)).toBe(true)
    expect(object.links).toEqual([])
    expect(countCalls(object)).toBe(0)
    object.attach()
    expect(countCalls(object)).toBeGreaterThanOrEqual(100)
  })

  test('works again after each link was closed', () => {
    using object = openPrograms()
    object.attach()
    for (const link of object.links) link.close()
    expect(object.attach().links).toHaveLength(2)
  })

  test.each([
    ['no_such_raw', 'raw_tp/no_such_tracepoint', 'ERR_UNSUPPORTED'],
    ['no_such_event', 'tp/no_such/event', 'ERR_UNSUPPORTED'],
    ['no_such_function', 'kprobe/no_such_function', 'ERR_UNSUPPORTED'],
  ])('is all or nothing: %s', (name, section, code) => {
    using object = openPrograms(name)
    const error = thrownBy(() => object.attach())
    expect(error).toMatchObject({
      code,
      operation: 'attach',
      target: `program "${name}" (section "${section}")`,
      errno: -2,
    })
    expect(error.log).toMatch(/^libbpf: /)
    expect(error.hint).toBeDefined()
    expect(object.links).toEqual([])
    expect(countCalls(object)).toBe(0)
    object.program('on_enter').attach()
    expect(countCalls(object)).toBeGreaterThanOrEqual(100)
  })

  test('of one program gives its link', () => {
    using object = openPrograms()
    const link = object.program('on_enter').attach()
    expect(link.program).toBe(object.program('on_enter'))
    expect(link.closed).toBe(false)
    expect(object.links).toEqual([link])
    expect(countCalls(object)).toBeGreaterThanOrEqual(100)
    link.close()
    link.close()
    expect(link.closed).toBe(true)
    expect(object.links).toEqual([])
    expect(countCalls(object)).toBe(0)
  })

  test('of one program ends with its scope', () => {
    using object = openPrograms()
    {
      using link = object.program('on_enter').attach()
      expect(link.closed).toBe(false)
      expect(countCalls(object)).toBeGreaterThanOrEqual(100)
    }
    expect(countCalls(object)).toBe(0)
  })

  test('of one program twice attaches it twice, since Linux 6.10', () => {
    using object = openPrograms()
    if (!kernelAtLeast(readSystemFacts(), 6, 10)) {
      object.program('on_enter').attach()
      const error = thrownBy(() => object.program('on_enter').attach())
      expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED', errno: -17 })
      expect(object.links).toHaveLength(1)
      return
    }
    const links = [object.program('on_enter').attach(), object.program('on_enter').attach()]
    expect(countCalls(object)).toBeGreaterThanOrEqual(200)
    links[0]?.close()
    expect(object.links).toEqual([links[1]])
    expect(countCalls(object)).toBeGreaterThanOrEqual(100)
  })

  test('of a program whose section names no place', () => {
    using object = openPrograms()
    const error = thrownBy(() => object.program('without_place').attach())
    expect(error.code).toBe('ERR_UNSUPPORTED')
    expect(error.message).toMatch(/section "socket"/)
    expect(error.hint).toMatch(/section/)
  })

  test('leaves alone programs whose sections do not say where', () => {
    using object = openObject('places')
    object.globals.only_tgid = process.pid
    object.load().attach()
    expect(object.links.map(({ program }) => program.name)).toEqual(['on_enter'])
    expect(countCalls(object)).toBeGreaterThanOrEqual(100)
    const others = [...object.programs.values()].filter(
      ({ name, autoload }) => autoload && name !== 'on_enter',
    )
    expect(others).toHaveLength(13)
    for (const program of others) {
      expect(thrownBy(() => program.attach())).toMatchObject({
        code: 'ERR_UNSUPPORTED',
        target: `program "${program.name}" (section "${program.section}")`,
        hint: expect.not.stringContaining('kernel') as string,
      })
    }
  })

  test.each([
    ['no_symbol', 'ERR_NOT_FOUND', /no_such_symbol/],
    ['no_library', 'ERR_FILE_NOT_FOUND', /libno_such\.so/],
    ['no_category', 'ERR_KERNEL', /has to be "tp\/CATEGORY\/NAME"/],
  ])('says why it cannot: %s', (name, code, reason) => {
    using object = openObject('places')
    object.program(name).autoload = true
    const error = thrownBy(() => object.load().attach())
    expect(error).toMatchObject({ code, target: expect.stringContaining(name) as string })
    expect(error.message.slice(error.target?.length)).toMatch(reason)
  })

  test('ends with the object', () => {
    const object = openPrograms()
    object.attach()
    const links = object.links
    object.close()
    expect(links.map((link) => link.closed)).toEqual([true, true])
    expect(object.links).toEqual([])
    for (const link of links) link.close()
  })
})

describeBpf('a trampoline', () => {
  expectNothingLeftOpen()

  test('is attached, or refused by a kernel without them', () => {
    using object = openObject('programs')
    object.program('trampoline').autoload = true
    let error
    try {
      object.load().attach()
    } catch (thrown) {
      error = thrown
    }
    if (error === undefined) {
      expect(object.links.map((link) => link.program.name)).toContain('trampoline')
    } else {
      expect(error).toMatchObject({
        code: 'ERR_UNSUPPORTED',
        hint: expect.stringMatching(/trampoline|fentry/) as string,
      })
    }
  })
})

describeBpf('testRun()', () => {
  expectNothingLeftOpen()

  test('gives the return value, unsigned', () => {
    using object = openObject('globals')
    const { globals } = object.load()
    globals.data_u32 = 2 ** 32 - 1
    expect(object.program('copy').testRun().returnValue).toBe(2 ** 32 - 1)
  })

  test('hands over the context at any address', () => {
    using object = openObject('records')
    object.load()
    const memory = new Uint8Array(40)
    memory.set(new Uint8Array(Uint32Array.of(1, 77, 0, 0).buffer), 3)
    const context = memory.subarray(3, 19)
    expect(object.program('make_events').testRun({ context }).returnValue).toBe(1)
    const latest = object.map('latest').bytes.get(key('e'.charCodeAt(0)))
    expect(latest?.at(16)).toBe(77)
  })

  test('hands over a DataView', () => {
    using object = openObject('records')
    object.load()
    const context = new DataView(Uint32Array.of(1, 78, 0, 0).buffer)
    expect(object.program('make_events').testRun({ context }).returnValue).toBe(1)
  })

  test('hands over a copy of the context', () => {
    if (!kernelAtLeast(readSystemFacts(), 5, 14)) return
    using object = openObject('places')
    const program = object.program('write_context')
    program.autoload = true
    object.load()
    const context = new Uint8Array(8)
    expect(program.testRun({ context })).toEqual({
      returnValue: 0,
      context: Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0),
      data: undefined,
      durationNs: 0,
    })
    expect(context).toEqual(new Uint8Array(8))
  })

  test('of a program that cannot be run so is an error', () => {
    using object = openObject('programs')
    const error = thrownBy(() =>
      object
        .load()
        .program('on_exec')
        .testRun({ context: new Uint8Array(4096) }),
    )
    expect(error).toMatchObject({ name: 'BpfError', operation: 'run', target: 'program "on_exec"' })
    expect(error.errno).toBeLessThan(0)
  })

  test('takes nothing but bytes', () => {
    using object = openObject('records')
    const program = object.load().program('make_events')
    for (const options of [{ context: [1, 2] }, { data: 'text' }, new Uint8Array(8), { runs: 1 }]) {
      const error = thrownBy(() => program.testRun(options as object))
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    }
  })
})

describeBpf('map.bytes', () => {
  expectNothingLeftOpen()

  test('gives a copy of the value, or nothing', () => {
    using object = openObject('records')
    const map = object.load().map('latest')
    const e = key('e'.charCodeAt(0))
    expect(map.bytes.get(e)).toBeUndefined()
    make(object, 'events', { count: 3, first: 5 })
    const value = map.bytes.get(e)
    expect(value).toHaveLength(64)
    expect(value?.at(16)).toBe(7)
    make(object, 'events', { count: 1, first: 9 })
    expect(value?.at(16)).toBe(7)
    expect(map.bytes.get(e)?.at(16)).toBe(9)
    expect(map.bytes.get(key(0))).toBeUndefined()
    expect(Buffer.isBuffer(value)).toBe(false)
    value?.slice(16, 20).fill(0)
    expect(value?.at(16)).toBe(7)
    expect(value?.buffer.byteLength).toBe(64)
  })

  test('of a per-CPU map gives the values of all CPUs', () => {
    using object = openObject('records')
    object.load()
    const value = object.map('events__counters').bytes.get(key(0))
    expect(value?.length).toBeGreaterThan(0)
    expect((value?.length ?? 0) % 16).toBe(0)
  })

  test('takes nothing but bytes, as many as the key has', () => {
    using object = openObject('records')
    const map = object.load().map('latest')
    expect(thrownBy(() => map.bytes.get('abcd' as unknown as Uint8Array)).name).toBe('TypeError')
    for (const length of [0, 3, 5, 8]) {
      expect(thrownBy(() => map.bytes.get(new Uint8Array(length)))).toMatchObject({
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
      })
    }
  })

  test('in a map that has no keys is an error', () => {
    using object = openObject('records')
    const map = object.load().map('events')
    expect(thrownBy(() => map.bytes.get(new Uint8Array(0)))).toMatchObject({
      name: 'BpfError',
      code: 'ERR_MAP_TYPE',
      message: 'Cannot read map "events": a map of type ringbuf has no entries',
    })
  })
})
