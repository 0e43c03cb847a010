// runq-latency against what the kernel counts itself, in /proc/PID/schedstat.
import { readFileSync } from 'node:fs'
import { countOf } from '../../examples/kit/histograms.js'
import { Activity, killActivities } from '../activity.js'
import { Example } from '../process/example.js'
import { describeTool, type Row, testInTerminal, Tool } from './tool.js'

/** How long a process waited for a CPU, in ns, and how often it got one. */
function scheduled(pid: number): { waitedUs: number; slices: number } {
  const words = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')
  return { waitedUs: Number(words[1]) / 1000, slices: Number(words[2]) }
}

/** Two that take turns on one CPU; gives what the kernel says of the first. */
async function contend(first: Activity, second: Activity) {
  await Promise.all([first.waiting(), second.waiting()])
  const before = scheduled(first.pid)
  await Promise.all([first.run(), second.run()])
  const after = scheduled(first.pid)
  return {
    waitedUs: after.waitedUs - before.waitedUs,
    slices: after.slices - before.slices,
  }
}

const slotsOf = (row: Row | undefined) => ({ slots: (row?.['slots'] ?? []) as number[] })

// Where the TSC is called unstable, the scheduler's clock waits for a tick that is late, such as
// by what the host of a guest takes; the tool's does not.
const lateTicks = 0.05

/** When a slot begins, in µs: a wait in it was not shorter. */
const least = (slots: readonly number[]) =>
  slots.reduce((sum, count, slot) => sum + count * (slot === 0 ? 0 : 2 ** slot), 0)

describeTool('runq-latency', () => {
  afterEach(killActivities)

  testInTerminal('runq-latency', {
    happens: async () => {
      const [first, second] = [new Activity('burn 0 200'), new Activity('burn 0 200')]
      await contend(first, second)
    },
  })

  test('waits of a process that shares its CPU: how many, and how long together', async () => {
    const [first, second] = [new Activity('burn 0 600'), new Activity('burn 0 600')]
    const tool = await Tool.start('runq-latency', ['--pid', String(first.pid)])
    const { waitedUs, slices } = await contend(first, second)
    const { rows, code, stderr } = await tool.stop()
    expect(rows).toHaveLength(1)
    const { slots } = slotsOf(rows[0])
    const total = rows[0]?.['total'] as number
    // The other one has the CPU for as long.
    expect(waitedUs).toBeGreaterThan(200_000)
    expect(Math.abs(total / waitedUs - 1)).toBeLessThan(lateTicks)
    expect(Math.abs(countOf({ slots }) / slices - 1)).toBeLessThan(0.05)
    expect(least(slots)).toBeLessThanOrEqual(total)
    expect(least(slots)).toBeGreaterThan(total / 2 - 2 * countOf({ slots }))
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(`\n${countOf({ slots })} events, 0 lost\n$`) as string,
    })
  })

  test('a histogram for each process', async () => {
    const [first, second] = [new Activity('burn 0 200'), new Activity('burn 0 200')]
    const tool = await Tool.start('runq-latency', ['--pids', '--top', '1000'])
    const { waitedUs } = await contend(first, second)
    const { rows } = await tool.stop()
    for (const { pid } of [first, second]) {
      const row = rows.find((each) => each['pid'] === pid)
      expect(row).toMatchObject({ comm: 'activity', unit: 'µs' })
    }
    const total = rows.find((row) => row['pid'] === first.pid)?.['total'] as number
    expect(Math.abs(total / waitedUs - 1)).toBeLessThan(lateTicks)
  })

  test('is drawn, at each interval what is new', async () => {
    const tool = Example.start('runq-latency', ['--interval', '0.1'])
    await tool.until('stdout', /(average[^]*){3}/)
    const { stdout } = await tool.stop()
    const drawings = stdout.trimEnd().split('\n\n')
    expect(drawings.length).toBeGreaterThanOrEqual(3)
    for (const drawing of drawings) {
      expect(drawing).toMatch(
        /^ +µs +COUNT\n(?: +[\d,]+ – +[\d,]+ +[\d,]+ .*\n)+ {2}average [\d.]+ µs$/,
      )
    }
  })
})
