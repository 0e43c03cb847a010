import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { straced } from './strace.js'
import { describeTool, printed, testInTerminal, Tool } from './tool.js'

const calls = join(__dirname, '../../build/test/calls')
const asNobody = ['setpriv', '--reuid', '65534', '--clear-groups', '--inh-caps=-all']

/** What each call must have, by its manual page. */
const needed: Record<string, string> = {
  chroot: 'CAP_SYS_CHROOT',
  setpriority: 'CAP_SYS_NICE',
  socket: 'CAP_NET_RAW',
  settimeofday: 'CAP_SYS_TIME',
  reboot: 'CAP_SYS_BOOT',
  syslog: 'CAP_SYSLOG',
  setgroups: 'CAP_SETGID',
}

describeTool('cap-able', () => {
  test.each([
    ['root', [], true],
    ['nobody', asNobody, false],
  ] as const)('prints what the calls of %s are asked for', async (_, as, granted) => {
    const tool = await Tool.start('cap-able', ['--name', 'calls'])
    const seen = await straced(Object.keys(needed).join(), [...as, calls, 'capabilities'])
    const { rows, stderr } = await tool.stop()

    // setpriv makes some of them before.
    const own = seen.slice(-Object.keys(needed).length)
    expect(own.map(({ name }) => name)).toStrictEqual(Object.keys(needed))
    const wanted = Object.values(needed)
    const found = rows
      .filter((row) => row['pid'] === own[0]?.pid && wanted.includes(row['capability'] as string))
      .map((row) => [row['capability'], row['granted']])
    const expected = own.map(({ name, error }) => [
      needed[name],
      error !== 'EPERM' && error !== 'EACCES',
    ])
    expect(found).toStrictEqual(expected)
    expect(new Set(expected.map(([, isGranted]) => isGranted))).toStrictEqual(new Set([granted]))
    expect(stderr).toMatch(/^\d+ events, 0 lost, /m)
  })

  test('its filters choose', async () => {
    const filters = [['--uid', '65534'], ['--denied'], ['--unique']]
    const tools = await Promise.all(
      filters.map((args) => Tool.start('cap-able', ['--name', 'calls', ...args])),
    )
    const [setpriv = '', ...args] = asNobody
    execFileSync(setpriv, [...args, calls, 'capabilities'])
    execFileSync(calls, ['capabilities'])
    const ended = await Promise.all(tools.map((tool) => tool.stop()))
    const [ofUid = [], denied = [], unique = []] = ended.map(({ rows }) => rows)
    expect(new Set(ofUid.map(({ uid }) => uid))).toStrictEqual(new Set([65534]))
    expect(denied).toContainEqual(expect.objectContaining({ capability: 'CAP_SYSLOG', uid: 65534 }))
    expect(denied.filter(({ granted }) => granted)).toStrictEqual([])
    const keys = unique.map(({ pid, capability }) => `${String(pid)} ${String(capability)}`)
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('prints lines for people', async () => {
    const { stdout } = await printed('cap-able', [], () => execFileSync(calls, ['capabilities']))
    expect(stdout).toMatch(/^TIME +PID +UID COMM +ANSWER +CAPABILITY\n/)
    expect(stdout).toMatch(/^[\d:.]{12} +\d+ +0 calls +granted CAP_SYS_CHROOT$/m)
  })

  testInTerminal('cap-able', {
    args: ['--name', 'calls', '--unique'],
    happens: () => {
      const [setpriv = '', ...args] = asNobody
      execFileSync(calls, ['capabilities'])
      execFileSync(setpriv, [...args, calls, 'capabilities'])
    },
    shows: /denied.*CAP_SETGID/,
  })
})
