// Prints each program that is executed on this machine, and how processes end.
import { basename } from 'node:path'
import { type Event, open } from './exec-snoop.bpf.js'
import { clock, type Column, left, right } from './kit/columns.js'
import { signalName } from './kit/names.js'
import { filters, flag, text } from './kit/options.js'
import { printable } from './kit/printable.js'
import { define, run } from './kit/tool.js'

interface Process {
  time: Date
  pid: number
  ppid: number
  uid: number
  comm: string
}
type Exec = Process & { event: 'exec' } & ReturnType<typeof parseStrings>
type Exit = Process & { event: 'exit' } & ReturnType<typeof parseExit>
type Row = Exec | Exit

/** What an exec's strings hold. */
function parseStrings(event: Event) {
  const strings = event.strings.subarray(0, event.strings_size)
  const [filename = '', ...args] = Buffer.from(strings).toString().split('\0')
  const argsBytes = strings.length - strings.indexOf(0) - 1
  const truncated = argsBytes < event.args_size
  // What follows the last NUL is an argument only when it was cut off.
  if (!truncated || args.at(-1) === '') args.pop()
  return { filename, args, truncated }
}

/** How a process ended, from the status that wait(2) gives. */
function parseExit({ exit_status: status, duration_ns }: Event) {
  const number = status & 0x7f
  return {
    exitCode: number === 0 ? (status >>> 8) & 0xff : null,
    signal: number === 0 ? null : signalName(number),
    coreDumped: (status & 0x80) !== 0,
    durationMs: Number(duration_ns / 1000n) / 1000,
  }
}

/** The command as a shell would take it. */
function describeExec({ filename, args, truncated }: Exec): string {
  // The first argument may be anything; of a script it is the interpreter.
  const command = args.includes(filename) ? args : [filename, ...args.slice(1)]
  return command.map(quote).join(' ') + (truncated ? '…' : '')
}

function quote(arg: string): string {
  if (printable(arg) !== arg) return `$'${printable(arg.replace(/[\\']/g, '\\$&'))}'`
  if (!/[\s'"\\$`|&;<>()*?[\]{}#~!]|^$/.test(arg)) return arg
  return `'${arg.replaceAll("'", "'\\''")}'`
}

function describeExit({ exitCode, signal, coreDumped, durationMs }: Exit): string {
  const how = signal === null ? `exited with ${exitCode}` : `killed by ${signal}`
  return `${how}${coreDumped ? ' (core dumped)' : ''} after ${durationMs.toFixed(1)} ms`
}

function colourOf(row: Row): 'green' | 'red' | undefined {
  if (row.event === 'exec') return undefined
  return row.exitCode === 0 ? 'green' : 'red'
}

const columns: Column<Row>[] = [
  clock(),
  right('PID', 7, (row) => row.pid),
  right('PPID', 7, (row) => row.ppid),
  right('UID', 6, (row) => row.uid),
  left('COMM', 15, (row) => row.comm),
  left(
    'EVENT',
    0,
    (row) => (row.event === 'exec' ? describeExec(row) : describeExit(row)),
    colourOf,
  ),
]

export const tool = define({
  name: 'exec-snoop',
  about: 'Prints each program that is executed on this machine, until Ctrl-C.',
  needs: 'CAP_BPF and CAP_PERFMON, Linux 5.8; Linux 5.5 with --perf',
  options: {
    exits: flag('also print how processes end'),
    pid: filters.pid,
    uid: filters.uid,
    name: text('TEXT', 'only where the process or the file is named TEXT or in part so'),
    perf: flag('through a perf buffer, as on kernels without ring buffers'),
  },
  async trace(session, { exits, pid, uid, name = '', perf }) {
    using object = open()
    if (pid !== undefined) object.globals.only_pid = pid
    if (uid !== undefined) object.globals.only_uid = uid
    object.programs.on_exit.autoload = exits
    if (perf) object.maps.events.usePerfBuffer = true
    object.load()
    object.attach()
    await session.follow(exits ? 'execs and exits' : 'execs', object, columns, (event) => {
      const row = rowOf(event)
      const file = row.event === 'exec' ? basename(row.filename) : ''
      return row.comm.includes(name) || file.includes(name) ? row : undefined
    })

    function rowOf(event: Event): Row {
      const { pid, ppid, uid, comm } = event
      const process = { time: session.timeOf(event.time_ns), pid, ppid, uid, comm }
      return event.kind === 'EVENT_EXEC'
        ? { event: 'exec', ...process, ...parseStrings(event) }
        : { event: 'exit', ...process, ...parseExit(event) }
    }
  },
})
if (require.main === module) void run(tool)
