import { spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeTool, testInTerminal } from './tool.js'
import { Example, killRunning } from '../process/example.js'

const nobody = 65534
/** Of its main thread; since Node 24. */
const nameOfNode = Number(process.versions.node.split('.', 1)) < 24 ? 'node' : 'node-MainThread'
const summary = /^(\d+) events, (\d+) lost, (\d+\.\d) events per second$/m

interface JsonEvent {
  event: 'exec' | 'exit'
  time: string
  pid: number
  ppid: number
  uid: number
  comm: string
  filename: string
  args: string[]
  truncated: boolean
  exitCode: number | null
  signal: string | null
  coreDumped: boolean
  durationMs: number
}

let marker: string

beforeEach(() => {
  marker = `marker-${randomUUID()}`
})

afterEach(killRunning)

async function startSnoop(...args: string[]): Promise<Example> {
  const snoop = Example.start('exec-snoop', args)
  await snoop.until('stderr', /^Tracing .*\n/m)
  return snoop
}

function parse(lines: string): JsonEvent[] {
  expect(lines).toMatch(/^$|\n$/)
  return lines
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as JsonEvent)
}

function execWithMarker(snoop: { stdout: string }): JsonEvent | undefined {
  return parse(snoop.stdout).find(({ event, args }) => event === 'exec' && args.includes(marker))
}

function exitOf(pid: number | undefined, snoop: { stdout: string }): JsonEvent[] {
  return parse(snoop.stdout).filter((event) => event.event === 'exit' && event.pid === pid)
}

describeTool('exec-snoop', () => {
  testInTerminal('exec-snoop', {
    args: ['--exits', '--uid', '1000'],
    happens: () => {
      const script =
        "id -un; ls /etc | grep -c conf; timeout 0.2 sleep 5; sh -c 'kill $$'; sh -c 'exit 3'; true"
      spawnSync('sh', ['-c', script], { uid: 1000, gid: 1000, cwd: '/', stdio: 'ignore' })
    },
    shows: /exited with 3/,
  })

  test('reports who executed what', async () => {
    const snoop = await startSnoop('--json')
    const before = Date.now()
    const { pid } = spawnSync('/bin/echo', [marker, 'two words', '', 'ünï'], { argv0: 'my-echo' })
    const after = Date.now()
    const ended = await snoop.stop()

    const { time, ...event } = execWithMarker(ended) ?? { time: '' }
    expect(event).toStrictEqual({
      event: 'exec',
      pid,
      ppid: process.pid,
      uid: 0,
      comm: 'echo',
      filename: '/bin/echo',
      args: ['my-echo', marker, 'two words', '', 'ünï'],
      truncated: false,
    })
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    // The clocks are read one after the other, in milliseconds.
    expect(Date.parse(time)).toBeGreaterThanOrEqual(before - 5)
    expect(Date.parse(time)).toBeLessThanOrEqual(after + 5)
    expect(ended).toMatchObject({ code: 0, signal: null })
  })

  test('--perf reports the same through a perf buffer', async () => {
    const snoop = await startSnoop('--json', '--perf', '--exits')
    const { pid } = spawnSync('/bin/echo', [marker, 'two words'])
    await snoop.until('stdout', new RegExp(`"exit",.*"pid":${String(pid)},`))
    const ended = await snoop.stop()
    expect(execWithMarker(ended)).toMatchObject({
      pid,
      filename: '/bin/echo',
      args: ['/bin/echo', marker, 'two words'],
      truncated: false,
    })
    expect(exitOf(pid, ended)).toMatchObject([{ exitCode: 0 }])
    expect(ended).toMatchObject({ code: 0, signal: null })
  })

  test('prints a header and one line an exec', async () => {
    const snoop = await startSnoop()
    const { pid } = spawnSync('/bin/echo', [marker, 'two words', "it's", ''])
    const { stdout } = await snoop.stop()

    expect(stdout).toMatch(/^TIME +PID +PPID +UID COMM +EVENT\n/)
    const line = stdout.split('\n').find((text) => text.includes(marker))
    expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} /)
    expect(line?.split(/ +/).slice(1).join(' ')).toBe(
      `${pid} ${process.pid} 0 echo /bin/echo ${marker} 'two words' 'it'\\''s' ''`,
    )
  })

  test('shows the interpreter of a script', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'exec-snoop-'))
    try {
      const script = join(directory, 'script')
      writeFileSync(script, '#!/bin/sh -e\n')
      chmodSync(script, 0o755)
      const snoop = await startSnoop()
      spawnSync(script, [marker])
      const { stdout } = await snoop.stop()
      expect(stdout).toContain(` script          /bin/sh -e ${script} ${marker}\n`)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test.each([
    [512, false],
    [513, true],
    [100_000, true],
  ])('reports %i bytes of arguments', async (size, truncated) => {
    // Each argument ends with a NUL.
    const long = 'x'.repeat(size - '/bin/echo\0'.length - `${marker}\0`.length - 1)
    const [json, text] = [await startSnoop('--json'), await startSnoop()]
    spawnSync('/bin/echo', [marker, long])
    const event = execWithMarker(await json.stop())
    const { stdout } = await text.stop()

    const shown = truncated ? 512 - '/bin/echo\0'.length - `${marker}\0`.length : long.length
    expect(event).toMatchObject({
      args: ['/bin/echo', marker, long.slice(0, shown)],
      truncated,
    })
    const line = stdout.split('\n').find((line) => line.includes(marker))
    expect(line?.endsWith('x…')).toBe(truncated)
  })

  test('cuts lines to the width of the terminal', async () => {
    const path = join(__dirname, '../../build/examples/exec-snoop.js')
    const command = `stty cols 70; exec '${process.execPath}' '${path}' --name true`
    const terminal = new Example('script', ['-qec', command, '/dev/null'])
    await terminal.until('stdout', /Tracing/)
    spawnSync('/bin/true', ['x'.repeat(200)])
    await terminal.until('stdout', /xx/)
    const { stdout } = await terminal.stop('SIGTERM')
    const line = stdout.split('\r\n').find((text) => text.includes('xx'))
    expect(line).toMatch(/\/bin\/true x+…$/)
    expect(line).toHaveLength(70)
  })

  test('shows control characters escaped', async () => {
    const evil = '\x1b[31m\x07\r\n\x7f\x9b2J\u202e'
    const [json, text] = [await startSnoop('--json'), await startSnoop()]
    spawnSync('/bin/true', [marker, evil], { argv0: '\x1b]0;title\x07' })
    const events = await json.stop()
    const { stdout } = await text.stop()

    expect(execWithMarker(events)?.args).toStrictEqual(['\x1b]0;title\x07', marker, evil])
    expect(stdout).toContain(
      `/bin/true ${marker} $'\\x1b[31m\\x07\\x0d\\x0a\\x7f\\u009b2J\\u202e'\n`,
    )
    for (const output of [events.stdout, stdout]) {
      expect(output.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    }
  })

  test('--exits reports how processes end', async () => {
    const snoop = await startSnoop('--json', '--exits')
    const { pid } = spawnSync('/bin/sh', ['-c', 'sleep 0.1; exit 3', marker])
    const { pid: killed } = spawnSync('/bin/sh', ['-c', 'kill -TERM $$'], { uid: nobody })
    const ended = await snoop.stop()

    const [exit, ...others] = exitOf(pid, ended)
    expect(others).toHaveLength(0)
    expect(exit).toStrictEqual({
      event: 'exit',
      time: expect.any(String) as string,
      pid,
      ppid: process.pid,
      uid: 0,
      comm: 'sh',
      exitCode: 3,
      signal: null,
      coreDumped: false,
      durationMs: expect.any(Number) as number,
    })
    expect(exit?.durationMs).toBeGreaterThanOrEqual(100)
    expect(exit?.durationMs).toBeLessThan(10_000)
    expect(exitOf(killed, ended)).toMatchObject([
      { uid: nobody, exitCode: null, signal: 'SIGTERM' },
    ])

    const events = parse(ended.stdout).filter((event) => event.pid === pid)
    expect(events.map(({ event }) => event)).toStrictEqual(['exec', 'exit'])
  })

  test('--exits reports a process of many threads once', async () => {
    const snoop = await startSnoop('--json', '--exits')
    const pids = Array.from(
      { length: 20 },
      () => spawnSync(process.execPath, ['-e', 'process.exit(4)']).pid,
    )
    const ended = await snoop.stop()
    for (const pid of pids) {
      expect(exitOf(pid, ended)).toMatchObject([{ comm: nameOfNode, exitCode: 4 }])
    }
  })

  test('--exits says it in words', async () => {
    const snoop = await startSnoop('--exits')
    const { pid } = spawnSync('/bin/sh', ['-c', 'exit 3'])
    const { pid: killed } = spawnSync('/bin/sh', ['-c', 'kill -KILL $$'])
    const { stdout } = await snoop.stop()
    expect(stdout).toMatch(new RegExp(`^.* ${pid} .* exited with 3 after \\d+\\.\\d ms$`, 'm'))
    expect(stdout).toMatch(
      new RegExp(`^.* ${killed} .* killed by SIGKILL after \\d+\\.\\d ms$`, 'm'),
    )
  })

  test('without --exits it reports and attaches none', async () => {
    const snoop = await startSnoop('--json')
    expect(linksOf(String(snoop.child.pid))).toHaveLength(1)
    spawnSync('/bin/true')
    expect(parse((await snoop.stop()).stdout).map(({ event }) => event)).not.toContain('exit')
  })

  test('--pid reports one process', async () => {
    const shell = spawn('/bin/sh', ['-c', `read line; exec /bin/echo ${marker}`])
    const snoop = await startSnoop('--json', '--exits', '--pid', String(shell.pid))
    spawnSync('/bin/echo', [marker])
    shell.stdin.end('\n')
    await once(shell, 'exit')
    const events = parse((await snoop.stop()).stdout)
    expect(events.map(({ event, pid }) => ({ event, pid }))).toStrictEqual([
      { event: 'exec', pid: shell.pid },
      { event: 'exit', pid: shell.pid },
    ])
  })

  test('--uid reports one user', async () => {
    const snoop = await startSnoop('--json', '--exits', '--uid', String(nobody))
    spawnSync('/bin/echo', [marker])
    const { pid } = spawnSync('/bin/echo', [marker], { uid: nobody })
    const ended = await snoop.stop()
    const events = parse(ended.stdout)
    expect(events.filter((event) => event.uid !== nobody)).toHaveLength(0)
    expect(execWithMarker(ended)).toMatchObject({ pid, uid: nobody })
    expect(exitOf(pid, ended)).toHaveLength(1)
  })

  test('--uid 0 is a filter too', async () => {
    const snoop = await startSnoop('--json', '--uid', '0')
    spawnSync('/bin/echo', [marker], { uid: nobody })
    const { pid } = spawnSync('/bin/echo', [marker])
    expect(execWithMarker(await snoop.stop())).toMatchObject({ pid, uid: 0 })
  })

  test('--name matches a part of the name', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'exec-snoop-'))
    try {
      // Longer than what the kernel keeps as the process's name.
      const script = join(directory, `a-name-longer-than-15-${marker}`)
      writeFileSync(script, '#!/bin/sh\n')
      chmodSync(script, 0o755)
      const snoop = await startSnoop('--json', '--name', marker)
      spawnSync('/bin/echo', [marker])
      const { pid } = spawnSync(script)
      const ended = await snoop.stop()
      expect(parse(ended.stdout)).toMatchObject([{ pid, filename: script }])
      expect(ended.stderr).toMatch(/^1 events, 0 lost, /m)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('counts all of many and loses none', async () => {
    const snoop = await startSnoop('--json')
    const script = `i=0; while [ $i -lt 1000 ]; do /bin/true ${marker}; i=$((i + 1)); done`
    spawnSync('/bin/sh', ['-c', script])
    const ended = await snoop.stop()
    const events = parse(ended.stdout)
    expect(events.filter(({ args }) => args[1] === marker)).toHaveLength(1000)
    const [, count, lost] = summary.exec(ended.stderr) ?? []
    expect(count).toBe(String(events.length))
    expect(lost).toBe('0')
  })

  test('--duration ends it', async () => {
    const snoop = await startSnoop('--duration', '.2')
    const ended = await snoop.ended
    expect(ended).toMatchObject({ code: 0, signal: null })
    expect(ended.stderr).toMatch(summary)
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it and detaches', async (signal) => {
    const snoop = await startSnoop('--exits')
    const links = linksOf(String(snoop.child.pid))
    expect(links).toHaveLength(2)
    const ended = await snoop.stop(signal)
    expect(ended).toMatchObject({ code: 0, signal: null })
    expect(ended.stderr).toMatch(summary)
    expect(ended.stderr.split('\n')).toHaveLength(3)
    const left = readdirSync('/proc').flatMap((pid) => (/^\d+$/.test(pid) ? linksOf(pid) : []))
    for (const link of links) expect(left).not.toContain(link)
  })

  test('ends when nobody reads its output any more', async () => {
    const snoop = await startSnoop('--json')
    spawnSync('/bin/echo', [marker])
    await snoop.until('stdout', /\n/)
    snoop.child.stdout?.destroy()
    // It learns that from the next line.
    spawnSync('/bin/true')
    const ended = await snoop.ended
    expect(ended).toMatchObject({ code: 0, signal: null })
    expect(ended.stderr).toMatch(summary)
    expect(ended.stderr.split('\n')).toHaveLength(3)
  })

  test('whose output cannot be written says so', () => {
    const path = join(__dirname, '../../build/examples/exec-snoop.js')
    const command = [process.execPath, path, '--help']
    const { status, stderr } = spawnSync('sh', ['-c', '"$@" >/dev/full', '-', ...command], {
      encoding: 'utf8',
    })
    expect(stderr).toMatch(/^exec-snoop: Cannot write the output: ENOSPC.*\n$/)
    expect(status).toBe(1)
  })

  test('waits for its reader, until the second signal', async () => {
    const snoop = await startSnoop('--json')
    snoop.child.stdout?.pause()
    const script = `i=0; while [ $i -lt 700 ]; do /bin/true ${'x'.repeat(500)}; i=$((i + 1)); done`
    spawnSync('/bin/sh', ['-c', script])
    snoop.child.kill('SIGINT')
    // Node takes its handler away when the first signal has come.
    while (isCaught(snoop.child.pid, 2)) await new Promise((resolve) => setImmediate(resolve))
    expect(snoop.child.exitCode).toBeNull()
    snoop.child.kill('SIGINT')
    const [, signal] = (await once(snoop.child, 'exit')) as [number | null, string | null]
    expect(signal).toBe('SIGINT')
  })
})

describe('the arguments of exec-snoop', () => {
  test.each([
    [['--pid'], /'--pid/],
    [['--pid', 'x'], /--pid .*'x'/],
    [['--pid', '0'], /--pid .*'0'/],
    [['--pid', '1.5'], /--pid .*'1\.5'/],
    [['--pid', ''], /--pid .*''/],
    [['--uid', '-1'], /--uid/],
    [['--uid', '4294967295'], /--uid .*'4294967295'/],
    [['--name='], /--name/],
    [['--duration', '0'], /--duration .*'0'/],
    [['--duration', 'long\x1b'], /--duration .*'long\\x1b'/],
    [['--json=yes'], /--json/],
    [['--no-such'], /--no-such/],
    [['word'], /'word'/],
  ])('%j is refused', async (args, message) => {
    const ended = await Example.start('exec-snoop', args).ended
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(/^exec-snoop: .*\n$/)
    expect(ended.stderr).toMatch(message)
  })

  test('--help explains them', async () => {
    const ended = await Example.start('exec-snoop', ['--help']).ended
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    for (const name of ['exits', 'pid', 'uid', 'name', 'json', 'duration', 'help']) {
      expect(ended.stdout).toContain(`--${name}`)
    }
  })

  const identity = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {}
  test.each(['exec-snoop', 'ringbuf-output', 'ringbuf-reserve-submit'])(
    '%s says which privileges it needs',
    async (name) => {
      const ended = await Example.start(name, [], identity).ended
      expect(ended).toMatchObject({ code: 1, stdout: '' })
      expect(ended.stderr).toMatch(/^.*CAP_BPF.*root.*\n$/)
      expect(ended.stderr.startsWith(`${name}: Cannot load `)).toBe(true)
    },
  )
})

/** The ids of the BPF links that a process holds. */
function linksOf(pid: string): string[] {
  try {
    const directory = `/proc/${pid}/fdinfo`
    return readdirSync(directory).flatMap((fd) => {
      const link = /^link_id:\s*(\d+)$/m.exec(readFileSync(join(directory, fd), 'utf8'))
      return link?.[1] ?? []
    })
  } catch {
    return [] // it has ended, or the descriptor was closed
  }
}

/** Whether a process has a handler for the signal. */
function isCaught(pid: number | undefined, signal: number): boolean {
  const status = readFileSync(`/proc/${pid ?? 0}/status`, 'utf8')
  const mask = BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(status)?.[1] ?? '0'}`)
  return ((mask >> BigInt(signal - 1)) & 1n) === 1n
}
