// Prints each change of state of a TCP socket, and how long it was in the one before.
import { addressOf, endpoint } from './kit/address.js'
import { clock, type Column, left, right } from './kit/columns.js'
import { filters, integer, text } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { type Change, open } from './tcp-states.bpf.js'

interface Row {
  time: Date
  /** The same in all rows of a socket, hexadecimal; another may have it once this one is CLOSED. */
  socket: string
  /** Whose it is; null as long as no process has connected, listened, read or closed. */
  pid: number | null
  comm: string
  localAddress: string
  localPort: number
  remoteAddress: string
  remotePort: number
  from: string
  to: string
  /** In the state before; null when that began before this tool, or with the socket. */
  durationMs: number | null
}

// As `ss` calls them; enum of net/tcp_states.h.
const states = [
  ...['', 'ESTABLISHED', 'SYN-SENT', 'SYN-RECV', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT'],
  ...['CLOSED', 'CLOSE-WAIT', 'LAST-ACK', 'LISTEN', 'CLOSING', 'NEW-SYN-RECV'],
]

const columns: Column<Row>[] = [
  clock(),
  right('PID', 7, (row) => row.pid ?? '?'),
  right('PORT', 5, (row) => row.localPort),
  left('FROM', 11, (row) => row.from),
  left('TO', 11, (row) => row.to),
  right('MS', 7, (row) => row.durationMs?.toFixed(1) ?? ''),
  left('REMOTE', 21, (row) => endpoint(row.remoteAddress, row.remotePort)),
  left('COMM', 11, (row) => row.comm),
  left('LOCAL', 0, (row) => row.localAddress),
]

const port = [1, 2 ** 16 - 1] as const

export const tool = define({
  name: 'tcp-states',
  about: 'Prints each change of state of a TCP socket, and how long it was in the one before.',
  needs: 'CAP_BPF and CAP_PERFMON, Linux 5.8',
  options: {
    pid: filters.pid,
    localPort: integer('N', 'only with this port here, once it is known', port),
    remotePort: integer('N', 'only with this port at the other end', port),
    state: text('NAME', 'only into or out of this state, such as TIME-WAIT'),
  },
  async trace(session, { pid, localPort, remotePort, state }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    if (localPort !== undefined) object.globals.only_local_port = localPort
    if (remotePort !== undefined) object.globals.only_remote_port = remotePort
    object.load()
    object.attach()
    await session.follow('changes of TCP states', object, columns, (change) => {
      const row = rowOf(change)
      return state === undefined || row.from === state || row.to === state ? row : undefined
    })

    function rowOf({ ends, pid, comm, from, to, duration_ns, ...change }: Change): Row {
      return {
        time: session.timeOf(change.time_ns),
        socket: change.socket.toString(16),
        pid: pid || null,
        comm,
        localAddress: addressOf(ends.local_address),
        localPort: ends.local_port,
        remoteAddress: addressOf(ends.remote_address),
        remotePort: ends.remote_port,
        from: states[from] ?? String(from),
        to: states[to] ?? String(to),
        durationMs: duration_ns > 0n ? Number(duration_ns / 1000n) / 1000 : null,
      }
    }
  },
})
if (require.main === module) void run(tool)
