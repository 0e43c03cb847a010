// The tools of bcc that are made with libbpf, Debian's package libbpf-tools: what
// they print of an activity is compared with what ours find.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { until } from './until.js'

const tracefs = '/sys/kernel/tracing'

/** System calls in which a tool waits once it is attached: nanosleep, clock_nanosleep, epoll_wait, epoll_pwait. */
const waits = ['35', '230', '232', '281']

const running = new Set<ChildProcess>()

/** One of them at work. */
export class BccTool {
  readonly #child: ChildProcess
  readonly #name: string
  #output = ''
  #errors = ''

  constructor(name: string, ...args: (string | number)[]) {
    const path = pathOf(name)
    const words = [path, ...args.map(String)]
    // With tracefs, which they need; in a mount namespace of its own.
    const mounting = ['--mount', 'sh', '-c', `mount -t tracefs tracefs ${tracefs}; exec "$@"`, 'sh']
    const [program = '', ...rest] = existsSync(`${tracefs}/events`)
      ? words
      : ['unshare', ...mounting, ...words]
    this.#name = basename(path)
    this.#child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
    running.add(this.#child)
    this.#child.stdout?.setEncoding('utf8').on('data', (text) => (this.#output += String(text)))
    this.#child.stderr?.setEncoding('utf8').on('data', (text) => (this.#errors += String(text)))
  }

  /** Waits until it is attached and waits itself. */
  async ready(): Promise<void> {
    await until(
      () => {
        if (this.#child.exitCode !== null) throw new Error(`${this.#name} ended: ${this.#errors}`)
        return this.#waits()
      },
      () => `${this.#name} waits; it printed ${this.#errors}`,
    )
  }

  /** Waits until it has read what it was woken for, if it has not ended by itself. */
  async idle(): Promise<void> {
    await until(
      () => this.#child.exitCode !== null || this.#waits(),
      () => `${this.#name} waits again`,
    )
  }

  #waits(): boolean {
    const process = `/proc/${String(this.#child.pid)}`
    const comm = readFileSync(`${process}/comm`, 'utf8').trim()
    // Of what is about to run there is no call.
    const [call = ''] = readFileSync(`${process}/syscall`, 'utf8').split(' ')
    return comm === this.#name.slice(0, 15) && waits.includes(call)
  }

  /** Interrupts it; gives what it printed. */
  async end(): Promise<string> {
    if (this.#child.exitCode === null) {
      const closed = once(this.#child, 'close')
      this.#child.kill('SIGINT')
      await closed
    }
    running.delete(this.#child)
    return this.#output
  }
}

/**
 * Whether ours are compared with them: in a guest if they are made for its kernel, on
 * this machine if they are installed, which REQUIRE_BPF=1 demands.
 */
export const bccIsHere = areHere()

function areHere(): boolean {
  if (process.env['KERNEL_LACKS'] !== undefined) return process.env['BCC_TOOLS'] === '1'
  if (process.env['REQUIRE_BPF'] === '1' || existsSync(pathOf('syscount'))) return true
  process.stderr.write('not compared with bcc: install libbpf-tools\n')
  return false
}

/** Where the package has a tool; since Debian 13 its name ends with `-libbpf`. */
export function pathOf(name: string): string {
  const path = `/usr/sbin/${name}`
  return existsSync(`${path}-libbpf`) ? `${path}-libbpf` : path
}

/** Ends what a failed test left running. */
export async function killTools(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      const closed = once(child, 'close')
      // Of one that could not be started Node would end this process's whole group.
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await closed
      }
    }),
  )
  running.clear()
}
