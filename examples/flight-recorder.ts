// Prints the last system calls of each process that crashes. Until then nobody reads
// what is recorded, and the oldest of it is overwritten.
import { FlightRecorder } from 'bpf-ringbuf'
import { Call, type Crash, open } from './flight-recorder.bpf.js'
import { callName } from './kit/calls.js'
import { signalName } from './kit/names.js'
import { flag, integer, otherwise } from './kit/options.js'
import { printable, printableJson } from './kit/printable.js'
import { define, run } from './kit/tool.js'

export const tool = define({
  name: 'flight-recorder',
  about: 'Prints the last system calls of each process that crashes, until Ctrl-C.',
  needs: 'CAP_BPF and CAP_PERFMON, Linux 6.19; Linux 5.8 with --perf',
  options: {
    last: otherwise(integer('N', 'so many of them at most'), 10_000),
    perf: flag('record in perf buffers, as on kernels before Linux 6.19'),
  },
  async trace(session, { last, perf }) {
    using object = open()
    object.globals.ignored_pid = process.pid
    if (perf) object.maps.calls.usePerfBuffer = true
    object.load()
    using recorder = new FlightRecorder(object.maps.calls, Call, { orderBy: 'time_ns' })
    let crashes = 0

    async function report(crash: Crash): Promise<void> {
      crashes++
      const { pid, comm, signal: number, start_ns, time_ns: end } = crash
      const calls = recorder
        .snapshot()
        // Another process may have had its number before.
        .filter((call) => call.pid === pid && call.time_ns >= start_ns)
        .slice(-last)
        .map(({ time_ns, tid, number }) => {
          const call = callName(number)
          return { ms: Number(time_ns - end) / 1e6, tid, call }
        })
      const signal = signalName(number)
      if (session.json) return session.write(printableJson({ pid, comm, signal, calls }) + '\n')
      const who = `${printable(comm)} (process ${pid})`
      const lines = calls.map(
        ({ ms, tid, call }) =>
          `${ms.toFixed(3).padStart(14)} ms ${String(tid).padStart(8)} ${call}\n`,
      )
      const title = `${who} ended by ${signal}, after ${calls.length} system calls:\n`
      await session.write(title + lines.join(''))
    }

    using stream = object.rings.crashes.read(report)
    object.attach()
    const kind = object.maps.calls.usePerfBuffer ? 'perf buffers' : 'a ring'
    session.tracing(`system calls into ${kind} of ${recorder.sizeBytes >> 20} MiB`)
    await session.ended
    object.detach()
    await stream.end()
    const { length, overwritten = NaN, lost = NaN } = recorder.snapshot()
    session.note(
      `${crashes} crashes; ${length} calls at hand, ${overwritten} overwritten, ${lost} lost`,
    )
  },
})
if (require.main === module) void run(tool)
