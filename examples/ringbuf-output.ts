// Prints each program that is executed. Its BPF program prepares the events
// aside and copies them into the ring with bpfrb_output().
import { join } from 'node:path'
import { BpfError, BpfObject, RingBuffer } from 'bpf-ringbuf'
import { ExecEvent, printEvent, printHeader, untilStopped } from './exec-event.js'

async function main(): Promise<void> {
  using object = BpfObject.open(join(__dirname, '../bpf/ringbuf-output.bpf.o'))
  object.load()
  await using ring = new RingBuffer(object.map('events'), ExecEvent, printEvent)
  object.attach()
  printHeader()

  await untilStopped()
  object.detach()
  await ring.flush()
  console.error(`${ring.stats().records} events, ${ring.stats().lost ?? 0} lost`)
}

main().catch((error: unknown) => {
  if (!(error instanceof BpfError)) throw error
  console.error(`ringbuf-output: ${error.message}`)
  process.exitCode = 1
})
