// A tracer that waits costs nothing.
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { pollThreads } from '../descriptors.js'
import { describeBpf } from '../require-bpf.js'
import { until } from '../until.js'
import { killRunning } from './example.js'
import { startScript } from './script.js'

const measuredMs = 5000

afterEach(killRunning)

function read(pid: number, file: string): string {
  return readFileSync(`/proc/${String(pid)}/${file}`, 'utf8')
}

/** Times that a thread gave up the CPU: each wake-up ends with one. */
function switches(pid: number, thread: string): number {
  const status = read(pid, `task/${thread}/status`)
  return Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(status)?.[1])
}

/** CPU time of a process in ticks, of which a second has a hundred. */
function cpuTicks(pid: number): number {
  const fields = read(pid, 'stat')
    .replace(/^.*\) /, '')
    .split(' ')
  return Number(fields[11]) + Number(fields[12])
}

describeBpf('an idle reader', () => {
  test(
    'is not woken, and uses no CPU',
    async () => {
      const script = startScript('idle')
      await script.until('stdout', /idle/)
      const pid = script.child.pid as number
      await until(() => pollThreads(pid).length === 2)
      const threads = pollThreads(pid)
      await until(() =>
        threads.every((thread) => read(pid, `task/${thread}/stat`).includes(') S ')),
      )
      // What Node does after the start of a program, such as tiering up, is over
      // when a while has passed without it.
      let ticks: number
      do {
        ticks = cpuTicks(pid)
        await wait(500)
      } while (cpuTicks(pid) !== ticks)
      const before = threads.map((thread) => switches(pid, thread))
      await wait(measuredMs)
      expect(threads.map((thread) => switches(pid, thread))).toEqual(before)
      expect(cpuTicks(pid) - ticks).toBeLessThanOrEqual(1)
      await script.stop('SIGTERM')
    },
    measuredMs + 60_000,
  )
})
