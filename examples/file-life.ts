// Prints how long each file lived that is removed.
import { open } from './file-life.bpf.js'
import { clock, type Column, left, right } from './kit/columns.js'
import { filters, seconds, text } from './kit/options.js'
import { define, run } from './kit/tool.js'

interface Row {
  time: Date
  pid: number
  uid: number
  comm: string
  creatorPid: number
  creatorComm: string
  ageMs: number
  path: string
}

const columns: Column<Row>[] = [
  clock(),
  right('PID', 7, (row) => row.pid),
  left('COMM', 15, (row) => row.comm),
  left('MADE BY', 15, (row) => row.creatorComm),
  right('AGE', 11, (row) => `${row.ageMs.toFixed(1)} ms`),
  left('PATH', 0, (row) => row.path),
]

export const tool = define({
  name: 'file-life',
  about: 'Prints how long each file lived that was made and is removed, until Ctrl-C.',
  needs: 'CAP_BPF and CAP_PERFMON, Linux 5.8',
  options: {
    pid: { ...filters.pid, about: 'only what process N removes' },
    uid: { ...filters.uid, about: 'only what processes of user N remove' },
    name: text('TEXT', 'only where either process or the path has TEXT in it'),
    max: seconds('only files that lived no longer'),
  },
  async trace(session, { pid, uid, name = '', max }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    if (uid !== undefined) object.globals.only_uid = uid
    if (max !== undefined) object.globals.max_ns = BigInt(Math.round(max * 1e9))
    object.load()
    object.attach()
    await session.follow('the lives of files', object, columns, (event) => {
      const { pid, uid, comm, path } = event
      const row: Row = {
        time: session.timeOf(event.time_ns),
        pid,
        uid,
        comm,
        creatorPid: event.creator_pid,
        creatorComm: event.creator_comm,
        ageMs: Number(event.age_ns / 1000n) / 1000,
        path,
      }
      return [comm, row.creatorComm, path].some((each) => each.includes(name)) ? row : undefined
    })
  },
})
if (require.main === module) void run(tool)
