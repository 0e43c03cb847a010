// Numbered records, and counts of them that owe nothing to the library's.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type BpfMap, BpfObject, struct, u32, u64, type Value } from 'bpf-ringbuf'
import type { Scenario } from './scenario.js'

const root = join(__dirname, '../../../..')

/** struct sample of streams.bpf.c */
export const Numbered = struct('sample', { time_ns: u64, sequence: u32, cpu: u32 })
export type Numbered = Value<typeof Numbered>

/** Of records in the kernel's buffers, headers and padding included; of others a multiple. */
export const queuedBytes = { ring: 24, perf: 32, other: 24 }

function open(name: string): BpfObject {
  return BpfObject.open(join(root, 'build/bpf/test', `${name}.bpf.o`))
}

/** All CPUs' values of a map's only entry, in sum: of each word. */
function sums(map: BpfMap | undefined, words: number): number[] {
  const values = map?.bytes.get(new Uint8Array(4)) ?? new Uint8Array()
  const all = new BigUint64Array(values.slice().buffer)
  return Array.from({ length: words }, (_, word) =>
    all.reduce((sum, value, i) => sum + (i % words === word ? Number(value) : 0), 0),
  )
}

export interface Counts {
  /** Attempts. */
  produced: number
  lost: number
  discarded: number
}

/**
 * A map of streams.bpf.c and its producer: this thread, each time that it is told
 * to, or a process, all the time.
 */
export class Source {
  readonly object = open('streams')
  readonly map: BpfMap
  readonly #program: string
  #child: ChildProcess | undefined
  #last: Counts = { produced: 0, lost: 0, discarded: 0 }

  constructor({ kind, races, small, wakeupBytes }: Scenario) {
    const isRing = kind === 'ring'
    this.map = this.object.map(isRing ? 'events' : 'samples')
    this.#program = isRing ? 'to_stream' : 'to_perf'
    this.object.program(isRing ? 'to_perf' : 'to_stream').autoload = false
    const events = this.object.map('events')
    events.maxEntries = small ? 4096 : 64 * 1024
    if (isRing) events.wakeupBytes = wakeupBytes
    if (races) {
      this.#child = spawn(join(root, 'build/test/producer'), ['--threads', '2'], {
        stdio: ['pipe', 'ignore', 'inherit'],
      })
    }
    this.object.globals['producer_tgid'] = this.#child?.pid ?? process.pid
    this.object.load()
    if (races) this.object.attach()
  }

  start(): void {
    this.#child?.stdin?.write('\n')
  }

  make(count: number): void {
    if (this.object.phase !== 'loaded') return
    const program = this.object.program(this.#program)
    for (let i = 0; i < count; i++) program.testRun({ context: new Uint8Array(16) })
  }

  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    const ended = once(child, 'exit')
    child.stdin?.destroy()
    await ended
  }

  counts(): Counts {
    if (this.object.phase === 'loaded') {
      const [produced = 0] = sums(this.object.map('produced'), 1)
      const [lost = 0, discarded = 0] = sums(this.object.maps.get(`${this.map.name}__counters`), 2)
      this.#last = { produced, lost, discarded }
    }
    return this.#last
  }

  close(): void {
    this.counts()
    this.object.close()
  }
}

/** The ring "others" of records.bpf.c, whose records have another type. */
export class OtherSource {
  readonly object = open('records').load()
  readonly map = this.object.map('others')
  #made = 0

  make(count: number): void {
    if (count === 0) return
    const request = Uint32Array.of(count, this.#made + 1, 3, 0)
    this.object.program('make_others').testRun({ context: new Uint8Array(request.buffer) })
    this.#made += count
  }

  counts(): Counts {
    const [lost = 0, discarded = 0] = sums(this.object.map('others__counters'), 2)
    return { produced: this.#made, lost, discarded }
  }

  close(): void {
    this.object.close()
  }
}
