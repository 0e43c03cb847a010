// What another thread gets of what this one has: nothing that could be used.
import { describeBpf } from '../require-bpf.js'
import { runScript } from './script.js'

describeBpf('what is posted to a worker', () => {
  test('is refused, or a copy that nothing takes for the real one', async () => {
    const { code, signal, stdout, stderr } = await runScript('foreign')
    expect([code, signal, stderr]).toEqual([0, null, ''])
    const copy = 'a copy with 0 of its methods; members TypeError'
    expect(stdout.trimEnd().split('\n')).toEqual([
      'BpfObject: DataCloneError',
      'BpfMap of an object: DataCloneError',
      // These accessors ask the copy alone.
      `BpfMap: ${copy}, nothing (autocreate, overwrites, closed, described); takers TypeError`,
      `BpfProgram: ${copy}; takers TypeError`,
      `BpfLink: ${copy} (detached); takers TypeError`,
      'RingBuffer: DataCloneError',
      'PerfBuffer: DataCloneError',
      expect.stringMatching(/^UserRingBuffer: (DataCloneError|a copy .*; takers TypeError)$/),
      `TaskDescriptor: ${copy}; takers TypeError`,
      `Symbolizer: ${copy}; takers TypeError`,
      'here: 0, raw_tracepoint',
    ])
  })
})
