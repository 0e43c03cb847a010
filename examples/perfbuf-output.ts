// Prints each program that is executed. Its BPF program prepares the events in
// memory of its own, then copies them into its CPU's perf buffer.
import { BpfError } from 'bpf-ringbuf'
import { printEvent, printHeader, untilStopped } from './exec-event.js'
import { open } from './perfbuf-output.bpf.js'

async function main(): Promise<void> {
  using object = open()
  object.load()
  await using perf = object.rings.events.read(printEvent)
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
