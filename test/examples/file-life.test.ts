import { spawnSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeTool, printed, testInTerminal, Tool } from './tool.js'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'file-life-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** Does it, and says between which times. */
function timed(act: () => void): [before: number, after: number] {
  const before = nowMs()
  act()
  return [before, nowMs()]
}

/** What was made and removed, and how long it lived, at least and at most. */
interface Life {
  path: string
  min: number
  max: number
}

function between(
  path: string,
  [madeAfter, madeBefore]: [number, number],
  [removedAfter, removedBefore]: [number, number],
): Life {
  return { path, min: removedAfter - madeBefore, max: removedBefore - madeAfter }
}

describeTool('file-life', () => {
  test('prints how long files lived, as the clock of who made and removed them says', async () => {
    const old = join(directory, 'old')
    writeFileSync(old, '')
    const tool = await Tool.start('file-life', ['--pid', String(process.pid)])
    const lives: Life[] = []

    // Many of one name, and they are not removed in the order in which they were made.
    const names = ['a', 'b', 'c', 'd'].map((name) => join(directory, name))
    for (const name of names) mkdirSync(name)
    symlinkSync('c', join(directory, 'link'))
    const made = new Map(
      names.map((name) => [name, timed(() => writeFileSync(join(name, 'same'), 'x'))]),
    )
    const others = [...names].reverse()
    for (const name of others) {
      // Of which one is found by another path.
      const path = join(name.replace(/c$/, 'link'), 'same')
      const removed = timed(() => unlinkSync(path))
      lives.push(between(path, made.get(name) ?? [0, 0], removed))
    }

    const still = join(directory, 'still-open'.padEnd(255, '-'))
    let fd = -1
    const opened = timed(() => (fd = openSync(still, 'wx')))
    lives.push(
      between(
        still,
        opened,
        timed(() => unlinkSync(still)),
      ),
    )
    closeSync(fd)

    const first = timed(() => writeFileSync(still, ''))
    lives.push(
      between(
        still,
        first,
        timed(() => unlinkSync(still)),
      ),
    )

    // Not there before, or not under that name any more.
    unlinkSync(old)
    writeFileSync(old, '')
    renameSync(old, `${old}-moved`)
    unlinkSync(`${old}-moved`)

    const { rows, stderr } = await tool.stop()
    expect(rows.map(({ path }) => path)).toStrictEqual(lives.map(({ path }) => path))
    rows.forEach((row, index) => {
      const { min = NaN, max = NaN } = lives[index] ?? {}
      expect(row).toMatchObject({ pid: process.pid, uid: 0, creatorPid: process.pid })
      // What is less than a microsecond is left out.
      expect(row['ageMs']).toBeGreaterThan(min - 0.001)
      expect(row['ageMs']).toBeLessThan(max)
    })
    expect(stderr).toMatch(/^6 events, 0 lost, /m)
  })

  test('says who made and who removed it, also by relative paths', async () => {
    const [all, brief] = await Promise.all([
      Tool.start('file-life', ['--name', 'of-a-shell']),
      Tool.start('file-life', ['--name', 'of-a-shell', '--max', '0.2']),
    ])
    const script = 'cd $0; mkdir x; : >of-a-shell; : >x/of-a-shell-2; rm -r x; sleep 0.3; rm of-a*'
    const { pid } = spawnSync('sh', ['-c', script, directory])
    const { rows } = await all.stop()
    const { rows: briefRows } = await brief.stop()
    const by = { comm: 'rm', creatorPid: pid, creatorComm: 'sh' }
    // rm -r opens the directory, and removes what is in it by its name.
    expect(rows).toMatchObject([
      { ...by, path: 'of-a-shell-2' },
      { ...by, path: 'of-a-shell' },
    ])
    expect(rows[1]?.['ageMs']).toBeGreaterThan(300)
    // One of them, unless others had the CPU before it was removed.
    const short = rows.filter((row) => Number(row['ageMs']) <= 200)
    expect(briefRows.map(({ path }) => path)).toEqual(short.map(({ path }) => path))
  })

  test('prints lines for people, of memory file systems as well', async () => {
    const path = `/dev/shm/file-life-${process.pid}`
    const { stdout } = await printed('file-life', ['--pid', String(process.pid)], () => {
      writeFileSync(path, '')
      unlinkSync(path)
    })
    expect(stdout).toMatch(/^TIME +PID COMM +MADE BY +AGE PATH\n/)
    const line = stdout.split('\n').find((text) => text.endsWith(path))
    expect(line).toMatch(/^[\d:.]{12} +\d+ \S+ +\S+ +\d+\.\d ms \/dev/)
  })

  testInTerminal('file-life', {
    args: ['--name', 'sh'],
    happens: () => {
      const script = 'cd $0; for i in 1 2 3; do : >notes-$i.txt; done; rm notes-*'
      spawnSync('sh', ['-c', script, directory])
    },
    shows: /notes-3/,
  })
})
