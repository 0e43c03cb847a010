// The program bpf-ringbuf: finds the command and runs it.
import { BpfError, VerifierError } from '../errors/errors.js'
import { didYouMean } from '../errors/near.js'
import { build } from './build.js'
import type { Command, Output } from './command.js'
import { doctor } from './doctor.js'
import { gen } from './gen.js'
import { include } from './include.js'
import { init } from './init.js'
import { inspectCommand } from './inspect.js'
import { map } from './map.js'
import { tail } from './tail.js'
import { list, run } from './tools.js'
import { UsageError, ValueError } from './usage.js'
import { packageVersion } from './version.js'
import { vmlinux } from './vmlinux.js'

const commands: readonly Command[] = [
  run,
  list,
  tail,
  inspectCommand,
  map,
  doctor,
  init,
  build,
  gen,
  vmlinux,
  include,
]

const wrongUsage = 2
const failed = 1
/** Of a verifier's log. */
const mostLines = 20

function usage(): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  const list = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`)
  return (
    'Usage: bpf-ringbuf COMMAND [OPTION]...\n' +
    list.join('') +
    '\n  --help     print this, or with a COMMAND what it takes\n' +
    '  --version  print the version\n'
  )
}

/**
 * Runs a command line; gives the exit status: 2 when the command line is wrong,
 * otherwise the command's own.
 */
export async function runProgram(
  args: readonly string[],
  output: Output,
  errors: Output,
): Promise<number> {
  const [first, ...rest] = args
  const command = commands.find(({ name }) => name === first)
  try {
    if (command !== undefined) {
      if (rest.includes('--help') && command.hasOwnHelp?.(rest) !== true) {
        output.write(command.usage)
        return 0
      }
      return await command.run(rest, output, errors)
    }
    if (first === '--help') output.write(usage())
    else if (first === '--version') output.write(`${packageVersion()}\n`)
    else {
      errors.write(first === undefined ? usage() : `bpf-ringbuf: ${unknown(first)}\n\n${usage()}`)
      return wrongUsage
    }
    return 0
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof BpfError)) throw error
    const name = command === undefined ? '' : ` ${command.name}`
    errors.write(`bpf-ringbuf${name}: ${error.message}\n`)
    if (error instanceof UsageError && command !== undefined) {
      const [first = ''] = command.usage.split('\n', 1)
      const help = `bpf-ringbuf ${command.name} --help`
      if (error instanceof ValueError) errors.write(`See "${help}".\n`)
      else errors.write(`\n${first}\n"${help}" says what each is.\n`)
    }
    if (error instanceof VerifierError) errors.write(lastLines(error.verifierLog))
    return error instanceof UsageError ? wrongUsage : failed
  }
}

/** Of a verifier's log, whose end says what it did not like. */
function lastLines(log: string): string {
  const lines = log.trimEnd().split('\n')
  return lines.length <= 1 ? '' : `\n${lines.slice(-mostLines).join('\n')}\n`
}

function unknown(argument: string): string {
  const kind = argument.startsWith('-') ? 'option' : 'command'
  const names = kind === 'command' ? commands.map(({ name }) => name) : ['--help', '--version']
  return `there is no ${kind} ${JSON.stringify(argument)}${didYouMean(argument, names)}`
}
