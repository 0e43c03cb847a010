// Prints each line that is typed at a prompt of bash.
import { open } from './bash-readline.bpf.js'
import { clock, type Column, left, right } from './kit/columns.js'
import { filters, text } from './kit/options.js'
import { define, run } from './kit/tool.js'

interface Row {
  time: Date
  pid: number
  uid: number
  line: string
}

const columns: Column<Row>[] = [
  clock(),
  right('PID', 7, (row) => row.pid),
  right('UID', 6, (row) => row.uid),
  left('LINE', 0, (row) => row.line),
]

export const tool = define({
  name: 'bash-readline',
  about: 'Prints each line that is typed at a prompt of bash on this machine, until Ctrl-C.',
  needs: 'CAP_SYS_ADMIN, as for each uprobe, and Linux 5.8',
  options: {
    pid: filters.pid,
    uid: filters.uid,
    path: text('FILE', 'what has readline(), if not /bin/bash, such as libreadline.so.8'),
  },
  async trace(session, { pid, uid, path = '/bin/bash' }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    if (uid !== undefined) object.globals.only_uid = uid
    object.load()
    object.programs.on_line.attach({ uretprobe: { path, symbol: 'readline' } })
    await session.follow('lines of bash', object, columns, (event): Row => {
      const { time_ns, pid, uid, text: line } = event
      return { time: session.timeOf(time_ns), pid, uid, line }
    })
  },
})
if (require.main === module) void run(tool)
