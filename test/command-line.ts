// The command line in this process: a process of its own takes a second.
import type { Output } from '../lib/cli/command.js'
import { runProgram } from '../lib/cli/program.js'

function outputTo(write: (text: string) => void): Output {
  return {
    write,
    colored: false,
    columns: undefined,
    closed: false,
    drained: () => Promise.resolve(),
  }
}

/** What `bpf-ringbuf` prints to no terminal, and its exit status. */
export async function runCommandLine(
  args: string[],
): Promise<{ status: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const status = await runProgram(
    args,
    outputTo((text) => (out += text)),
    outputTo((text) => (err += text)),
  )
  return { status, out, err }
}
