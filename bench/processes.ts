// The C programs that a bench runs, and how it talks to them.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { BpfMap } from 'bpf-ringbuf'

export const buildDir = join(__dirname, '..')

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

/** Makes system calls on a CPU of its own: test/native/producer.c. */
export class Producer {
  readonly #child: Lines

  constructor(options: { cpu: number; seconds?: number; calls?: number; pauseUs?: number }) {
    const args = ['--cpu', String(options.cpu)]
    if (options.seconds !== undefined) args.push('--seconds', String(options.seconds))
    if (options.calls !== undefined) args.push('--calls', String(options.calls))
    if (options.pauseUs !== undefined) args.push('--pause-us', String(options.pauseUs))
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
  async run(): Promise<{ calls: number; ns: number }> {
    this.start()
    const [calls, ns] = (await this.#child.next()).split(' ').map(Number)
    await this.#child.end()
    return { calls: calls ?? 0, ns: ns ?? 0 }
  }
}

/** What a consumer received. */
export interface Received {
  records: number
  /** Of the records' first 32-bit words. */
  sum: number
  ns: number
}

type ConsumerMode = '--poll' | '--drain' | '--latency' | '--watermark' | '--timer'

/** The baselines: bench/native/ring_consumer.c and perf_consumer.c. */
export class NativeConsumer {
  readonly #child: Lines

  private constructor(program: string, map: BpfMap, mode: ConsumerMode) {
    this.#child = new Lines(`bench/native/${program}`, [mode], map.fd)
  }

  static async start(
    program: 'ring_consumer' | 'perf_consumer',
    map: BpfMap,
    mode: ConsumerMode,
  ): Promise<NativeConsumer> {
    const consumer = new NativeConsumer(program, map, mode)
    await consumer.#child.next() // "ready"
    return consumer
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

  /** Ends `--latency`. */
  async latencies(): Promise<number[]> {
    this.#child.process.stdin?.end()
    const lines = await this.#child.rest()
    return lines.map(Number)
  }

  async close(): Promise<void> {
    await this.#child.end()
  }
}

function parse(line: string): Received {
  const [records = 0, sum = 0, ns = 0] = line.split(' ').map(Number)
  return { records, sum, ns }
}
