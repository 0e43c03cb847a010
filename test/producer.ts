// test/native/producer.c as a child process.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './until.js'

export class Producer {
  readonly #child: ChildProcess

  /** @param args As the program takes them; it waits until run(). */
  constructor(...args: string[]) {
    this.#child = spawn(join(__dirname, '../build/test/producer'), args, {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** Waits until it is where it waits: what it calls before that counts as well. */
  async waiting(): Promise<void> {
    await until(() => {
      const stat = readFileSync(`/proc/${String(this.pid)}/stat`, 'utf8')
      return stat.includes(' (producer) S ')
    })
  }

  /** Makes all system calls. */
  async run(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.stdin?.write('\n')
    await ended
  }

  /** Lets run() end early. */
  end(): void {
    this.#child.stdin?.end()
  }

  kill(): void {
    // Of one that could not be started Node would end this process's whole group.
    if (this.#child.pid !== undefined) this.#child.kill('SIGKILL')
  }
}
