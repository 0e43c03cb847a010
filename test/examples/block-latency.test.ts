// block-latency against what the kernel counts itself, in /sys/block/DISK/stat.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { countOf } from '../../examples/kit/histograms.js'
import { describeTool, printed, type Row, testInTerminal, Tool } from './tool.js'

/** Requests that were completed, and how long they took together, in ms. */
interface Kept {
  reads: number
  readMs: number
  writes: number
  writeMs: number
}

function kept(disk: string): Kept {
  const words = readFileSync(`/sys/block/${disk}/stat`, 'utf8').trim().split(/\s+/).map(Number)
  const [reads = 0, , , readMs = 0, writes = 0, , , writeMs = 0] = words
  return { reads, readMs, writes, writeMs }
}

function copy(...args: string[]): void {
  execFileSync('dd', [...args, 'bs=4096', 'status=none'])
}

describeTool('block-latency', () => {
  let directory = ''
  let device = ''

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'block-latency-'))
    const file = join(directory, 'disk')
    writeFileSync(file, '')
    truncateSync(file, 4 << 20)
    device = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim()
  })
  afterAll(() => {
    execFileSync('losetup', ['--detach', device])
    rmSync(directory, { recursive: true })
  })

  /** What the kernel counted meanwhile. */
  function use(reads: number, writes: number): Kept {
    const before = kept(basename(device))
    copy(`if=${device}`, 'of=/dev/null', `count=${reads}`, 'iflag=direct')
    copy('if=/dev/zero', `of=${device}`, `count=${writes}`, 'oflag=direct')
    const after = kept(basename(device))
    return {
      reads: after.reads - before.reads,
      readMs: after.readMs - before.readMs,
      writes: after.writes - before.writes,
      writeMs: after.writeMs - before.writeMs,
    }
  }

  const found = (rows: readonly Row[], operation: string) => {
    const row = rows.find((each) => each['operation'] === operation)
    const { slots = [], total = 0 } = (row ?? {}) as { slots?: number[]; total?: number }
    return { count: countOf({ slots }), ms: total / 1000 }
  }

  testInTerminal('block-latency', {
    happens: () => use(200, 50),
  })

  test.each([true, false])('requests by their operation, with the queue: %s', async (queued) => {
    const args = ['--disk', basename(device), ...(queued ? ['--queued'] : [])]
    const tool = await Tool.start('block-latency', args)
    const { reads, readMs, writes, writeMs } = use(300, 100)
    const { rows, code, stderr } = await tool.stop()
    const [read, write] = [found(rows, 'read'), found(rows, 'write')]
    expect(reads).toBeGreaterThanOrEqual(300)
    expect(writes).toBeGreaterThanOrEqual(100)
    expect({ reads: read.count, writes: write.count }).toEqual({ reads, writes })
    expect(new Set(rows.map((row) => row['disk']))).toEqual(new Set([basename(device)]))
    // The kernel says whole milliseconds, and measures since the request was made.
    for (const [ours, theirs] of [
      [read.ms, readMs],
      [write.ms, writeMs],
    ] as const) {
      expect(ours).toBeGreaterThan(0)
      expect(ours).toBeLessThan(theirs * 1.1 + 2)
      if (queued) expect(ours).toBeGreaterThan(theirs * 0.9 - 2)
    }
    expect({ code, lost: / 0 lost/.test(stderr) }).toEqual({ code: 0, lost: true })
  })

  test('its filters, and what it draws', async () => {
    const args = ['--disk', basename(device), '--operation', 'write']
    const { stdout } = await printed('block-latency', args, () => use(10, 20))
    const [title, ...lines] = stdout.trimEnd().split('\n')
    expect(title).toBe(`${basename(device)} write, 20 requests`)
    expect(lines.join('\n')).toMatch(/^ +µs +COUNT\n(.+ – .+\n)+ {2}average [\d.]+ µs$/)
  })
})
