// How long it takes from the start of a process until exec-snoop's programs are
// attached, and what the process keeps when it is idle: an agent in C, one in
// JavaScript, and a Node that does nothing, in turn. The agents have the system's
// libbpf, or that of the prebuilt addon, of which later versions read the kernel's
// BTF in less time.
//
//   make bench-start-up [ARGS='--runs N']
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { spread } from './figures.js'
import { residentMiBIn } from './memory.js'
import { buildDir, Lines } from './processes.js'

const object = join(buildDir, 'bpf/exec-snoop.bpf.o')
const prebuilt = resolve(
  buildDir,
  `../prebuilds/${process.platform}-${process.arch}/bpf_ringbuf.node`,
)
const agent = [process.execPath, join(__dirname, 'idle-agent.js'), object] as const
const sides = {
  "C, the system's libbpf": { command: ['bench/native/start_up', object] },
  "C, the prebuilt addon's libbpf": { command: ['bench/native/start_up_prebuilt', object] },
  'Node alone': { command: [process.execPath, join(__dirname, 'idle-node.js')] },
  'agent, compiled addon': { command: agent, addon: join(buildDir, 'Release/bpf_ringbuf.node') },
  'agent, prebuilt addon': { command: agent, addon: prebuilt },
} as const
type Side = keyof typeof sides

/** Which agent is compared with which C. */
const pairs: [Side, Side][] = [
  ['agent, prebuilt addon', "C, the system's libbpf"],
  ['agent, compiled addon', "C, the system's libbpf"],
  ['agent, prebuilt addon', "C, the prebuilt addon's libbpf"],
]

/** Long enough for what Node does in the background after its start. */
const idleMs = 500

interface Measured {
  ms: number
  mib: number
}

async function measure(side: Side): Promise<Measured> {
  const { command, ...rest } = sides[side]
  if ('addon' in rest) process.env.BPF_RINGBUF_ADDON = rest.addon
  const [path, ...args] = command
  const start = performance.now()
  const child = new Lines(path, args)
  await child.next()
  const ms = performance.now() - start
  await setTimeout(idleMs)
  const mib = residentMiBIn(readFileSync(`/proc/${child.pid}/status`, 'utf8'))
  child.process.kill('SIGKILL')
  await child.end()
  return { ms, mib }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { runs: { type: 'string', default: '11' } } })
  const names = Object.keys(sides) as Side[]
  const rounds: Record<Side, Measured>[] = []
  // The first round warms up the caches of files.
  for (let round = 0; round <= Number(values.runs); round++) {
    const measured: Partial<Record<Side, Measured>> = {}
    for (const side of names) measured[side] = await measure(side)
    if (round > 0) rounds.push(measured as Record<Side, Measured>)
  }
  const ofRounds = (give: (round: Record<Side, Measured>) => number) => spread(rounds.map(give))
  for (const side of names) {
    const mib = ofRounds((round) => round[side].mib)
    console.log(`${side}: ${ofRounds((round) => round[side].ms)} ms, ${mib} MiB`)
  }
  console.log("without Node's own start and memory:")
  for (const [ours, theirs] of pairs) {
    const ratio = ofRounds((of) => (of[ours].ms - of['Node alone'].ms) / of[theirs].ms)
    const mib = ofRounds((of) => of[ours].mib - of['Node alone'].mib)
    console.log(`${ours}, over ${theirs}: ${ratio}, ${mib} MiB`)
  }
}

void main()
