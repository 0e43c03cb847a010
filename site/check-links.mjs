// Fails when a link of the site leads to a page, a heading or a file that is not there.
// Usage: check-links.mjs DIRECTORY
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

const [directory] = process.argv.slice(2)
const base = process.env.DOCS_BASE ?? '/'

const pages = new Map(
  readdirSync(directory, { recursive: true })
    .filter((name) => name.endsWith('.html'))
    .map((name) => [`/${name}`, readFileSync(join(directory, name), 'utf8')]),
)
const anchors = new Map(
  [...pages].map(([name, html]) => [
    name,
    new Set(Array.from(html.matchAll(/ id="([^"]*)"/g), ([, id]) => id)),
  ]),
)

function problem(from, href) {
  const { pathname, hash } = new URL(href, `http://site${posix.join(base, from)}`)
  if (!pathname.startsWith(base)) return 'it leads out of the site'
  const path = decodeURI(`/${pathname.slice(base.length)}`)
  const page = [path, `${path}.html`, posix.join(path, 'index.html')].find((it) => anchors.has(it))
  if (page === undefined) {
    const isFile = !path.endsWith('/') && existsSync(join(directory, path))
    return isFile ? undefined : 'there is no such page'
  }
  const isThere = hash === '' || anchors.get(page).has(decodeURIComponent(hash.slice(1)))
  return isThere ? undefined : 'the page has no such heading'
}

const told = new Set()
let count = 0
for (const [name, html] of pages) {
  const links = new Set(Array.from(html.matchAll(/<a [^>]*?href="([^"]*)"/g), ([, href]) => href))
  for (const href of links) {
    if (/^[a-z]+:/.test(href)) continue
    count++
    const what = problem(name, href.replaceAll('&amp;', '&'))
    if (what === undefined || told.has(href)) continue
    told.add(href)
    console.error(`${name}: ${href}: ${what}`)
    process.exitCode = 1
  }
}
if (count === 0) throw new Error(`${directory} has no links`)
console.log(`${told.size === 0 ? '' : 'not '}ok ${count} links of ${pages.size} pages`)
