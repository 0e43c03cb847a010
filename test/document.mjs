// What the runners of checks write into docs/.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { check, root } from './checks.mjs'

/** A table in Markdown; `rule` is what stands below the head of each column but the first. */
export function table(head, rows, rule = '---') {
  const rules = head.map((_, column) => (column === 0 ? '---' : rule))
  return [head, rules, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Markdown as the linters want it. */
export async function formatted(markdown) {
  const options = await resolveConfig(join(root, 'docs/formatted.md'))
  return format(markdown, { ...options, parser: 'markdown' })
}

/** Checks that a document has this text; with `write`, after it has been written. */
export async function checkDocument(path, markdown, write) {
  const text = await formatted(markdown)
  const file = join(root, path)
  if (write) writeFileSync(file, text)
  const current = existsSync(file) ? readFileSync(file, 'utf8') : ''
  check(`${path} says what was seen`, current === text, 'Write it again with --write')
}

const generated = /(<!-- Written by .* -->\n)[^]*(\n<!-- End -->)/

/** The same for the part of a document that stands between two comments. */
export async function checkPart(path, markdown, write) {
  const text = readFileSync(join(root, path), 'utf8')
  const whole = text.replace(generated, (_, begin, end) => `${begin}\n${markdown}\n${end}`)
  await checkDocument(path, whole, write)
}
