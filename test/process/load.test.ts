// Loading under what a process may be subject to.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeBpf } from '../require-bpf.js'

const script = join(__dirname, 'scripts/load-often.cjs')

function run(command: string, args: string[]): unknown {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

describeBpf('load()', () => {
  test('is not disturbed by a profiler', () => {
    const directory = mkdtempSync(join(tmpdir(), 'bpf-ringbuf-'))
    try {
      const profiling = ['--cpu-prof', '--cpu-prof-interval', '100', '--cpu-prof-dir', directory]
      expect(run(process.execPath, [...profiling, script, '10'])).toEqual(Array(10).fill('loaded'))
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  // With 8, libbpf's probe for global data fails, as whoever starts there must know.
  test.each([1, 4, 8, 12])('with %d descriptors left fails, and then works', (left) => {
    const limited = ['-c', 'ulimit -n 64 && exec "$0" "$@"', process.execPath, script, '2']
    expect(run('sh', [...limited, String(left)])).toEqual([
      {
        name: 'BpfError',
        code: 'ERR_KERNEL',
        errno: -24,
        message: expect.stringMatching(/EMFILE .*ulimit -n/) as string,
      },
      'loaded',
    ])
  })
})
