import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { straced } from './strace.js'
import { describeTool, printed, testInTerminal, Tool } from './tool.js'

const calls = join(__dirname, '../../build/test/calls')
const nobody = 65534

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'open-snoop-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

/** In the order of the names, as strace has another one. */
const sorted = (flags: string): string => flags.split('|').sort().join('|')

describeTool('open-snoop', () => {
  testInTerminal('open-snoop', {
    args: ['--name', 'cat'],
    happens: () =>
      spawnSync('cat', ['/etc/hostname', '/no/such', '/etc/shadow'], { uid: 1000, gid: 1000 }),
    shows: /shadow/,
  })

  test('prints what strace does', async () => {
    const tool = await Tool.start('open-snoop')
    const script = `${calls} opens ${directory} 500; cat /etc/hostname /no-such | sort >out; ls`
    const command = ['sh', '-c', `cd ${directory}; ${script}`]
    const seen = await straced('open,openat,openat2,creat', command)
    const { rows, stderr } = await tool.stop()

    const pids = [...new Set(seen.map(({ pid }) => pid))]
    const expected = seen.map(({ pid, name, args, result, error }) => ({
      pid,
      path: /"(.*)"/.exec(args)?.[1] ?? '',
      flags:
        name === 'creat' ? 'O_CREAT|O_TRUNC|O_WRONLY' : sorted(/O_[A-Z_|]+/.exec(args)?.[0] ?? ''),
      fd: error === null ? result : null,
      error,
    }))
    const found = pids.flatMap((of) =>
      rows
        // strace's own child becomes the program.
        .filter(({ pid, comm }) => pid === of && comm !== 'strace')
        .map(({ pid, path, flags, fd, error }) => ({
          pid,
          path,
          flags: sorted(flags as string),
          fd,
          error,
        })),
    )
    expect(found).toStrictEqual(expected)
    expect(found.length).toBeGreaterThan(540)
    expect(stderr).toMatch(/^\d+ events, 0 lost, /m)
  })

  test('its filters choose', async () => {
    // A process that is there before, and ends as another program of another user.
    const shell = spawn('sh', ['-c', 'read line; exec cat /no-such /etc/hostname'], {
      uid: nobody,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const filters = [
      ['--pid', String(shell.pid)],
      ['--uid', String(nobody)],
      ['--name', 'all'],
      ['--failed'],
    ]
    const tools = await Promise.all(filters.map((args) => Tool.start('open-snoop', args)))
    execFileSync(calls, ['opens', directory, '0'])
    shell.stdin.end('\n')
    await once(shell, 'exit')
    const ended = await Promise.all(tools.map((tool) => tool.stop()))
    const [ofPid = [], ofUid = [], ofName = [], failed = []] = ended.map(({ rows }) => rows)
    expect(new Set(ofPid.map(({ pid }) => pid))).toStrictEqual(new Set([shell.pid]))
    expect(new Set(ofUid.map(({ uid }) => uid))).toStrictEqual(new Set([nobody]))
    expect(ofName).toContainEqual(expect.objectContaining({ comm: 'calls', path: 'no-such' }))
    expect(ofName.filter(({ comm }) => !(comm as string).includes('all'))).toStrictEqual([])
    expect(failed.filter(({ fd }) => fd !== null)).toStrictEqual([])
    expect(failed).toContainEqual(expect.objectContaining({ comm: 'calls', error: 'EXDEV' }))
  })

  test('prints lines for people', async () => {
    const { stdout } = await printed('open-snoop', [], () => spawnSync('cat', ['/no-such']))
    expect(stdout).toMatch(/^TIME +PID +UID COMM +RESULT +PATH\n/)
    expect(stdout).toMatch(/^[\d:.]{12} +\d+ +0 cat +ENOENT +\/no-such$/m)
    expect(stdout).toMatch(/^[\d:.]{12} +\d+ +0 cat +fd 3 +\/etc\/ld.so.cache$/m)
  })
})
