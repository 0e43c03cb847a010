import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Activity, killActivities } from '../activity.js'
import { Example } from '../process/example.js'
import { describeTool, testInTerminal, Tool } from './tool.js'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'profile-'))
})
afterEach(() => {
  killActivities()
  rmSync(directory, { recursive: true })
})

/** What the kernel's scheduler says that a process has executed, in seconds. */
function executed(pid: number): number {
  const [nanoseconds] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')
  return Number(nanoseconds) / 1e9
}

describeTool('profile', () => {
  testInTerminal('profile', {
    args: ['--top', '8'],
    happens: () => execFileSync('sh', ['-c', 'i=0; while [ $i -lt 99999 ]; do i=$((i+1)); done']),
  })

  test('takes as many samples as the kernel says that the process was on a CPU', async () => {
    const activity = await new Activity('burn 0 2000').waiting()
    const folded = join(directory, 'out.folded')
    const args = ['--pid', String(activity.pid), '--top', '1000', '--output', folded]
    const before = executed(activity.pid)
    const tool = await Tool.start('profile', args)
    await activity.run()
    const { rows, stderr, code } = await tool.stop()
    const expected = (executed(activity.pid) - before) * 99
    await activity.end()

    expect(code).toBe(0)
    const [, samples = '', lost] = /^(\d+) samples of 1 processes, (\d+) lost$/m.exec(stderr) ?? []
    expect(lost).toBe('0')
    // A virtual machine that stands still misses some.
    expect(Math.abs(Number(samples) / expected - 1)).toBeLessThan(0.3)
    const sum = (values: number[]): number => values.reduce((total, each) => total + each, 0)
    expect(sum(rows.map(({ self }) => Number(self)))).toBeCloseTo(100, 0)
    const weights = readFileSync(folded, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' '))
    expect(sum(weights.map((words) => Number(words.at(-1))))).toBe(Number(samples))
    expect(weights[0]?.[0]).toMatch(/^activity;/)
  })

  test('names the functions of JavaScript, in a flame graph and for speedscope', async () => {
    const script = join(directory, 'hot.js')
    writeFileSync(
      script,
      `function hotFunction(n) { let s = 0; for (let i = 0; i < n; i++) s += i % 7; return s }
      console.log('ready')
      for (;;) hotFunction(1e6)`,
    )
    const hot = new Example(process.execPath, ['--perf-basic-prof', script], { cwd: directory })
    await hot.until('stdout', /ready/)
    const [page, profile] = [join(directory, 'out.html'), join(directory, 'out.json')]
    const target = ['--pid', String(hot.child.pid), '--duration', '1']
    for (const output of [page, profile]) {
      const ended = await Example.start('profile', [...target, '--output', output]).ended
      expect(ended.stdout).toMatch(/^ +(?:100|[6-9]\d)\.\d +\d+\.\d hotFunction .*hot\.js:1/m)
    }
    await hot.stop('SIGKILL')

    const { shared, profiles } = JSON.parse(readFileSync(profile, 'utf8')) as {
      shared: { frames: { name: string }[] }
      profiles: [{ endValue: number; samples: number[][]; weights: number[] }]
    }
    const [{ samples, weights, endValue }] = profiles
    const hotFrame = shared.frames.findIndex(({ name }) => name.startsWith('hotFunction '))
    const inHot = weights.filter((_, i) => samples[i]?.includes(hotFrame) === true)
    expect(inHot.reduce((sum, weight) => sum + weight)).toBeGreaterThan(0.6 * endValue)
    const html = readFileSync(page, 'utf8')
    expect(html).not.toMatch(/<(script|link|img)[^>]*(src|href)=/)
    const [, data = ''] =
      /<script type="application\/json" id="data">\s*(.*?)\s*<\/script>/s.exec(html) ?? []
    expect(JSON.stringify(JSON.parse(data))).toContain('"hotFunction ')
  })

  test('goes on when a process ends that it samples', async () => {
    const tool = await Tool.start('profile', ['--name', 'sh', '--hz', '1000'])
    for (let i = 0; i < 20; i++)
      execFileSync('sh', ['-c', 'i=0; while [ $i -lt 9999 ]; do i=$((i+1)); done'])
    const { rows, stderr, code } = await tool.stop()
    expect(code).toBe(0)
    expect(rows.length).toBeGreaterThan(5)
    expect(Number(/samples of (\d+) processes/.exec(stderr)?.[1])).toBeGreaterThan(10)
  })
})
