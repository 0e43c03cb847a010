// strace: the system calls of a program, as another tool sees them.
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A call, as strace writes it. */
export interface Call {
  /** The thread. */
  readonly pid: number
  readonly name: string
  readonly args: string
  readonly result: number
  readonly error: string | null
}

/** A signal that a thread got, as strace writes it. */
export interface Signal {
  readonly pid: number
  readonly name: string
  /** What came with it, such as `si_code=SI_USER, si_pid=1`. */
  readonly info: string
}

interface Line {
  readonly pid: number
  readonly text: string
}

/** Runs a program and its children; gives what strace writes, for each thread in order. */
async function run(options: readonly string[], command: readonly string[]): Promise<Line[]> {
  const directory = mkdtempSync(join(tmpdir(), 'strace-'))
  const log = ['-ff', '-qq', '-s', '5000', '-o', join(directory, 'log')]
  try {
    await promisify(execFile)('strace', [...log, ...options, '--', ...command]).catch(
      (error: unknown) => {
        // It ends as the program does.
        if (!readdirSync(directory).length) throw error
      },
    )
    return readdirSync(directory).flatMap((file) => {
      const pid = Number(file.split('.').at(-1))
      const lines = readFileSync(join(directory, file), 'utf8').split('\n')
      return lines.map((text) => ({ pid, text }))
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const call = /^(\w+)\((.*)\) += (-?\d+)(?: (E\w+) .*)?$/

/** The calls of these names that a program and its children make. */
export async function straced(names: string, command: readonly string[]): Promise<Call[]> {
  const lines = await run(['-e', `trace=${names}`, '-e', 'signal=none'], command)
  return lines.flatMap(({ pid, text }): Call[] => {
    const [, name = '', args = '', result, error = null] = call.exec(text) ?? []
    return result === undefined ? [] : [{ pid, name, args, result: Number(result), error }]
  })
}

/** The signals that a program and its children get. */
export async function signalled(command: readonly string[]): Promise<Signal[]> {
  const lines = await run(['-e', 'trace=none'], command)
  return lines.flatMap(({ pid, text }): Signal[] => {
    const [, name, info = ''] = /^--- (SIG\w+) \{(.*)\} ---$/.exec(text) ?? []
    return name === undefined ? [] : [{ pid, name, info }]
  })
}
