// Prints each pause that V8's garbage collector makes in Node processes, by kind.
import { clock, type Column, left, right } from './kit/columns.js'
import { Names, NodeBinaries, nodeOptions, type Place, v8Method } from './kit/node.js'
import { flag, integer } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { type Event, type Kind, open } from './node-gc.bpf.js'

interface Row {
  /** When it began. */
  time: Date
  pid: number
  tid: number
  process: string
  kind: string
  pauseMs: number
  /** As V8 says it, if it does. */
  reason: string | null
}

const kinds: Partial<Record<Kind, string>> = {
  SCAVENGE: 'scavenge',
  MARK_COMPACT: 'mark-compact',
  MINOR_MARK: 'minor mark',
  INCREMENTAL_STEP: 'incremental step',
}

const minorMark = v8Method('4Heap(14MinorMarkSweep|16MinorMarkCompact)')
const perform = v8Method(
  '4Heap24PerformGarbageCollection',
  'NS0_16GarbageCollectorENS0_23GarbageCollectionReasonEPKc',
)

const columns: Column<Row>[] = [
  clock(),
  right('PID', 7, (row) => row.pid),
  right('TID', 7, (row) => row.tid),
  left('PROCESS', 15, (row) => row.process),
  left(
    'KIND',
    16,
    (row) => row.kind,
    (row) => (row.kind === 'mark-compact' ? 'yellow' : undefined),
  ),
  right('PAUSE-MS', 9, (row) => row.pauseMs.toFixed(3)),
  left('REASON', 0, (row) => row.reason ?? ''),
]

/** The pauses of one kind in one process. */
interface Sum {
  pid: number
  process: string
  kind: string
  pauses: number[]
}

const total = ({ pauses }: Sum): number => pauses.reduce((sum, ms) => sum + ms, 0)

const sums: Column<Sum>[] = [
  right('PID', 7, (sum) => sum.pid),
  left('PROCESS', 15, (sum) => sum.process),
  left('KIND', 16, (sum) => sum.kind),
  right('COUNT', 7, (sum) => sum.pauses.length),
  right('TOTAL-MS', 10, (sum) => total(sum).toFixed(3)),
  right('MEDIAN-MS', 10, ({ pauses }) =>
    pauses.sort((a, b) => a - b)[pauses.length >> 1]?.toFixed(3),
  ),
  right('MAX-MS', 10, (sum) => Math.max(...sum.pauses).toFixed(3)),
]

export const tool = define({
  name: 'node-gc',
  about: 'Prints each pause that V8’s garbage collector makes in Node processes, by kind.',
  needs: 'CAP_SYS_ADMIN, and CAP_SYS_PTRACE for processes of others; Linux 5.8',
  options: {
    ...nodeOptions,
    steps: flag('also the steps of incremental marking, on the thread that they hold'),
    minUs: integer('N', 'only pauses of so many microseconds', [0, 2 ** 31]),
  },
  async trace(session, { pid, name = '', binary, steps, minUs = 0 }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    object.globals.ignored_pid = process.pid
    object.globals.least_ns = BigInt(minUs) * 1000n
    object.load()
    const { programs } = object
    const places: Place[] = [
      { program: programs.on_collect, at: v8Method('4Heap14CollectGarbage') },
      { program: programs.on_collected, at: v8Method('4Heap14CollectGarbage'), returns: true },
      { program: programs.on_scavenge, at: v8Method('4Heap8Scavenge') },
      { program: programs.on_mark_compact, at: v8Method('4Heap11MarkCompact') },
      { program: programs.on_minor_mark, at: minorMark, isOptional: true },
      { program: programs.on_perform, at: perform, isOptional: true },
    ]
    if (steps) {
      const at = v8Method('18IncrementalMarking4Step')
      places.push(
        { program: programs.on_step, at },
        { program: programs.on_step_end, at, returns: true },
      )
    }
    new NodeBinaries(session, places, binary)
    const names = new Names()
    const seen = new Map<string, Sum>()
    await session.follow('garbage collections', object, columns, rowOf)
    if (!session.json && seen.size > 0) await session.rows(sums, [...seen.values()])

    function rowOf({ start_ns, end_ns, pid, tid, kind, reason }: Event): Row | undefined {
      const process = names.of(pid)
      if (!process.includes(name)) return undefined
      const row = {
        ...{ time: session.timeOf(start_ns), pid, tid, process },
        kind: kinds[kind] ?? String(kind),
        pauseMs: Number(end_ns - start_ns) / 1e6,
        reason: reason === '' ? null : reason,
      }
      const key = `${pid} ${row.kind}`
      const sum = seen.get(key) ?? { pid, process, kind: row.kind, pauses: [] }
      sum.pauses.push(row.pauseMs)
      seen.set(key, sum)
      return row
    }
  },
})
if (require.main === module) void run(tool)
