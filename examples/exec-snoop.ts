// Prints each program that is executed on this machine, and how processes end.
import { constants } from 'node:os'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { BpfError } from 'bpf-ringbuf'
import { type Event, open } from './exec-snoop.bpf.js'
import { fit, printable, printableJson } from './printable.js'

const usage = `Usage: exec-snoop [OPTION]...
Prints each program that is executed on this machine, until Ctrl-C. Needs root.

      --exits             also print how processes end
      --pid N             only process N
      --uid N             only processes of user N
      --name TEXT         only where the process or the file is named TEXT or in part so
      --perf              through a perf buffer, as on kernels without ring buffers
      --json              print one JSON object a line
      --duration SECONDS  end after this time
      --help              print this
`

interface Options {
  exits: boolean
  pid: number | undefined
  uid: number | undefined
  name: string
  perf: boolean
  json: boolean
  durationMs: number | undefined
}

class UsageError extends Error {}

/** Nothing when only the usage was asked for. */
function parseOptions(): Options | undefined {
  const { values } = parseCommandLine()
  if (values.help === true) return undefined
  if (values.name === '') throw new UsageError('Expected a text for --name but received none')
  const seconds = parseNumber('--duration', values.duration, 'seconds', 0.001, 2_000_000)
  return {
    exits: values.exits ?? false,
    pid: parseNumber('--pid', values.pid, 'an integer', 1, 2 ** 31 - 1),
    uid: parseNumber('--uid', values.uid, 'an integer', 0, 2 ** 32 - 2),
    name: values.name ?? '',
    perf: values.perf ?? false,
    json: values.json ?? false,
    durationMs: seconds === undefined ? undefined : seconds * 1000,
  }
}

function parseCommandLine() {
  try {
    return parseArgs({
      options: {
        exits: { type: 'boolean' },
        pid: { type: 'string' },
        uid: { type: 'string' },
        name: { type: 'string' },
        perf: { type: 'boolean' },
        json: { type: 'boolean' },
        duration: { type: 'string' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    // Its first sentence names the argument, the others give advice.
    const [problem = ''] = (error as Error).message.split(/\.?\n|\. /, 1)
    throw new UsageError(printable(problem))
  }
}

function parseNumber(
  option: string,
  text: string | undefined,
  kind: 'an integer' | 'seconds',
  min: number,
  max: number,
): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  const pattern = kind === 'an integer' ? /^\d+$/ : /^(\d+\.?\d*|\.\d+)$/
  if (pattern.test(text) && number >= min && number <= max) return number
  throw new UsageError(
    `Expected ${kind} from ${min} to ${max} for ${option} but received '${printable(text)}'`,
  )
}

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
    signal: number === 0 ? null : (signalNames.get(number) ?? `SIG${number}`),
    coreDumped: (status & 0x80) !== 0,
    durationMs: Number(duration_ns / 1000n) / 1000,
  }
}

const signalNames = new Map(
  Object.entries(constants.signals)
    .reverse() // the usual one of several names comes first
    .map(([name, number]) => [number, name]),
)

// The events' clock is the one of process.hrtime().
const clockOffsetMs =
  performance.timeOrigin + performance.now() - Number(process.hrtime.bigint()) / 1e6

function timeOf(event: Event): Date {
  return new Date(clockOffsetMs + Number(event.time_ns) / 1e6)
}

function isNamed(event: Event, name: string): boolean {
  if (event.comm.includes(name)) return true
  return event.kind === 'EVENT_EXEC' && basename(parseStrings(event).filename).includes(name)
}

function formatJson(event: Event): string {
  const isExec = event.kind === 'EVENT_EXEC'
  return printableJson({
    event: isExec ? 'exec' : 'exit',
    time: timeOf(event).toISOString(),
    pid: event.pid,
    ppid: event.ppid,
    uid: event.uid,
    comm: event.comm,
    ...(isExec ? parseStrings(event) : parseExit(event)),
  })
}

function formatText(event: Event): string {
  const time = timeOf(event)
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':')
  return formatRow(
    `${clock}.${String(time.getMilliseconds()).padStart(3, '0')}`,
    String(event.pid),
    String(event.ppid),
    String(event.uid),
    event.comm,
    event.kind === 'EVENT_EXEC' ? describeExec(event) : describeExit(event),
  )
}

function formatRow(
  time: string,
  pid: string,
  ppid: string,
  uid: string,
  comm: string,
  what: string,
): string {
  const { isTTY, columns } = process.stdout
  const numbers = `${pid.padStart(7)} ${ppid.padStart(7)} ${uid.padStart(6)}`
  const row = `${time.padEnd(12)} ${numbers} ${printable(comm).padEnd(15)} ${what}`
  return isTTY ? fit(row, columns || 80) : row
}

/** The command as a shell would take it. */
function describeExec(event: Event): string {
  const { filename, args, truncated } = parseStrings(event)
  // The first argument may be anything; of a script it is the interpreter.
  const command = args.includes(filename) ? args : [filename, ...args.slice(1)]
  return command.map(quote).join(' ') + (truncated ? '…' : '')
}

function quote(arg: string): string {
  if (printable(arg) !== arg) return `$'${printable(arg.replace(/[\\']/g, '\\$&'))}'`
  if (!/[\s'"\\$`|&;<>()*?[\]{}#~!]|^$/.test(arg)) return arg
  return `'${arg.replaceAll("'", "'\\''")}'`
}

function describeExit(event: Event): string {
  const { exitCode, signal, coreDumped, durationMs } = parseExit(event)
  const how = signal === null ? `exited with ${exitCode}` : `killed by ${signal}`
  return `${how}${coreDumped ? ' (core dumped)' : ''} after ${durationMs.toFixed(1)} ms`
}

/** Resolves when the text has left this process; until then nothing is read ahead. */
function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error) reject(error)
      else resolve()
    })
  })
}

async function snoop(options: Options): Promise<void> {
  using object = open()
  if (options.pid !== undefined) object.globals.only_pid = options.pid
  if (options.uid !== undefined) object.globals.only_uid = options.uid
  object.programs.on_exit.autoload = options.exits
  if (options.perf) object.maps.events.usePerfBuffer = true
  object.load()
  using stream = object.rings.events.read()
  object.attach()

  const startMs = performance.now()
  // What happened until now is still printed.
  async function stop(): Promise<void> {
    object.detach()
    await stream.end()
  }
  // Once: the second Ctrl-C ends the process even when nobody reads its output.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stop())
  if (options.durationMs !== undefined) setTimeout(() => void stop(), options.durationMs).unref()

  console.error(`Tracing ${options.exits ? 'execs and exits' : 'execs'}, Ctrl-C to end`)
  let events = 0
  try {
    if (!options.json) await write(`${formatRow('TIME', 'PID', 'PPID', 'UID', 'COMM', 'EVENT')}\n`)
    for await (const batch of stream.batches()) {
      const wanted = batch.filter((event) => isNamed(event, options.name))
      events += wanted.length
      const lines = wanted.map(options.json ? formatJson : formatText)
      if (lines.length > 0) await write(`${lines.join('\n')}\n`)
    }
  } catch (error) {
    // Whoever read the output has seen enough.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  }
  const seconds = (performance.now() - startMs) / 1000
  const lost = stream.stats().lost ?? 0
  console.error(
    `${events} events, ${lost} lost, ${(events / seconds).toFixed(1)} events per second`,
  )
}

async function main(): Promise<void> {
  // Reported to write(), too.
  process.stdout.on('error', () => undefined)
  const options = parseOptions()
  if (options === undefined) await write(usage)
  else await snoop(options)
}

main().catch((error: unknown) => {
  if (!(error instanceof UsageError || error instanceof BpfError)) throw error
  console.error(`exec-snoop: ${error.message}`)
  process.exitCode = error instanceof UsageError ? 2 : 1
})
