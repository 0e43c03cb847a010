import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mounted } from '../mount.js'
import { describeTool, printed, type Row, testInTerminal, Tool } from './tool.js'

const calls = join(__dirname, '../../build/test/calls')
const name = `oom-kill-${process.pid}`

describeTool('oom-kill', () => {
  const cgroup2 = mounted('cgroup2')
  let group: string
  // The memory of a group of processes can be limited in one of two ways.
  beforeAll(() => {
    const [, first] = / (\S+) cgroup \S*\bmemory\b/.exec(readFileSync('/proc/mounts', 'utf8')) ?? []
    if (first === undefined) writeFileSync(join(cgroup2(), 'cgroup.subtree_control'), '+memory')
    group = join(first ?? cgroup2(), name)
    mkdirSync(group)
    const limits = { 'memory.limit_in_bytes': '16M', 'memory.swappiness': '0', 'memory.max': '16M' }
    for (const [file, limit] of Object.entries({ ...limits, 'memory.swap.max': '0' })) {
      if (existsSync(join(group, file))) writeFileSync(join(group, file), limit)
    }
  })
  afterAll(() => rmdirSync(group))

  /** How many were killed in the group, as the kernel counts them. */
  function kills(): number {
    const file = ['memory.oom_control', 'memory.events'].map((each) => join(group, each))
    const text = readFileSync(file.find(existsSync) ?? '', 'utf8')
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1])
  }

  /** Its number, and the line of the kernel's log. */
  async function exceedLimit(): Promise<{ pid: number | undefined; line: string }> {
    const script = 'echo $$ >$0/cgroup.procs; exec "$@"'
    const child = spawn('sh', ['-c', script, group, calls, 'memory'])
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
    expect(signal).toBe('SIGKILL')
    const { pid } = child
    const lines = execFileSync('dmesg').toString().split('\n')
    return { pid, line: lines.findLast((each) => each.includes(`Killed process ${pid} `)) ?? '' }
  }

  test("prints what the kernel's log and the cgroup say", async () => {
    const before = kills()
    const tool = await Tool.start('oom-kill', ['--name', 'calls'])
    const { pid, line } = await exceedLimit()
    const { rows, stderr } = await tool.stop()
    expect(kills() - before).toBe(1)

    const sizeOf = (what: string): number => Number(new RegExp(`${what}:(\\d+)kB`).exec(line)?.[1])
    const row = rows.find((each: Row) => each['pid'] === pid)
    expect(line).toContain(`Killed process ${pid} (calls)`)
    expect(row).toMatchObject({ comm: 'calls', triggerPid: pid, triggerComm: 'calls' })
    if (row?.['totalKiB'] !== null) {
      expect(row).toMatchObject({ uid: 0, totalKiB: sizeOf('total-vm'), cgroup: name })
      // Newer kernels than Linux 6.18 add to their log what CPUs have not counted together yet.
      const resident = sizeOf('anon-rss') + sizeOf('file-rss') + sizeOf('shmem-rss')
      expect(Math.abs((row?.['residentKiB'] as number) - resident)).toBeLessThan(1024)
      expect(row?.['residentKiB']).toBeGreaterThan(8 << 10)
    }
    expect(stderr).toMatch(/^\d+ events, 0 lost, /m)
  })

  test('prints lines for people', async () => {
    const { stdout } = await printed('oom-kill', ['--name', 'calls'], exceedLimit)
    expect(stdout).toMatch(/^TIME +KILLED COMM +RESIDENT +FOR COMM +CGROUP\n/)
    expect(stdout).toMatch(/^[\d:.]{12} +\d+ calls +([\d,]+ K)? +\d+ calls +(oom-kill-\d+)?$/m)
  })

  testInTerminal('oom-kill', {
    args: ['--name', 'calls'],
    happens: exceedLimit,
    shows: / calls +oom-kill| calls +$/m,
  })
})
