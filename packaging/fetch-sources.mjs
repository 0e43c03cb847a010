// Downloads sources, and unpacks each as DIRECTORY/NAME. LIST says which: where in
// Debian's pool, the hash, and a day on which it was there; sources.json has those of
// prebuilt addons.
// Usage: fetch-sources.mjs DIRECTORY LIST
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/** The mirror that this machine installs from. */
function mirror() {
  const args = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', 'Label: Debian']
  const [uri] = execFileSync('apt-get', args, { encoding: 'utf8' }).split('\n')
  return uri || 'http://deb.debian.org/debian/'
}

/** Downloads a file, and checks what came. It goes through the proxy that apt goes through. */
function download(url, archive, sha256) {
  const options = ['-o', 'APT::Sandbox::User=root', '-o', 'Acquire::Retries=2']
  const args = [...options, 'download-file', url, archive, `SHA256:${sha256}`]
  try {
    execFileSync('/usr/lib/apt/apt-helper', args, { stdio: 'pipe' })
  } catch (error) {
    const lines = String(error.stderr ?? error.message)
      .trim()
      .split('\n')
    return `${url}: ${lines.find((line) => line.startsWith('E: ')) ?? lines.at(-1)}`
  }
  return undefined
}

/** Whether an archive that was downloaded before is the one that is asked for. */
function isThere(archive, sha256) {
  if (!existsSync(archive)) return false
  return createHash('sha256').update(readFileSync(archive)).digest('hex') === sha256
}

/**
 * From the mirror, whose pool has what some release of Debian has today, or from
 * Debian's archive of what it ever had, as it was on the day that `seen` names.
 */
function fetchArchive({ path, seen, sha256 }, archive) {
  if (isThere(archive, sha256)) return
  const places = [mirror(), `http://snapshot.debian.org/archive/debian/${seen}T000000Z/`]
  const wrong = []
  for (const place of places) {
    const problem = download(`${place}pool/main/${path}`, archive, sha256)
    if (problem === undefined) return
    wrong.push(problem)
  }
  throw new Error(
    `cannot fetch ${basename(path)}:\n  ${wrong.join('\n  ')}\n` +
      `When Debian has another version, give its version, path, sha256 and today's date in ${list}:\n` +
      `"apt-cache showsrc ${basename(dirname(path))}" with deb-src lines of sid names them.`,
  )
}

function fetchSource(source, directory) {
  const { name, path } = source
  const archive = join(directory, basename(path))
  fetchArchive(source, archive)
  const part = join(directory, `${name}.part`)
  rmSync(part, { recursive: true, force: true })
  mkdirSync(part)
  execFileSync('tar', ['-xf', archive, '-C', part, '--strip-components=1', '--no-same-owner'])
  rmSync(join(directory, name), { recursive: true, force: true })
  renameSync(part, join(directory, name))
}

const [directory, list] = process.argv.slice(2).map((path) => resolve(path))
const sources = JSON.parse(readFileSync(list, 'utf8'))
mkdirSync(directory, { recursive: true })
try {
  for (const source of sources.filter(({ documents }) => documents === undefined)) {
    fetchSource(source, directory)
  }
} catch (error) {
  console.error(`fetch-sources.mjs: ${error.message}`)
  process.exit(1)
}
