// An agent as one file: `make single-executable` puts this program, the addon and the
// BPF object into a copy of Node. It prints each program that is executed.
import { randomUUID } from 'node:crypto'
import { closeSync, openSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getAsset } from 'node:sea'
import { BpfError, setAddonFile } from 'bpf-ringbuf'
import { printEvent, printHeader, untilStopped } from './exec-event.js'
import { open } from './ringbuf-reserve-submit.bpf.js'

/** A file without a name: nobody can exchange it, and nothing is left of it. */
function unnamedFile(contents: Uint8Array): number {
  const path = join(tmpdir(), `agent-${randomUUID()}`)
  const file = openSync(path, 'wx+', 0o600)
  unlinkSync(path)
  writeFileSync(file, contents)
  return file
}

function openFromAssets() {
  const addon = unnamedFile(new Uint8Array(getAsset('addon')))
  try {
    setAddonFile(`/proc/self/fd/${addon}`)
    return open({ object: new Uint8Array(getAsset('object')) })
  } finally {
    closeSync(addon)
  }
}

async function main(): Promise<void> {
  using object = openFromAssets()
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
  console.error(`agent: ${error.message}`)
  process.exitCode = 1
})
