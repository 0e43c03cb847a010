import { existsSync, readFileSync } from 'node:fs'
import { Btf } from '../../lib/types/btf.js'
import { BtfWriter } from './btf-writer.js'
import { misuse } from './misuse.js'

const kernelPath = '/sys/kernel/btf/vmlinux'

describe('describe() writes a declaration as C does:', () => {
  test.each<[string, (w: BtfWriter, int: number) => number]>([
    ['int x', (_, int) => int],
    ['int x[2][3]', (w, int) => w.array(w.array(int, 3), 2)],
    ['int x[]', (w, int) => w.array(int, 0)],
    ['const struct foo *x', (w) => w.pointer(w.const(w.struct('foo', 0, [])))],
    ['struct foo *const x', (w) => w.const(w.pointer(w.forward('foo')))],
    ['int *const *x', (w, int) => w.pointer(w.const(w.pointer(int)))],
    ['int (*x)[4]', (w, int) => w.pointer(w.array(int, 4))],
    ['int *x[4]', (w, int) => w.array(w.pointer(int), 4)],
    ['const volatile int x[4]', (w, int) => w.const(w.array(w.volatile(int), 4))],
    ['void (*x)(void)', (w) => w.pointer(w.prototype(0, {}))],
    [
      'int (*x[3])(const void *, int size)',
      (w, int) => {
        const first = w.pointer(w.const(0))
        return w.array(w.pointer(w.prototype(int, { '': first, size: int })), 3)
      },
    ],
    ['int (*x)(int, ...)', (w, int) => w.pointer(w.raw('', 13, 2, int, [0, int, 0, 0]))],
    [
      'void (*(*x)(int))(int)',
      (w, int) => {
        const handler = w.pointer(w.prototype(0, { '': int }))
        return w.pointer(w.prototype(handler, { '': int }))
      },
    ],
    ['int __attribute__((btf_type_tag("user"))) *x', (w, int) => w.pointer(w.typeTag('user', int))],
    ['union {…} x', (w) => w.union('', 4, [])],
    ['enum color x', (w) => w.enum('color', 4, {})],
    ['size_t x', (w, int) => w.typedef('size_t', w.typedef('__kernel_size_t', int))],
  ])('%s', (text, build) => {
    const w = new BtfWriter()
    const id = build(w, w.int('int', 4, { signed: true }))
    expect(new Btf(w.bytes()).describe(id, 'x')).toBe(text)
  })

  test('types that refer to each other without end are cut short', () => {
    const w = new BtfWriter()
    const self = w.nextId
    w.pointer(self)
    let last = w.int('int', 4)
    for (let level = 0; level < 40; level++) {
      last = w.pointer(w.prototype(last, { a: last, b: last, c: last }))
    }
    const btf = new Btf(w.bytes())
    expect(btf.describe(self)).toMatch(/^… \*+$/)
    expect(btf.describe(last).length).toBeLessThan(5000)
  })

  test('what would move the cursor is not printed', () => {
    const w = new BtfWriter()
    const id = w.struct('\u001b[2J\nevent', 0, [])
    expect(new Btf(w.bytes()).describe(id)).toBe('struct \ufffd[2J\ufffdevent')
  })
})

describe('types are found by their names', () => {
  const w = new BtfWriter()
  const int = w.int('int', 4)
  const forward = w.forward('event')
  const struct = w.struct('event', 4, [{ name: 'x', type: int, bitOffset: 0 }])
  const typedef = w.typedef('event', struct)
  const second = w.struct('event', 8, [])
  const func = w.function('event', w.prototype(0, {}))
  const btf = new Btf(w.bytes())

  test('of any kind or some', () => {
    expect(btf.findAll('event')).toEqual([forward, struct, typedef, second, func])
    expect(btf.find('event')).toBe(forward)
    expect(btf.find('event', 'struct')).toBe(struct)
    expect(btf.findAll('event', 'struct', 'function')).toEqual([struct, second, func])
    expect([...btf.names('struct', 'int')]).toEqual(['int', 'event', 'event'])
  })

  test.each(['', 'even', 'events', 'x', 'event\0', 'Event', 'événement'])('but not %j', (name) => {
    expect(btf.findAll(name)).toEqual([])
  })

  test('which are strings', () => {
    expect(() => btf.find(7 as never)).toThrow(
      misuse('TypeError', 'Expected a string for the name of a type but received 7'),
    )
  })

  test('many of them, whose names are in the data once or several times', () => {
    const many = new BtfWriter()
    const ids = Array.from({ length: 5000 }, (_, i) => many.typedef(`t${String(i)}`, 0))
    const found = new Btf(many.bytes())
    expect(ids.map((_, i) => found.find(`t${String(i)}`))).toEqual(ids)
  })
})

describe('split BTF', () => {
  const base = new BtfWriter()
  const int = base.int('int', 4, { signed: true })
  const list = base.struct('list', 8, [{ name: 'next', type: base.pointer(0), bitOffset: 0 }])
  const split = new BtfWriter(base)
  const own = split.struct('device', 16, [
    { name: 'list', type: list, bitOffset: 0 },
    { name: 'int', type: int, bitOffset: 64 },
  ])
  split.typedef('list', own)
  split.declarationTag('tagged', own, 1)
  split.section('.data', [{ type: split.variable('devices', own), offset: 0, size: 16 }])
  const kernel = new Btf(base.bytes())

  test.each([true, false])('refers to its base, little endian: %p', (littleEndian) => {
    const ofBase = new Btf(base.bytes(littleEndian))
    const btf = new Btf(split.bytes(littleEndian), { base: ofBase })
    expect(btf.base).toBe(ofBase)
    expect(btf.byteOrder).toBe(littleEndian ? 'little' : 'big')
    expect([btf.firstId, own]).toEqual([ofBase.typeCount, ofBase.typeCount])
    expect(btf.type(own)).toMatchObject({
      name: 'device',
      members: [
        { name: 'list', type: list },
        { name: 'int', type: int },
      ],
    })
    expect([btf.describe(list, 'x'), btf.sizeOf(list), btf.find('list')]).toEqual([
      'struct list x',
      8,
      list,
    ])
    expect(btf.findAll('list')).toEqual([list, own + 1])
    expect(btf.variables()).toMatchObject([{ name: 'devices', type: own }])
    expect(btf.tags(own)).toEqual([{ name: 'tagged', part: 1 }])
    expect([...btf.types()]).toHaveLength(btf.typeCount - 1)
    expect(ofBase.find('device')).toBeUndefined()
  })

  test('is refused without its base, or with another', () => {
    expect(() => new Btf(split.bytes())).toThrow(/^Cannot read BTF: .*, at byte \d+$/)
    const other = new BtfWriter()
    other.int('int', 4)
    expect(() => new Btf(split.bytes(), { base: new Btf(other.bytes()) })).toThrow(
      /^Cannot read BTF: .*, at byte \d+$/,
    )
  })

  test('is refused when its types and those of its base lie within each other', () => {
    const bad = new BtfWriter(base)
    bad.array(bad.nextId, 1, int)
    expect(() => new Btf(bad.bytes(), { base: kernel })).toThrow(/a type contains itself/)
  })

  test('may be empty', () => {
    const btf = new Btf(new BtfWriter(base).bytes(), { base: kernel })
    expect(btf.typeCount).toBe(kernel.typeCount)
    expect(btf.find('list')).toBe(list)
  })

  test('has a Btf for its base', () => {
    expect(() => new Btf(split.bytes(), { base: {} as never })).toThrow(
      misuse('TypeError', 'Expected a Btf for base but received {}'),
    )
  })
})

test('tags are found by what they are on', () => {
  const w = new BtfWriter()
  const int = w.int('int', 4)
  const struct = w.struct('event', 4, [{ name: 'x', type: int, bitOffset: 0 }])
  w.declarationTag('whole', struct)
  w.declarationTag('member', struct, 0)
  const btf = new Btf(w.bytes())
  expect(btf.tags(struct)).toEqual([
    { name: 'whole', part: undefined },
    { name: 'member', part: 0 },
  ])
  expect(btf.tags(int)).toEqual([])
})

describe("the kernel's BTF", () => {
  if (!existsSync(kernelPath)) {
    test('is not there', () => {
      expect(() => Btf.kernel()).toThrow(
        expect.objectContaining({ code: 'ERR_UNSUPPORTED' }) as Error,
      )
    })
    return
  }

  test('is read once, and gives what it is asked for', () => {
    const kernel = Btf.kernel()
    expect(Btf.kernel()).toBe(kernel)
    expect(kernel).toBeInstanceOf(Btf)
    const task = kernel.find('task_struct', 'struct') ?? 0
    expect(kernel.describe(task)).toBe('struct task_struct')
    expect(kernel.type(task)).toMatchObject({ kind: 'struct', name: 'task_struct' })
    const parameters = kernel.function('vfs_read')?.parameters ?? []
    expect(parameters.map(({ name, type }) => kernel.describe(type, name))).toEqual([
      'struct file *file',
      expect.stringMatching(/^char .*\*buf$/),
      'size_t count',
      'loff_t *pos',
    ])
    expect(kernel.typeCount).toBeGreaterThan(10_000)
  })

  test('all of its types are described', () => {
    const kernel = new Btf(readFileSync(kernelPath))
    for (const [id, { kind }] of kernel.types()) {
      if (kernel.describe(id) === '' || kind === 'void') throw new Error(`type ${String(id)}`)
    }
  })

  test('no module of the name', () => {
    expect(() => Btf.kernel('no_such_module')).toThrow(
      expect.objectContaining({ code: 'ERR_NOT_FOUND' }) as Error,
    )
    expect(() => Btf.kernel('../../../etc/passwd')).toThrow(
      misuse(
        'TypeError',
        "Expected the name of a module for the name of a kernel module but received '../../../etc/passwd'",
      ),
    )
  })
})
