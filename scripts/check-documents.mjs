// Fails when a table of a document is wider than a screen: turn it on its side.
// Prettier sees to the width of the prose.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const widest = 120

const paths = ['.', 'docs', 'docs/guide'].flatMap((directory) =>
  readdirSync(directory).map((name) => join(directory, name)),
)
for (const path of paths.filter((path) => path.endsWith('.md'))) {
  for (const [index, line] of readFileSync(path, 'utf8').split('\n').entries()) {
    if (!line.startsWith('|') || line.length <= widest) continue
    console.error(`${path}:${index + 1}: a table of ${line.length} columns, at most ${widest}`)
    process.exitCode = 1
  }
}
