// What node-gc prints, against what V8 itself says with --trace-gc.
import { Example } from '../process/example.js'
import { nodeBinaries, startScript } from './node-activity.js'
import { describeTool, printed, type Row, testInTerminal, Tool } from './tool.js'

interface Collection {
  kind: string
  pauseMs: number
}

/** "Scavenge 6.0 (8.4) -> 5.6 (8.9) MB, 11.30 / 0.00 ms" */
function traced(stdout: string): Collection[] {
  const lines = stdout.matchAll(/ ms: (Scavenge|Mark-Compact) .*? MB, ([\d.]+) \/ [\d.]+ ms/g)
  return [...lines].map(([, kind = '', ms]) => ({ kind: kind.toLowerCase(), pauseMs: Number(ms) }))
}

/** Runs the script; gives what V8 says of the collections. */
async function collect(node: string, rounds: number): Promise<{ pid: number; stdout: string }> {
  const example = startScript(node, 'garbage.cjs', [rounds], ['--expose-gc', '--trace-gc'])
  const { stdout } = await example.ended
  return { pid: example.child.pid ?? 0, stdout }
}

describeTool('node-gc', () => {
  testInTerminal('node-gc', {
    args: ['--name', 'garbage'],
    happens: () => startScript(process.execPath, 'garbage.cjs', [10], ['--expose-gc']).ended,
    shows: /mark/i,
  })

  test.each(nodeBinaries)('as V8 says: Node %s', async (_, node) => {
    const tool = await Tool.start('node-gc', ['--binary', node])
    const processes = await Promise.all([collect(node, 12), collect(node, 25)])
    const { rows, stderr } = await tool.stop()
    expect(stderr).toMatch(/, 0 lost,/)
    for (const { pid, stdout } of processes) {
      const ofIt = rows.filter((row) => row['pid'] === pid)
      const said = traced(stdout)
      expect(new Set(said.map(({ kind }) => kind))).toEqual(new Set(['scavenge', 'mark-compact']))
      expect(ofIt.map(({ kind }) => kind)).toEqual(said.map(({ kind }) => kind))
      // It begins before V8 looks at its clock, and ends after: often at once, unless
      // another process was given the CPU between. V8 rounds.
      const more = said.map(({ pauseMs }, i) => Number(ofIt[i]?.['pauseMs']) - pauseMs)
      expect(Math.min(...more)).toBeGreaterThan(-0.01)
      expect(more.sort((a, b) => a - b)[more.length >> 2]).toBeLessThan(0.5)
      const forced = ofIt.find((row) => row['kind'] === 'mark-compact')
      expect(forced).toMatchObject({ reason: 'GC in old space requested', process: 'garbage.cjs' })
    }
  })

  test('the steps of incremental marking, of which V8 says how many there were', async () => {
    const tool = await Tool.start('node-gc', ['--steps', '--name', 'garbage'])
    const { pid, stdout } = await collect(process.execPath, -40)
    const { rows } = await tool.stop()
    const said = [...stdout.matchAll(/\(\+ [\d.]+ ms in (\d+) steps/g)].map(([, n]) => Number(n))
    const isStep = (row: Row): boolean => row['pid'] === pid && row['kind'] === 'incremental step'
    expect(said.length).toBeGreaterThan(0)
    // Those of a cycle that did not come to its end are in no line.
    expect(rows.filter(isStep).length).toBeGreaterThanOrEqual(said.reduce((sum, n) => sum + n, 0))
  })

  test('a sum of each kind at the end, and of what is no Node', async () => {
    const { stdout } = await printed('node-gc', ['--name', 'garbage'], () =>
      collect(process.execPath, 12),
    )
    const [, sums = ''] = stdout.split(/^ +PID PROCESS +KIND +COUNT +TOTAL-MS.*\n/m)
    for (const kind of ['scavenge', 'mark-compact']) {
      const count = stdout.match(new RegExp(` garbage.cjs +${kind} +\\d+\\.\\d+ .*$`, 'gm'))?.length
      expect(sums).toMatch(new RegExp(`^ +\\d+ garbage.cjs +${kind} +${count} `, 'm'))
    }
    const refused = await Example.start('node-gc', ['--binary', '/bin/true']).ended
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.stderr).toMatch(/^node-gc: .*\/bin\/true.*no function .*CollectGarbage.*\n$/)
  })
})
