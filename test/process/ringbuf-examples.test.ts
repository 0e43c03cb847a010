import { spawnSync } from 'node:child_process'
import { describeBpf } from '../require-bpf.js'
import { Example, killRunning } from './example.js'

afterEach(killRunning)

describeBpf('the small examples', () => {
  test.each(['ringbuf-output', 'ringbuf-reserve-submit', 'perfbuf-output'])(
    '%s prints execs',
    async (name) => {
      const example = Example.start(name)
      await example.until('stdout', /^ +PID COMM +FILENAME\n/)
      const pids = Array.from({ length: 10 }, () => spawnSync('/bin/true').pid)
      const ended = await example.stop()

      const lines = ended.stdout.split('\n').filter((line) => line.endsWith(' /bin/true'))
      const found = lines.map((line) => line.trim().split(/ +/))
      for (const pid of pids) expect(found).toContainEqual([String(pid), 'true', '/bin/true'])
      expect(ended).toMatchObject({ code: 0, signal: null })
      expect(ended.stderr).toMatch(/^\d+ events, 0 lost\n$/)
    },
  )

  test('ends when nobody reads its output any more', async () => {
    const example = Example.start('ringbuf-output')
    await example.until('stdout', /\n/)
    example.child.stdout?.destroy()
    // Several lines that cannot be written.
    spawnSync('/bin/sh', ['-c', 'for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done'])
    const ended = await example.ended
    expect(ended).toMatchObject({ code: 0, signal: null })
    expect(ended.stderr).toMatch(/^\d+ events, \d+ lost\n$/)
  })
})
