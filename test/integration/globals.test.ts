import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import type { BpfObject, GlobalValue } from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { thrownBy } from '../thrown.js'

/** The integer kinds of globals.bpf.c with their ranges and values in .data. */
const integers: [string, bigint, bigint, number | bigint][] = [
  ['s8', -(2n ** 7n), 2n ** 7n - 1n, -8],
  ['u8', 0n, 2n ** 8n - 1n, 8],
  ['s16', -(2n ** 15n), 2n ** 15n - 1n, -16],
  ['u16', 0n, 2n ** 16n - 1n, 16],
  ['s32', -(2n ** 31n), 2n ** 31n - 1n, -32],
  ['u32', 0n, 2n ** 32n - 1n, 32],
  ['s64', -(2n ** 63n), 2n ** 63n - 1n, -64n],
  ['u64', 0n, 2n ** 64n - 1n, 64n],
]

const sections = ['const', 'data', 'bss'] as const
const phases = ['before load', 'after load'] as const

function openGlobals(phase: string): BpfObject {
  const object = openObject('globals')
  return phase === 'after load' ? object.load() : object
}

/** Data sections of this process's objects that lie in its memory. */
function dataMappings(): number {
  return readFileSync('/proc/self/maps', 'latin1').match(/anon_inode:bpf-map/g)?.length ?? 0
}

function asRead(value: bigint, kind: string): number | bigint {
  return kind.endsWith('64') ? value : Number(value)
}

describeBpf('globals', () => {
  expectNothingLeftOpen()

  describe.each(phases)('%s', (phase) => {
    let object: BpfObject
    let globals: Record<string, GlobalValue>

    beforeEach(() => {
      object = openGlobals(phase)
      globals = object.globals
    })

    afterEach(() => {
      object.close()
    })

    const writable = sections.filter((section) => section !== 'const' || phase === 'before load')

    test.each(sections)('have their initial values in %s', (section) => {
      for (const [kind, , , value] of integers) {
        const zero = typeof value === 'bigint' ? 0n : 0
        expect([kind, globals[`${section}_${kind}`]]).toEqual([
          kind,
          section === 'bss' ? zero : value,
        ])
      }
      expect(globals[`${section}_bool`]).toBe(section !== 'bss')
      expect(globals[`${section}_mode`]).toBe(section === 'bss' ? 'MODE_OFF' : 'MODE_AUTO')
      expect(globals[`${section}_text`]).toBe({ const: 'constant', data: 'data', bss: '' }[section])
    })

    describe.each(writable)('in %s', (section) => {
      test.each(integers)('%s takes its range and nothing else', (kind, min, max) => {
        const name = `${section}_${kind}`
        for (const value of [min, max, 1n]) {
          globals[name] = value
          expect(globals[name]).toBe(asRead(value, kind))
        }
        for (const value of [0, 1, 100]) {
          globals[name] = value
          expect(globals[name]).toBe(asRead(BigInt(value), kind))
        }
        for (const value of [min - 1n, max + 1n, 0.5, NaN, Infinity, -Infinity, 2 ** 53]) {
          const error = thrownBy(() => (globals[name] = value))
          expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
          const range = `an integer from ${String(min)} to ${String(max)}`
          const isInexact = value === 2 ** 53 && max > value
          const expected = isInexact ? 'a bigint, as numbers are not exact from 2 ** 53 on,' : range
          expect(error.message).toContain(`Expected ${expected} for global "${name}"`)
        }
        for (const value of ['1', true, null, undefined, {}, [1]]) {
          const error = thrownBy(() => (globals[name] = value as number))
          expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
        }
        expect(globals[name]).toBe(asRead(100n, kind))
      })

      test('bool takes booleans', () => {
        const name = `${section}_bool`
        for (const value of [false, true, false]) {
          globals[name] = value
          expect(globals[name]).toBe(value)
        }
        for (const value of [0, 1, 'true', null]) {
          const error = thrownBy(() => (globals[name] = value as number))
          expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
        }
      })

      test('an enum takes names and integers', () => {
        const name = `${section}_mode`
        globals[name] = 'MODE_ON'
        expect(globals[name]).toBe('MODE_ON')
        globals[name] = 100
        expect(globals[name]).toBe('MODE_AUTO')
        globals[name] = 7
        expect(globals[name]).toBe(7)
        expect(thrownBy(() => (globals[name] = 2 ** 32)).name).toBe('RangeError')
        expect(thrownBy(() => (globals[name] = 'MODE_NONE')).name).toMatch(/Error$/)
      })

      test('char[16] takes strings of at most 15 bytes', () => {
        const name = `${section}_text`
        for (const value of ['x'.repeat(15), 'ab', 'é'.repeat(7), '', '€uro']) {
          globals[name] = value
          expect(globals[name]).toBe(value)
        }
        for (const value of ['x'.repeat(16), 'é'.repeat(8), 'a\0b', '\0']) {
          const error = thrownBy(() => (globals[name] = value))
          expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
        }
        expect(thrownBy(() => (globals[name] = 5)).name).toBe('TypeError')
        expect(globals[name]).toBe('€uro')
      })

      test('__u8[6] takes 6 bytes', () => {
        const name = `${section}_octets`
        for (const value of [Uint8Array.of(1, 2, 0, 255, 5, 6), Buffer.from('octets')]) {
          globals[name] = value
          expect(globals[name]).toEqual(new Uint8Array(value))
        }
        expect(thrownBy(() => (globals[name] = Uint8Array.of(1))).name).toBe('RangeError')
        expect(thrownBy(() => (globals[name] = 'octets')).name).toBe('TypeError')
        expect(globals[name]).toEqual(new Uint8Array(Buffer.from('octets')))
      })

      test('a write leaves the neighbours alone', () => {
        const names = integers.map(([kind]) => `${section}_${kind}`)
        for (const name of names) globals[name] = 0
        for (const name of names) {
          globals[name] = 1
          expect(names.filter((other) => Number(globals[other]) !== 0)).toEqual([name])
          globals[name] = 0
        }
      })
    })

    test('of typedefs, statics and sections of their own', () => {
      expect(globals.data_typedef).toBe(7)
      globals.data_typedef = 8
      expect(globals.data_typedef).toBe(8)
      expect(globals.data_static).toBe(5)
      globals.data_static = 6
      expect(globals.data_static).toBe(6)
      expect(globals.bss_static).toBe(0n)
      expect(globals.custom_data).toBe(9)
      globals.custom_data = 10
      expect(globals.custom_data).toBe(10)
      expect(globals.custom_const).toBe(10)
    })

    test('structs and arrays are read and written whole', () => {
      expect(globals.data_histogram).toEqual({ slots: [1, 2, 3, 4], comm: 'init' })
      expect(globals.data_histograms).toHaveLength(2)
      const changed = { slots: [5, 6, 7, 8], comm: 'changed' }
      globals.data_histogram = changed
      expect(globals.data_histogram).toEqual(changed)
      expect(globals.data_matrix).toEqual([
        [1n, 2n, 3n],
        [4n, 5n, 6n],
      ])
      const { message } = thrownBy(
        () => (globals.data_histogram = { slots: [1, 2, 3, -4], comm: '' }),
      )
      expect(message).toContain('for global "data_histogram".slots[3] but received -4')
      expect(globals.data_histogram).toEqual(changed)
    })

    test.each([['unsupported_pointer', 'it is a pointer']])('%s is an error', (name, kind) => {
      const expected = {
        code: 'ERR_UNSUPPORTED',
        target: `global "${name}"`,
        message: expect.stringContaining(kind) as string,
      }
      expect(thrownBy(() => globals[name])).toMatchObject(expected)
      expect(thrownBy(() => (globals[name] = 1))).toMatchObject(expected)
    })

    test('of an unknown name are an error that names those there are', () => {
      const error = thrownBy(() => globals.nope)
      expect(error).toMatchObject({ code: 'ERR_NOT_FOUND', target: 'global "nope"' })
      expect(error.message).toMatch(/const_bool.*data_u64.*bss_static|bss_static.*data_u64/)
      expect(thrownBy(() => (globals.nope = 1)).code).toBe('ERR_NOT_FOUND')
    })

    test('behave as an object', () => {
      expect('data_u32' in globals).toBe(true)
      expect('nope' in globals).toBe(false)
      expect('toString' in globals).toBe(false)
      expect(Object.keys(globals)).toEqual(
        expect.arrayContaining(['const_bool', 'data_static', 'bss_text', 'data_octets']),
      )
      expect(Object.keys(globals)).not.toContain('unsupported_pointer')
      expect('unsupported_pointer' in globals).toBe(true)
      expect(Object.fromEntries(Object.entries(globals))).toEqual({ ...globals })
      expect(inspect(globals)).toContain('data_u32: 32,')
      expect(inspect(globals)).toContain('unsupported_pointer: [pointer]')
      expect(() => delete globals.data_u32).toThrow(TypeError)
      expect(globals.data_u32).toBe(32)
    })
  })

  test('can be spread', () => {
    using object = openObject('rejected')
    expect({ ...object.globals }).toEqual({ limit: 3, step: 4, events__wakeup_bytes: 0n })
    const { limit, ...rest } = object.globals
    expect(limit).toBe(3)
    expect(rest).toEqual({ step: 4, events__wakeup_bytes: 0n })
    expect(Object.entries(object.globals)).toContainEqual(['step', 4])
  })

  test('are no longer mapped when the object is closed', () => {
    const before = dataMappings()
    const object = openObject('globals')
    object.load()
    expect([object.globals.const_u32, object.globals.bss_u32]).toEqual([32, 0])
    // Newer libbpf maps the sections, too.
    expect(dataMappings() - before).toBeGreaterThanOrEqual(2)
    object.close()
    expect(dataMappings() - before).toBe(0)
    expect(thrownBy(() => object.globals.const_u32)).toMatchObject({ code: 'ERR_CLOSED' })
    expect(inspect(object.globals)).toContain('const_u32: [ERR_CLOSED]')
  })

  test('keep what was set before load', () => {
    using object = openObject('globals')
    const { globals } = object
    Object.assign(globals, { const_u32: 1, data_u32: 2, bss_u32: 3, custom_const: 4 })
    object.load()
    expect([globals.const_u32, globals.data_u32, globals.bss_u32, globals.custom_const]).toEqual([
      1, 2, 3, 4,
    ])
  })

  test('are seen by the program, and it by JavaScript', () => {
    using object = openObject('globals')
    const { globals } = object
    for (const [kind, min] of integers) globals[`const_${kind}`] = min
    globals.const_bool = true
    globals.const_mode = 1
    globals.const_text = 'from JavaScript'
    object.load()
    globals.data_u32 = 4321
    globals.custom_data = 1000
    globals.data_static = 100
    expect(object.program('copy').testRun().returnValue).toBe(4321)
    for (const [kind, min] of integers) expect(globals[`bss_${kind}`]).toBe(asRead(min, kind))
    expect(globals.bss_bool).toBe(true)
    expect(globals.bss_mode).toBe('MODE_ON')
    expect(globals.bss_text).toBe('from JavaScript')
    expect(globals.bss_static).toBe(1110n)
    globals.data_u32 = 1
    expect(object.program('copy').testRun().returnValue).toBe(1)
    expect(globals.bss_static).toBe(2220n)
    globals.data_histogram = { slots: [10, 20, 30, 40], comm: 'shell' }
    object.program('copy').testRun()
    expect(globals.data_histograms).toEqual([
      { slots: [0, 0, 0, 0], comm: '' },
      { slots: [10, 20, 30, 40], comm: 'shell' },
    ])
  })

  test('that are constant cannot be set after load', () => {
    using object = openObject('globals')
    const { globals } = object.load()
    for (const name of ['const_bool', 'const_s8', 'const_u64', 'const_text', 'custom_const']) {
      const before = globals[name]
      const value = typeof before === 'number' ? 1 : (before as GlobalValue)
      expect(thrownBy(() => (globals[name] = value))).toMatchObject({
        code: 'ERR_STATE',
        operation: 'set',
        target: `global "${name}"`,
      })
      expect(globals[name]).toBe(before)
    }
  })
})
