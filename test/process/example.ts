// Runs a program of examples/ as a process of its own.
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const directory = join(__dirname, '../../build/examples')

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

const running = new Set<Example>()

export class Example {
  readonly ended: Promise<Ended>
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly #waiters = new Set<() => void>()
  #closed = false

  constructor(command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.#look()
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
      this.#look()
    })
    running.add(this)
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      running.delete(this)
      this.#closed = true
      this.#look()
      return {
        code: code as number | null,
        signal: signal as NodeJS.Signals | null,
        stdout: this.stdout,
        stderr: this.stderr,
      }
    })
  }

  /** Starts build/examples/NAME.js. */
  static start(name: string, args: readonly string[] = [], options: SpawnOptions = {}): Example {
    return new Example(process.execPath, [join(directory, `${name}.js`), ...args], options)
  }

  /** Waits until a stream has what the pattern matches. */
  async until(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<void> {
    while (!pattern.test(this[stream])) {
      if (this.#closed) {
        throw new Error(
          `It ended before ${stream} had ${String(pattern)}\n${this.stdout}${this.stderr}`,
        )
      }
      await new Promise<void>((resolve) => this.#waiters.add(resolve))
    }
  }

  stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Ended> {
    this.child.kill(signal)
    return this.ended
  }

  #look(): void {
    for (const look of this.#waiters) look()
    this.#waiters.clear()
  }
}

/** Ends what a failed test left running. */
export async function killRunning(): Promise<void> {
  await Promise.all([...running].map((example) => example.stop('SIGKILL')))
}
