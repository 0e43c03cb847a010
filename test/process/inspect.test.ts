// `bpf-ringbuf inspect` and `bpf-ringbuf map` as processes.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { inspect, type Inspection } from '../../lib/cli/inspection.js'
import { BpfMap, type BpfObject, features, u32, u64, u8 } from '../../lib/index.js'
import { runCommandLine } from '../command-line.js'
import { objectPath, openObject } from '../objects.js'
import { describeBpf } from '../require-bpf.js'

const main = join(__dirname, '../../dist/cli/main.js')

interface Ran {
  status: number | null
  stdout: string
  stderr: string
}

function run(args: string[], before: string[] = []): Ran {
  const [command = '', ...others] = [...before, process.execPath, main, ...args]
  const { status, stdout, stderr } = spawnSync(command, others, { encoding: 'utf8' })
  return { status, stdout, stderr }
}

describe('bpf-ringbuf inspect', () => {
  test('says what is in an object', () => {
    const { status, stdout, stderr } = run(['inspect', objectPath('tail'), '--json'])
    expect([status, stderr]).toEqual([0, ''])
    const { maps, programs, globals, types } = JSON.parse(stdout) as Inspection
    expect(maps.map(({ name, type, record }) => ({ name, type, record }))).toEqual([
      { name: 'pairs', type: 'perf_event_array', record: 'struct pair' },
      { name: 'pairs__counters', type: 'percpu_array' },
      { name: 'valued', type: 'ringbuf', record: 'struct pair' },
      { name: 'odds', type: 'ringbuf', record: 'struct odd' },
      { name: 'odds__counters', type: 'percpu_array' },
      { name: 'renames', type: 'ringbuf', record: 'struct rename' },
      { name: 'renames__counters', type: 'percpu_array' },
      { name: 'steps', type: 'ringbuf', record: 'struct begun | struct done by type' },
      { name: 'steps__counters', type: 'percpu_array' },
    ])
    expect(programs).toMatchObject([
      { name: 'on_rename', section: 'raw_tp/task_rename', autoload: true },
      { name: 'on_steps', section: 'raw_tp/task_rename', autoload: false },
      { name: 'flood', section: 'raw_tp/sys_enter', autoload: false },
    ])
    expect(globals).toContainEqual({
      name: 'prefix',
      section: '.rodata',
      type: 'const volatile char[16]',
      size: 16,
      value: 'tail-',
    })
    expect(types.find(({ name }) => name === 'pair')).toEqual({
      kind: 'struct',
      name: 'pair',
      size: 16,
      members: [
        { name: 'first', type: '__u32', declaration: '__u32 first', bitOffset: 0, bitSize: 0 },
        { name: 'second', type: '__u64', declaration: '__u64 second', bitOffset: 64, bitSize: 0 },
      ],
    })
  })

  test('says when usdt.bpf.h is of another libbpf than the loaded one', () => {
    using object = openObject('usdt')
    const before = object.map('__bpf_usdt_specs').valueSize === 208
    const withLibbpf = (version: string): unknown =>
      inspect(object, Object.create(features(), { libbpfVersion: { value: version } }) as never)
    const other = { runs: 'no', why: expect.stringMatching(/^The object has the/) as string }
    const programs = expect.arrayContaining([expect.objectContaining(other)]) as unknown
    expect(withLibbpf(before ? '1.7' : '1.6')).toMatchObject({ programs })
    expect(withLibbpf(before ? '1.6' : '1.7')).not.toMatchObject({ programs })
    expect(withLibbpf('1.8')).not.toMatchObject({ programs })
  })

  test('prints tables', () => {
    const { stdout } = run(['inspect', objectPath('tail')])
    expect(stdout).toMatch(/^Maps\n {2}runs +name +type +key +value or record +entries\n/)
    expect(stdout).toMatch(/^ {2}\w+ +renames +ringbuf +- +struct rename +65536 bytes$/m)
    expect(stdout).toMatch(/^ {4}__u32 low:3; {2}\/\/ at 4$/m)
    expect(stdout).toMatch(/^ {4}char name\[16\]; {2}\/\/ at 13$/m)
  })

  const objects = readdirSync(join(__dirname, '../../build/bpf/test'))
    .filter((name) => name.endsWith('.bpf.o') && !/^(kconfig|maps)\.nobtf/.test(name))
    .map((name) => name.replace('.bpf.o', ''))

  // Not as processes: there are many.
  test.each(objects)('reads %s', async (name) => {
    const { status, out, err } = await runCommandLine(['inspect', objectPath(name), '--json'])
    expect([status, err]).toEqual([0, ''])
    expect(JSON.parse(out)).toMatchObject({ version: 1, name })
  })

  test.each<[string[], number, RegExp]>([
    [['inspect'], 2, /which object\?/],
    [['inspect', 'a.o', 'b.o'], 2, /one object at a time/],
    [['inspect', '/nowhere.o'], 1, /there is no such file/],
    [['map'], 2, /what to do\? Say one of list, dump/],
    [['map', 'lsit'], 2, /there is no "lsit": Say one of/],
    [['map', 'dump'], 2, /: Expected map dump MAP\n/],
    [['map', 'get', '1'], 2, /: Expected map get MAP KEY\n/],
  ])('%j is refused', (args, status, problem) => {
    const ran = run(args)
    expect(ran.stderr).toMatch(problem)
    expect([ran.status, ran.stdout]).toEqual([status, ''])
  })
})

describeBpf('bpf-ringbuf inspect --load', () => {
  test('says that an object loads', () => {
    const { status, stdout } = run(['inspect', objectPath('tail'), '--load', '--json'])
    expect((JSON.parse(stdout) as Inspection).load).toEqual([{ program: null, loads: true }])
    expect(status).toBe(0)
  })

  test('says which program the kernel refuses, and why', () => {
    const { status, stdout } = run(['inspect', objectPath('rejected'), '--load', '--json'])
    expect((JSON.parse(stdout) as Inspection).load).toEqual([
      expect.objectContaining({ program: null, loads: false, code: 'ERR_VERIFIER' }),
      { program: 'accepted', loads: true },
      {
        program: 'unchecked',
        loads: false,
        code: 'ERR_VERIFIER',
        why: expect.stringMatching(/\n.*R0 invalid mem access/) as string,
      },
    ])
    expect(status).toBe(1)
  })

  test('without privileges says that it cannot be told', () => {
    const before = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    const { status, stdout } = run(['inspect', objectPath('tail'), '--json'], before)
    const { maps } = JSON.parse(stdout) as Inspection
    expect(maps[0]).toMatchObject({ runs: 'unknown', why: /CAP_BPF/ })
    expect(status).toBe(0)
  })
})

describeBpf('bpf-ringbuf map', () => {
  let object: BpfObject

  beforeAll(() => {
    object = openObject('maps').load()
  })

  afterAll(() => object.close())

  test('list has every map', () => {
    const { id } = object.map('hash').info()
    const { status, stdout } = run(['map', 'list', '--json'])
    const infos = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: number })
    expect(infos.find((info) => info.id === id)).toMatchObject({ name: 'hash', type: 'hash' })
    expect(run(['map', 'list']).stdout).toMatch(new RegExp(`^ +${id} +hash +hash `, 'm'))
    expect(status).toBe(0)
  })

  test('a map that BTF describes is dumped, read, written and deleted by its types', () => {
    const map = object.map('paths')
    const id = String(map.info().id)
    const key = '{"path":"/etc/passwd","device":7}'
    map.clear()
    expect(run(['map', 'set', id, key, '5'])).toMatchObject({ status: 0, stderr: '' })
    const dumped = run(['map', 'dump', id, '--json'])
    expect(dumped.status).toBe(0)
    const { key: there, value } = JSON.parse(dumped.stdout) as { key: object; value: unknown }
    expect(there).toMatchObject({ path: '/etc/passwd', device: 7 })
    expect(value).toBe(5)
    expect(run(['map', 'get', id, key]).stdout).toMatch(/\n\/etc\/passwd .* 5\n$/)
    expect(run(['map', 'delete', id, key]).status).toBe(0)
    expect(run(['map', 'delete', id, key]).status).toBe(1)
    expect(run(['map', 'get', id, key]).status).toBe(1)
  })

  test('a value of a per-CPU map is a list', () => {
    const id = String(object.map('percpu_array').info().id)
    expect(run(['map', 'set', id, '1', '9'])).toMatchObject({ status: 0, stderr: '' })
    const { stdout } = run(['map', 'get', id, '1', '--json'])
    const { value } = JSON.parse(stdout) as { value: number[] }
    expect(value.length).toBeGreaterThan(0)
    expect(value.every((each) => each === 9)).toBe(true)
  })

  test('a map without types is shown in bytes, and said so', () => {
    using map = BpfMap.create({ type: 'hash', key: u32, value: u8, name: 'untyped', maxEntries: 9 })
    map.set(1, 255)
    const { status, stdout, stderr } = run(['map', 'dump', 'untyped', '--json'])
    const one = new Uint8Array(Uint32Array.of(1).buffer)
    expect(stdout).toBe(`{"key":"${Buffer.from(one).toString('hex')}","value":"ff"}\n`)
    expect(stderr).toMatch(/^untyped: nothing says what its keys are; .* as bytes\n$/)
    expect(status).toBe(0)
  })

  test('of several maps of one name the id has to be given', () => {
    using one = BpfMap.create({ type: 'hash', key: u32, value: u64, name: 'same', maxEntries: 9 })
    using two = BpfMap.create({ type: 'hash', key: u32, value: u64, name: 'same', maxEntries: 9 })
    const { status, stderr } = run(['map', 'dump', 'same'])
    expect(stderr).toContain(`give the id, ${one.info().id} or ${two.info().id}`)
    expect(status).toBe(2)
  })

  test.each<[string[], number, RegExp]>([
    [['dump', 'no_such_map_is_there'], 2, /no map is called "no_such_map_is_there"/],
    [['dump', '4294967295'], 1, /the kernel has no map of this id/],
    [['dump', '/sys/fs/bpf/nowhere'], 1, /nothing is pinned there|no BPF file system/],
  ])('%j is refused', (args, status, problem) => {
    const ran = run(['map', ...args])
    expect(ran.stderr).toMatch(problem)
    expect([ran.status, ran.stdout]).toEqual([status, ''])
  })

  test('a key or value that the type does not take is a mistake of the command line', () => {
    const id = String(object.map('paths').info().id)
    for (const args of [
      ['get', id, '5'],
      ['set', id, '{"path":"/","device":0}', 'much'],
      ['set', id, '{"path":"/"}', '1'],
    ]) {
      const { status, stderr } = run(['map', ...args])
      expect(stderr).toMatch(/^bpf-ringbuf map: (KEY|KEY or VALUE): Expected /)
      expect(status).toBe(2)
    }
  })
})
