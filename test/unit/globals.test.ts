import { inspect } from 'node:util'
import { Btf } from '../../lib/types/btf.js'
import { createGlobals, type GlobalValue } from '../../lib/object/globals.js'
import type { Session } from '../../lib/addon/session.js'
import type { NativeMap } from '../../lib/addon/map.js'
import { BtfWriter } from './btf-writer.js'
import { misuse } from './misuse.js'

const EROFS = 30

/** What globals ask their object for: whether it is open. */
const openObject = { checkOpen: () => undefined } as unknown as Session

interface Fixture {
  globals: Record<string, GlobalValue>
  /** What the maps of the sections contain. */
  memory: Record<string, Uint8Array>
  readOnly: Set<string>
}

/** Variables of every type, each in 32 bytes of its own. */
function fixture(): Fixture {
  const w = new BtfWriter()
  const char = w.int('char', 1, { signed: true, char: true })
  const int = w.int('int', 4, { signed: true })
  const pair = w.struct('pair', 24, [
    { name: 'left', type: int, bitOffset: 0 },
    { name: 'next', type: w.pointer(0), bitOffset: 64 },
    { name: 'comm', type: w.array(char, 5), bitOffset: 128 },
  ])
  const types: [string, number, number][] = [
    ['u8', 1, w.int('unsigned char', 1)],
    ['i8', 1, w.int('signed char', 1, { signed: true })],
    ['u16', 2, w.int('unsigned short', 2)],
    ['i16', 2, w.int('short', 2, { signed: true })],
    ['u32', 4, w.int('unsigned int', 4)],
    ['i32', 4, int],
    ['u64', 8, w.int('unsigned long', 8)],
    ['i64', 8, w.int('long', 8, { signed: true })],
    ['bool', 1, w.int('_Bool', 1, { bool: true })],
    ['enum', 4, w.enum('color', 4, { RED: 0 })],
    ['signed_enum', 4, w.enum('level', 4, { LOW: 0xffffffff }, true)],
    ['text', 8, w.array(char, 8)],
    ['constant_text', 8, w.array(w.const(w.volatile(char)), 8)],
    ['bytes', 8, w.array(w.typedef('__u8', w.int('unsigned char', 1)), 8)],
    ['signed_bytes', 8, w.array(w.int('signed char', 1, { signed: true }), 8)],
    ['bools', 8, w.array(w.int('_Bool', 1, { bool: true }), 8)],
    ['pointer', 8, w.pointer(0)],
    ['pointers', 16, w.array(w.pointer(0), 2)],
    ['struct', 24, pair],
    ['structs', 16, w.array(w.struct('s', 8, [{ name: 'x', type: int, bitOffset: 0 }]), 2)],
    ['bits', 4, w.struct('flags', 4, [{ name: 'x', type: int, bitOffset: 0, bitSize: 3 }])],
    ['numbers', 8, w.array(int, 2)],
    ['grid', 16, w.array(w.array(w.int('short', 2, { signed: true }), 4), 2)],
    ['names', 16, w.array(w.array(char, 8), 2)],
    ['ratio', 8, w.float('double', 8)],
    ['u128', 16, w.int('unsigned __int128', 16)],
    ['quad', 16, w.float('long double', 16)],
    ['damaged_enum', 3, w.enum('damaged', 3, { RED: 0 })],
  ]
  const variables = types.map(([name, size, type], i) => ({
    type: w.variable(name, w.const(w.typedef('', type))),
    offset: 32 * i,
    size,
  }))
  w.section('.data', variables)
  w.section('.rodata', [{ type: w.variable('limit', int), offset: 0, size: 4 }])
  w.section('.bss', [{ type: w.variable('unmapped', int), offset: 0, size: 4 }])

  const memory: Record<string, Uint8Array> = {
    '.data': new Uint8Array(32 * types.length),
    '.rodata': new Uint8Array(4),
  }
  const readOnly = new Set<string>()
  const dataMap = (section: string): NativeMap | undefined => {
    const contents = memory[section]
    if (contents === undefined) return undefined
    return {
      readData: (offset: number, size: number) => contents.slice(offset, offset + size),
      writeData(offset: number, bytes: Uint8Array) {
        if (readOnly.has(section)) return -EROFS
        contents.set(bytes, offset)
        return 0
      },
    } as NativeMap
  }
  return { globals: createGlobals(openObject, new Btf(w.bytes()), dataMap), memory, readOnly }
}

describe('a global keeps', () => {
  test.each<[string, GlobalValue, GlobalValue]>([
    ['u8', 255, 255],
    ['i8', -128, -128],
    ['u16', 65535, 65535],
    ['i16', -32768, -32768],
    ['u32', 2 ** 32 - 1, 2 ** 32 - 1],
    ['i32', -(2 ** 31), -(2 ** 31)],
    ['u64', 2n ** 64n - 1n, 2n ** 64n - 1n],
    ['i64', -(2n ** 63n), -(2n ** 63n)],
    ['u64', 5, 5n],
    ['i64', -5, -5n],
    ['u32', 5n, 5],
    ['bool', true, true],
    ['bool', false, false],
    ['enum', 3, 3],
    ['signed_enum', 'LOW', 'LOW'],
    ['signed_enum', -1, 'LOW'],
    ['signed_enum', -7, -7],
    ['bits', { x: -4 }, { x: -4 }],
    ['u128', 2n ** 100n, 2n ** 100n],
    ['text', 'seven 7', 'seven 7'],
    ['text', 'été', 'été'],
    ['text', '', ''],
    ['constant_text', 'abc', 'abc'],
    ['bytes', Uint8Array.of(1, 0, 255, 4, 5, 6, 7, 8), Uint8Array.of(1, 0, 255, 4, 5, 6, 7, 8)],
    ['bytes', Buffer.from('8 bytes.'), new Uint8Array(Buffer.from('8 bytes.'))],
    ['signed_bytes', [1, 2, 3, 4, 5, 6, 7, -8], [1, 2, 3, 4, 5, 6, 7, -8]],
    ['bools', Array<boolean>(8).fill(true), Array<boolean>(8).fill(true)],
    ['struct', { left: -1, next: 5n, comm: 'text' }, { left: -1, next: 5n, comm: 'text' }],
    ['structs', [{ x: 1 }, { x: -1 }], [{ x: 1 }, { x: -1 }]],
    ['numbers', [1, 2], [1, 2]],
    [
      'grid',
      [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
      ],
      [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
      ],
    ],
    ['names', ['a', 'bc'], ['a', 'bc']],
    ['ratio', 0.5, 0.5],
  ])('%s = %p', (name, value, read) => {
    const { globals, memory } = fixture()
    memory['.data']?.fill(0xa5)
    const before = memory['.data']?.slice()
    globals[name] = value
    expect(globals[name]).toEqual(read)
    // Nothing but its own bytes has changed.
    const changed = [...(before ?? [])].flatMap((byte, i) =>
      memory['.data']?.[i] === byte ? [] : [Math.floor(i / 32)],
    )
    expect(new Set(changed).size).toBe(1)
  })

  test('a bool as 0 or 1, as C wants it', () => {
    const { globals, memory } = fixture()
    globals['bool'] = true
    expect(memory['.data']?.filter((byte) => byte !== 0)).toEqual(Uint8Array.of(1))
  })

  test('text that fills it, which only BPF programs can write', () => {
    const { globals, memory } = fixture()
    memory['.data']?.fill(0x61)
    expect(globals['text']).toBe('aaaaaaaa')
  })
})

describe('a global refuses', () => {
  test.each<[string, unknown, Error]>([
    ['u8', 256, range('u8', 0n, 255n, '256')],
    ['u8', -1, range('u8', 0n, 255n, '-1')],
    ['i8', 128, range('i8', -128n, 127n, '128')],
    ['u64', -1n, range('u64', 0n, 2n ** 64n - 1n, '-1n')],
    ['u64', 2n ** 64n, range('u64', 0n, 2n ** 64n - 1n, '18446744073709551616n')],
    ['i64', 2n ** 63n, range('i64', -(2n ** 63n), 2n ** 63n - 1n, '9223372036854775808n')],
    [
      'u64',
      2 ** 53,
      misuse(
        'RangeError',
        'Expected a bigint, as numbers are not exact from 2 ** 53 on, for global "u64" but received 9007199254740992',
      ),
    ],
    ['u32', 1.5, range('u32', 0n, 2n ** 32n - 1n, '1.5')],
    ['u32', NaN, range('u32', 0n, 2n ** 32n - 1n, 'NaN')],
    [
      'u32',
      '5',
      misuse(
        'TypeError',
        'Expected an integer from 0 to 4294967295 for global "u32" but received \'5\'',
      ),
    ],
    ['bool', 1, misuse('TypeError', 'Expected a boolean for global "bool" but received 1')],
    ['text', 5, misuse('TypeError', 'Expected a string for global "text" but received 5')],
    ['text', '8 bytes.', tooLong("'8 bytes.'")],
    [
      'bytes',
      'text',
      misuse(
        'TypeError',
        'Expected a Uint8Array of 8 bytes for global "bytes" but received \'text\'',
      ),
    ],
    [
      'bytes',
      Uint8Array.of(1),
      misuse(
        'RangeError',
        'Expected a Uint8Array of 8 bytes for global "bytes" but received Uint8Array(1) [ 1 ]',
      ),
    ],
    [
      'struct',
      { left: 1, next: 0n, comm: 5 },
      misuse('TypeError', 'Expected a string for global "struct".comm but received 5'),
    ],
    ['text', 'ééé€', tooLong("'ééé€'")],
    ['text', 'a\0b', tooLong("'a\\x00b'")],
  ])('%s = %p', (name, value, error) => {
    const { globals, memory } = fixture()
    expect(() => (globals[name] = value as GlobalValue)).toThrow(error)
    expect(memory['.data']?.every((byte) => byte === 0)).toBe(true)
  })

  function range(name: string, min: bigint, max: bigint, received: string): Error {
    return misuse(
      'RangeError',
      `Expected an integer from ${String(min)} to ${String(max)} for global "${name}" but received ${received}`,
    )
  }

  function tooLong(received: string): Error {
    return misuse(
      'RangeError',
      `Expected a string of at most 7 bytes in UTF-8 without NUL for global "text" but received ${received}`,
    )
  }
})

describe('a global that cannot be used', () => {
  const refusal = (code: string, message: string): Error =>
    expect.objectContaining({ name: 'BpfError', code, message }) as Error
  const hint = 'Pointers, and what has no type in JavaScript, cannot be used'

  test.each([
    ['pointer', 'it is a pointer'],
    ['pointers', 'it is a pointer'],
    ['damaged_enum', 'it is an enum of 3 bytes'],
    ['quad', 'it is long double of 16 bytes'],
  ])('for its type: %s', (name, problem) => {
    const { globals } = fixture()
    const rest = `global "${name}": ${problem}. ${hint}`
    expect(() => globals[name]).toThrow(refusal('ERR_UNSUPPORTED', `Cannot read ${rest}`))
    expect(() => (globals[name] = 1)).toThrow(refusal('ERR_UNSUPPORTED', `Cannot set ${rest}`))
  })

  test('for there is none of this name', () => {
    const { globals } = fixture()
    expect(() => globals['lmit']).toThrow(
      expect.objectContaining({
        code: 'ERR_NOT_FOUND',
        message: expect.stringMatching(
          /^Cannot read global "lmit": the object has u8, .*, limit, unmapped; did you mean "limit"\?$/,
        ) as string,
      }) as Error,
    )
  })

  test('for it is constant by now', () => {
    const { globals, readOnly } = fixture()
    globals['limit'] = 5
    readOnly.add('.rodata')
    expect(() => (globals['limit'] = 6)).toThrow(
      refusal(
        'ERR_STATE',
        'Cannot set global "limit": it is constant once the object is loaded. ' +
          'Set it before load(), or drop "const" in the BPF program',
      ),
    )
    expect(globals['limit']).toBe(5)
  })

  test('for its section has no map', () => {
    const { globals } = fixture()
    expect(() => globals['unmapped']).toThrow(
      refusal('ERR_NOT_FOUND', 'Cannot read global "unmapped": section .bss has no map'),
    )
  })

  test('for the object has no BTF', () => {
    const globals = createGlobals(openObject, undefined, () => undefined)
    expect(() => globals['limit']).toThrow(
      refusal(
        'ERR_NO_BTF',
        'Cannot read global "limit": the object has no BTF. Compile it with clang -g',
      ),
    )
    expect(Object.keys(globals)).toEqual([])
  })

  test('for its size is not that of its type, as in damaged BTF', () => {
    const w = new BtfWriter()
    const variable = w.variable('limit', w.int('unsigned long', 8))
    w.section('.data', [{ type: variable, offset: 0, size: 4 }])
    const map = { readData: (_: number, size: number) => new Uint8Array(size) } as NativeMap
    const globals = createGlobals(openObject, new Btf(w.bytes()), () => map)
    expect(() => globals['limit']).toThrow(
      expect.objectContaining({ code: 'ERR_OBJECT_FORMAT' }) as Error,
    )
  })
})

describe('the object of the globals', () => {
  test('can be looked at by JavaScript, which asks for methods', async () => {
    const { globals } = fixture()
    expect(globals['toJSON']).toBeUndefined()
    expect(await Promise.resolve(globals)).toBe(globals)
  })

  test('lists all names, and enumerates those that JavaScript can use', () => {
    const { globals } = fixture()
    expect(Reflect.ownKeys(globals)).toEqual(expect.arrayContaining(['u8', 'pointer', 'unmapped']))
    expect(Object.keys(globals)).toEqual(expect.arrayContaining(['u8', 'bytes', 'unmapped']))
    for (const name of ['pointer', 'pointers', 'quad', 'damaged_enum']) {
      expect(Object.keys(globals)).not.toContain(name)
      expect(name in globals).toBe(true)
    }
    expect('limit' in globals).toBe(true)
    expect('toString' in globals).toBe(false)
  })

  test('can be copied, without what JavaScript cannot use', () => {
    const globals = limitAndPointer()
    expect({ ...globals }).toEqual({ limit: -1 })
    expect(Object.entries(globals)).toEqual([['limit', -1]])
    expect(JSON.stringify(globals)).toBe('{"limit":-1}')
  })

  test('is printed with names and values, whatever cannot be read', () => {
    expect(inspect(limitAndPointer())).toBe('{ limit: -1, next: [pointer] }')
    expect(inspect({ globals: limitAndPointer() }, { depth: 1 })).toBe(
      '{ globals: { limit: -1, next: [pointer] } }',
    )
    const { globals } = fixture()
    globals['text'] = 'abc'
    const shown = inspect(globals)
    for (const part of [
      "text: 'abc'",
      'quad: [float]',
      'numbers: [ 0, 0 ]',
      'unmapped: [ERR_NOT_FOUND]',
    ]) {
      expect(shown).toContain(part)
    }
  })

  function limitAndPointer(): Record<string, GlobalValue> {
    const w = new BtfWriter()
    const limit = w.variable('limit', w.int('int', 4, { signed: true }))
    const pointer = w.variable('next', w.pointer(0))
    w.section('.data', [
      { type: limit, offset: 0, size: 4 },
      { type: pointer, offset: 8, size: 8 },
    ])
    const map = { readData: () => Uint8Array.of(0xff, 0xff, 0xff, 0xff) } as unknown as NativeMap
    return createGlobals(openObject, new Btf(w.bytes()), () => map)
  }

  test('can neither lose nor get variables', () => {
    const { globals } = fixture()
    expect(() => Reflect.deleteProperty(globals, 'limit')).not.toThrow()
    expect(Reflect.deleteProperty(globals, 'limit')).toBe(false)
    expect(Reflect.defineProperty(globals, 'more', { value: 1 })).toBe(false)
    const names = Object.keys(globals)
    expect(() => Object.freeze(globals)).toThrow(TypeError)
    expect(Object.keys(globals)).toEqual(names)
    expect('limit' in globals).toBe(true)
  })
})
