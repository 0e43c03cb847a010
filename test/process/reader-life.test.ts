// A reader's life as a model, for a minute: see test/life/life.ts. SEED=N repeats it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describeBpf } from '../require-bpf.js'

describeBpf("a reader's life", () => {
  test.each([
    ['in one thread', 45, []],
    ['in several threads, and some that are terminated', 15, ['--workers', '3']],
  ])(
    '%s: random calls in random order',
    async (_, seconds, args) => {
      const seed = process.env['SEED']
      const script = join(__dirname, '../../build/test/life/life/life.js')
      const options = [
        '--duration',
        String(seconds),
        ...(seed === undefined ? [] : ['--seed', seed]),
      ]
      const child = spawn(process.execPath, [script, ...options, ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const [stdout, stderr, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'exit') as Promise<[number | null]>,
      ])
      expect({ code, problems: code === 0 ? '' : stdout, stderr }).toEqual({
        code: 0,
        problems: '',
        stderr: '',
      })
    },
    5 * 60_000,
  )
})
