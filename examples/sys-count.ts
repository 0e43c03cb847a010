// Counts the system calls of this machine's processes.
import { callName } from './kit/calls.js'
import { type Column, left, right } from './kit/columns.js'
import { choice, filters, integer, otherwise, seconds } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { open, type SysCount } from './sys-count.bpf.js'

interface Row {
  time: Date
  /** What they are counted by: the call, or the process, with its pid. */
  name: string
  pid: number | null
  count: number
  errors: number
  totalMs: number
  averageUs: number
  maxUs: number
}

const columns = (by: string): Column<Row>[] => [
  left(by.toUpperCase(), 24, (row) => row.name),
  ...(by === 'process' ? [right<Row>('PID', 7, (row) => row.pid)] : []),
  right('COUNT', 9, (row) => row.count),
  right(
    'ERRORS',
    8,
    (row) => row.errors || '',
    () => 'red',
  ),
  right('TOTAL ms', 11, (row) => row.totalMs.toFixed(3)),
  right('AVERAGE µs', 11, (row) => row.averageUs.toFixed(1)),
  right('MAX µs', 11, (row) => row.maxUs.toFixed(1)),
]

const compat = 1 << 30
const nameOf = (number: number): string =>
  number & compat ? `call ${number & ~compat} (32 bits)` : callName(number)

/** Takes what was counted since the last time. */
function taken(object: SysCount, by: string, name: string): Row[] {
  const rows = new Map<string, Row>()
  const time = new Date()
  // Threads may have names of their own: that of most calls is the process's here.
  const entries = object.maps.counts.takeAll().sort(([, a], [, b]) => Number(b.count - a.count))
  for (const [{ pid, number, comm }, calls] of entries) {
    if (!comm.includes(name)) continue
    const key = { call: nameOf(number), process: String(pid), name: comm }[by] ?? ''
    const row = rows.get(key) ?? {
      time,
      name: by === 'call' ? key : comm,
      pid: by === 'process' ? pid : null,
      ...{ count: 0, errors: 0, totalMs: 0, averageUs: 0, maxUs: 0 },
    }
    row.count += Number(calls.count)
    row.errors += Number(calls.errors)
    row.totalMs += Number(calls.total_ns) / 1e6
    row.maxUs = Math.max(row.maxUs, Number(calls.max_ns) / 1e3)
    row.averageUs = Math.round((row.totalMs * 1e6) / row.count) / 1e3
    rows.set(key, row)
  }
  return [...rows.values()]
}

export const tool = define({
  name: 'sys-count',
  about: 'Counts the system calls of this machine, with their time and errors, until Ctrl-C.',
  needs: 'CAP_BPF and CAP_PERFMON, Linux 5.8',
  options: {
    ...filters,
    by: choice(['call', 'process', 'name'], 'what they are counted by'),
    sort: choice(['count', 'time', 'errors'], 'what comes first has most of'),
    top: otherwise(integer('N', 'so many rows at most'), 20),
    interval: seconds('print, and begin again, each time that so many have passed'),
  },
  async trace(session, { pid, uid, name = '', by, sort, top, interval }) {
    using object = open()
    object.globals.ignored_pid = process.pid
    if (pid !== undefined) object.globals.only_pid = pid
    if (uid !== undefined) object.globals.only_uid = uid
    object.load().attach()
    session.tracing('system calls')
    const amount = { count: 'count', time: 'totalMs', errors: 'errors' } as const
    let all = 0
    for await (const isLast of session.intervals(interval)) {
      if (isLast) object.detach()
      const rows = taken(object, by, name).sort((a, b) => b[amount[sort]] - a[amount[sort]])
      all += rows.reduce((sum, { count }) => sum + count, 0)
      await session.rows(columns(by), rows.slice(0, top))
    }
    session.note(`${all} calls, ${object.globals.uncounted} not counted`)
  },
})
if (require.main === module) void run(tool)
