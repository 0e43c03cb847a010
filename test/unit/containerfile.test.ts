// The Containerfile of the agent that `init` lays out: it copies what is there or was made
// by then, and runs what the agent has. That it builds takes an engine, and is not tried.
import { readdirSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'

const agent = join(__dirname, '../../templates/agent')
const read = (name: string): string => readFileSync(join(agent, name), 'utf8')

interface Manifest {
  engines: { node: string }
  scripts: Record<string, string>
}

const manifest = JSON.parse(read('package.json')) as Manifest
const { outDir, rootDir = 'src' } = (
  JSON.parse(read('tsconfig.json').replace(/^\s*\/\/.*$/gm, '')) as {
    compilerOptions: { outDir: string; rootDir?: string }
  }
).compilerOptions

/** Each with what follows it, also over several lines. */
const instructions = read('Containerfile')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\s*\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => {
    const [name = '', ...words] = line.split(' ')
    return { name, words, text: words.join(' ') }
  })

/** What an image has in /agent: what was copied to it, and what the commands make. */
function build(problems: string[]): Set<string> {
  const stages = new Map<string, Set<string>>()
  let files = new Set<string>()
  const has = (path: string): boolean =>
    [...files].some((file) => file === path || file.startsWith(`${path}/`))
  for (const { name, words, text } of instructions) {
    if (name === 'FROM') {
      files = new Set()
      if (words[1] === 'AS') stages.set(words[2] ?? '', files)
    } else if (name === 'COPY') {
      const stage = /^--from=(\w+)$/.exec(words[0] ?? '')?.[1]
      const from = stage === undefined ? contextFiles() : [...(stages.get(stage) ?? [])]
      const [source = '', target = ''] = stage === undefined ? words : words.slice(1)
      const path = normalize(stage === undefined ? source : source.replace(/^\/agent\//, ''))
      const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replace('*', '[^/]*')}(/|$)`)
      const found = from.filter((file) => pattern.test(file))
      if (found.length === 0) problems.push(`COPY ${text}: there is no ${path}`)
      const base = target === './' ? '' : normalize(target)
      for (const file of found) files.add(base === '' ? file : file.replace(path, base))
    } else if (name === 'RUN') {
      for (const command of text.split(' && ')) runs(command, files, has, problems)
    } else if (name === 'CMD') {
      const start = (JSON.parse(text) as string[]).join(' ')
      if (start !== manifest.scripts['start']) problems.push(`CMD is not npm start: ${start}`)
      const [, program = ''] = start.split(' ')
      if (!has(program)) problems.push(`CMD ${text}: there is no ${program}`)
    }
  }
  return files
}

/** Relative to the agent's folder, without what .dockerignore leaves out. */
function contextFiles(): string[] {
  const ignored = new Set(
    read('dockerignore')
      .split('\n')
      .map((line) => line.replaceAll(/^\/|\/$/g, '')),
  )
  return readdirSync(agent, { recursive: true, encoding: 'utf8' }).filter(
    (path) => !ignored.has(path) && !ignored.has(path.split('/')[0] ?? ''),
  )
}

function runs(
  command: string,
  files: Set<string>,
  has: (path: string) => boolean,
  problems: string[],
): void {
  const need = (path: string): void => {
    if (!has(path)) problems.push(`RUN ${command}: there is no ${path}`)
  }
  const [program, verb, ...rest] = command.split(' ')
  if (command.startsWith('npm install')) {
    need('package.json')
    files.add('node_modules/bpf-ringbuf')
  } else if (program === 'npm' && verb === 'run') {
    const script = manifest.scripts[rest[0] ?? '']
    if (script === undefined) problems.push(`RUN ${command}: there is no such script`)
    for (const path of ['node_modules', 'tsconfig.json']) need(path)
    for (const [, source = ''] of script?.matchAll(/bpf-ringbuf build (\S+)\.c/g) ?? []) {
      need(`${source}.c`)
      files.add(`${source}.o`)
    }
    for (const file of [...files].filter((each) => each.endsWith('.ts')))
      files.add(file.replace(rootDir, normalize(outDir)).replace(/ts$/, 'js'))
  } else if (program === 'cp') {
    need(verb ?? '')
    need(normalize(rest[0] ?? '').replace(/\/$/, ''))
    files.add(normalize(`${rest[0] ?? ''}/${verb?.split('/').at(-1) ?? ''}`))
  }
}

test('what it copies is there or was made, and what it runs can run', () => {
  const problems: string[] = []
  const files = build(problems)
  expect(problems).toEqual([])
  // All that runs, and no sources.
  expect([...files].sort()).toEqual([
    'dist/agent.bpf.o',
    'dist/agent.test.js',
    'dist/line.js',
    'dist/main.js',
    'node_modules/bpf-ringbuf',
    'package.json',
  ])
})

test('its image has a version of Node that the agent and the package take', () => {
  const [, version = ''] = /^ARG BASE=\S*\/node:(\d+)-\w+-slim$/m.exec(read('Containerfile')) ?? []
  const root = JSON.parse(readFileSync(join(agent, '../../package.json'), 'utf8')) as Manifest
  for (const { engines } of [manifest, root]) {
    const [, least = ''] = /^>=(\d+)$/.exec(engines.node) ?? []
    expect(Number(version)).toBeGreaterThanOrEqual(Number(least))
  }
  // `make test-nodes` runs it.
  const tried = readFileSync(join(agent, '../../docs/runtimes.md'), 'utf8')
  expect(tried).toMatch(new RegExp(`Node ${version}\\b`))
})

test('it installs what a BPF program is compiled with, and no more', () => {
  const installed = instructions.flatMap(({ text }) => {
    const [, list = ''] = /apt-get install -y --no-install-recommends ([^&]*)/.exec(text) ?? []
    return list.trim() === '' ? [] : [list.trim().split(' ')]
  })
  // The package's own addon has libbpf in it.
  expect(installed).toEqual([['clang', 'libbpf-dev', 'llvm']])
  const readme = read('README.md')
  expect(readme).toContain('apt-get install clang llvm libbpf-dev')
})
