// Fails when a table of a document is wider than a screen (turn it on its side), and when
// a link leads to a file or a heading that is not there, or one of the package's documents
// to a file that the package does not have. Prettier sees to the width of the prose.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

const widest = 120
const { repository } = JSON.parse(readFileSync('package.json', 'utf8'))
/** In front of files that the package does not have. */
const home = repository.url.replace(/^git\+/, '').replace(/\.git$/, '')
const packaged = /^(docs|bpf\/include)\/|^(README|CHANGELOG)\.md$/

const paths = ['.', 'docs', 'docs/guide', 'templates/agent']
  .flatMap((directory) => readdirSync(directory).map((name) => join(directory, name)))
  .filter((path) => path.endsWith('.md'))
const documents = new Map(paths.map((path) => [path, readFileSync(path, 'utf8')]))

function complain(path, line, text) {
  console.error(`${path}:${line}: ${text}`)
  process.exitCode = 1
}

/** What GitHub calls the headings of a document. */
function anchorsOf(text) {
  const headings = text.replace(/^```[^]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm)
  return Array.from(headings, ([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** The file that a link to the repository names. */
function inRepository(target) {
  if (!target.startsWith(home)) return undefined
  return /^\/(?:blob|tree)\/main\/([^#]+)/.exec(target.slice(home.length))?.[1]
}

function linkProblem(path, target) {
  const [file, anchor] = target.split('#')
  const outside = inRepository(target)
  const to = outside ?? (file === '' ? path : join(dirname(path), file))
  if (!existsSync(to)) return 'there is no such file'
  if (outside === undefined && packaged.test(path) && !packaged.test(to)) {
    return `it is not in the package: ${home}/${statSync(to).isDirectory() ? 'tree' : 'blob'}/main/${to}`
  }
  if (anchor === undefined || !documents.has(to)) return undefined
  return anchorsOf(documents.get(to)).includes(anchor) ? undefined : 'there is no such heading'
}

for (const [path, text] of documents) {
  for (const [index, line] of text.split('\n').entries()) {
    // Also in a list or a quotation; characters, of which some are two units.
    const width = /^[\s>]*\|/.test(line) ? Array.from(line).length : 0
    if (width > widest) complain(path, index + 1, `a table of ${width} columns, at most ${widest}`)
  }
  const lineOf = (position) => text.slice(0, position).split('\n').length
  for (const { 1: target, index } of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target) && inRepository(target) === undefined) continue
    const problem = linkProblem(path, target)
    if (problem !== undefined) complain(path, lineOf(index), `${target}: ${problem}`)
  }
}
