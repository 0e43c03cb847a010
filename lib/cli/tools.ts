// bpf-ringbuf run and bpf-ringbuf list: the tools of examples/, which the package brings
// compiled, their objects as well.
import type { Command } from './command.js'
import { jsonOf } from './json.js'
import { didYouMean } from './nearest.js'
import { fit } from './printable.js'
import { loadTool, toolNames } from './tool-files.js'
import { parseCommandLine, UsageError } from './usage.js'

const runUsage = `Usage: bpf-ringbuf run NAME [OPTION]...
Runs one of the tools that the package brings, until Ctrl-C. It needs no compiler.

  NAME    one of those that "bpf-ringbuf list" shows
  OPTION  the tool's own: "bpf-ringbuf run NAME --help" says what it takes and needs
`

export const run: Command = {
  name: 'run',
  summary: 'run a tool, such as open-snoop',
  usage: runUsage,
  hasOwnHelp: ([first]) => first !== undefined && !first.startsWith('-'),
  async run([name, ...args]) {
    if (name === undefined) throw new UsageError('Expected the name of a tool but received none')
    const names = toolNames()
    if (!names.includes(name)) {
      throw new UsageError(`there is no tool ${JSON.stringify(name)}: ${didYouMean(name, names)}`)
    }
    return (await loadTool(name)).main(args)
  },
}

const listUsage = `Usage: bpf-ringbuf list [--json]
Lists the tools that "bpf-ringbuf run" runs.

  --json  print one JSON object a line, with what each needs
  --help  print this
`

export const list: Command = {
  name: 'list',
  summary: 'list the tools that "run" runs',
  usage: listUsage,
  async run(args, output) {
    const { values } = parseCommandLine({ args: [...args], options: { json: { type: 'boolean' } } })
    const tools = await Promise.all(toolNames().map(loadTool))
    const width = Math.max(...tools.map(({ name }) => name.length))
    for (const { name, about, needs } of tools) {
      const line = `${name.padEnd(width)}  ${about}`
      const shown = output.columns === undefined ? line : fit(line, output.columns)
      output.write(`${values.json === true ? jsonOf({ name, about, needs }) : shown}\n`)
    }
    return 0
  },
}
