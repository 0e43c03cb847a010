// What is missing where the number of CPUs cannot be read, or no descriptor is left.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describeBpf } from '../require-bpf.js'
import { Example, killRunning } from './example.js'

afterEach(killRunning)

function runIn(shellCommand: string, name: string) {
  const script = join(__dirname, 'scripts', 'scarce.cjs')
  const command = `${shellCommand} && exec "$@"`
  return new Example('unshare', ['-m', 'sh', '-c', command, '-', process.execPath, script, name])
    .ended
}

describeBpf('stats() and close()', () => {
  test('without a descriptor left', async () => {
    expect(await runIn('ulimit -n 64', 'no descriptor')).toEqual({
      code: 0,
      signal: null,
      stdout: '{"records":10,"lost":0,"discarded":0}\n{"lost":0,"closed":true}\n',
      stderr: '',
    })
  })

  test('without /sys say nothing of what was lost', async () => {
    expect(await runIn('mount -t tmpfs none /sys', 'no /sys')).toEqual({
      code: 0,
      signal: null,
      stdout: '{"records":10}\n{"closed":true}\n0\n',
      stderr: '',
    })
  })
})

/** What the machine has, without a descriptor left and with one again. */
const withoutDescriptors = `
  const { openSync, closeSync } = require('node:fs')
  const { features, Symbolizer, Btf } = require(process.argv[1])
  if (process.argv[2] === 'loaded') new Symbolizer().kernelAddresses('vfs_read')
  const held = []
  try { for (;;) held.push(openSync('/dev/null')) } catch {}
  const told = () => {
    const { process: { capBpf }, kernel: { programs } } = features()
    return [capBpf, programs].map(({ answer, why }) => answer + ': ' + why)
  }
  const hint = (action) => { try { action() } catch (error) { return error.hint } }
  const blind = told()
  const hints = [hint(() => Btf.kernel()), hint(() => new Symbolizer().kernel([1n]))]
  for (const descriptor of held) closeSync(descriptor)
  process.stdout.write(JSON.stringify({ blind, hints, seeing: told() }))`

describeBpf('features()', () => {
  test.each(['loaded', 'not loaded'])(
    'without a descriptor left cannot tell, says why, and asks again; the addon %s',
    (addon) => {
      const script = [process.execPath, '-e', withoutDescriptors, join(__dirname, '../..'), addon]
      const limited = ['-c', 'ulimit -n 64 && exec "$@"', '-', ...script]
      const { stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8' })
      expect(stderr).toBe('')
      const { blind, hints, seeing } = JSON.parse(stdout) as Record<string, string[]>
      expect(blind).toEqual([
        expect.stringMatching(/^unknown: .*status cannot be read: .*"ulimit -n"$/),
        expect.stringMatching(/^unknown: .*Raise the limit of open files/),
      ])
      expect(hints).toEqual(Array(2).fill(expect.stringMatching(/^Raise the limit/)))
      expect(seeing).toEqual([expect.stringMatching(/^yes/), expect.stringMatching(/^yes/)])
    },
  )
})
