// test/native/producer.c as a child process.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

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
    this.#child.kill('SIGKILL')
  }
}
