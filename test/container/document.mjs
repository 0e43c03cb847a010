// docs/containers.md: the matrix in it, and command lines for users.
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { events } from './matrix.mjs'
import { profilePath } from './podman.mjs'

const root = resolve(import.meta.dirname, '../..')
const documentPath = join(root, 'docs/containers.md')
const programs = ['tracepoint', 'raw_tp', 'tp_btf']

function describe(outcome, hints) {
  if (outcome.events) return 'events'
  if (outcome.hint === undefined) return outcome.code ?? 'no events'
  if (!hints.includes(outcome.hint)) hints.push(outcome.hint)
  return `${outcome.code} (${hints.indexOf(outcome.hint) + 1})`
}

/** The options of a cell as a user writes them. */
function optionsText({ options }) {
  return options.join(' ').replace(profilePath, 'seccomp.json')
}

/** The matrix as Markdown, of what was seen. */
export async function matrixMarkdown(seen) {
  const hints = []
  const rows = seen.map(({ cell, outcomes }) => [
    `\`${cell.name}\``,
    cell.what,
    ...programs.map((program) => describe(outcomes[program] ?? {}, hints)),
  ])
  const header = ['cell', 'started with', ...programs]
  const table = [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`)
  const width = Math.max(...seen.map(({ cell }) => cell.name.length))
  const options = seen.map(({ cell }) =>
    `${cell.name.padEnd(width)}  ${optionsText(cell)}`.trimEnd(),
  )
  const text = [
    table.join('\n'),
    hints.map((hint, index) => `${index + 1}. ${hint}`).join('\n'),
    'The options of each:',
    '```text\n' + options.join('\n') + '\n```',
  ].join('\n\n')
  return (await format(text, { ...(await resolveConfig(documentPath)), parser: 'markdown' })).trim()
}

const written = /(<!-- Written by .* -->\n)([^]*)(\n<!-- End -->)/

export function writeMatrix(matrix) {
  const text = readFileSync(documentPath, 'utf8')
  const replaced = text.replace(written, (_, begin, old, end) => `${begin}\n${matrix}\n${end}`)
  writeFileSync(documentPath, replaced)
}

/** Whether the document has this matrix. */
export function checkMatrix(matrix) {
  if (written.exec(readFileSync(documentPath, 'utf8'))?.[2].trim() === matrix) return undefined
  return 'It has another one: make test-container ARGS=--write'
}

/** Each command line for users has the options of a cell in which exec-snoop's kind has events. */
export function checkCommands(path, known) {
  const proven = known.filter(({ expected }) => expected.tp_btf === events).map(optionsText)
  const text = readFileSync(join(root, path), 'utf8').replace(/\\\n\s*/g, '')
  const lines = text.match(/^(docker|podman) run .*$/gm) ?? []
  const unproven = lines.filter((line) => {
    const options = /^\w+ run --rm (.*)exec-snoop$/.exec(line)?.[1]
    return options === undefined || !proven.includes(options.trim())
  })
  return unproven.length > 0 ? `No cell proves:\n${unproven.join('\n')}` : undefined
}
