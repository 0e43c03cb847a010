import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  BpfMap,
  BpfObject,
  Btf,
  features,
  FlightRecorder,
  PerfBuffer,
  RingBuffer,
  struct,
  Symbolizer,
  u32,
  u64,
} from '../../lib/index.js'
import { expectNothingLeftOpen } from '../descriptors.js'
import { objectPath, openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { type Thrown, thrownBy } from '../thrown.js'

let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'bpf-ringbuf-'))
})

afterAll(() => {
  rmSync(directory, { recursive: true })
})

function file(name: string, contents: string | Uint8Array): string {
  const path = join(directory, name)
  writeFileSync(path, contents)
  return path
}

function opening(source: unknown): Thrown {
  return thrownBy(() => BpfObject.open(source as string))
}

describeBpf('BpfObject.open()', () => {
  expectNothingLeftOpen()

  test('by path takes the name of the file', () => {
    using object = openObject('records')
    expect(object.name).toBe('records')
    expect(object.phase).toBe('open')
    expect(object.btf?.sizeOf(object.btf.find('sample', 'struct') ?? 0)).toBe(64)
  })

  test('by path with a long name', () => {
    const name = 'a name that is longer than fifteen characters, é'
    using object = BpfObject.open(file(`${name}.o`, readFileSync(objectPath('globals'))))
    expect(object.name).toBe(name)
    object.globals.const_u32 = 5
    object.load()
    expect(object.globals.const_u32).toBe(5)
    expect(object.globals.custom_const).toBe(10)
  })

  test('by bytes', () => {
    using object = BpfObject.open(readFileSync(objectPath('records')))
    expect(object.name).toBe('object')
    expect([...object.programs.keys()]).toContain('make_events')
  })

  test('by bytes at any address, which are copied', () => {
    const file = readFileSync(objectPath('records'))
    const memory = new Uint8Array(file.length + 20)
    memory.set(file, 13)
    const bytes = memory.subarray(13, 13 + file.length)
    using object = BpfObject.open(bytes)
    bytes.fill(0)
    object.load()
    expect(object.phase).toBe('loaded')
  })

  test('by a DataView', () => {
    const file = readFileSync(objectPath('records'))
    const source = new DataView(file.buffer, file.byteOffset, file.byteLength)
    using object = BpfObject.open(source as unknown as Uint8Array)
    expect(object.maps.size).toBeGreaterThan(0)
  })

  test('shows maps and programs, without the maps of global variables', () => {
    using object = openObject('records')
    expect([...object.maps.keys()].sort()).toEqual([
      'blob',
      'events',
      'events__counters',
      'latest',
      'others',
      'others__counters',
      'plain',
    ])
    const latest = object.map('latest')
    expect([latest.name, latest.type, latest.keySize, latest.valueSize, latest.maxEntries]).toEqual(
      ['latest', 'hash', 4, 64, 4],
    )
    using programs = openObject('programs')
    expect([...programs.programs.values()].map(({ name, section }) => [name, section])).toEqual([
      ['on_enter', 'raw_tp/sys_enter'],
      ['on_exec', 'tp_btf/sched_process_exec'],
      ['without_place', 'socket'],
      ['no_such_raw', 'raw_tp/no_such_tracepoint'],
      ['no_such_event', 'tp/no_such/event'],
      ['no_such_type', 'tp_btf/no_such_tracepoint'],
      ['trampoline', 'fentry/bpf_fentry_test1'],
      ['no_such_function', 'kprobe/no_such_function'],
    ])
  })

  test('a map or program that does not exist is an error that names those that do', () => {
    using object = openObject('programs')
    expect(thrownBy(() => object.map('events'))).toMatchObject({
      code: 'ERR_NOT_FOUND',
      target: 'map "events"',
      message: 'Cannot find map "events": object "programs" has no such map; it has none',
    })
    const error = thrownBy(() => object.program('on_exit'))
    expect(error.code).toBe('ERR_NOT_FOUND')
    expect(error.message).toMatch(/no such program; it has on_enter, on_exec, without_place, /)
    using records = openObject('records')
    expect(thrownBy(() => records.map('.rodata')).code).toBe('ERR_NOT_FOUND')
    expect(thrownBy(() => records.map('toString')).message).toMatch(/events, /)
  })

  test('with a token works where libbpf has them, and says so otherwise', () => {
    const open = () => BpfObject.open(objectPath('records'), { tokenPath: '/sys/fs/bpf' })
    if (features().libbpf.tokens.answer === 'yes') {
      open().close()
    } else {
      expect(thrownBy(open)).toMatchObject({
        code: 'ERR_UNSUPPORTED',
        hint: expect.stringMatching(/^tokenPath needs libbpf 1\.4 or newer/) as string,
      })
    }
    expect(thrownBy(() => BpfObject.open(objectPath('records'), { tokenPath: '' }))).toBeInstanceOf(
      TypeError,
    )
  })

  test('a name that is no string is a TypeError', () => {
    using object = openObject('records')
    for (const find of ['map', 'program'] as const) {
      expect(thrownBy(() => object[find](5 as unknown as string))).toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
        message: `Expected a string for the name of a ${find} but received 5`,
      })
    }
  })

  test.each([
    ['a missing file', 'missing.o', 'ERR_FILE_NOT_FOUND', /no such file.*bpf-ringbuf build/],
    ['a file in a file', 'text.o/object.o', 'ERR_FILE_NOT_FOUND', /no such file/],
    ['a device without an end', '/dev/zero', 'ERR_OBJECT_FORMAT', /is a device/],
    ['a directory', 'directory', 'ERR_OBJECT_FORMAT', /is a directory/],
    ['an empty file', 'empty.o', 'ERR_OBJECT_FORMAT', /is empty/],
    ['a text', 'text.o', 'ERR_OBJECT_FORMAT', /is not an ELF file/],
    ['an executable', '/bin/true', 'ERR_OBJECT_FORMAT', /ELF file for machine \d+, not BPF/],
    ['a 32-bit ELF file', '32-bit.o', 'ERR_OBJECT_FORMAT', /32-bit/],
    ['an object of the other byte order', 'swapped.o', 'ERR_OBJECT_FORMAT', /byte order/],
    ['an object without sections', 'bare.o', 'ERR_OBJECT_FORMAT', /no section/],
  ])('%s', (_, name, code, message) => {
    const contents = readFileSync(objectPath('records'))
    mkdirSync(join(directory, 'directory'), { recursive: true })
    file('empty.o', '')
    file('text.o', 'int main(void) { return 0; }\n')
    file('32-bit.o', Buffer.concat([contents.subarray(0, 4), Buffer.of(1), contents.subarray(5)]))
    const swapped = Buffer.from(contents)
    swapped[5] = swapped[5] === 1 ? 2 : 1
    file('swapped.o', swapped.fill(Buffer.of(247, 0, 247), 17, 20))
    file('bare.o', Buffer.from(contents).fill(0, 60, 62))
    const path = name.startsWith('/') ? name : join(directory, name)
    const error = opening(path)
    expect(error).toMatchObject({ name: 'BpfError', code, operation: 'open', target: path })
    expect(error.message).toMatch(message)
  })

  test('an object that was cut off anywhere', () => {
    const contents = readFileSync(objectPath('records'))
    for (let length = 1; length < contents.length; length += 61) {
      expect(opening(contents.subarray(0, length)).code).toBe('ERR_OBJECT_FORMAT')
    }
  })

  test.each([[undefined], [null], [42], [{}], [[]], [new ArrayBuffer(8)]])(
    '%p is a TypeError',
    (source) => {
      const error = opening(source)
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
      expect(error.message).toMatch(/^Expected a path or a Uint8Array for source but received /)
    },
  )

  test('maps in an object without BTF', () => {
    const error = opening(objectPath('maps.nobtf'))
    expect(error).toMatchObject({ code: 'ERR_NO_BTF', hint: 'Compile it with clang -g' })
    expect(error.log).toMatch(/BTF is required/)
  })

  test('variables of the kernel in an object without BTF', () => {
    expect(opening(objectPath('kconfig.nobtf'))).toMatchObject({
      code: 'ERR_NO_BTF',
      hint: 'Compile it with clang -g',
    })
  })

  test('maps of any type, which are named', () => {
    using object = openObject('misdeclared')
    expect([...object.maps.values()].map(({ type }) => type)).toEqual([
      'hash',
      'ringbuf',
      'unknown(4242)',
    ])
    using records = openObject('records')
    expect(records.map('events__counters').type).toBe('percpu_array')
    using streams = openObject('streams')
    expect(streams.map('samples').type).toBe('perf_event_array')
  })

  test('an object without BTF and without maps', () => {
    using object = openObject('globals.nobtf')
    expect(object.btf).toBeUndefined()
    expect(object.load().program('count').testRun().returnValue).toBe(42)
    const error = { code: 'ERR_NO_BTF', hint: 'Compile it with clang -g' }
    expect(thrownBy(() => object.globals.counter)).toMatchObject(error)
    expect(thrownBy(() => (object.globals.counter = 1))).toMatchObject(error)
    expect('counter' in object.globals).toBe(false)
    expect(Object.keys(object.globals)).toEqual([])
  })
})

describeBpf('an option that is undefined', () => {
  expectNothingLeftOpen()

  // Who passes options on has them so; `exactOptionalPropertyTypes` allows it, too.
  test('is as one that is left out', async () => {
    const layout = { packed: undefined, unchecked: undefined, checked: undefined, size: undefined }
    const Word = struct('word', { value: u64 }, layout)
    const stream = {
      coalesceUs: undefined,
      drainIntervalMs: undefined,
      batchBytes: undefined,
      batchCount: undefined,
      pollThread: undefined,
      signal: undefined,
      integers: undefined,
    }
    const ofPerf = {
      pagesPerCpu: undefined,
      watermarkBytes: undefined,
      wakeupEvents: undefined,
      cpus: undefined,
      onLost: undefined,
      orderBy: undefined,
      orderWindowMs: undefined,
    }
    const options = { name: undefined, pinRoot: undefined, tokenPath: undefined }
    using object = BpfObject.open(objectPath('recorder'), options)
    expect(object.name).toBe('recorder')
    object.load()
    const ofRecorder = { bytesPerCpu: undefined, orderBy: undefined, integers: undefined }
    using recorder = new FlightRecorder(object.map('recorder'), Word, ofRecorder)
    expect(recorder.snapshot()).toHaveLength(0)
    using ring = new RingBuffer(object.map('ordinary'), Word, stream)
    using perf = new PerfBuffer(object.map('perf'), Word, { ...stream, ...ofPerf })
    const bounds = { timeoutMs: undefined, signal: undefined }
    await Promise.all([ring.end(bounds), perf.end(bounds)])

    const sizes = { name: undefined, keySize: undefined, valueSize: undefined }
    const more = { flags: undefined, innerMap: undefined, extra: undefined, perCpu: undefined }
    const types = { key: u32, value: u32 }
    using map = BpfMap.create({ type: 'hash', maxEntries: 2, ...sizes, ...more, ...types })
    map.set(1, 2, { flags: undefined })
    expect(map.get(1)).toBe(2)
    await object.detached({ timeoutMs: undefined })
    expect(features({ fresh: undefined }).mapTypes['hash']?.answer).toBe('yes')
    expect(new Symbolizer({ maxBytes: undefined }).kernel([])).toEqual([])
    const btf = new Btf(readFileSync('/sys/kernel/btf/vmlinux'), { base: undefined })
    const decoded = { enums: undefined, chars: undefined, integers: undefined }
    expect(btf.typeOf('list_head', decoded).size).toBe(16)
  })
})
