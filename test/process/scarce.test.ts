// Where the number of CPUs cannot be read, counts are missing, and nothing else.
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
