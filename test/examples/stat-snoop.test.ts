import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { straced } from './strace.js'
import { describeTool, printed, testInTerminal, Tool } from './tool.js'

const names = [
  'stat',
  'lstat',
  'access',
  'statfs',
  'newfstatat',
  'faccessat',
  'faccessat2',
  'statx',
]
const calls = join(__dirname, '../../build/test/calls')
const command = [
  'sh',
  '-c',
  `${calls} stats; ls -l /etc; test -e /no-such; stat -f /; find /etc/apt`,
]

describeTool('stat-snoop', () => {
  test('prints what strace does', async () => {
    const tool = await Tool.start('stat-snoop')
    // "?": only those that this architecture has.
    const seen = await straced(names.map((name) => `?${name}`).join(), command)
    const { rows, stderr } = await tool.stop()
    const expected = seen.map(({ pid, name, args, error }) => ({
      pid,
      call: name,
      path: /"(.*?)"/.exec(args)?.[1] ?? '',
      error,
    }))
    const pids = [...new Set(seen.map(({ pid }) => pid))]
    const found = pids.flatMap((of) =>
      rows
        .filter(({ pid, comm }) => pid === of && comm !== 'strace')
        .map(({ pid, call, path, error }) => ({ pid, call, path, error })),
    )
    expect(found).toStrictEqual(expected)
    const used = new Set(found.map(({ call }) => call))
    if (process.arch === 'x64') expect([...used].sort()).toStrictEqual([...names].sort())
    expect(stderr).toMatch(/^\d+ events, 0 lost, /m)
  })

  test('its filters choose', async () => {
    const filters = [['--uid', '65534'], ['--failed']]
    const tools = await Promise.all(
      filters.map((args) => Tool.start('stat-snoop', ['--name', 'calls', ...args])),
    )
    const { pid: nobodys } = spawnSync(calls, ['stats'], { uid: 65534 })
    const { pid } = spawnSync(calls, ['stats'])
    const ended = await Promise.all(tools.map((tool) => tool.stop()))
    const [ofUid = [], failed = []] = ended.map(({ rows }) => rows)
    expect(new Set(ofUid.map((row) => row['pid']))).toStrictEqual(new Set([nobodys]))
    expect(failed.filter((row) => row['pid'] === pid)).not.toHaveLength(0)
    expect(failed.filter(({ error }) => error === null)).toStrictEqual([])
  })

  test('prints lines for people', async () => {
    const { stdout } = await printed('stat-snoop', [], () => spawnSync(calls, ['stats']))
    expect(stdout).toMatch(/^TIME +PID +UID COMM +CALL +RESULT +PATH\n/)
    expect(stdout).toMatch(/^[\d:.]{12} +\d+ +0 calls +statx +ENOENT +no-such$/m)
    expect(stdout).toMatch(/^[\d:.]{12} +\d+ +0 calls +statfs +is there \/$/m)
  })

  testInTerminal('stat-snoop', {
    args: ['--name', 'find'],
    happens: () => spawnSync('find', ['/etc/apt', '/no-such']),
    shows: /no-such/,
  })
})
