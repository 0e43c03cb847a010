// Who reads the events of test/bpf/peers.bpf.c, each behind the same few verbs.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import {
  type BpfMap,
  cstring,
  RingBuffer,
  type RingBufferOptions,
  struct,
  type Type,
  u32,
} from 'bpf-ringbuf'
import { buildDir, cpuTimeNs, Lines, pageBytes } from '../processes.js'

/** 8 bytes, or what a program that reports a path puts together. */
export type Kind = 'record' | 'event'

/** Room for 65,536 records or 14,364 events: a moment without a reader drops none. */
export const ringBytes: Record<Kind, number> = { record: 1 << 20, event: 4 << 20 }

interface Rec {
  sequence: number
  cpu: number
}

interface Event {
  sequence: number
  pid: number
  uid: number
  comm: string
  filename: string
}

/** The structs of test/bpf/peers.bpf.c. */
const types: Record<Kind, Type<Rec | Event>> = {
  record: struct('record', { sequence: u32, cpu: u32 }),
  event: struct('event', {
    sequence: u32,
    pid: u32,
    uid: u32,
    comm: cstring(16),
    filename: cstring(256),
  }),
}

/** Of records, all numbers and the lengths of all strings. */
export interface Tally {
  records: number
  sum: number
}

/** A reader at work. */
export interface Running {
  /** What it has used so far, all threads of it. */
  cpuNs: () => number
  /** When all that was made had been read, by performance.now(). */
  drained: () => Promise<number>
  /** Ends it. A ring's losses the BPF program counts; who has none must say so himself. */
  finish: () => Promise<Tally & { lost?: number }>
}

/** What there is to read. */
export interface Source {
  kind: Kind
  /** The ring. */
  map: BpfMap
  /** For those that bring their own BPF program: whose system calls, and which one. */
  producerPid: number
  syscall: number
}

export interface Peer {
  label: string
  /** Loads a BPF program of its own: the ring stays empty. */
  ownProgram: boolean
  /** The Debian packages that it wants, when it cannot run here. */
  missing: () => string | undefined
  start: (source: Source) => Promise<Running>
}

function tally(kind: Kind): Tally & { onRecord: (record: Rec | Event) => void } {
  const all = {
    records: 0,
    sum: 0,
    onRecord:
      kind === 'record'
        ? (record: Rec | Event): void => {
            const { sequence, cpu } = record as Rec
            all.records++
            all.sum += sequence + cpu
          }
        : (record: Rec | Event): void => {
            const { sequence, pid, uid, comm, filename } = record as Event
            all.records++
            all.sum += sequence + pid + uid + comm.length + filename.length
          },
  }
  return all
}

function library(label: string, options: RingBufferOptions): Peer {
  return {
    label,
    ownProgram: false,
    missing: () => undefined,
    start: ({ map, kind }) => {
      const all = tally(kind)
      const ring = new RingBuffer<Rec | Event>(map, types[kind], all.onRecord, options)
      return Promise.resolve({
        cpuNs: () => cpuTimeNs(process.pid),
        drained: async () => {
          await ring.flush()
          return performance.now()
        },
        finish: () => {
          ring.close()
          return Promise.resolve(all)
        },
      })
    },
  }
}

/**
 * A child that hangs does not outlive the bench.
 *
 * @returns What to call when it has ended.
 */
function killAtExit(child: ChildProcess): () => void {
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  return () => process.off('exit', kill)
}

/** A program that reads the ring with descriptor 3, as bench/peers/ has them. */
function program(
  label: string,
  path: string,
  args: readonly string[],
  missing: () => string | undefined,
): Peer {
  return {
    label,
    ownProgram: false,
    missing,
    start: async ({ map, kind }) => {
      const child = new Lines(path, [kind, ...args], map.fd)
      const hasEnded = killAtExit(child.process)
      await child.next() // "ready"
      // Reads nothing, but knows the ring's positions.
      const watch = new RingBuffer(map, types[kind], { pollThread: false })
      return {
        cpuNs: () => cpuTimeNs(child.process.pid ?? -1),
        drained: async () => {
          while (watch.stats().rings[0]?.availableBytes !== 0) await setTimeout(1)
          return performance.now()
        },
        finish: async () => {
          watch.close()
          child.process.stdin?.end()
          const [records = NaN, sum = NaN] = (await child.next()).split(' ').map(Number)
          await child.end()
          hasEnded()
          return { records, sum }
        },
      }
    },
  }
}

function works(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

const scripts = {
  record: 'print((args->args[2], cpu))',
  event: 'print((args->args[2], pid, uid, comm, str(uptr(args->args[1]))))',
}

/** bpftrace needs tracefs: mounted for it alone where nobody has. */
const withTracefs = [
  '--mount',
  'sh',
  '-c',
  'test -d /sys/kernel/tracing/events || mount -t tracefs tracefs /sys/kernel/tracing; exec bpftrace "$@"',
  'bpftrace',
]

/** A line of bpftrace's JSON. */
interface Line {
  type: string
  data: unknown
}

/** How it is done in Node without a library: bpftrace as a child, its lines parsed. */
class Bpftrace implements Running {
  readonly #child: ChildProcess
  readonly #all: ReturnType<typeof tally>
  readonly #ended: Promise<unknown>
  readonly #hasEnded: () => void
  /** Its program is attached. */
  readonly ready: Promise<void>
  #lost = 0
  #sequence = 0
  #disorder = 0

  constructor({ kind, producerPid, syscall }: Source) {
    const filter = `/pid == ${producerPid} && args->id == ${syscall}/`
    // Attached in their order: the second one tells when the first one is.
    const script =
      `tracepoint:raw_syscalls:sys_enter ${filter} { ${scripts[kind]} } ` +
      'interval:ms:20 /!@ready/ { @ready = 1; print("ready") }'
    // As much room for a CPU as the ring has.
    const perfPages = String(ringBytes[kind] / pageBytes)
    this.#child = spawn('unshare', [...withTracefs, '-f', 'json', '-e', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, BPFTRACE_PERF_RB_PAGES: perfPages },
    })
    this.#hasEnded = killAtExit(this.#child)
    this.#all = tally(kind)
    this.#ended = once(this.#child, 'close')
    this.ready = this.#read(kind)
  }

  #read(kind: Kind): Promise<void> {
    const { stdout, stderr } = this.#child
    if (stdout === null || stderr === null) throw new Error('bpftrace has no output')
    let complaints = ''
    stderr.on('data', (text: Buffer) => (complaints += text.toString()))
    const { onRecord } = this.#all
    return new Promise((resolve, reject) => {
      createInterface(stdout).on('line', (text) => {
        if (text === '') return
        const { type, data } = JSON.parse(text) as Line
        if (type === 'lost_events') this.#lost += (data as { events: number }).events
        if (type !== 'value') return
        if (data === 'ready') resolve()
        else if (kind === 'record') {
          const [sequence, cpu] = data as [number, number]
          this.#follow(sequence)
          onRecord({ sequence, cpu })
        } else {
          const [sequence, pid, uid, comm, filename] = data as [
            number,
            number,
            number,
            string,
            string,
          ]
          this.#follow(sequence)
          onRecord({ sequence, pid, uid, comm, filename })
        }
      })
      this.#child.once('error', reject)
      this.#child.once('close', () => reject(new Error(`bpftrace ended early: ${complaints}`)))
    })
  }

  #follow(sequence: number): void {
    if (sequence <= this.#sequence) this.#disorder++
    this.#sequence = sequence
  }

  cpuNs(): number {
    return cpuTimeNs(this.#child.pid ?? -1) + cpuTimeNs(process.pid)
  }

  /** Nothing says what is still queued: no record for a while. */
  async drained(): Promise<number> {
    let records = -1
    let last = performance.now()
    while (performance.now() - last < 100) {
      if (this.#all.records !== records) last = performance.now()
      records = this.#all.records
      await setTimeout(2)
    }
    return last
  }

  async finish(): Promise<Tally & { lost: number }> {
    // It looks for the signal only while it waits: one that comes at another moment is lost.
    const interrupt = setInterval(() => this.#child.kill('SIGINT'), 250)
    this.#child.kill('SIGINT')
    await this.#ended
    clearInterval(interrupt)
    this.#hasEnded()
    if (this.#disorder > 0) throw new Error(`bpftrace: ${this.#disorder} records out of order`)
    return { ...this.#all, lost: this.#lost }
  }
}

const goReader = 'bench/peers/go_reader'

function missingGo(): string | undefined {
  if (existsSync(join(buildDir, goReader))) return undefined
  return 'golang-go, golang-github-cilium-ebpf-dev'
}

function missingBcc(): string | undefined {
  if (works('/usr/bin/python3', '-c', 'import bcc')) return undefined
  return 'python3-bpfcc'
}

/** In the order of the tables; the first one is what the others are compared with. */
export const peers = {
  c: program('C libbpf, ring_buffer__poll()', 'bench/peers/c_reader', [], () => undefined),
  library: library('bpf-ringbuf', {}),
  immediate: library('bpf-ringbuf, coalesceUs: 0', { coalesceUs: 0 }),
  goFast: program('Go cilium/ebpf, ReadInto by hand', goReader, ['fast'], missingGo),
  go: program('Go cilium/ebpf, binary.Read', goReader, ['read'], missingGo),
  bcc: program('Python bcc', '../bench/peers/bcc_reader.py', [], missingBcc),
  bpftrace: {
    label: 'bpftrace -f json, parsed in Node',
    ownProgram: true,
    missing: () => (works('bpftrace', '--version') ? undefined : 'bpftrace'),
    start: async (source) => {
      const bpftrace = new Bpftrace(source)
      await bpftrace.ready
      return bpftrace
    },
  },
} satisfies Record<string, Peer>

export type PeerName = keyof typeof peers
