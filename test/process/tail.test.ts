// `bpf-ringbuf tail` as a process: what it prints of objects, and how it ends.
import { spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { objectPath } from '../objects.js'
import { describeBpf } from '../require-bpf.js'
import { type Ended, Example, killRunning } from './example.js'

const main = join(__dirname, '../../dist/cli/main.js')
const tailObject = objectPath('tail')

afterEach(killRunning)

function start(args: string[], env: NodeJS.ProcessEnv = {}): Example {
  const options = { env: { ...process.env, ...env } }
  return new Example(process.execPath, [main, 'tail', ...args], options)
}

async function started(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Example> {
  const example = start(args, env)
  await example.until('stderr', /^Reading .*\n/m)
  return example
}

/** Gives a thread a name, which tail.bpf.c reports; gives its process. */
function rename(name: string): number {
  const { pid, status } = spawnSync('sh', ['-c', `printf ${name} > /proc/self/comm`])
  expect(status).toBe(0)
  return pid
}

/** Runs it to its end. */
function run(args: string[], before: string[] = []): Ended {
  const [command = '', ...others] = [...before, process.execPath, main, 'tail', ...args]
  const { status, signal, stdout, stderr } = spawnSync(command, others, {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  return { code: status, signal, stdout, stderr }
}

describeBpf('bpf-ringbuf tail', () => {
  test('prints records of each map by the type that the object says', async () => {
    const config = 'config={"wide":"0xffffffffffffffff","list":[1,2],"on":true}'
    const example = await started([tailObject, '--set', config, '--count', '4'])
    const pid = rename('tail-x')
    const { code, stdout, stderr } = await example.ended
    const words = stdout.split('\n').map((line) => line.trim().split(/ +/))
    expect(words).toContainEqual(['pairs', String(pid), '18446744073709551615'])
    expect(words).toContainEqual(['valued', String(pid), '18446744073709551615'])
    const rename_ = ['18446744073709551615', String(pid), 'true', 'tail-x', '-1', '2', '[1,2]']
    expect(words).toContainEqual(['renames', ...rename_, 'ab0000'])
    expect(words[0]?.[0]).toBe('map')
    expect(stdout).not.toContain('\x1b')
    expect(stderr).toMatch(/^Reading .*renames \(struct rename\).*\n/)
    expect(stderr).toMatch(/^renames: 1 record, 0 lost, \d+\.\d records per second$/m)
    expect(code).toBe(0)
  })

  test('prints the flexible array at the end of a record', async () => {
    const object = join(__dirname, '../../build/bpf/open-snoop.bpf.o')
    const example = await started([object, '--json', '--where', 'comm == "cat"'])
    const path = `/no/such/${randomUUID()}`
    spawnSync('cat', [path])
    await example.until('stdout', new RegExp(`"path":"${path}"`))
    expect(await example.stop()).toMatchObject({ code: 0 })
  })

  test('--json prints one object a line, exact also in 64 bits', async () => {
    const set = ['--set', 'config={"wide":"9007199254740993"}', '--set', 'prefix=json-']
    const args = [tailObject, '--json', '--map', 'renames', ...set, '--count', '1']
    const example = await started(args)
    rename('tail-x')
    const pid = rename('json-x')
    const { code, stdout } = await example.ended
    expect(stdout).toMatch(/^.*\n$/)
    expect(JSON.parse(stdout)).toEqual({
      time_ns: '9007199254740993',
      pid,
      even: false,
      name: 'json-x',
      point: { x: -1, y: 2 },
      parts: [0, 0],
      raw: 'ab0000',
    })
    expect(code).toBe(0)
  })

  test('--json says the map where there are several', async () => {
    const args = [tailObject, '--json', '--map', 'pairs', '--map', 'valued', '--count', '2']
    const example = await started(args)
    const pid = rename('tail-x')
    const { stdout } = await example.ended
    const record = { first: pid, second: 0 }
    const lines = stdout.trim().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
      expect.arrayContaining([
        { map: 'pairs', record },
        { map: 'valued', record },
      ]),
    )
  })

  test('prints records that a tag tells apart, also with others, in one table', async () => {
    const steps = [tailObject, '--program', 'on_steps', '--map', 'steps', '--count', '4']
    const json = await started([...steps, '--json'])
    const pid = rename('tail-x')
    const lines = (await json.ended).stdout.trim().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { type: 0, pid, name: 'tail-x' },
      { type: 7, code: -3, pid },
      { type: 'unknown', value: 9, bytes: expect.stringMatching(/^09000000/) as string },
      { type: 7, code: -3 },
    ])
    const table = await started(steps)
    rename('tail-y')
    const { code, stdout, stderr } = await table.ended
    const words = stdout.split('\n').map((line) => line.trim().split(/ +/))
    expect(words[0]).toEqual(['type', 'pid', 'name', 'code'])
    expect(words.slice(1, 3).map(([type, , ...rest]) => [type, ...rest])).toEqual([
      ['0', 'tail-y', '-'],
      ['7', '-', '-3'],
    ])
    expect(stderr).toMatch(/^Reading steps \(struct begun \| struct done by type\),/)
    expect(stderr).toMatch(/^4 records, 0 lost, 1 shorter than begun \| done,/m)
    expect(code).toBe(0)
  })

  test.each([
    ['code == -3', undefined],
    ['name == "x" || type == 7', undefined],
    ['cod == -3', /begun \| done has no "cod"; did you mean "code"\?/],
    ['code.x == 1', /code is i32: it has no "x"/],
  ])('--where %j of records with a tag', async (where, problem) => {
    const args = [tailObject, '--program', 'on_steps', '--map', 'steps', '--where', where]
    if (problem !== undefined) {
      expect(run(args).stderr).toMatch(problem)
      return
    }
    const example = await started([...args, '--json', '--count', '1'])
    const pid = rename('tail-x')
    expect(JSON.parse((await example.ended).stdout)).toEqual({ type: 7, code: -3, pid })
  })

  test('shows of a record that is too short what is there, and says so', async () => {
    const args = [tailObject, '--map', 'valued', '--set', 'pair_bytes=8', '--json']
    const example = await started([...args, '--count', '2'])
    const pids = [rename('tail-x'), rename('tail-y')]
    const { code, stdout, stderr } = await example.ended
    expect(stdout).toBe(pids.map((first) => `{"first":${first}}\n`).join(''))
    expect(stderr).toMatch(/^2 records, losses not counted .*, 2 shorter than pair,/m)
    expect(code).toBe(0)
  })

  test('prints enums by name, bit-fields, and unions with all members', async () => {
    const where = ['--where', 'kind == "KIND_SECOND" && low == 5 && either.word == 0x1020304']
    const args = [tailObject, '--map', 'odds', ...where, '--count', '1']
    const [json, table] = await Promise.all([started([...args, '--json']), started(args)])
    rename('tail-x')
    const ended = await Promise.all([json.ended, table.ended])
    expect(JSON.parse(ended[0].stdout)).toMatchObject({
      kind: 'KIND_SECOND',
      low: 5,
      high: 17,
      either: { word: 0x01020304 },
      half: 0x4142,
      pointer: 0,
    })
    expect(ended[1].stdout).toMatch(/^KIND_SECOND +5 +17 +\{"word":16909060,.*\} +16706 /m)
  })

  test('--where chooses records, and the summary says of how many', async () => {
    const args = [tailObject, '--map', 'renames', '--where', "name == 'tail-b' && point.x < 0"]
    const example = await started([...args, '--json', '--count', '1'])
    rename('tail-a')
    rename('tail-b')
    const { stdout, stderr } = await example.ended
    expect(stdout).toMatch(/^\{.*"name":"tail-b".*\}\n$/)
    expect(stderr).toMatch(/^1 record of 2, 0 lost,/m)
  })

  test('Ctrl-C prints what there is left, and the summary', async () => {
    const example = await started([tailObject, '--map', 'renames', '--json'])
    for (let i = 0; i < 5; i++) rename('tail-x')
    const { code, signal, stdout, stderr } = await example.stop('SIGINT')
    expect(stdout.trim().split('\n')).toHaveLength(5)
    expect(stderr).toMatch(/\n5 records, 0 lost, .*\n$/)
    expect([code, signal]).toEqual([0, null])
  })

  test('--duration ends it', async () => {
    const example = await started([tailObject, '--map', 'renames', '--duration', '0.5'])
    expect(await example.ended).toMatchObject({ code: 0, signal: null })
  })

  test('--rate prints a line a second', async () => {
    const begin = performance.now()
    const example = await started([tailObject, '--map', 'renames', '--rate'])
    rename('tail-x')
    await example.until('stdout', /^(.*\n){2}/)
    const { code, stdout, stderr } = await example.stop()
    const lines = stdout.trim().split('\n')
    expect(lines.length).toBeLessThanOrEqual((performance.now() - begin) / 1000)
    for (const line of lines) {
      expect(line).toMatch(/^\d\d:\d\d:\d\d {2}\d+ records\/s {2}0 lost\/s$/)
    }
    expect(stderr).toMatch(/\n1 record, 0 lost,/)
    expect(code).toBe(0)
  })

  test('fits a terminal of 40 columns, and says what it leaves out', async () => {
    const args = [tailObject, '--map', 'renames', '--count', '1']
    const example = await started(args, { COLUMNS: '40' })
    rename('tail-abcdefghi')
    const { stdout, stderr } = await example.ended
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(40)
    expect(stderr).toMatch(/^renames: no room for .*raw; --json has them$/m)
  })

  test('has a bold header on a terminal alone', async () => {
    const command = `stty cols 70; exec '${process.execPath}' '${main}' tail '${tailObject}' --map renames --count 1`
    const terminal = new Example('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, TERM: 'xterm', NO_COLOR: '' },
    })
    await terminal.until('stdout', /Reading/)
    rename('tail-x')
    const { stdout } = await terminal.ended
    expect(stdout).toMatch(/\x1b\[1m +time_ns .*\x1b\[0m\r\n/)
  })

  test('shows control characters escaped', async () => {
    const [json, text] = await Promise.all([
      started([tailObject, '--map', 'renames', '--json', '--count', '1']),
      started([tailObject, '--map', 'renames', '--count', '1']),
    ])
    rename(String.raw`'tail-\033[31m\n'`)
    const ended = await Promise.all([json.ended, text.ended])
    for (const { stdout } of ended) expect(stdout).not.toContain('\x1b')
    expect(ended[0].stdout).toContain('"name":"tail-\\u001b[31m\\n"')
    expect(ended[1].stdout).toContain(' tail-\\x1b[31m\\x0a ')
  })

  test('counts every record of a flood as printed or lost', async () => {
    // Writes all the time, in one thread.
    const producer = spawn('yes', { stdio: ['ignore', 'ignore', 'ignore'] })
    try {
      await once(producer, 'spawn')
      const set = ['--set', `producer_tgid=${producer.pid}`, '--set', 'records_per_call=100']
      const args = [tailObject, '--program', 'flood', '--map', 'renames', ...set]
      const { code, stdout, stderr } = run([...args, '--json', '--duration', '1'])
      const [, records, lost] = /^(\d+) records?, (\d+) lost,/m.exec(stderr) ?? []
      expect(Number(records)).toBeGreaterThan(0)
      expect(stdout.split('\n').length - 1).toBe(Number(records))
      expect(Number(lost)).toBeGreaterThanOrEqual(0)
      expect(code).toBe(0)
    } finally {
      producer.kill()
    }
  })

  /** Prints a flood of records into what the shell's script makes of it. */
  async function flood(script: string): Promise<Ended> {
    const producer = spawn('yes', { stdio: ['ignore', 'ignore', 'ignore'] })
    try {
      await once(producer, 'spawn')
      const args = [tailObject, '--program', 'flood', '--map', 'renames', '--json']
      const set = ['--set', `producer_tgid=${producer.pid}`]
      return run([...args, ...set], ['sh', '-c', script, 'sh'])
    } finally {
      producer.kill()
    }
  }

  test('ends quietly when nobody reads on', async () => {
    const ended = await flood('exec 3>&1; { "$@"; echo $? >&3; } | head -1 >/dev/null')
    expect(ended.stdout).toBe('0\n')
    expect(ended.stderr).toMatch(/^Reading .*\n\d+ records?, .*\n$/)
  })

  test('says that the disk is full, and what it read and lost', async () => {
    const { code, stderr } = await flood('"$@" > /dev/full')
    expect(stderr).toMatch(
      /^Reading .*\nbpf-ringbuf: Cannot write the output: ENOSPC: .*\n\d+ records?, .*\n$/,
    )
    expect(code).toBe(1)
  })

  test('prints what a flight recorder holds at the end', () => {
    const object = objectPath('recorder')
    const { code, stderr } = run([object, '--map', 'recorder', '--duration', '0.1'])
    expect(stderr).toMatch(/\n\d+ records?, held at the end,/)
    expect(code).toBe(0)
  })

  test('is refused without privileges, with what to do', () => {
    const before = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    const { code, stdout, stderr } = run([tailObject], before)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^bpf-ringbuf tail: Cannot load object "tail": EPERM .* run it as root/)
    expect(code).toBe(1)
  })
})

describe('the command line of bpf-ringbuf tail', () => {
  test.each<[string[], RegExp]>([
    [[], /which object\?/],
    [[tailObject, 'other.o'], /one object at a time, not also other\.o/],
    [[tailObject, '--map', 'renmaes'], /there is no map "renmaes"; did you mean "renames"\?/],
    [[tailObject, '--map', 'pairs__counters'], /"pairs__counters" is a map of type percpu_array;/],
    [[tailObject, '--type', 'renam'], /there is no type "renam"; did you mean "rename"\?/],
    [[tailObject, '--type', 'nowhere=pair'], /there is no map "nowhere"/],
    [[tailObject, '--program', 'on_renam'], /there is no program "on_renam"; did you mean/],
    [[tailObject, '--set', 'prefix'], /--set takes NAME=VALUE, not "prefix"/],
    [[tailObject, '--set', 'prefx=a'], /no global variable "prefx"; did you mean "prefix"\?/],
    [[tailObject, '--set', 'pair_bytes=many'], /--set pair_bytes: Expected .* received 'many'/],
    [[tailObject, '--set', 'pair_bytes=-1'], /--set pair_bytes: Expected .* received -1/],
    [[tailObject, '--set', 'pair_bytes=4294967296'], /--set pair_bytes: Expected/],
    [[tailObject, '--set', 'prefix=much longer than it'], /--set prefix: Expected/],
    [
      [tailObject, '--set', 'config={"wdie":1}'],
      /config has no member "wdie"; did you mean "wide"\?/,
    ],
    [[tailObject, '--set', 'config=[1]'], /--set config: Expected/],
    [[tailObject, '--set', 'renames__record=1'], /--set renames__record: .* it is a pointer/],
    [[tailObject, '--where', 'nothing == 1'], /--where, column 1: .*\n {2}nothing == 1\n {2}\^/],
    [[tailObject, '--count', '0'], /Expected an integer from 1 .* for --count/],
    [[tailObject, '--count', '1e3'], /for --count but received "1e3"/],
    [[tailObject, '--duration', '-1'], /'--duration' argument is ambiguous: write '--duration=-/],
    [[tailObject, '--duration=-1'], /Expected a number from 0 .* for --duration but received "-1"/],
    [[tailObject, '--type', 'a', '--type', 'b'], /--type says both 'a' and 'b'\n/],
    [[tailObject, '--type', 'm=a', '--type', 'm=b'], /--type says both 'a' and 'b' of 'm'\n/],
    [[tailObject, '--duration', 'x'], /for --duration but received "x"/],
    [[tailObject, '--colour'], /Unknown option '--colour'/],
    [[objectPath('compare')], /the records of "ring" may be any of record, event: say which/],
  ])('%j is refused', (args, problem) => {
    const { code, stdout, stderr } = run(args)
    expect(stderr).toMatch(problem)
    const isOfUse = /Unknown option|ambiguous|one object|which object/.test(stderr)
    if (isOfUse) expect(stderr).toContain('\nUsage: bpf-ringbuf tail OBJECT')
    else expect(stderr).toMatch(/\nSee "bpf-ringbuf tail --help".\n$/)
    expect(stderr.includes('Usage:')).toBe(isOfUse)
    expect([code, stdout]).toEqual([2, ''])
  })

  test.each<[string[], RegExp]>([
    [['nowhere.o'], /Cannot open nowhere\.o: there is no such file/],
    [[main], /it is not an ELF file/],
    [[objectPath('globals')], /it has no ring and no perf buffer/],
  ])('%j fails', (args, problem) => {
    const { code, stdout, stderr } = run(args)
    expect(stderr).toMatch(problem)
    expect([code, stdout]).toEqual([1, ''])
  })
})
