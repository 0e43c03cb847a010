import { spawnSync } from 'node:child_process'
import { Example } from '../process/example.js'
import { describeTool, testInTerminal, Tool } from './tool.js'

/** Makes 12,000 system calls in turn, then these, of which the last one ends it. */
const lastCalls = ['getpgid', 'umask', 'getpriority', 'sched_yield', 'getpid', 'kill']
const crasher = `
import os, signal
for _ in range(6000):
    os.getppid()
    os.getsid(0)
os.getpgid(0)
os.umask(18)
os.getpriority(os.PRIO_PROCESS, 0)
os.sched_yield()
os.kill(os.getpid(), signal.SIGSEGV)
`

describeTool('flight-recorder', () => {
  testInTerminal('flight-recorder', {
    args: ['--last', '12'],
    happens: () => spawnSync('python3', ['-c', crasher]),
    shows: /\bkill\r?\n/,
  })

  test.each([
    ['as this kernel does', []],
    ['in perf buffers', ['--perf']],
  ])('%s, has the last 10,000 system calls of a process that crashed', async (_, args) => {
    const example = Example.start('flight-recorder', args)
    await example.until('stderr', /^Tracing .*\n/)
    // Those that are no crash are not told.
    spawnSync('sh', ['-c', 'kill -TERM $$'])
    const { pid, signal } = spawnSync('python3', ['-c', crasher])
    expect(signal).toBe('SIGSEGV')
    await example.until('stdout', /\bkill\n/)
    const ended = await example.stop()

    const [title, ...lines] = ended.stdout.trimEnd().split('\n')
    expect(title).toMatch(
      /^python3\S* \(process \d+\) ended by SIGSEGV, after 10000 system calls:$/,
    )
    expect(title).toContain(`(process ${pid})`)
    const calls = lines.map((line) => line.trim().split(/ +/))
    const before = 10_000 - lastCalls.length
    const names = Array.from({ length: before }, (_, i) => (i % 2 === 0 ? 'getppid' : 'getsid'))
    expect(calls.map(([, , , name]) => name)).toEqual([...names, ...lastCalls])
    expect(new Set(calls.map(([, , tid]) => tid))).toEqual(new Set([String(pid)]))
    const times = calls.map(([ms]) => Number(ms))
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(ended).toMatchObject({ code: 0, signal: null })
    expect(ended.stderr).toMatch(/^1 crashes; \d+ calls at hand, \d+ overwritten, 0 lost$/m)
  })

  test('--json has a crash and its calls in one object', async () => {
    const tool = await Tool.start('flight-recorder', ['--last', '2'])
    const { pid } = spawnSync('python3', ['-c', crasher])
    const crash = await tool.until((row) => row['pid'] === pid)
    expect(crash).toMatchObject({
      signal: 'SIGSEGV',
      calls: [{ call: 'getpid' }, { call: 'kill' }],
    })
    await tool.stop()
  })
})
