// What node-stall prints, against what the processes that are held measure themselves.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Example } from '../process/example.js'
import { nodeBinaries, startFirst } from './node-activity.js'
import { describeTool, type Row, testInTerminal, Tool } from './tool.js'

interface Held {
  name: string
  ms: number
  monitorMs: number
}

/** Runs the script, which is there until the tool has told of the last time that it held its loop. */
async function hold(
  node: string,
  flags: string[],
  tool?: Tool,
): Promise<{ pid: number; held: Held[] }> {
  // With these flags V8 writes a log to where it runs.
  const cwd = mkdtempSync(join(tmpdir(), 'stall-'))
  // Without a CPU it neither runs, nor does V8 compile what it runs.
  const example = startFirst(node, 'stall.cjs', [], flags, { cwd })
  const pid = example.child.pid ?? 0
  await example.until('stdout', /\n/)
  const held = JSON.parse(example.stdout) as Held[]
  const lastMs = held.at(-1)?.ms ?? 0
  await tool?.until(
    (row) => row['pid'] === pid && row['isOver'] === true && Number(row['stallMs']) >= lastMs,
  )
  await example.stop('SIGTERM')
  rmSync(cwd, { recursive: true })
  return { pid, held }
}

/**
 * The stall that is as long as was measured: longer than the call. The loop's turn had begun
 * a little before, on a busy machine a little more.
 */
function find(rows: Row[], pid: number, { ms, monitorMs }: Held): Row {
  const ofIt = rows.filter((row) => row['pid'] === pid && row['isOver'] === true)
  const row = ofIt
    .filter(({ stallMs }) => Number(stallMs) >= ms && Number(stallMs) < 1.2 * monitorMs + 30)
    .sort((a, b) => Number(a['stallMs']) - Number(b['stallMs']))[0]
  if (row === undefined) throw new Error(`${ms} to ${monitorMs}: ${JSON.stringify(ofIt)}`)
  return row
}

const flags = ['--perf-basic-prof', '--interpreted-frames-native-stack']

describeTool('node-stall', () => {
  testInTerminal('node-stall', {
    args: ['--name', 'stall.cjs'],
    happens: () => hold(process.execPath, flags),
    shows: /holdTheLoop/,
  })

  test.each(nodeBinaries)('as long as the process says, and where: Node %s', async (_, node) => {
    const tool = await Tool.start('node-stall', ['--binary', node, '--min-ms', '100'])
    const { pid, held } = await hold(node, flags, tool)
    const { rows, stderr } = await tool.stop()
    expect(stderr).toMatch(/, 0 lost,/)
    expect(held.map(({ name }) => name)).toEqual(['holdTheLoop', 'waitInTheLoop', 'holdTheLoop'])
    const [first, waiting, last] = held.map((each) => find(rows, pid, each))
    for (const row of [first, last]) {
      expect(row).toMatchObject({ process: 'stall.cjs' })
      expect(row?.['stack']).toContainEqual(
        expect.stringMatching(/^holdTheLoop .*stall\.cjs:\d+:\d+$/),
      )
    }
    expect(last?.['state']).toMatch(/runs|starves/)
    // The loop of its own in which execFileSync() waits is not taken for this one.
    expect(waiting).toMatchObject({ state: 'waits' })
    expect(String(waiting?.['stack'])).toMatch(/node::SyncProcessRunner::Spawn/)
    // What is not over after a second is told, and told once more when it is.
    const told = rows.filter((row) => row['pid'] === pid && row['time'] === last?.['time'])
    expect(told.map(({ isOver }) => isOver)).toEqual([false, true])
    expect(rows.every(({ stallMs }) => Number(stallMs) >= 100)).toBe(true)
  })

  test('without names of JavaScript; and of a binary that was stripped', async () => {
    const tool = await Tool.start('node-stall', ['--name', 'stall.cjs'])
    const { pid, held } = await hold(process.execPath, [], tool)
    const { rows } = await tool.stop()
    const row = find(rows, pid, held[0] as Held)
    expect(row['stack']).toContain('(JavaScript)')
    expect(String(row['stack'])).not.toMatch(/holdTheLoop|uv_run/)

    const directory = mkdtempSync(join(tmpdir(), 'node-stall-'))
    const stripped = join(directory, 'node')
    try {
      copyFileSync(process.execPath, stripped)
      execFileSync('strip', [stripped])
      const refused = await Example.start('node-stall', ['--binary', stripped]).ended
      expect(refused).toMatchObject({ code: 1, stdout: '' })
      expect(refused.stderr).toMatch(/^node-stall: .*no function uv__io_poll.*stripped.*\n$/)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
