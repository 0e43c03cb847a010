// The package's tools beside those of the same purpose by bcc (libbpf-tools) and bpftrace:
// the time until the first event, and what a tool costs while events pass.
//
//   node build/bench/tools.js [--runs N] [--rate EVENTS-A-SECOND]
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { figure, percent, spread } from './figures.js'
import { buildDir, Lines } from './processes.js'

const program = 'paced_events'
const ours = [process.execPath, join(buildDir, '../dist/cli/main.js'), 'run']
const rivals = {
  open: {
    'open-snoop': [...ours, 'open-snoop'],
    'bcc, opensnoop': ['opensnoop'],
    'bpftrace, opensnoop.bt': ['bpftrace', '/usr/sbin/opensnoop.bt'],
  },
  signal: {
    'sig-snoop': [...ours, 'sig-snoop'],
    'bcc, sigsnoop': ['sigsnoop'],
    'bpftrace, killsnoop.bt': ['bpftrace', '/usr/sbin/killsnoop.bt'],
  },
} as const
type Kind = keyof typeof rivals

interface Measured {
  firstMs: number[]
  /** Of one CPU. */
  cpu: number[]
  mib: number[]
  lost: number[]
}

const seconds = 3

/** Bpftrace and bcc need tracefs; all get it, in a mount namespace of their own. */
function start(command: readonly string[]): Lines {
  const mount = 'mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec "$@"'
  return new Lines('/usr/bin/unshare', ['--mount', 'sh', '-c', mount, 'sh', ...command])
}

/** By the scheduler, exact: what wakes up with the clock's tick is charged too much by it. */
function cpuSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  const ofThread = (thread: string): number => {
    const [ns] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
    return Number(ns) / 1e9
  }
  return threads.reduce((sum, thread) => sum + ofThread(thread), 0)
}

function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024
}

async function measure(kind: Kind, command: readonly string[], rate: number, to: Measured) {
  // So that there is something to see from the beginning.
  const before = new Lines('bench/native/paced_events', [kind, '1000', '20'])
  const startMs = performance.now()
  const tool = start(command)
  let seen = 0
  let first: (() => void) | undefined
  const isSeen = new Promise<void>((resolve) => (first = resolve))
  const all = tool.forEach((line) => {
    if (!line.includes(program.slice(0, 12))) return
    seen++
    first?.()
  })
  await isSeen
  to.firstMs.push(performance.now() - startMs)
  before.process.kill('SIGKILL')
  await pause(500)

  const [seenBefore, cpuBefore] = [seen, cpuSeconds(tool.pid)]
  const events = new Lines('bench/native/paced_events', [kind, String(rate), String(seconds)])
  const made = Number(await events.next())
  to.cpu.push((cpuSeconds(tool.pid) - cpuBefore) / seconds)
  to.mib.push(residentMiB(tool.pid))
  // What is buffered comes at the end.
  await pause(300)
  tool.process.kill('SIGINT')
  // Bpftrace does not always end by that.
  const ending = setTimeout(() => void tool.process.kill('SIGKILL'), 3000)
  await all
  clearTimeout(ending)
  // The program itself opens its libraries.
  to.lost.push(Math.max(0, made - (seen - seenBefore)) / made)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '5' },
      rate: { type: 'string', default: '10000' },
    },
  })
  for (const [kind, sides] of Object.entries(rivals) as [
    Kind,
    Record<string, readonly string[]>,
  ][]) {
    const found = new Map<string, Measured>()
    for (let run = 0; run < Number(values.runs); run++) {
      for (const [side, command] of Object.entries(sides)) {
        const measured = found.get(side) ?? { firstMs: [], cpu: [], mib: [], lost: [] }
        found.set(side, measured)
        await measure(kind, command, Number(values.rate), measured)
      }
    }
    console.log(`\n${figure(Number(values.rate))} events a second of ${kind}()`)
    console.log('| tool | first event, ms | CPU, % | memory, MiB | lost |')
    console.log('| --- | ---: | ---: | ---: | ---: |')
    for (const [side, { firstMs, cpu, mib, lost }] of found) {
      const cells = [side, spread(firstMs), spread(cpu.map((part) => 100 * part)), spread(mib)]
      console.log(`| ${cells.join(' | ')} | ${percent(Math.max(...lost))} |`)
    }
  }
}

if (!existsSync('/usr/sbin/opensnoop')) throw new Error('Install libbpf-tools and bpftrace')
void main()
