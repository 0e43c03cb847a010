// Prints each file that is opened on this machine.
import { clock, type Column, left, outcome, right } from './kit/columns.js'
import { errorOf, openFlags } from './kit/names.js'
import { filters, flag } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { open } from './open-snoop.bpf.js'

interface Row {
  time: Date
  pid: number
  uid: number
  comm: string
  fd: number | null
  error: string | null
  flags: string
  path: string
}

const columns: Column<Row>[] = [
  clock(),
  right('PID', 7, (row) => row.pid),
  right('UID', 6, (row) => row.uid),
  left('COMM', 15, (row) => row.comm),
  outcome(8, (row) => `fd ${row.fd}`),
  left('PATH', 0, (row) => row.path),
]

export const tool = define({
  name: 'open-snoop',
  about: 'Prints each file that is opened on this machine, or could not be, until Ctrl-C.',
  needs: 'CAP_BPF and CAP_PERFMON, Linux 5.8',
  options: { ...filters, failed: flag('only what could not be opened') },
  async trace(session, { pid, uid, name = '', failed }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    if (uid !== undefined) object.globals.only_uid = uid
    object.globals.only_failed = failed
    object.load()
    object.attach()
    await session.follow('opens', object, columns, (event): Row | undefined => {
      const { time_ns, pid, uid, comm, result, flags, path } = event
      if (!comm.includes(name)) return undefined
      return {
        time: session.timeOf(time_ns),
        pid,
        uid,
        comm,
        fd: result < 0 ? null : result,
        error: errorOf(result),
        flags: openFlags(flags),
        path,
      }
    })
  },
})
if (require.main === module) void run(tool)
