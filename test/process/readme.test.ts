// The code of the README's first screen works when it is pasted.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeBpf } from '../require-bpf.js'
import { Example, killRunning } from './example.js'

afterEach(killRunning)

const root = join(__dirname, '../..')
const pasted = join(root, 'build', 'readme.mjs')

describeBpf('the code of the README', () => {
  afterEach(() => {
    rmSync(pasted, { force: true })
  })

  test('prints execs until Ctrl-C', async () => {
    const code = /```js\n([^]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1] ?? ''
    expect(
      code
        .trimEnd()
        .split('\n')
        .filter((line) => line !== '').length,
    ).toBeLessThanOrEqual(12)
    writeFileSync(pasted, code)
    const example = new Example(process.execPath, [pasted], { cwd: root })
    // Attached some time after its start: until then execs are not seen.
    while (!example.stdout.includes('/bin/true')) {
      spawnSync('/bin/true')
      await new Promise((resolve) => setImmediate(resolve))
    }
    const ended = await example.stop()
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' })
    expect(ended.stdout).toMatch(/^\d+ true \/bin\/true$/m)
    expect(ended.stdout).toMatch(/records: \d+/)
  })
})
