// bpf-ringbuf doctor: what this machine can do, what it lacks and what mends
// that, and a proof.
import { features } from '../machine/features.js'
import type { Command } from './command.js'
import { type Proof, prove } from './proof.js'
import { makeReport, renderReport } from './report.js'
import { parseCommandLine } from './usage.js'
import { packageVersion } from './version.js'

const usage = `Usage: bpf-ringbuf doctor [OPTION]...
Says what this machine can do with BPF, what each thing that is missing stops, and
what mends it. Then it loads a small BPF program and receives a record from it.
Exits with status 0 when ring buffers work here, with 1 when they do not.

  --json  print one JSON object
  --help  print this
`

export const doctor: Command = {
  name: 'doctor',
  summary: 'say what this machine can do with BPF, and prove that a record arrives',
  usage,
  async run(args, output) {
    const { json = false } = parseCommandLine({
      args: [...args],
      options: { json: { type: 'boolean' } },
    }).values
    const ring = await prove('ring')
    const proofs: Proof[] = [ring]
    if (!ring.received && !hopeless.has(ring.code)) proofs.push(await prove('perf'))
    const report = makeReport(packageVersion(), features(), proofs)
    output.write(
      json ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report, output.colored),
    )
    return report.works ? 0 : 1
  },
}

/** Why a perf buffer would not work either. */
const hopeless = new Set<string | undefined>(['ERR_ADDON', 'ERR_FILE_NOT_FOUND', 'ERR_PERMISSION'])
