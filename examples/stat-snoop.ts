// Prints what is asked about files on this machine.
import { callName } from './kit/calls.js'
import { clock, type Column, left, outcome, right } from './kit/columns.js'
import { errorOf } from './kit/names.js'
import { filters, flag } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { open } from './stat-snoop.bpf.js'

interface Row {
  time: Date
  pid: number
  uid: number
  comm: string
  call: string
  error: string | null
  path: string
}

const columns: Column<Row>[] = [
  clock(),
  right('PID', 7, (row) => row.pid),
  right('UID', 6, (row) => row.uid),
  left('COMM', 15, (row) => row.comm),
  left('CALL', 10, (row) => row.call),
  outcome(8, () => 'is there'),
  left('PATH', 0, (row) => row.path),
]

export const tool = define({
  name: 'stat-snoop',
  about: 'Prints each file that is asked about by stat(), access() and their kin, until Ctrl-C.',
  needs: 'CAP_BPF and CAP_PERFMON, Linux 5.8',
  options: { ...filters, failed: flag('only what failed') },
  async trace(session, { pid, uid, name = '', failed }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    if (uid !== undefined) object.globals.only_uid = uid
    object.globals.only_failed = failed
    object.load()
    object.attach()
    await session.follow('stats', object, columns, (event): Row | undefined => {
      const { time_ns, pid, uid, comm, call, result, path } = event
      if (!comm.includes(name)) return undefined
      return {
        time: session.timeOf(time_ns),
        pid,
        uid,
        comm,
        call: callName(call),
        error: errorOf(result),
        path,
      }
    })
  },
})
if (require.main === module) void run(tool)
