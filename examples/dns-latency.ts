// Prints each host name that is looked up by getaddrinfo(), and how long that took.
import { type Lookup, open } from './dns-latency.bpf.js'
import { clock, type Column, left, right } from './kit/columns.js'
import { filters, flag, integer, text } from './kit/options.js'
import { define, run } from './kit/tool.js'

interface Row {
  time: Date
  pid: number
  comm: string
  /** Null when the process asked for addresses of its own machine. */
  host: string | null
  durationMs: number
  /** Such as EAI_NONAME; null when it was found. */
  error: string | null
}

// Those of glibc's netdb.h; musl's are the same as far as it has them.
const errors = new Map([
  [-1, 'EAI_BADFLAGS'],
  [-2, 'EAI_NONAME'],
  [-3, 'EAI_AGAIN'],
  [-4, 'EAI_FAIL'],
  [-5, 'EAI_NODATA'],
  [-6, 'EAI_FAMILY'],
  [-7, 'EAI_SOCKTYPE'],
  [-8, 'EAI_SERVICE'],
  [-9, 'EAI_ADDRFAMILY'],
  [-10, 'EAI_MEMORY'],
  [-11, 'EAI_SYSTEM'],
  [-12, 'EAI_OVERFLOW'],
  [-105, 'EAI_IDN_ENCODE'],
])

const columns: Column<Row>[] = [
  clock(),
  right('PID', 7, (row) => row.pid),
  left('COMM', 15, (row) => row.comm),
  right('MS', 9, (row) => row.durationMs.toFixed(2)),
  left(
    'ERROR',
    12,
    (row) => row.error,
    () => 'red',
  ),
  left('HOST', 0, (row) => row.host),
]

export const tool = define({
  name: 'dns-latency',
  about: 'Prints each host name that is looked up by getaddrinfo(), and how long that took.',
  needs: 'CAP_SYS_ADMIN, or CAP_BPF and CAP_PERFMON where those may attach uprobes; Linux 5.8',
  options: {
    pid: filters.pid,
    name: filters.name,
    host: text('TEXT', 'only hosts with TEXT in their name'),
    minMs: integer('N', 'only what took so many milliseconds', [0, 2 ** 31 - 1]),
    failed: flag('only what failed'),
    libc: text('FILE', 'where getaddrinfo() is, when not in libc.so.6 (in musl, a container)'),
  },
  async trace(session, { pid, name = '', host = '', minMs = 0, failed, libc = 'libc.so.6' }) {
    using object = open()
    object.globals.shortest_ns = BigInt(minMs) * 1_000_000n
    object.load()
    const target = { path: libc, symbol: 'getaddrinfo', pid }
    object.programs.on_return.attach({ uretprobe: target })
    object.programs.on_call.attach({ uprobe: target })
    await session.follow('lookups of hosts', object, columns, (lookup) => {
      const row = rowOf(lookup)
      if ((failed && row.error === null) || !row.comm.includes(name)) return undefined
      return (row.host ?? '').includes(host) ? row : undefined
    })

    function rowOf({ end_ns, duration_ns, pid, comm, host, result }: Lookup): Row {
      return {
        time: session.timeOf(end_ns),
        pid,
        comm,
        host: host === '' ? null : host,
        durationMs: Number(duration_ns / 1000n) / 1000,
        error: result === 0 ? null : (errors.get(result) ?? `error ${result}`),
      }
    }
  },
})
if (require.main === module) void run(tool)
