// The C programs that a bench runs, and how it talks to them.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { BpfMap } from 'bpf-ringbuf'

export const buildDir = join(__dirname, '..')

const [, pageKiB] = /KernelPageSize: +(\d+)/.exec(readFileSync('/proc/self/smaps', 'utf8')) ?? []
export const pageBytes = 1024 * Number(pageKiB)

/** A child process, read line by line. */
export class Lines {
  readonly process: ChildProcess
  readonly #lines: AsyncIterator<string, undefined>

  constructor(path: string, args: readonly string[], fd?: number) {
    this.process = spawn(join(buildDir, path), args, {
      stdio: ['pipe', 'pipe', 'inherit', ...(fd === undefined ? [] : [fd])],
    })
    const { stdout } = this.process
    if (stdout === null) throw new Error(`${path} has no output`)
    this.#lines = createInterface(stdout)[Symbol.asyncIterator]() as AsyncIterator<
      string,
      undefined
    >
  }

  async next(): Promise<string> {
    const { value } = await this.#lines.next()
    if (value === undefined) throw new Error(`${this.process.spawnfile} ended early`)
    return value
  }

  async rest(): Promise<string[]> {
    const lines: string[] = []
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done === true) return lines
      lines.push(value)
    }
  }

  write(text: string): void {
    this.process.stdin?.write(text)
  }

  async end(): Promise<void> {
    const exited = this.process.exitCode !== null || once(this.process, 'exit')
    this.process.stdin?.end()
    await exited
  }
}

export interface ProducerOptions {
  /** That the threads take in turn. */
  cpu: number | readonly number[]
  threads?: number
  /** Until stop() when there are neither these nor calls. */
  seconds?: number
  calls?: number
  /** Sleep between calls. */
  pauseUs?: number
  /** Spin between calls so that they begin in this interval. */
  intervalNs?: number
  /** Loops of work between calls. */
  work?: number
}

/** What a producer made, from its start to its end. */
export interface Produced {
  calls: number
  ns: number
}

/** Makes system calls on CPUs of its own: test/native/producer.c. */
export class Producer {
  readonly #child: Lines

  constructor(options: ProducerOptions) {
    const { cpu, threads, seconds, calls, pauseUs, intervalNs, work } = options
    const args = ['--cpu', String(cpu)]
    const named = { threads, seconds, calls, 'pause-us': pauseUs, 'interval-ns': intervalNs, work }
    for (const [name, value] of Object.entries(named)) {
      if (value !== undefined) args.push(`--${name}`, String(value))
    }
    this.#child = new Lines('test/producer', args)
  }

  get pid(): number {
    return this.#child.process.pid ?? -1
  }

  start(): void {
    this.#child.write('\n')
  }

  /** Its CPU may be a sibling of the consumer's: at rest it slows nothing down. */
  pause(): void {
    this.#child.process.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.process.kill('SIGCONT')
  }

  async end(): Promise<void> {
    await this.#child.end()
  }

  /** Runs to its end. */
  async run(): Promise<Produced> {
    this.start()
    return this.#ended()
  }

  /** Ends a started one that has no end of its own. */
  async stop(): Promise<Produced> {
    this.#child.process.stdin?.end()
    return this.#ended()
  }

  async #ended(): Promise<Produced> {
    const [calls, ns] = (await this.#child.next()).split(' ').map(Number)
    await this.#child.end()
    return { calls: calls ?? 0, ns: ns ?? 0 }
  }
}

/** What a consumer received. */
export interface Received {
  records: number
  /** Of the records' first 32-bit words; of exec events with the lengths of their strings. */
  sum: number
  ns: number
  /** Of records that begin with their time, in nanoseconds. */
  latencies?: Percentiles
}

/** In nanoseconds. */
export interface Percentiles {
  p50: number
  p90: number
  p99: number
  p999: number
  most: number
}

export type ConsumerProgram = 'ring_consumer' | 'perf_consumer'

/** Consumers in C: bench/native/ring_consumer.c and perf_consumer.c. */
export class NativeConsumer {
  readonly #child: Lines

  private constructor(program: ConsumerProgram, map: BpfMap, args: readonly string[]) {
    this.#child = new Lines(`bench/native/${program}`, args, map.fd)
  }

  /** Resolves when it is ready for records. */
  static async start(
    program: ConsumerProgram,
    map: BpfMap,
    ...args: string[]
  ): Promise<NativeConsumer> {
    const consumer = new NativeConsumer(program, map, args)
    await consumer.#child.next() // "ready"
    return consumer
  }

  get pid(): number {
    return this.#child.process.pid ?? -1
  }

  /** Drains what is queued; of a consumer that was started with `--drain`. */
  async drain(): Promise<Received> {
    this.#child.write('\n')
    return parse(await this.#child.next())
  }

  /** Ends a mode that consumes by itself. */
  async finish(): Promise<Received> {
    this.#child.process.stdin?.end()
    const received = parse(await this.#child.next())
    await this.#child.end()
    return received
  }

  async close(): Promise<void> {
    await this.#child.end()
  }
}

function parse(line: string): Received {
  const [records = 0, sum = 0, ns = 0, ...latencies] = line.split(' ').map(Number)
  const [p50, p90, p99, p999, most] = latencies
  if (p50 === undefined || p90 === undefined || p99 === undefined) return { records, sum, ns }
  if (p999 === undefined || most === undefined) return { records, sum, ns }
  return { records, sum, ns, latencies: { p50, p90, p99, p999, most } }
}

/** Nanoseconds that a process's threads have run. */
export function cpuTimeNs(pid: number): number {
  let ns = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      const [ran = '0'] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')
      ns += Number(ran)
    } catch (error) {
      // A thread may have ended since it was listed.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return ns
}
