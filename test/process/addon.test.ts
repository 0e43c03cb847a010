// The addon itself, called as lib/ never would: a process of its own, as a
// mistake here would end it.
import { describeBpf } from '../require-bpf.js'
import { runScript } from './script.js'

describeBpf('the addon, called wrongly,', () => {
  test('throws a TypeError for an argument, and says out of order as a number', async () => {
    const { code, signal, stdout, stderr } = await runScript('addon', 'one by one')
    expect([code, signal, stderr]).toEqual([0, null, ''])
    expect(stdout.trimEnd().split('\n')).toEqual([
      'drain() before open(): -9',
      'start() before open(): -9',
      'open() twice: -114',
      'arena(5): TypeError',
      'contents(5): TypeError',
      'giveBack(7): TypeError',
      'sourceState(3): TypeError',
      'addRing(1.5): TypeError',
      expect.stringMatching(/^addRing\(-1\): -\d+$/),
      'addRing(): TypeError',
      'new Reader(): TypeError',
      'new Reader() with many batches: TypeError',
      'new Map(): TypeError',
      'this: TypeError',
      'addRing(): returns',
      'arena() of a lent batch: returns',
      'giveBack() once: returns',
      'giveBack() twice: TypeError',
      'arena() of a free batch: TypeError',
      // Two batches, then none.
      'take(): 3 of them differ',
      'giveBack() after close(): returns',
      'arena() after close(): TypeError',
      'open() after close(): -9',
      'take() after close(): -1',
      'snapshot() before open: -9',
      'openPerf() of 3 pages: -22',
      'openRing() of a ring that is drained: -124',
      'openPerf() twice: -114',
      'snapshot() into too little: TypeError',
      'snapshot() after close(): -9',
      'take(): -1',
      'take() into a detached array: TypeError',
      'drain() into a detached array: TypeError',
      'open() of an object twice: -114',
      'open() of a closed object: -114',
      'lookup() without memory: TypeError',
      'memory() is large enough: returns',
      'update(): returns',
      'lookup(): returns',
      'lookup() at the end: returns',
      'lookup() beyond the end: TypeError',
      'lookup() of a key beyond it: TypeError',
      'lookupMany() of too many: TypeError',
      'updateMany() of too many: TypeError',
      'walk() with too many: TypeError',
      'walk() of none: -22',
      'lookup() after its memory was transferred: returns',
      'mmap() of a hash: -95',
      'lookup() after close(): -9',
      'memory() after close(): -9',
      'createMap() of no type: -22',
      'mapFromFd(-1): -9',
    ])
  })

  test('lives, and keeps nothing, whatever each method of each class is given', async () => {
    const { code, signal, stdout, stderr } = await runScript('addon', 'anything goes')
    expect([code, signal, stderr]).toEqual([0, null, ''])
    const outcomes = JSON.parse(stdout) as string[]
    expect(outcomes.filter((name) => !/^-\d+$/.test(name))).toEqual(['TypeError', 'returns'])
  }, 180_000)

  test('lives, and keeps nothing, whatever target a program is given', async () => {
    const { code, signal, stdout, stderr } = await runScript('addon', 'any target')
    expect([code, signal, stderr]).toEqual([0, null, ''])
    const outcomes = JSON.parse(stdout) as string[]
    expect(outcomes.filter((name) => !/^-\d+$/.test(name))).toEqual(['returns'])
  }, 180_000)
})
