// off-cpu against a process that sleeps in a known function, for a time that is known.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Activity, killActivities } from '../activity.js'
import { describeTool, printed, type Row, testInTerminal, Tool } from './tool.js'

/** How often a process has left the CPU, by itself and because another was to have it. */
function switchesOf(pid: number): number {
  const counts = readFileSync(`/proc/${pid}/status`, 'utf8').matchAll(/_ctxt_switches:\s+(\d+)/g)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}

const sum = (rows: readonly Row[], key: string) =>
  rows.reduce((total, row) => total + (row[key] as number), 0)

describeTool('off-cpu', () => {
  afterEach(killActivities)

  testInTerminal('off-cpu', {
    args: ['--name', 'activity', '--top', '2'],
    happens: async () => (await new Activity('wait 20 6').waiting()).run(),
  })

  test('how long and how often a function slept, with both stacks', async () => {
    const activity = await new Activity('wait 20 6').waiting()
    const tool = await Tool.start('off-cpu', ['--pid', String(activity.pid), '--min-us', '0'])
    const before = switchesOf(activity.pid)
    const startMs = performance.now()
    await activity.run()
    const ms = performance.now() - startMs
    const switches = switchesOf(activity.pid) - before
    const { rows, code, stderr } = await tool.stop()
    const slept = rows.filter((row) => (row['user'] as string[]).includes('waits'))
    // A timer may expire before the thread is off the CPU.
    expect(sum(slept, 'us')).toBeGreaterThan(18 * 6000)
    expect(sum(slept, 'us')).toBeLessThan(1000 * ms)
    expect(slept[0]).toMatchObject({ pid: activity.pid, comm: 'activity' })
    const names = ['kernel', 'user'].map((key) => (slept[0]?.[key] as string[]).join(' '))
    expect(names[0]).toMatch(/^__schedule_\[k\] .*do_nanosleep_\[k\] .*nanosleep_\[k\]/)
    expect(names[1]).toMatch(/nanosleep waits (act )?main /)
    // The last two may be the waits for the line that begins and the one that ends it.
    expect(Math.abs(sum(rows, 'count') - switches)).toBeLessThanOrEqual(2)
    expect({ code, lost: / 0 times lost\n$/.test(stderr) }).toEqual({ code: 0, lost: true })
  })

  test('only what was long, as folded stacks and in a file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'off-cpu-'))
    try {
      const output = join(directory, 'out.folded')
      const activity = await new Activity('wait 10 2, wait 3 40').waiting()
      const args = ['--pid', String(activity.pid), '--min-us', '30000', '--folded']
      const startMs = performance.now()
      const { stdout } = await printed('off-cpu', [...args, '--output', output], () =>
        activity.run(),
      )
      const ms = performance.now() - startMs
      const lines = stdout.trimEnd().split('\n')
      // Not where it lost its CPU on the way.
      const slept = lines.filter((line) =>
        /;waits;.*;do_nanosleep_\[k\];schedule_\[k\];/.test(line),
      )
      expect(slept).toHaveLength(1)
      const [, us] = /^activity;.*;main;.*waits;.*nanosleep.*;__schedule_\[k\] (\d+)$/.exec(
        slept[0] ?? '',
      ) ?? ['']
      expect(Number(us)).toBeGreaterThan(3 * 39_000)
      expect(Number(us)).toBeLessThan(1000 * ms)
      expect(readFileSync(output, 'utf8')).toBe(stdout)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('is for people, too', async () => {
    // Longer than it may wait for a CPU.
    const activity = await new Activity('wait 5 60').waiting()
    const args = ['--pid', String(activity.pid), '--top', '1']
    const { stdout } = await printed('off-cpu', args, () => activity.run())
    expect(stdout).toMatch(
      new RegExp(
        `^\\d+ µs, \\d+ times: activity \\(process ${activity.pid}\\)\\n( {4}\\S.*\\n)+\\n$`,
      ),
    )
    expect(stdout).toContain('\n    waits\n')
  })
})
