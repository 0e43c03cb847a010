// Reports each time that the event loop of a Node process did not turn, with what held it.
import { clock, type Column, left, right } from './kit/columns.js'
import { Names, NodeBinaries, nodeOptions, NodeStacks } from './kit/node.js'
import { integer, otherwise } from './kit/options.js'
import { type Activity, Stalls } from './kit/stalls.js'
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
  state: Activity
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

const states: Partial<Record<State, Activity>> = { ASLEEP: 'waits', PREEMPTED: 'starves' }

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
    const stacks = new NodeStacks()
    const stalls = new Stalls()
    await session.follow('stalls', object, columns, rowOf, ({ stack }) => stack.slice(0, depth))

    function rowOf(event: Event): Row | undefined {
      const { pid, tid, time_ns, since_ns, stack, weight_ns } = event
      const stall = stalls.of(`${tid} ${since_ns}`)
      const isOver = event.is_end !== 0
      if (isOver) {
        stalls.end(stall)
      } else {
        // What is read of the process now is known when it ends before the stall is told.
        if (stall.samples.length === 0) stacks.look(pid, [])
        stall.add([...stack], Number(weight_ns), states[event.state] ?? 'runs')
      }
      const isDue = time_ns - since_ns >= 1_000_000_000n && !stall.isTold
      if (!isOver && !isDue) return undefined
      stall.isTold = true
      const process = names.of(pid)
      if (!process.includes(name)) return undefined
      const frames = stall.heaviest((addresses) => stacks.look(pid, addresses)).reverse()
      return {
        ...{ time: session.timeOf(since_ns), pid, tid, process },
        stallMs: Number(time_ns - since_ns) / 1e6,
        ...{ isOver, state: stall.activity },
        where: (frames.find(({ isKnown }) => isKnown) ?? frames[0])?.name ?? '?',
        stack: frames.map((frame) => frame.name),
      }
    }
  },
})
if (require.main === module) void run(tool)
