// bpf-ringbuf init: a small agent to begin with.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { BpfError } from '../errors/errors.js'
import type { Command } from './command.js'
import { onFile } from './files.js'
import { quoteForShell } from './include.js'
import { parseCommandLine, UsageError } from './usage.js'
import { packageVersion } from './version.js'

const usage = `Usage: bpf-ringbuf init FOLDER
       bpf-ringbuf init --here [NAME]
Lays out a small agent in a new folder: a BPF program, strict TypeScript that uses its
typed module, a test, a Containerfile. The package is called as the folder is.

  --here  in this folder, which has to be empty
  --help  print this
`

const templates = join(__dirname, '../../templates/agent')

export const init: Command = {
  name: 'init',
  summary: 'lay out a small agent to begin with',
  usage,
  run(args, output) {
    const { values, positionals } = parseCommandLine({
      args: [...args],
      allowPositionals: true,
      options: { here: { type: 'boolean' } },
    })
    const here = values.here === true
    const [given, ...others] = positionals
    if (others.length > 0) throw new UsageError(`Unexpected argument '${others[0] ?? ''}'`)
    if (!here && (given ?? '') === '') throw new UsageError('Expected a folder, or --here')
    const folder = resolve(here ? '.' : (given ?? '.'))
    const name = here && given !== undefined ? given : basename(folder)
    const problem = problemOfName(name)
    if (problem !== undefined) {
      throw new UsageError(`npm has no packages called ${JSON.stringify(name)}: ${problem}`)
    }
    checkEmpty(folder)
    for (const path of filesBelow(templates)) {
      // npm leaves out of a package what is called .gitignore.
      const target = join(
        folder,
        relative(templates, path).replace(/^(git|docker)ignore$/, '.$1ignore'),
      )
      const text = readFileSync(path, 'utf8')
        .replaceAll('my-agent', name)
        .replaceAll('0.0.0-of-bpf-ringbuf', `^${packageVersion()}`)
      onFile('write', target, () => {
        mkdirSync(dirname(target), { recursive: true })
        writeFileSync(target, text, { flag: 'wx' })
      })
    }
    const path = relative('.', folder)
    const enter = path === '' ? '' : `  cd ${quoteForShell(path)}\n`
    output.write(
      `${name} is laid out in ${folder}. Next:\n${enter}` +
        '  npm install\n  npm run build\n  npm test\n  sudo npm start\n',
    )
    return Promise.resolve(0)
  },
}

/** Why npm refuses a name for a new package; undefined when it does not. */
export function problemOfName(name: string): string | undefined {
  const plain = name.replace(/^@[a-z0-9~-][a-z0-9._~-]*\//, '')
  if (name.length > 214) return 'it is longer than 214 characters'
  if (plain === '') return 'it is empty'
  if (/^[._]/.test(plain)) return 'it begins with a dot or an underscore'
  if (/[A-Z]/.test(plain)) return 'it has capital letters'
  if (!/^[a-z0-9~-][a-z0-9._~-]*$/.test(plain)) {
    return 'it has characters other than letters, digits and ._~-'
  }
  if (plain === name && [...builtinModules, 'node_modules', 'favicon.ico'].includes(name)) {
    return 'Node has a module of this name'
  }
  if (name === 'bpf-ringbuf') return 'a package cannot depend on one of its own name'
  return undefined
}

/** @throws {BpfError} `ERR_EXISTS` */
function checkEmpty(folder: string): void {
  let found: string[]
  try {
    // What `git init` makes may be there.
    found = readdirSync(folder).filter((name) => name !== '.git')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    return onFile('read', folder, () => {
      throw error
    })
  }
  const [first] = found
  if (first === undefined) return
  throw new BpfError('ERR_EXISTS', `it is not empty: it has ${JSON.stringify(first)}`, {
    operation: 'lay out an agent in',
    target: folder,
    hint: 'Give a new folder',
  })
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesBelow(path) : [path]
  })
}
