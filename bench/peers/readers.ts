// Who reads the events of test/bpf/peers.bpf.c, each behind the same few verbs.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
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
  record: struct('record', { sequence: u32, cpu: u32 }, { unchecked: true }),
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
  /** What it does, for the document. */
  about: string
  /** Loads a BPF program of its own: the ring stays empty. */
  ownProgram: boolean
  /** A program of the root with Debian's newest packages. */
  inRoot?: string
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

function library(label: string, about: string, options: RingBufferOptions): Peer {
  return {
    label,
    about,
    ownProgram: false,
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

/** What `make bench-peers` unpacked and built: build-in-root.sh. */
const root = join(buildDir, '../.cache/peers/root')

// Its own mounts; bpftrace needs tracefs, mounted for it alone where nobody has.
const enterRoot = `for path in proc sys dev; do mount --rbind /$path "$0/$path"; done
  test -d "$0/sys/kernel/tracing/events" || mount -t tracefs tracefs "$0/sys/kernel/tracing"
  exec chroot "$0" "$@"`

function startInRoot(program: string, args: readonly string[], fd?: number): Lines {
  return new Lines(
    '/usr/bin/unshare',
    ['--mount', 'sh', '-c', enterRoot, root, program, ...args],
    fd,
  )
}

/** A program that reads the ring with descriptor 3, as bench/peers/ has them. */
function program(label: string, about: string, args: readonly string[], inRoot?: string): Peer {
  return {
    label,
    about,
    ownProgram: false,
    ...(inRoot === undefined ? {} : { inRoot }),
    start: async ({ map, kind }) => {
      const all = [kind, ...args]
      const child =
        inRoot === undefined
          ? new Lines('bench/native/ring_consumer', ['--poll', `--peer-${kind}`], map.fd)
          : startInRoot(inRoot, all, map.fd)
      await child.next() // "ready"
      // Reads nothing, but knows the ring's positions.
      const watch = new RingBuffer(map, types[kind], { pollThread: false })
      return {
        cpuNs: () => cpuTimeNs(child.pid),
        drained: async () => {
          while (watch.stats().rings[0]?.availableBytes !== 0) await setTimeout(1)
          return performance.now()
        },
        finish: async () => {
          watch.close()
          child.process.stdin?.end()
          const [records = NaN, sum = NaN] = await child.numbers()
          await child.end()
          return { records, sum }
        },
      }
    },
  }
}

const bpftrace = '/usr/bin/bpftrace'

const scripts = {
  record: 'print((args->args[2], cpu))',
  event: 'print((args->args[2], pid, uid, comm, str(uptr(args->args[1]))))',
}

/** A line of bpftrace's JSON. */
interface Line {
  type: string
  data: unknown
}

/** How it is done in Node without a library: bpftrace as a child, its lines parsed. */
async function startBpftrace({ kind, producerPid, syscall }: Source): Promise<Running> {
  const filter = `/pid == ${producerPid} && args->id == ${syscall}/`
  // Attached in their order: the second one tells when the first one is.
  const script =
    `config = { perf_rb_pages = ${ringBytes[kind] / pageBytes} } ` +
    `tracepoint:raw_syscalls:sys_enter ${filter} { ${scripts[kind]} } ` +
    'interval:ms:20 /!@ready/ { @ready = 1; print("ready") }'
  const child = startInRoot(bpftrace, ['--no-warnings', '-f', 'json', '-e', script])
  const all = tally(kind)
  let lost = 0
  let previous = 0
  let disorder = 0
  let tellReady: (() => void) | undefined
  const ready = new Promise<void>((resolve) => (tellReady = resolve))
  const ended = child.forEach((text) => {
    if (text === '') return
    const { type, data } = JSON.parse(text) as Line
    if (type === 'lost_events') lost += (data as { events: number }).events
    if (type !== 'value') return
    if (data === 'ready') {
      tellReady?.()
      return
    }
    const [sequence, ...rest] = data as [number, ...unknown[]]
    if (sequence <= previous) disorder++
    previous = sequence
    if (kind === 'record') all.onRecord({ sequence, cpu: rest[0] as number })
    else {
      const [pid, uid, comm, filename] = rest as [number, number, string, string]
      all.onRecord({ sequence, pid, uid, comm, filename })
    }
  })
  await Promise.race([
    ready,
    ended.then(() => {
      throw new Error('bpftrace ended early')
    }),
  ])
  return {
    cpuNs: () => cpuTimeNs(child.pid) + cpuTimeNs(process.pid),
    // Nothing says what is still queued: no record for a while.
    drained: async () => {
      let records = -1
      let last = performance.now()
      while (performance.now() - last < 100) {
        if (all.records !== records) last = performance.now()
        records = all.records
        await setTimeout(2)
      }
      return last
    },
    finish: async () => {
      // It looks for the signal only while it waits: one that comes at another moment is lost.
      const interrupt = setInterval(() => child.process.kill('SIGINT'), 250)
      child.process.kill('SIGINT')
      await ended
      clearInterval(interrupt)
      if (disorder > 0) throw new Error(`bpftrace: ${disorder} records out of order`)
      return { records: all.records, sum: all.sum, lost }
    },
  }
}

const go = '/usr/bin/go_reader'
const rust = '/usr/bin/rust_reader'

/** In the order of the tables; the first one is what the others are compared with. */
export const peers = {
  c: program(
    'C, libbpf',
    '`ring_buffer__poll()` in a loop, and the callback casts to a struct',
    [],
  ),
  library: library(
    'bpf-ringbuf',
    '`new RingBuffer(map, type, callback)`; the poll thread and JavaScript share that one CPU',
    {},
  ),
  immediate: library('bpf-ringbuf, coalesceUs: 0', 'the same without coalescing', {
    coalesceUs: 0,
  }),
  goFast: program(
    'Go, cilium/ebpf by hand',
    '`ReadInto()` one record that is used again, and fields by `binary.LittleEndian`',
    ['fast'],
    go,
  ),
  go: program(
    'Go, cilium/ebpf',
    '`Read()`, then `binary.Read()` into a struct, as its examples do',
    ['read'],
    go,
  ),
  libbpfRs: program(
    'Rust, libbpf-rs',
    '`RingBuffer::poll()` in a loop; the callback makes a struct with a `String` for each text',
    ['libbpf-rs'],
    rust,
  ),
  aya: program(
    'Rust, aya',
    '`RingBuf::next()` until it is empty, then `poll(2)`, and the same struct',
    ['aya'],
    rust,
  ),
  bcc: program(
    'Python, bcc',
    'its `open_ring_buffer()` and `ring_buffer_poll()`, given the loaded ring, and fields by ctypes',
    [],
    '/usr/bin/bcc_reader',
  ),
  bpftrace: {
    label: 'bpftrace, parsed in Node',
    about:
      'a child process with a program of its own, which prints the same values with `-f json`; then `readline` and `JSON.parse()`',
    ownProgram: true,
    inRoot: bpftrace,
    start: startBpftrace,
  },
} satisfies Record<string, Peer>

export type PeerName = keyof typeof peers

/** What cannot run here. */
export function missing(name: PeerName): string | undefined {
  const { inRoot, label }: Peer = peers[name]
  return inRoot === undefined || existsSync(join(root, inRoot)) ? undefined : label
}

/** Of the packages in the root. */
export function versions(): string[] {
  const path = join(root, 'versions')
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
}
