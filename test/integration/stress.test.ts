// The stress test, short: see test/stress/stress.ts.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expectNothingLeftOpen } from '../descriptors.js'
import { describeBpf } from '../require-bpf.js'

const seconds = 12

interface Outcome {
  results: { row: string; received: number; problems: string[] }[]
  growth: string[]
  failed: number
}

describeBpf('the stress test', () => {
  expectNothingLeftOpen()

  test(
    'loses no record uncounted',
    async () => {
      const script = join(__dirname, '../../build/test/stress/stress.js')
      const child = spawn(
        process.execPath,
        ['--expose-gc', script, '--duration', String(seconds), '--json'],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      const [output, [code]] = await Promise.all([
        text(child.stdout),
        once(child, 'exit') as Promise<[number | null]>,
      ])
      const { results, growth, failed } = JSON.parse(output) as Outcome
      const problems = results.flatMap(({ row, problems }) =>
        problems.map((problem) => `${row}: ${problem}`),
      )
      expect({ problems, growth }).toEqual({ problems: [], growth: [] })
      expect(results.length).toBeGreaterThan(0)
      expect([failed, code]).toEqual([0, 0])
    },
    10 * seconds * 1000,
  )
})
