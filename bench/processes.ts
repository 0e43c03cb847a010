// The C programs that a bench runs, and how it talks to them.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

export const buildDir = join(__dirname, '..')

const [, pageKiB] = /KernelPageSize: +(\d+)/.exec(readFileSync('/proc/self/smaps', 'utf8')) ?? []
export const pageBytes = 1024 * Number(pageKiB)

/** A child process, read line by line. */
export class Lines {
  readonly process: ChildProcess
  readonly #lines: AsyncIterator<string, undefined>

  /** `path`: absolute, or in build/. The program gets `fd` as its descriptor 3. */
  constructor(path: string, args: readonly string[], fd?: number) {
    const stdio = ['pipe', 'pipe', 'inherit', ...(fd === undefined ? [] : [fd])] as const
    this.process = spawn(resolve(buildDir, path), args, { stdio: [...stdio] })
    const { stdout } = this.process
    if (stdout === null) throw new Error(`${path} has no output`)
    this.#lines = createInterface(stdout)[Symbol.asyncIterator]() as AsyncIterator<
      string,
      undefined
    >
    // One that hangs does not outlive the bench.
    const kill = (): void => void this.process.kill('SIGKILL')
    process.once('exit', kill)
    this.process.once('exit', () => process.off('exit', kill))
  }

  get pid(): number {
    return this.process.pid ?? -1
  }

  async next(): Promise<string> {
    const { value } = await this.#lines.next()
    if (value === undefined) throw new Error(`${this.process.spawnfile} ended early`)
    return value
  }

  /** Instead of next(); until it ends. */
  async forEach(take: (line: string) => void): Promise<void> {
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done === true) return
      take(value)
    }
  }

  async numbers(): Promise<number[]> {
    return (await this.next()).split(' ').map(Number)
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
    return this.#child.pid
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
    const [calls = 0, ns = 0] = await this.#child.numbers()
    await this.#child.end()
    return { calls, ns }
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

export const latencyParts = { p50: 0.5, p90: 0.9, p99: 0.99, p999: 0.999 } as const

export type Percentiles = Record<keyof typeof latencyParts, number>

/** What a consumer in C prints: bench/native/consumed.h. */
export function parseReceived([records = 0, sum = 0, ns = 0, ...parts]: number[]): Received {
  const [p50, p90, p99, p999] = parts
  if (p50 === undefined || p90 === undefined || p99 === undefined || p999 === undefined) {
    return { records, sum, ns }
  }
  return { records, sum, ns, latencies: { p50, p90, p99, p999 } }
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
