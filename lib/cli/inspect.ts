// bpf-ringbuf inspect: what is in an object, and what of it this machine can run.
import { features } from '../machine/features.js'
import { BpfObject } from '../object/object.js'
import type { Command } from './command.js'
import { type Inspection, inspect, tryToLoad } from './inspection.js'
import { jsonOf } from './json.js'
import { fit, printable, widthOf } from './printable.js'
import { parseCommandLine, UsageError } from './usage.js'

const usage = `Usage: bpf-ringbuf inspect OBJECT [OPTION]...
Says what is in a BPF object: maps, programs, global variables and types, and what of
them this machine can run. Loads nothing of it.

  --load  also loads it, without attaching anything, and says what the kernel
          refuses and why (root)
  --json  print one JSON object
  --help  print this

Exits with status 0, and with --load with 1 when the kernel refuses it.
`

export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'say what is in an object, and what of it this machine can run',
  usage,
  run(args, output) {
    const { values, positionals } = parseCommandLine({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: 'boolean' }, load: { type: 'boolean' } },
    })
    const [path, ...others] = positionals
    if (path === undefined) throw new UsageError('which object? Give the path of a file')
    if (others.length > 0)
      throw new UsageError(`one object at a time, not also ${others.join(' ')}`)
    const { json = false, load = false } = values
    const inspection = {
      ...inspected(path),
      ...(load ? { load: tryToLoad(path) } : {}),
    }
    output.write(
      json
        ? `${jsonOf(inspection)}\n`
        : render(inspection)
            .map((line) => `${fit(line, output.columns ?? Infinity)}\n`)
            .join(''),
    )
    return Promise.resolve(inspection.load?.[0]?.loads === false ? 1 : 0)
  },
}

function inspected(path: string): Inspection {
  using object = BpfObject.open(path)
  return inspect(object, features())
}

function render({ maps, programs, globals, types, load }: Inspection): string[] {
  const reasons: string[] = []
  const reasonOf = ({ name, runs, why }: { name: string; runs: string; why?: string }): void => {
    if (why !== undefined && runs !== 'yes') reasons.push(`  ${name}: ${why}`)
  }
  for (const part of [...maps, ...programs]) reasonOf(part)
  const unread = maps.flatMap(({ name, recordProblem }) =>
    recordProblem === undefined ? [] : [`  ${name}: ${recordProblem}`],
  )
  return [
    ...section(
      'Maps',
      ['runs', 'name', 'type', 'key', 'value or record', 'entries'],
      maps.map((map) => [
        map.runs,
        map.name,
        map.type,
        typeText(map.key, map.keySize),
        map.record ?? typeText(map.value, map.valueSize),
        String(map.maxEntries) + (map.type === 'ringbuf' ? ' bytes' : ''),
      ]),
    ),
    ...section(
      'Programs',
      ['runs', 'name', 'type', 'section'],
      programs.map(({ runs, name, type, section, autoload }) => [
        runs,
        name,
        type,
        section + (autoload ? '' : '  (loaded when asked for)'),
      ]),
    ),
    ...section(
      'Global variables',
      ['name', 'type', 'section', 'value'],
      globals.map(({ name, type, section, value }) => [
        name,
        type,
        section,
        value === undefined ? '-' : jsonOf(value),
      ]),
    ),
    ...(types.length === 0 ? [] : ['Types']),
    ...types.flatMap(({ kind, name, size, members }) => [
      `  ${kind} ${printable(name)} {  // ${size} bytes`,
      ...members.map(({ declaration, bitOffset }) => {
        const lines = printable(declaration.replaceAll('\n', ' ')).replaceAll('\t', ' ')
        return `    ${lines};  // at ${placeOf(bitOffset)}`
      }),
      '  }',
    ]),
    ...(types.length === 0 ? [] : ['']),
    ...(reasons.length === 0 ? [] : ['What does not run here, or may not', ...reasons, '']),
    ...(unread.length === 0 ? [] : ['Records that are shown as bytes', ...unread, '']),
    ...(load === undefined ? [] : ['Loading']),
    ...(load ?? []).flatMap(({ program, loads, why }) => [
      `  ${loads ? 'yes' : 'no '}  ${program ?? 'the whole object'}`,
      ...(why === undefined ? [] : why.split('\n').map((line) => `       ${printable(line)}`)),
    ]),
  ]
}

function placeOf(bitOffset: number): string {
  const bits = bitOffset % 8
  return `${Math.floor(bitOffset / 8)}${bits === 0 ? '' : `, bit ${bits}`}`
}

function typeText(type: string | null, size: number): string {
  if (type !== null) return type
  return size === 0 ? '-' : `${size} bytes`
}

/** Columns as wide as what is in them. */
function section(title: string, headers: string[], rows: string[][]): string[] {
  if (rows.length === 0) return []
  const table = [headers, ...rows.map((row) => row.map(printable))]
  const widths = headers.map((_, i) => Math.max(...table.map((row) => widthOf(row[i] ?? ''))))
  const lines = table.map((row) =>
    row
      .map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - widthOf(cell)))
      .join('  ')
      .trimEnd(),
  )
  return [title, ...lines.map((line) => `  ${line}`), '']
}
