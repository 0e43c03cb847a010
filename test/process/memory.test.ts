// What a process holds after it closed objects and readers, or let them go.
import { describeBpf } from '../require-bpf.js'
import { killRunning } from './example.js'
import { runScript } from './script.js'

const timeoutMs = 3 * 60_000

afterEach(killRunning)

describeBpf('a process releases', () => {
  test('what is garbage-collected without close()', async () => {
    const { code, stdout, stderr } = await runScript('memory', 'garbage-collected without close()')
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toEqual({ many: true })
  })

  test('no object that a reader reads', async () => {
    const { code, stdout, stderr } = await runScript('memory', 'a reader keeps its object')
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toEqual({ consumed: 5, records: 5, lost: 0 })
  })

  test(
    'everything in a thousand cycles of open, load, attach, stream and close',
    async () => {
      const { code, stdout, stderr } = await runScript('memory', 'many cycles')
      expect([code, stderr]).toEqual([0, ''])
      const { grownMiB } = JSON.parse(stdout) as { grownMiB: number }
      // One batch that is not unmapped in each would be 250 MiB.
      expect(grownMiB).toBeLessThan(64)
    },
    timeoutMs,
  )
})
