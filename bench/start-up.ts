// How long it takes from the start of a process until exec-snoop's programs are
// attached, and what the process keeps when it is idle: an agent in C, one in
// JavaScript, and a Node that does nothing, in turn.
//
//   node build/bench/start-up.js [--runs N]
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { median, spread } from './figures.js'
import { residentMiBIn } from './memory.js'
import { buildDir, Lines } from './processes.js'

const object = join(buildDir, 'bpf/exec-snoop.bpf.o')
const sides = {
  C: ['bench/native/start_up', object],
  node: [process.execPath, join(__dirname, 'idle-node.js')],
  agent: [process.execPath, join(__dirname, 'idle-agent.js'), object],
} as const
type Side = keyof typeof sides

/** Long enough for what Node does in the background after its start. */
const idleMs = 500

async function measure(side: Side): Promise<{ ms: number; mib: number }> {
  const [path, ...args] = sides[side]
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
  const of: Record<Side, { ms: number[]; mib: number[] }> = {
    C: { ms: [], mib: [] },
    node: { ms: [], mib: [] },
    agent: { ms: [], mib: [] },
  }
  // The first round warms up the caches of files.
  for (let round = 0; round <= Number(values.runs); round++) {
    for (const side of Object.keys(sides) as Side[]) {
      const { ms, mib } = await measure(side)
      if (round === 0) continue
      of[side].ms.push(ms)
      of[side].mib.push(mib)
    }
  }
  const { C, node, agent } = of
  for (const side of Object.keys(sides) as Side[]) {
    console.log(`${side}: ${spread(of[side].ms)} ms, ${spread(of[side].mib)} MiB`)
  }
  const each = (give: (round: number) => number) => C.ms.map((_, round) => give(round))
  const own = (round: number) => (agent.ms[round] ?? NaN) - (node.ms[round] ?? NaN)
  console.log(`without Node's start: ${spread(each(own))} ms`)
  console.log(`over C: ${spread(each((round) => own(round) / (C.ms[round] ?? NaN)))}`)
  console.log(`memory beside Node: ${(median(agent.mib) - median(node.mib)).toFixed(1)} MiB`)
}

void main()
