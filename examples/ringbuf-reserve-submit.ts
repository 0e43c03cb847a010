// Prints each program that is executed. Its BPF program prepares the events
// in the ring itself, between bpfrb_reserve() and bpfrb_submit().
import { BpfError } from 'bpf-ringbuf'
import { printEvent, printHeader, untilStopped } from './exec-event.js'
import { open } from './ringbuf-reserve-submit.bpf.js'

async function main(): Promise<void> {
  using object = open()
  object.load()
  await using ring = object.rings.events.read(printEvent)
  object.attach()
  printHeader()

  await untilStopped()
  object.detach()
  await ring.flush()
  console.error(`${ring.stats().records} events, ${ring.stats().lost ?? 0} lost`)
}

main().catch((error: unknown) => {
  if (!(error instanceof BpfError)) throw error
  console.error(`ringbuf-reserve-submit: ${error.message}`)
  process.exitCode = 1
})
