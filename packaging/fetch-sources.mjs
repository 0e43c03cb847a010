// Downloads sources, and unpacks each as DIRECTORY/NAME. LIST says which: where in
// Debian's pool, and the hash; sources.json has those of prebuilt addons.
// Usage: fetch-sources.mjs DIRECTORY LIST
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'

/** The mirror that this machine installs from. */
function mirror() {
  const args = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', 'Label: Debian']
  const [uri] = execFileSync('apt-get', args, { encoding: 'utf8' }).split('\n')
  return uri || 'http://deb.debian.org/debian/'
}

function fetchSource({ name, path, sha256 }, directory) {
  const archive = join(directory, basename(path))
  const url = `${mirror()}pool/main/${path}`
  try {
    // apt's own: it goes through the proxy that apt goes through, and checks the hash.
    const options = ['-o', 'APT::Sandbox::User=root', 'download-file']
    const args = [...options, url, archive, `SHA256:${sha256}`]
    execFileSync('/usr/lib/apt/apt-helper', args, { stdio: 'pipe' })
  } catch (error) {
    const why = String(error.stderr ?? error.message).trim()
    throw new Error(`cannot fetch ${name}; if Debian has a newer one, edit ${list}\n${why}`)
  }
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
