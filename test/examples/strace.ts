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

const call = /^(\w+)\((.*)\) += (-?\d+)(?: (E\w+) .*)?$/

/** Runs a program and its children; gives the calls of these names, those of a thread in order. */
export async function straced(names: string, command: readonly string[]): Promise<Call[]> {
  const directory = mkdtempSync(join(tmpdir(), 'strace-'))
  try {
    const log = ['-ff', '-qq', '-s', '5000', '-o', join(directory, 'log')]
    await promisify(execFile)('strace', [...log, '-e', `trace=${names}`, '--', ...command])
    return readdirSync(directory).flatMap((file) => {
      const pid = Number(file.split('.').at(-1))
      const lines = readFileSync(join(directory, file), 'utf8').split('\n').slice(0, -1)
      return lines.flatMap((line): Call[] => {
        const [, name = '', args = '', result, error = null] = call.exec(line) ?? []
        return result === undefined ? [] : [{ pid, name, args, result: Number(result), error }]
      })
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
}
