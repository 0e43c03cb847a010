// Readers in worker threads.
import { describeBpf } from '../require-bpf.js'
import { killRunning } from './example.js'
import { runScript } from './script.js'

const timeoutMs = 3 * 60_000

afterEach(killRunning)

describeBpf('in worker threads', () => {
  test('several readers stream at once', async () => {
    const { code, stdout, stderr } = await runScript('workers', 'several at once')
    expect([code, stderr]).toEqual([0, ''])
    const results = JSON.parse(stdout) as { records: number; lost: number; produced: number }[]
    expect(results).toHaveLength(4)
    for (const { records, lost, produced } of results) {
      expect(records).toBeGreaterThanOrEqual(1000)
      expect(records + lost).toBe(produced)
    }
  })

  // Each leaves no descriptor and no thread behind.
  test.each([
    'terminate at full speed',
    'terminate while it opens and closes',
    'terminate while it waits for room',
    'terminate at any time',
  ])(
    '%s',
    async (name) => {
      expect(await runScript('workers', name)).toEqual({
        code: 0,
        signal: null,
        stdout: 'terminated\n',
        stderr: '',
      })
    },
    timeoutMs,
  )

  test('a worker ends by itself with an open reader', async () => {
    expect(await runScript('workers', 'ends by itself')).toEqual({
      code: 0,
      signal: null,
      stdout: 'exit 7\nunref 0\nthrown in a worker\nthrows 1\n',
      stderr: '',
    })
  })

  test('the main thread goes on streaming when a worker is terminated', async () => {
    expect(await runScript('workers', 'main thread and worker')).toEqual({
      code: 0,
      signal: null,
      stdout: 'true\n',
      stderr: '',
    })
  })
})
