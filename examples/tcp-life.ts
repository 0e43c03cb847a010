// Prints each TCP session that ends on this machine.
import { addressOf, endpoint } from './kit/address.js'
import { type Column, left, right } from './kit/columns.js'
import { filters, integer } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { open, type Session } from './tcp-life.bpf.js'

interface Row {
  time: Date
  /** Whose it was; null when no process has connected, read or closed. */
  pid: number | null
  comm: string
  localAddress: string
  localPort: number
  remoteAddress: string
  remotePort: number
  sent: number
  received: number
  /** Since its handshake; null when that was before this began. */
  durationMs: number | null
}

const columns: Column<Row>[] = [
  right('PID', 7, (row) => row.pid ?? '?'),
  left('COMM', 11, (row) => row.comm),
  right('SENT', 8, (row) => row.sent),
  right('RECEIVED', 8, (row) => row.received),
  right('MS', 8, (row) => row.durationMs?.toFixed(1) ?? '?'),
  right('PORT', 5, (row) => row.localPort),
  left('REMOTE', 21, (row) => endpoint(row.remoteAddress, row.remotePort)),
  left('LOCAL', 0, (row) => row.localAddress),
]

const port = [1, 2 ** 16 - 1] as const

export const tool = define({
  name: 'tcp-life',
  about: 'Prints each TCP session that ends: whose, between whom, bytes and duration.',
  needs: 'CAP_BPF and CAP_PERFMON, Linux 5.8',
  options: {
    pid: filters.pid,
    localPort: integer('N', 'only with this port here', port),
    remotePort: integer('N', 'only with this port at the other end', port),
  },
  async trace(session, { pid, localPort, remotePort }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    if (localPort !== undefined) object.globals.only_local_port = localPort
    if (remotePort !== undefined) object.globals.only_remote_port = remotePort
    object.load()
    object.attach()
    await session.follow('TCP sessions', object, columns, rowOf)

    function rowOf({ ends, pid, comm, ...event }: Session): Row {
      return {
        time: session.timeOf(event.end_ns),
        pid: pid || null,
        comm,
        localAddress: addressOf(ends.local_address),
        localPort: ends.local_port,
        remoteAddress: addressOf(ends.remote_address),
        remotePort: ends.remote_port,
        sent: Number(event.sent),
        received: Number(event.received),
        durationMs: event.duration_ns > 0n ? Number(event.duration_ns / 1000n) / 1000 : null,
      }
    }
  },
})
if (require.main === module) void run(tool)
