// Prints each signal that is sent on this machine.
import { clock, type Column, left, right } from './kit/columns.js'
import { signalName, signalNumber } from './kit/names.js'
import { filters, integer, type Option, text, UsageError } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { open, type Signal } from './sig-snoop.bpf.js'

interface Row {
  time: Date
  /** Nobody's, of what the kernel sends while any process runs, such as at Ctrl-C. */
  pid: number | null
  uid: number
  comm: string
  from: 'process' | 'kernel'
  signal: string
  code: number
  targetPid: number
  targetTid: number
  targetComm: string
  to: 'process' | 'thread'
  result: string
}

const columns: Column<Row>[] = [
  clock(),
  right('PID', 7, (row) => row.pid),
  left(
    'COMM',
    15,
    (row) => (row.from === 'kernel' ? 'kernel' : row.comm),
    (row) => (row.from === 'kernel' ? 'grey' : undefined),
  ),
  left('SIGNAL', 10, (row) => row.signal),
  right('TO', 7, (row) => row.targetPid),
  left('COMM', 15, (row) => row.targetComm),
  left('RESULT', 0, (row) => row.result),
]

const signal: Option<number | undefined> = {
  takes: 'NAME',
  about: 'only this signal, such as TERM or 15',
  read(option, given) {
    if (given === undefined) return undefined
    const number = signalNumber(given)
    if (number !== undefined) return number
    throw new UsageError(`Expected a signal for ${option} but received '${given}'`)
  },
}

/** By the code of siginfo_t: SI_USER, SI_QUEUE, SI_TKILL are of processes. */
const isOfProcess = (code: number): boolean => [0, -1, -6].includes(code)
/** Timers, input and output, and SI_KERNEL, unlike what a child or a fault causes. */
const isOfNobody = (code: number): boolean => !isOfProcess(code) && (code < 0 || code === 0x80)

export const tool = define({
  name: 'sig-snoop',
  about: 'Prints each signal that is sent on this machine, by whom and to whom, until Ctrl-C.',
  needs: 'CAP_BPF and CAP_PERFMON, Linux 5.8',
  options: {
    pid: integer('N', 'only what process N sends or gets'),
    uid: { ...filters.uid, about: 'only what processes of user N send' },
    name: text('TEXT', 'only where the sender or the receiver has TEXT in its name'),
    signal,
  },
  async trace(session, { pid, uid, name = '', signal }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    if (uid !== undefined) object.globals.only_uid = uid
    if (signal !== undefined) object.globals.only_signal = signal
    object.load()
    object.attach()
    const rowOf = (event: Signal): Row => ({
      time: session.timeOf(event.time_ns),
      pid: isOfNobody(event.code) ? null : event.pid,
      uid: event.uid,
      comm: event.comm,
      from: isOfProcess(event.code) ? 'process' : 'kernel',
      signal: signalName(event.number),
      code: event.code,
      targetPid: event.target_pid,
      targetTid: event.target_tid,
      targetComm: event.target_comm,
      to: event.to_process ? 'process' : 'thread',
      result: String(event.result).toLowerCase().replace('_', ' '),
    })
    await session.follow('signals', object, columns, (event) =>
      event.comm.includes(name) || event.target_comm.includes(name) ? rowOf(event) : undefined,
    )
  },
})
if (require.main === module) void run(tool)
