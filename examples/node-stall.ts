// Reports each time that the event loop of a Node process did not turn, with what held it.
import { Symbolizer } from 'bpf-ringbuf'
import { clock, type Column, left, right } from './kit/columns.js'
import { calledByLoop, Names, NodeBinaries, type NodeFrame, nodeOptions } from './kit/node.js'
import { integer, otherwise } from './kit/options.js'
import { heaviestPath, type Weighed } from './kit/stacks.js'
import { define, run } from './kit/tool.js'
import { type Event, open, type State } from './node-stall.bpf.js'

interface Row {
  /** When the loop turned last. */
  time: Date
  pid: number
  tid: number
  process: string
  stallMs: number
  /** The loop turns again; what is not over after a second is told once before its end. */
  isOver: boolean
  /** Most of the time it ran, waited in a system call, or had no CPU. */
  state: 'runs' | 'waits' | 'starves'
  /** The innermost function of JavaScript, or of C++ where that has no name. */
  where: string
  /** Where it was for most of the time, from the innermost function on. */
  stack: string[]
}

const columns: Column<Row>[] = [
  clock(),
  right('PID', 7, (row) => row.pid),
  right('TID', 7, (row) => row.tid),
  left('PROCESS', 15, (row) => row.process),
  right(
    'STALL-MS',
    9,
    (row) => `${row.isOver ? '' : '>'}${row.stallMs.toFixed(1)}`,
    (row) => (row.stallMs >= 1000 ? 'red' : undefined),
  ),
  left('STATE', 7, (row) => row.state),
  left('WHERE', 0, (row) => row.where),
]

/** The samples of a stall that is not over. */
interface Stall {
  samples: { addresses: bigint[]; weight: number }[]
  states: Record<Row['state'], number>
  isTold: boolean
}

const states: Partial<Record<State, Row['state']>> = { ASLEEP: 'waits', PREEMPTED: 'starves' }

function newStall(): Stall {
  return { samples: [], states: { runs: 0, waits: 0, starves: 0 }, isTold: false }
}

function stateOf({ states: { runs, waits, starves } }: Stall): Row['state'] {
  if (starves > runs && starves > waits) return 'starves'
  return waits > runs ? 'waits' : 'runs'
}

export const tool = define({
  name: 'node-stall',
  about: 'Reports each time that the event loop of a Node process did not turn, and what held it.',
  needs:
    'CAP_SYS_ADMIN, and CAP_SYS_PTRACE for processes of others; Linux 5.10. ' +
    'JavaScript functions have names where Node runs with --perf-basic-prof, ' +
    'also before they are compiled with --interpreted-frames-native-stack',
  options: {
    ...nodeOptions,
    minMs: otherwise(integer('N', 'only stalls of so many milliseconds', [2, 3_600_000]), 50),
    depth: otherwise(integer('N', 'so many functions of a stack at most', [1, 64]), 16),
  },
  async trace(session, { pid, name = '', binary, minMs, depth }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    object.globals.ignored_pid = process.pid
    object.globals.least_ns = BigInt(minMs) * 1_000_000n
    // Eight samples of the shortest stall; fewer where others have the CPU in between.
    const hz = Math.min(999, Math.ceil(16_000 / minMs))
    object.globals.period_ns = BigInt(Math.round(1e9 / hz))
    object.load()
    const { programs } = object
    using stream = object.rings.events.read()
    object.attach()
    programs.on_sample.attach({ perfEvent: { type: 'cpu-clock', hz, cpus: 'all' } })
    new NodeBinaries(
      session,
      [
        { program: programs.on_poll, at: /^uv__io_poll$/ },
        { program: programs.on_work, at: /^uv__metrics_update_idle_time$/ },
      ],
      binary,
    )
    const names = new Names()
    const symbolizer = new Symbolizer()
    const stalls = new Map<string, Stall>()
    await session.follow('stalls', object, stream, columns, rowOf, ({ stack }) =>
      stack.slice(0, depth),
    )

    function rowOf(event: Event): Row | undefined {
      const key = `${event.tid} ${event.since_ns}`
      const stall = stalls.get(key) ?? newStall()
      const isOver = event.is_end !== 0
      if (isOver) stalls.delete(key)
      else add(key, stall, event)
      const isDue = event.time_ns - event.since_ns >= 1_000_000_000n && !stall.isTold
      if (!isOver && !isDue) return undefined
      stall.isTold = true
      return toRow(event, stall, isOver)
    }

    function add(key: string, stall: Stall, { pid, stack, state, weight_ns }: Event): void {
      // Of those that were killed there is no end.
      if (stalls.size > 1000) stalls.clear()
      stalls.set(key, stall)
      // What is read of the process now is known when it ends before the stall is told.
      if (stall.samples.length === 0) look(pid, [])
      const weight = Number(weight_ns)
      stall.samples.push({ addresses: [...stack], weight })
      stall.states[states[state] ?? 'runs'] += weight
    }

    function toRow({ since_ns, time_ns, pid, tid }: Event, stall: Stall, isOver: boolean) {
      const process = names.of(pid)
      if (!process.includes(name)) return undefined
      const stacks = stall.samples.map(({ addresses, weight }): Weighed<NodeFrame> => {
        return { frames: look(pid, addresses), weight }
      })
      const frames = heaviestPath(stacks).reverse()
      return {
        ...{ time: session.timeOf(since_ns), pid, tid, process },
        stallMs: Number(time_ns - since_ns) / 1e6,
        ...{ isOver, state: stateOf(stall) },
        where: (frames.find(({ isKnown }) => isKnown) ?? frames[0])?.name ?? '?',
        stack: frames.map((frame) => frame.name),
      }
    }

    function look(pid: number, addresses: bigint[]): NodeFrame[] {
      try {
        return calledByLoop(symbolizer.user(pid, addresses))
      } catch {
        return [] // It may not be looked at.
      }
    }
  },
})
if (require.main === module) void run(tool)
