// Prints each process that is killed because memory is short.
import { readFileSync } from 'node:fs'
import { clock, type Column, left, right } from './kit/columns.js'
import { text } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { open } from './oom-kill.bpf.js'

interface Row {
  time: Date
  pid: number
  comm: string
  /** Nothing of these before Linux 6.8, or a long-term version of 2024. */
  uid: number | null
  totalKiB: number | null
  residentKiB: number | null
  cgroup: string | null
  triggerPid: number
  triggerComm: string
}

const columns: Column<Row>[] = [
  clock(),
  right('KILLED', 7, (row) => row.pid),
  left(
    'COMM',
    15,
    (row) => row.comm,
    () => 'red',
  ),
  right('RESIDENT', 12, (row) => row.residentKiB && `${row.residentKiB.toLocaleString('en')} K`),
  right('FOR', 7, (row) => row.triggerPid),
  left('COMM', 15, (row) => row.triggerComm),
  left('CGROUP', 0, (row) => row.cgroup),
]

/** Until it is waited for, a process that was killed still has a name. */
function commOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd()
  } catch {
    return ''
  }
}

/** Nothing where /proc is not mounted. */
function kiBOfPage(): number | undefined {
  try {
    const smaps = readFileSync('/proc/self/smaps', 'utf8')
    return Number(/^KernelPageSize: +(\d+) kB$/m.exec(smaps)?.[1] ?? NaN) || undefined
  } catch {
    return undefined
  }
}

export const tool = define({
  name: 'oom-kill',
  about: 'Prints each process that is killed because memory is short, until Ctrl-C.',
  needs: 'CAP_BPF and CAP_PERFMON, Linux 5.8; memory and cgroup are told since 6.8',
  options: { name: text('TEXT', 'only where the killed one or its cgroup has TEXT in its name') },
  async trace(session, { name = '' }) {
    const pageKiB = kiBOfPage()
    const kiB = (pages: bigint): number | null =>
      pageKiB === undefined ? null : Number(pages) * pageKiB
    using object = open().load()
    object.attach()
    await session.follow('kills for want of memory', object, columns, (event) => {
      const { pid, is_known: isKnown, cgroup, trigger_pid, trigger_comm } = event
      const row: Row = {
        time: session.timeOf(event.time_ns),
        pid,
        // Mostly it was the one that asked for too much.
        comm: isKnown ? event.comm : pid === trigger_pid ? trigger_comm : commOf(pid),
        uid: isKnown ? event.uid : null,
        totalKiB: isKnown ? kiB(event.total_pages) : null,
        residentKiB: isKnown ? kiB(event.resident_pages) : null,
        cgroup: isKnown ? cgroup : null,
        triggerPid: trigger_pid,
        triggerComm: trigger_comm,
      }
      return row.comm.includes(name) || cgroup.includes(name) ? row : undefined
    })
  },
})
if (require.main === module) void run(tool)
