// Prints the last system calls of each process that crashes. Until then nobody reads
// what is recorded, and the oldest of it is overwritten.
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { parseArgs } from 'node:util'
import { BpfError, FlightRecorder } from 'bpf-ringbuf'
import { Call, type Crash, open } from './flight-recorder.bpf.js'
import { printable } from './kit/printable.js'

const usage = `Usage: flight-recorder [OPTION]...
Prints the last system calls of each process that crashes, until Ctrl-C. Needs root.

      --last N  so many of them at most, 10000 by default
      --perf    record in perf buffers, as on kernels before Linux 6.19
      --help    print this
`

/** Their names, where the kernel's headers are installed. */
function readCallNames(): Map<number, string> {
  const x64 = '/usr/include/x86_64-linux-gnu/asm/unistd_64.h'
  const paths = process.arch === 'x64' ? [x64, '/usr/include/asm/unistd_64.h'] : []
  for (const path of [...paths, '/usr/include/asm-generic/unistd.h']) {
    try {
      const lines = readFileSync(path, 'utf8').matchAll(/^#define __NR(?:3264)?_(\w+) (\d+)$/gm)
      return new Map([...lines].map(([, name = '', number]) => [Number(number), name]))
    } catch {
      // The next one, or none.
    }
  }
  return new Map()
}

function signalName(signal: number): string {
  const [name] = Object.entries(constants.signals).find(([, number]) => number === signal) ?? []
  return name ?? `signal ${signal}`
}

function parseOptions() {
  const { values } = parseArgs({
    options: {
      last: { type: 'string', default: '10000' },
      perf: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (!/^[1-9]\d*$/.test(values.last)) throw new TypeError('Expected a number for --last')
  return { ...values, last: Number(values.last) }
}

async function main(): Promise<void> {
  const { last, perf, help } = parseOptions()
  if (help) return void process.stdout.write(usage)
  const names = readCallNames()
  using object = open()
  object.globals.ignored_pid = process.pid
  if (perf) object.maps.calls.usePerfBuffer = true
  object.load()
  using recorder = new FlightRecorder(object.maps.calls, Call, { orderBy: 'time_ns' })
  let crashes = 0

  function report(crash: Crash): void {
    crashes++
    const calls = recorder
      .snapshot()
      // Another process may have had its number before.
      .filter(({ pid, time_ns }) => pid === crash.pid && time_ns >= crash.start_ns)
      .slice(-last)
    const who = `${printable(crash.comm)} (process ${crash.pid})`
    console.log(`${who} ended by ${signalName(crash.signal)}, after ${calls.length} system calls:`)
    for (const { time_ns, tid, number } of calls) {
      const ms = (Number(time_ns - crash.time_ns) / 1e6).toFixed(3)
      console.log(`${ms.padStart(14)} ms ${String(tid).padStart(8)} ${names.get(number) ?? number}`)
    }
  }

  using stream = object.rings.crashes.read(report)
  object.attach()
  const kind = object.maps.calls.usePerfBuffer ? 'perf buffers' : 'a ring'
  console.error(
    `Recording system calls in ${kind} of ${recorder.sizeBytes >> 20} MiB, Ctrl-C to end`,
  )
  await new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve)
  })
  object.detach()
  await stream.end()
  const { length, overwritten = NaN, lost = NaN } = recorder.snapshot()
  console.error(
    `${crashes} crashes; ${length} calls at hand, ${overwritten} overwritten, ${lost} lost`,
  )
}

main().catch((error: unknown) => {
  if (!(error instanceof BpfError || error instanceof TypeError)) throw error
  console.error(`flight-recorder: ${error.message}`)
  process.exitCode = error instanceof BpfError ? 1 : 2
})
