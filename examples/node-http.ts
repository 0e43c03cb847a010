// Prints the HTTP/1 requests that Node processes serve and make, with status and latency.
import { readFileSync } from 'node:fs'
import { addressOf, endpoint } from './kit/address.js'
import { clock, type Column, left, right } from './kit/columns.js'
import { Names, NodeBinaries, nodeOptions } from './kit/node.js'
import { choice, integer } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { type Event, open } from './node-http.bpf.js'

interface Row {
  /** When the head of the response was written, or was read. */
  time: Date
  pid: number
  tid: number
  process: string
  role: 'server' | 'client'
  protocol: 'http' | 'https'
  peer: string | null
  method: string
  /** As it stands in the request. */
  url: string
  /** The URL is longer. */
  truncated: boolean
  status: number
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

/** Until the NUL, or the end. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString()
}

/** Linux 6.3 and newer have a tracepoint where a socket is written to. */
function hasSendTracepoint(): boolean {
  return readFileSync('/sys/kernel/btf/vmlinux').includes('btf_trace_sock_send_length\0')
}

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
    programs[hasSendTracepoint() ? 'on_send' : 'on_tcp_send'].autoload = true
    object.load()
    using stream = object.rings.events.read()
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
    await session.follow('HTTP', object, stream, columns, (event) => {
      const row = rowOf(event)
      const isOfRole = role === 'any' || row?.role === role
      return row && isOfRole && row.latencyMs >= minMs && row.process.includes(name)
        ? row
        : undefined
    })

    function rowOf({ pid, tid, end_ns, exchange, response, is_tls }: Event): Row | undefined {
      const [line = '', rest] = textOf(exchange.request).split('\r\n', 2)
      const request = /^(\S+) (\S*)/.exec(line)
      const status = /^HTTP\/\d\.\d (\d{3})/.exec(textOf(response))
      // Something else began like them.
      if (request === null || status === null) return undefined
      const { role, peer, start_ns } = exchange
      return {
        time: session.timeOf(end_ns),
        pid,
        tid,
        process: names.of(pid),
        role: role === 'SERVER' ? 'server' : 'client',
        protocol: is_tls === 0 ? 'http' : 'https',
        peer: peer.family === 0 ? null : endpoint(addressOf(peer.address), peer.port),
        method: request[1] ?? '',
        url: request[2] ?? '',
        truncated: rest === undefined && !/ HTTP\/1\.\d$/.test(line),
        status: Number(status[1]),
        latencyMs: Number(end_ns - start_ns) / 1e6,
      }
    }
  },
})
if (require.main === module) void run(tool)
