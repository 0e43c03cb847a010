// What docs/containers.md says about containers.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../checks.mjs'
import { formatted, table } from '../document.mjs'
import { events } from './matrix.mjs'
import { profilePath } from './podman.mjs'

const programs = ['tracepoint', 'raw_tp', 'tp_btf']

/** What a program did, in a word; its error is added to those that are listed. */
function describe({ events, code, hint }, errors) {
  if (events) return 'events'
  const error = code === undefined ? 'No event arrived.' : `${code}: ${hint}`
  if (!errors.includes(error)) errors.push(error)
  return `error ${errors.indexOf(error) + 1}`
}

/** The options of a cell as a user writes them. */
function optionsText({ options }) {
  return options.join(' ').replace(profilePath, 'seccomp.json')
}

/** In lines that are not too long, each with the option's value beside it. */
function foldedOptions(cell) {
  const parts = optionsText(cell).match(/--?\S+(?: [^-]\S*)?/g) ?? ['(none)']
  const lines = ['']
  for (const part of parts) {
    if (lines.at(-1).length + part.length > 95) lines.push('')
    lines.push(`${lines.pop()} ${part}`)
  }
  return [cell.name, ...lines.map((line) => `   ${line}`)].join('\n')
}

/** The matrix as Markdown, of what was seen. */
export async function matrixMarkdown(seen) {
  const errors = []
  const rows = seen.map(({ cell, outcomes }) => [
    `\`${cell.name}\``,
    cell.what,
    ...programs.map((program) => describe(outcomes[program] ?? {}, errors)),
  ])
  const text = [
    table(['cell', 'started with', ...programs], rows),
    errors.map((error, index) => `${index + 1}. ${error}`).join('\n'),
    'Each cell is started with these options:',
    ['```text', ...seen.map(({ cell }) => foldedOptions(cell)), '```'].join('\n'),
  ].join('\n\n')
  return (await formatted(text)).trim()
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
