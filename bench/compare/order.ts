// In which order the forks, execs and exits of this machine arrive.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { BpfObject, PerfBuffer, RingBuffer, struct, u32, u64 } from 'bpf-ringbuf'
import { checkCounts, type LibrarySide, pagesPerCpu } from './rows.js'
import { buildDir } from '../processes.js'

const LifeEvent = struct('life_event', { time_ns: u64.number, pid: u32, cpu: u32 })

/** What was wrong about the order of delivery. */
export interface Order {
  events: number
  processes: number
  /** Events delivered after one with a later time, of any process. */
  late: number
  /** How late at most, in microseconds. */
  latestUs: number
  /** Events delivered after a later one of the same process. */
  inverted: number
  /** Processes with such events. */
  invertedProcesses: number
  /** Processes whose events came from two CPUs. */
  movedProcesses: number
}

export interface OrderRun {
  ring: Order
  perf: Order
}

class OrderCheck {
  #newest = 0
  readonly #processes = new Map<number, { newest: number; cpu: number; moved: boolean }>()
  readonly #inverted = new Set<number>()
  readonly order: Order = {
    events: 0,
    processes: 0,
    late: 0,
    latestUs: 0,
    inverted: 0,
    invertedProcesses: 0,
    movedProcesses: 0,
  }

  take({ time_ns: time, pid, cpu }: { time_ns: number; pid: number; cpu: number }): void {
    const { order } = this
    order.events++
    if (time < this.#newest) {
      order.late++
      order.latestUs = Math.max(order.latestUs, (this.#newest - time) / 1e3)
    } else {
      this.#newest = time
    }
    const known = this.#processes.get(pid)
    if (known === undefined) {
      this.#processes.set(pid, { newest: time, cpu, moved: false })
    } else {
      if (cpu !== known.cpu && !known.moved) {
        known.moved = true
        order.movedProcesses++
      }
      if (time < known.newest) {
        order.inverted++
        this.#inverted.add(pid)
      } else {
        known.newest = time
      }
    }
    order.processes = this.#processes.size
    order.invertedProcesses = this.#inverted.size
  }
}

/**
 * One run: each event goes to both kinds.
 *
 * @param processes How many short ones each of two CPUs starts on the other.
 */
export async function order(perfSide: LibrarySide, processes: number): Promise<OrderRun> {
  using object = BpfObject.open(join(buildDir, 'bpf/test/compare-order.bpf.o')).load()
  const ring = new OrderCheck()
  const perf = new OrderCheck()
  using ringReader = new RingBuffer(object.map('ring'), LifeEvent, (event) => ring.take(event))
  using perfReader = new PerfBuffer(object.map('perf'), LifeEvent, (event) => perf.take(event), {
    pagesPerCpu,
    ...(perfSide === 'perfEach' ? { wakeupEvents: 1 } : {}),
  })
  object.attach()
  await Promise.all([spawnAcross(0, 1, processes), spawnAcross(1, 0, processes)])
  object.detach()
  await ringReader.flush()
  await perfReader.flush()
  const made = Number(object.globals['made'])
  checkCounts('life events in the ring', made, ring.order.events, ringReader.stats().lost ?? 0)
  checkCounts('life events, perf', made, perf.order.events, perfReader.stats().lost ?? 0)
  return { ring: ring.order, perf: perf.order }
}

/** A shell on one CPU that starts processes which move to the other one and end there. */
async function spawnAcross(from: number, to: number, processes: number): Promise<void> {
  const script = `i=0; while [ $i -lt ${String(processes)} ]; do
    taskset -c ${String(to)} /bin/true; i=$((i + 1)); done`
  // It ends by itself, should the bench be killed.
  const shell = spawn('timeout', ['60', 'taskset', '-c', String(from), 'sh', '-c', script], {
    stdio: 'ignore',
  })
  const [code] = (await once(shell, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`the shell ended with ${String(code)}`)
}
