// test/native/activity.c as a child process.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { until } from './until.js'

/** Where `make build-tests` puts it. */
export const activityPath = join(__dirname, '../build/test/activity')

const running = new Set<ChildProcess>()

/** Does what a tool is to see when run() is called, and is there until it is ended. */
export class Activity {
  readonly #child: ChildProcess
  readonly #name: string

  /**
   * @param commands As the program takes them, such as `sleep 10 5, burn 100`.
   * @param path Of the program, or of a copy under another name.
   */
  constructor(commands: string, path = activityPath) {
    const words = commands.replaceAll(',', ' , ').split(/\s+/)
    this.#name = basename(path)
    this.#child = spawn(path, words, { stdio: ['pipe', 'pipe', 'inherit'] })
    running.add(this.#child)
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** Waits until it is where it waits: what it calls before that counts as well. */
  async waiting(): Promise<this> {
    await until(() => statusOf(this.pid).includes(` (${this.#name}) S `))
    return this
  }

  /** Has it do everything; resolves when it has, and waits again. */
  async run(): Promise<void> {
    const { stdin, stdout } = this.#child
    if (stdin === null || stdout === null) throw new Error('It has no pipes')
    const done = once(stdout, 'data')
    stdin.write('\n')
    await done
    // It may have lost its CPU on the way: what it calls after that counts as well.
    await this.waiting()
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.stdin?.end()
    await ended
    running.delete(this.#child)
  }
}

function statusOf(pid: number): string {
  return readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
}

/** Ends what a failed test left running. */
export function killActivities(): void {
  for (const child of running) {
    // Of one that could not be started Node would end this process's whole group.
    if (child.pid !== undefined) child.kill('SIGKILL')
  }
  running.clear()
}
