// How a process with a reader ends, and what keeps it alive.
import { join } from 'node:path'
import { describeBpf } from '../require-bpf.js'
import { Example, killRunning } from './example.js'
import { runScript, startScript } from './script.js'

afterEach(killRunning)

describeBpf('a process with a reader', () => {
  test.each([
    // What it does, its exit code, what it prints.
    ['close in a callback', 0, '1\n2\n3\n'],
    ['close in a callback at full speed', 0, 'closed\n'],
    ['exit in a callback', 3, ''],
    ['exit with everything open', 4, ''],
    ['natural exit after close', 0, ''],
    ['a running reader keeps it alive', 0, 'delivered\n'],
    ['a running iterator keeps it alive', 0, 'delivered\n'],
    ['ref() after unref() keeps it alive', 0, 'delivered\n'],
    ['unref() lets it end', 0, ''],
    ['unref() lets it end at full speed', 0, ''],
    ['unref() of an iterator lets it end', 0, ''],
    ['an unref()ed reader delivers while something else runs', 0, 'delivered\n'],
    ['a reader that has not started lets it end', 0, ''],
  ])('%s', async (name, code, stdout) => {
    expect(await runScript('life', name)).toEqual({ code, signal: null, stdout, stderr: '' })
  })

  test('streams where code may not be made of strings, and says once that it is slower', async () => {
    const NODE_OPTIONS = '--disallow-code-generation-from-strings'
    const env = { ...process.env, NODE_OPTIONS }
    const { code, stdout, stderr } = await startScript('life', ['two readers of structs'], { env })
      .ended
    expect([code, stdout]).toEqual([0, '4294967297n 1 s-1\n8589934594n 2 s-2\n'])
    expect(stderr.match(/\[BPF_RINGBUF_SLOW_DECODER\] Warning: .*/g)).toHaveLength(1)
  })

  test('ends with 1 by an exception without a handler, and prints it', async () => {
    const { code, stderr, stdout } = await runScript('life', 'exception without a handler')
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^Error: thrown by the callback\n +at .*life\.cjs/m)
  })

  test('ends with 1 by a record that is too short', async () => {
    const { code, stderr } = await runScript('life', 'record too short without a handler')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^RecordTooShortError: .*the record has 64 bytes, the type needs 1000$/m)
  })

  test('goes on when a reader is closed by who hears of an exception', async () => {
    const ended = await runScript('life', 'closed by who hears of an exception')
    expect(ended).toEqual({ code: 0, signal: null, stdout: '1\n', stderr: '' })
  })

  test.each(['by the poll thread', 'by flush()'])(
    'delivers the rest of the batch after an exception, %s',
    async (by) => {
      const { code, stdout, stderr } = await runScript('life', 'exceptions with a handler', by)
      expect([code, stderr]).toEqual([0, ''])
      expect(JSON.parse(stdout)).toEqual({
        delivered: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        caught: ['2', '4', '6', '8', '10'],
        records: 10,
        undelivered: 0,
      })
    },
  )

  test('gets each record that is too short as an exception', async () => {
    const { code, stdout, stderr } = await runScript('life', 'records too short with a handler')
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toEqual(
      [1, 2, 3].map((sequence) => ['ERR_RECORD_TOO_SHORT', 64, sequence]),
    )
  })

  test('gets each promise of a callback that is rejected as an exception', async () => {
    const { code, stdout, stderr } = await runScript('life', 'callbacks that give promises')
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toEqual({ delivered: 10, caught: ['2', '4', '6', '8', '10'] })
  })

  test('gets the failure of the poll thread as an exception, and a closed reader', async () => {
    const { code, stdout, stderr } = await runScript('life', 'the poll thread fails')
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toEqual({
      caught: ['ERR_KERNEL'],
      closed: true,
      consume: 'ERR_CLOSED',
      flush: 'ERR_CLOSED',
      end: 'ok',
      undelivered: 0,
    })
  })

  test('loses no record where the stack is full', async () => {
    const { code, stdout, stderr } = await runScript('life', 'consume() on a full stack')
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toEqual({ records: 200, undelivered: 0, inOrder: true, once: true })
  })

  /** With a bpffs of its own, which goes with the process. */
  const runPinning = (name: string) => {
    const script = join(__dirname, `scripts/${name}.cjs`)
    const mount = 'mount -t bpf bpf /sys/fs/bpf && exec "$0" "$@"'
    return new Example('unshare', ['--mount', 'sh', '-c', mount, process.execPath, script]).ended
  }

  test('reads a pinned map once, whatever opened it', async () => {
    expect(await runPinning('pinned')).toEqual({
      code: 0,
      signal: null,
      stdout:
        'the first: reads, reads\n' +
        'another object: ERR_BUSY, ERR_BUSY\n' +
        'another thread: ERR_BUSY, ERR_BUSY\n' +
        'another object, then: reads, reads\n',
      stderr: '',
    })
  })

  test('fails when another process reads the ring, too, and counts what it took', async () => {
    const { code, stdout, stderr } = await runPinning('two-readers')
    expect([code, stderr]).toEqual([0, ''])
    const failed = (made: number) => ({
      outcome: expect.stringMatching(
        /^ERR_BUSY: Cannot read map "events": another process reads it, too\. A ring has one/,
      ) as string,
      closed: true,
      made,
      undelivered: 0,
    })
    expect(JSON.parse(stdout)).toEqual({
      'consume()': failed(6),
      'flush()': failed(6),
      callbacks: failed(500),
      iterator: failed(500),
    })
  })

  test('can block while records come, and close after it', async () => {
    const { code, stdout, stderr } = await runScript(
      'life',
      'blocked while records come, then closed',
    )
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toEqual({ some: true, lost: true, undelivered: true })
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('ends by %s', async (signal) => {
    const script = startScript('life', ['runs until it is told to end'])
    await script.until('stdout', /running/)
    expect(await script.stop(signal)).toMatchObject({ code: null, signal, stderr: '' })
  })
})
