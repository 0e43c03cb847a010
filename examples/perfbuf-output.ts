// Prints each program that is executed. Its BPF program prepares the events in
// memory of its own, then copies them into its CPU's perf buffer.
import { join } from 'node:path'
import { BpfError, BpfObject, PerfBuffer } from 'bpf-ringbuf'
import { ExecEvent, printEvent, printHeader, untilStopped } from './exec-event.js'

async function main(): Promise<void> {
  using object = BpfObject.open(join(__dirname, '../bpf/perfbuf-output.bpf.o'))
  object.load()
  await using perf = new PerfBuffer(object.map('events'), ExecEvent, printEvent)
  object.attach()
  printHeader()

  await untilStopped()
  object.detach()
  await perf.flush()
  console.error(`${perf.stats().records} events, ${perf.stats().lost ?? 0} lost`)
}

main().catch((error: unknown) => {
  if (!(error instanceof BpfError)) throw error
  console.error(`perfbuf-output: ${error.message}`)
  process.exitCode = 1
})
