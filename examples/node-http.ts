// Prints the HTTP/1 requests that Node processes serve and make, with status and latency.
import { addressOf, endpoint } from './kit/address.js'
import { clock, type Column, left, right } from './kit/columns.js'
import { type Heads, parseHeads } from './kit/http.js'
import { hasTracepoint } from './kit/kernel.js'
import { Names, NodeBinaries, nodeOptions } from './kit/node.js'
import { choice, integer } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { type Event, open } from './node-http.bpf.js'

interface Row extends Heads {
  /** When the head of the response was written, or was read. */
  time: Date
  pid: number
  tid: number
  process: string
  role: 'server' | 'client'
  protocol: 'http' | 'https'
  peer: string | null
  /** From the head of the request to the head of the response. */
  latencyMs: number
}

const columns: Column<Row>[] = [
  clock(),
  right('PID', 7, (row) => row.pid),
  left('PROCESS', 15, (row) => row.process),
  left(
    'ROLE',
    6,
    (row) => row.role,
    (row) => (row.role === 'client' ? 'blue' : undefined),
  ),
  left('PEER', 21, (row) => row.peer ?? '?'),
  right('MS', 9, (row) => row.latencyMs.toFixed(3)),
  right(
    'CODE',
    4,
    (row) => row.status,
    (row) => (row.status >= 500 ? 'red' : row.status >= 400 ? 'yellow' : 'green'),
  ),
  left('REQUEST', 0, (row) => `${row.method} ${row.url}${row.truncated ? '…' : ''}`),
]

export const tool = define({
  name: 'node-http',
  about: 'Prints the HTTP/1 requests that Node processes serve and make, when they are answered.',
  needs: 'CAP_SYS_ADMIN, and CAP_SYS_PTRACE for processes of others; Linux 5.10',
  options: {
    ...nodeOptions,
    role: choice(['any', 'server', 'client'], 'only what it serves, or what it asks'),
    minMs: integer('N', 'only what took so many milliseconds', [0, 2 ** 31]),
  },
  async trace(session, { pid, name = '', binary, role, minMs = 0 }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    object.globals.ignored_pid = process.pid
    const { programs } = object
    // Linux 6.3 and newer say where a socket is written to.
    programs[hasTracepoint('sock_send_length') ? 'on_send' : 'on_tcp_send'].autoload = true
    object.load()
    object.attach()
    new NodeBinaries(
      session,
      [
        { program: programs.on_begin, at: /^llhttp_init$/ },
        { program: programs.on_begin, at: /^SSL_new$/ },
        { program: programs.on_parse, at: /^llhttp_execute$/ },
        { program: programs.on_try_write, at: /^uv_try_write$/ },
        { program: programs.on_ssl_read, at: /^SSL_read$/ },
        { program: programs.on_ssl_was_read, at: /^SSL_read$/, returns: true },
        { program: programs.on_ssl_write, at: /^SSL_write$/ },
      ],
      binary,
    )
    const names = new Names()
    await session.follow('HTTP', object, columns, (event) => {
      const row = rowOf(event)
      const isOfRole = role === 'any' || row?.role === role
      return row && isOfRole && row.latencyMs >= minMs && row.process.includes(name)
        ? row
        : undefined
    })

    function rowOf({ pid, tid, end_ns, exchange, response, is_tls }: Event): Row | undefined {
      const heads = parseHeads(exchange.request, response)
      // Something else began like them.
      if (heads === undefined) return undefined
      const { role, peer, start_ns } = exchange
      return {
        time: session.timeOf(end_ns),
        pid,
        tid,
        process: names.of(pid),
        role: role === 'SERVER' ? 'server' : 'client',
        protocol: is_tls === 0 ? 'http' : 'https',
        peer: peer.family === 0 ? null : endpoint(addressOf(peer.address), peer.port),
        ...heads,
        latencyMs: Number(end_ns - start_ns) / 1e6,
      }
    }
  },
})
if (require.main === module) void run(tool)
