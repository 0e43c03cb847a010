// Maps in worker threads: processes of their own, as a mistake here would end them.
import { describeBpf } from '../require-bpf.js'
import { runScript } from './script.js'

describeBpf('a map that several threads use', () => {
  test('gives each what it stored, and outlives the thread whose object has it', async () => {
    const { code, signal, stdout, stderr } = await runScript('map-threads')
    expect([code, signal, stderr]).toEqual([0, null, ''])
    expect(stdout.trimEnd().split('\n')).toEqual([
      'main saw 2000 of its own once',
      'workers saw 2000 and 2000 of their own once',
      'left: 3000',
      'a map of an object of a thread that ended: 5',
      expect.stringMatching(/^what another thread would get of a map: (undefined|DataCloneError)$/),
    ])
  })
})
