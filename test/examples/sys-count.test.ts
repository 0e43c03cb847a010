import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeTool, printed, type Row, testInTerminal, Tool } from './tool.js'

const calls = join(__dirname, '../../build/test/calls')

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sys-count-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

interface Count {
  name: string
  count: number
  errors: number
}

/** The table of strace -c. */
function parse(table: string): Count[] {
  const lines = table.matchAll(/^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(\d+)? +(\w+)$/gm)
  return [...lines]
    .map(([, count, errors = '0', name = '']) => ({
      name,
      count: Number(count),
      errors: Number(errors),
    }))
    .filter(({ name }) => name !== 'total')
}

/** Of 32-bit programs strace knows the names. */
const names32: Record<string, string> = {
  'call 85 (32 bits)': 'readlink',
  'call 257 (32 bits)': 'remap_file_pages',
}

const counted = (rows: readonly Row[]): Count[] =>
  rows.map((row) => {
    const { name, count, errors } = row as unknown as Count
    return { name: names32[name] ?? name, count, errors }
  })

const byName = (a: Count, b: Count): number => (a.name < b.name ? -1 : 1)

describeTool('sys-count', () => {
  test('counts what strace does', async () => {
    const tool = await Tool.start('sys-count', ['--name', 'calls', '--top', '100'])
    const log = join(directory, 'log')
    const command = [calls, 'opens', directory, '2000']
    execFileSync('strace', ['-c', '-f', '-o', log, '--', ...command])
    const { rows, stderr } = await tool.stop()
    const expected = parse(readFileSync(log, 'utf8'))
    expect(counted(rows).sort(byName)).toStrictEqual(expected.sort(byName))
    expect(expected.find(({ name }) => name === 'openat')?.count).toBeGreaterThan(2000)
    const sum = expected.reduce((all, { count }) => all + count, 0)
    expect(stderr).toContain(`\n${sum} calls, 0 not counted\n`)
  })

  test('tells the time, by process and by name', async () => {
    const [byProcess, byComm] = await Promise.all([
      Tool.start('sys-count', ['--by', 'process', '--name', 'sleep', '--sort', 'time']),
      Tool.start('sys-count', ['--by', 'name', '--name', 'sleep', '--sort', 'time']),
    ])
    const slept = [200, 100].map((ms) => {
      const startMs = performance.now()
      const { pid } = spawnSync('sleep', [String(ms / 1000)])
      return { pid, ms, mostMs: performance.now() - startMs }
    })
    const pids = slept.map(({ pid }) => pid)
    const { rows, stderr } = await byProcess.stop()
    expect(stderr).toMatch(/^\d+ calls, 0 not counted$/m)
    const { rows: rowsByName } = await byComm.stop()
    const own = rows.filter(({ pid }) => pids.includes(pid as number))
    expect(own.map(({ pid }) => pid)).toStrictEqual(pids)
    slept.forEach(({ ms, mostMs }, index) => {
      const { maxUs, totalMs } = own[index] as { maxUs: number; totalMs: number }
      // The sleep, and all that it called.
      expect(maxUs).toBeGreaterThan(1000 * ms)
      expect(totalMs).toBeGreaterThanOrEqual(maxUs / 1000)
      expect(totalMs).toBeLessThan(mostMs)
    })
    expect(rowsByName).toMatchObject([{ name: 'sleep', pid: null }])
    expect(rowsByName[0]?.['totalMs']).toBeGreaterThan(300)
  })

  test('counts the threads of a process together', async () => {
    const tool = await Tool.start('sys-count', ['--by', 'process', '--top', '10000'])
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    const { rows } = await tool.stop()
    const pids = rows.map((row) => row['pid'])
    expect(pids).toContain(pid)
    expect(new Set(pids).size).toBe(pids.length)
  })

  test('begins again after each interval', async () => {
    const args = ['--name', 'calls', '--interval', '0.2', '--top', '1']
    const tool = await Tool.start('sys-count', args)
    for (const number of [1, 2]) {
      execFileSync(calls, ['opens', directory, '100'])
      // A run may be in two intervals.
      await tool.until(() => {
        const sum = tool.rows.reduce((all, { name, count }) => {
          return name === 'openat' || name === 'close' ? all + (count as number) : all
        }, 0)
        return sum >= 100 * number
      })
    }
    expect((await tool.stop()).rows.length).toBeGreaterThanOrEqual(2)
  })

  test('prints lines for people', async () => {
    const { stdout } = await printed('sys-count', ['--name', 'calls'], () =>
      execFileSync(calls, ['opens', directory, '100']),
    )
    expect(stdout).toMatch(/^CALL +COUNT +ERRORS +TOTAL ms +AVERAGE µs +MAX µs\n/)
    expect(stdout).toMatch(/^openat +11\d +\d +[\d.]+ +[\d.]+ +[\d.]+$/m)
  })

  testInTerminal('sys-count', {
    args: ['--top', '8'],
    happens: () => execFileSync('find', ['/etc']),
  })
})
