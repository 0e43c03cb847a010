// bpf-ringbuf include: how to call clang, for Makefiles.
import {
  compileFlags,
  compileOptions,
  compileUsage,
  headerDirectory,
  readCompilation,
} from './compile-flags.js'
import type { Command } from './command.js'
import { parseCommandLine, splitExtra } from './usage.js'

const usage = `Usage: bpf-ringbuf include [OPTION]... [-- CLANG-OPTION...]
Prints the flags with which clang compiles a BPF program here, quoted for the shell:
  clang $(npx bpf-ringbuf include) -c agent.bpf.c -o agent.bpf.o

  --directory       print only the folder of bpf-ringbuf.bpf.h
${compileUsage}
  --help            print this
`

export const include: Command = {
  name: 'include',
  summary: 'print the flags of clang, for Makefiles',
  usage,
  run(args, output) {
    const [own, extra] = splitExtra(args)
    const { values } = parseCommandLine({
      args: own,
      options: { ...compileOptions, directory: { type: 'boolean' } },
    })
    const flags = values.directory === true ? [] : compileFlags(readCompilation(values, extra))
    output.write(
      values.directory === true
        ? `${headerDirectory}\n`
        : `${flags.map(quoteForShell).join(' ')}\n`,
    )
    return Promise.resolve(0)
  },
}

export function quoteForShell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
