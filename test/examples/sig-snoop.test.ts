import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Example } from '../process/example.js'
import { signalled } from './strace.js'
import { describeTool, printed, testInTerminal, Tool, type Row } from './tool.js'

const calls = join(__dirname, '../../build/test/calls')

const brief = ({ signal, pid, from, to, result }: Row): string =>
  [signal, pid, from, to, result].join(' ')

describeTool('sig-snoop', () => {
  testInTerminal('sig-snoop', {
    happens: () =>
      spawnSync('sh', ['-c', 'timeout 0.1 sleep 5; kill -WINCH $$; sleep 5 & kill -9 $!; wait']),
    shows: /SIGKILL/,
  })

  test('prints what strace sees the receivers get', async () => {
    const tool = await Tool.start('sig-snoop')
    // The SIGCHLD of what is traced is sent for it by strace itself.
    const isOfCalls = (name: unknown): boolean => name !== 'SIGCHLD'
    const seen = (await signalled([calls, 'signals'])).filter(({ name }) => isOfCalls(name))
    const { rows, stderr } = await tool.stop()

    const pids = new Set(seen.map(({ pid }) => pid))
    const expected = seen.map(({ pid, name, info }) => {
      const sender = /si_pid=(\d+)/.exec(info)?.[1]
      const signal = name.replace(/^SIGRT_(\d+)$/, (_, index) => `SIG${32 + Number(index)}`)
      return `${signal} to ${pid} from ${sender ?? 'the kernel'}`
    })
    const found = rows
      .filter(({ targetPid, comm }) => pids.has(targetPid as number) && comm !== 'strace')
      .filter(({ signal }) => isOfCalls(signal))
      // The second one of two that are pending is lost.
      .filter(({ result }) => result === 'delivered')
      .map(({ signal, pid, targetPid }) => {
        return `${String(signal)} to ${String(targetPid)} from ${(pid as number | null) ?? 'the kernel'}`
      })
    expect(found.sort()).toStrictEqual(expected.sort())
    expect(found).toHaveLength(7)
    expect(stderr).toMatch(/^\d+ events, 0 lost, /m)
  })

  test('says what became of each', async () => {
    const tool = await Tool.start('sig-snoop', ['--name', 'calls'])
    const child = spawn(calls, ['signals'])
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
    const { rows } = await tool.stop()
    expect(signal).toBe('SIGTERM')
    const own = rows.filter(({ targetPid }) => targetPid === child.pid)
    const { pid: grandchild } = own[0] ?? {}
    expect(grandchild).not.toBe(child.pid)
    expect(own.map(brief)).toStrictEqual([
      `SIGUSR1 ${String(grandchild)} process process delivered`,
      `SIG37 ${String(grandchild)} process process delivered`,
      `SIGCHLD ${String(grandchild)} kernel process delivered`,
      `SIGUSR2 ${String(child.pid)} process thread delivered`,
      `SIGUSR1 ${String(child.pid)} process process delivered`,
      `SIGUSR1 ${String(child.pid)} process process already pending`,
      `SIGWINCH ${String(child.pid)} process process ignored`,
      'SIGALRM  kernel process delivered',
      `SIGTERM ${String(child.pid)} process process delivered`,
    ])
  })

  test('its filters choose', async () => {
    const [one, other] = [spawn('sleep', ['100']), spawn('sleep', ['100'])]
    const filters = [
      ['--pid', String(one.pid)],
      ['--signal', 'usr1', '--pid', String(process.pid)],
      ['--signal', '12', '--uid', '0'],
      ['--uid', '1'],
    ]
    const tools = await Promise.all(filters.map((args) => Tool.start('sig-snoop', args)))
    process.kill(one.pid as number, 'SIGUSR1')
    process.kill(other.pid as number, 'SIGUSR2')
    await Promise.all([once(one, 'exit'), once(other, 'exit')])
    const ended = await Promise.all(tools.map((tool) => tool.stop()))
    const [ofPid = [], usr1 = [], usr2 = [], ofUid = []] = ended.map(({ rows }) => rows)

    expect(ofPid.map(({ signal }) => signal)).toStrictEqual(['SIGUSR1', 'SIGCHLD'])
    expect(usr1).toMatchObject([
      { signal: 'SIGUSR1', pid: process.pid, uid: 0, targetPid: one.pid, targetComm: 'sleep' },
    ])
    expect(usr2).toContainEqual(expect.objectContaining({ signal: 'SIGUSR2', pid: process.pid }))
    expect(new Set(usr2.map(({ signal }) => signal))).toStrictEqual(new Set(['SIGUSR2']))
    expect(ofUid).toStrictEqual([])
  })

  test('prints lines for people, and refuses what is no signal', async () => {
    const { stdout } = await printed('sig-snoop', [], async () => {
      const child = spawn('sleep', ['100'])
      await once(child, 'spawn')
      child.kill('SIGKILL')
      await once(child, 'exit')
    })
    expect(stdout).toMatch(/^TIME +PID COMM +SIGNAL +TO COMM +RESULT\n/)
    expect(stdout).toMatch(/^[\d:.]{12} +\d+ \S+ +SIGKILL +\d+ sleep +delivered$/m)
    const ended = await Example.start('sig-snoop', ['--signal', 'NONE']).ended
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(/^sig-snoop: .*--signal .*'NONE'\n$/)
  })
})
