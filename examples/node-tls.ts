// Prints what Node processes send and receive through TLS: the plain text, with the peer.
import { addressOf, endpoint } from './kit/address.js'
import { clock, type Column, left, right } from './kit/columns.js'
import { Names, NodeBinaries, nodeOptions } from './kit/node.js'
import { flag, integer } from './kit/options.js'
import { define, run } from './kit/tool.js'
import { type Event, open, type Peer } from './node-tls.bpf.js'

interface Row {
  time: Date
  pid: number
  tid: number
  process: string
  direction: 'sent' | 'received'
  /** Not known of a connection that was there before and was not read since. */
  peer: string | null
  localPort: number | null
  bytes: number
  /** Of these bytes; the first line without --data. */
  text: string
  /** Text is left out of it, at its end. */
  truncated: boolean
}

const columns: Column<Row>[] = [
  clock(),
  right('PID', 7, (row) => row.pid),
  left('PROCESS', 15, (row) => row.process),
  left(
    'DIR',
    4,
    (row) => (row.direction === 'sent' ? 'send' : 'recv'),
    (row) => (row.direction === 'sent' ? 'blue' : 'green'),
  ),
  left('PEER', 21, (row) => row.peer ?? '?'),
  right('BYTES', 7, (row) => row.bytes),
  left('TEXT', 0, (row) => `${firstLine(row.text)}${row.truncated ? '…' : ''}`),
]

/** UTF-8 where it is, or else with each byte that is not ASCII escaped. */
function textOf(bytes: Uint8Array, isCut: boolean): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isCut })
  } catch {
    const text = Buffer.from(bytes).toString('latin1')
    return text.replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`)
  }
}

function firstLine(text: string): string {
  return text.slice(0, text.match(/\r?\n/)?.index ?? text.length)
}

function peerOf({ family, address, port }: Peer): string | null {
  return family === 0 ? null : endpoint(addressOf(address), port)
}

export const tool = define({
  name: 'node-tls',
  about: 'Prints what Node processes send and receive through TLS, as plain text.',
  needs: 'CAP_SYS_ADMIN, and CAP_SYS_PTRACE for processes of others; Linux 5.10',
  options: {
    ...nodeOptions,
    data: flag('the whole text instead of its first line'),
    bytes: integer('N', 'copy so much of each text (512, or 16384 with --data)', [0, 16384]),
  },
  async trace(session, { pid, name = '', binary, data, bytes = data ? 16384 : 512 }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    object.globals.ignored_pid = process.pid
    object.globals.capture_bytes = bytes
    object.load()
    const { programs } = object
    object.attach()
    new NodeBinaries(
      session,
      [
        { program: programs.on_write, at: /^SSL_write$/ },
        { program: programs.on_written, at: /^SSL_write(_ex)?$/, returns: true },
        { program: programs.on_write_ex, at: /^SSL_write_ex$/, isOptional: true },
        { program: programs.on_read, at: /^SSL_read$/ },
        { program: programs.on_was_read, at: /^SSL_read(_ex)?$/, returns: true },
        { program: programs.on_read_ex, at: /^SSL_read_ex$/, isOptional: true },
        { program: programs.on_new, at: /^SSL_new$/, returns: true },
        { program: programs.on_free, at: /^SSL_free$/ },
      ],
      binary,
    )
    const names = new Names()
    await session.follow('TLS', object, columns, rowOf, data ? linesOf : undefined)

    function rowOf(event: Event): Row | undefined {
      const process = names.of(event.pid) || event.comm
      if (!process.includes(name)) return undefined
      const isCut = event.captured < event.bytes
      const whole = textOf(event.data.subarray(0, event.captured), isCut)
      const text = data ? whole : firstLine(whole)
      return {
        time: session.timeOf(event.time_ns),
        pid: event.pid,
        tid: event.tid,
        process,
        direction: event.direction === 'SENT' ? 'sent' : 'received',
        peer: peerOf(event.peer),
        localPort: event.peer.family === 0 ? null : event.peer.local_port,
        bytes: Number(event.bytes),
        text,
        truncated: isCut || text.length < whole.length,
      }
    }
  },
})

function linesOf({ text }: Row): string[] {
  return text.split(/\r?\n/)
}
if (require.main === module) void run(tool)
