// The pages of docs/guide/ work as they stand. Of each page:
// - "```c NAME.bpf.c" is built by `bpf-ringbuf build`, to NAME.bpf.o and NAME.bpf.ts;
// - all "```ts" together are one program, an ES module that may await: it is
//   type-checked and run beside the objects, and has to end by itself within 50 s,
//   with status 0 and nothing on its standard error. It has a file system of its own at
//   /sys/fs/bpf, and "restart" the cgroups of version 2 at /sys/fs/cgroup;
// - "```sh run" is run beside the objects, where npx bpf-ringbuf is this package's: each
//   block has to end within 60 s, with status 0;
// - "```ts check" is type-checked after them but not run: for what this kernel lacks;
// - "```js NAME.mjs" is run beside the objects as it stands, by Node alone: as the page's
//   program it has to end by itself, with nothing on its standard error;
// - "```c NAME.c" is compiled with libbpf and run beside the objects: it has to print the
//   programs that are executed;
// - "```c refused" has to be refused, by clang or by the verifier, with one of the lines of
//   the "```text complaint" behind it, and "```c loads" has to load: both after the lines
//   of "```c first", unless they include a header of their own for that.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BpfObject, VerifierError } from '../../dist/index.js'
import { describeBpf } from '../require-bpf.js'
import { Example, killRunning } from './example.js'

const root = join(__dirname, '../..')
const guide = join(root, 'docs/guide')
const built = join(root, 'build/guide')
const pages = readdirSync(guide)
  .filter((name) => name !== 'README.md')
  .map((name) => name.replace(/\.md$/, ''))

interface Block {
  title: string
  code: string
  /** What it stands below. */
  heading: string
}

/** The fenced blocks of a page whose first line is `info`. */
function blocks(page: string, info: RegExp): Block[] {
  const text = readFileSync(join(guide, `${page}.md`), 'utf8')
  let heading = ''
  return [...text.matchAll(/^#+ (.*)$|^```(.*)\n([^]*?)^```$/gm)]
    .map(([, below, title = '', code = '']) => {
      heading = below ?? heading
      return { title, code, heading }
    })
    .filter(({ title }) => info.test(title))
}

function run(command: string, ...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`)
}

const [first = { code: '' }] = blocks('troubleshooting', /^c first$/)
const refused = blocks('troubleshooting', /^c refused$/)
const complaints = blocks('troubleshooting', /^text complaint$/)
const pairs = blocks('troubleshooting', /^c loads$/).map(({ code, heading }, i) => ({
  heading,
  refused: refused[i]?.code ?? '',
  lines: complaints[i]?.code.trim().split('\n') ?? [],
  loads: code,
}))

let flags: string[] = []

/** What clang or the kernel has against a program; nothing if it was loaded. */
function complaint(code: string): string {
  const path = join(built, 'pair.bpf.o')
  const args = [...flags, '-x', 'c', '-', '-c', '-o', path]
  const input = (code.includes('<linux/bpf.h>') ? '' : first.code) + code
  const clang = spawnSync('clang', args, { input, encoding: 'utf8' })
  if (clang.status !== 0) return clang.stderr
  using object = BpfObject.open(path)
  try {
    object.load()
    return ''
  } catch (error) {
    if (error instanceof VerifierError) return error.verifierLog
    throw error
  }
}

afterEach(killRunning)

describeBpf('the guide', () => {
  beforeAll(() => {
    rmSync(built, { recursive: true, force: true })
    const include = ['dist/cli/main.js', 'include']
    flags = spawnSync(process.execPath, include, { cwd: root, encoding: 'utf8' })
      .stdout.trim()
      .split(' ')
    for (const page of pages) {
      const directory = join(built, page)
      mkdirSync(directory, { recursive: true })
      for (const { title, code } of blocks(page, /^c \w+\.bpf\.c$/)) {
        const name = title.slice(2)
        const source = join(directory, name)
        writeFileSync(source, code)
        run(process.execPath, 'dist/cli/main.js', 'build', source, '--', '-Werror')
      }
      const code = (info: RegExp): string =>
        blocks(page, info)
          .map((block) => block.code)
          .join('')
      const notRun = `export async function notRun() {\n${code(/^ts check$/)}}\n`
      writeFileSync(join(directory, 'page.mts'), code(/^ts$/) + notRun)
    }
    writeFileSync(
      join(built, 'tsconfig.json'),
      JSON.stringify({
        extends: '../../tsconfig.json',
        compilerOptions: { rootDir: '.', outDir: '.', declaration: false, noUnusedLocals: false },
        include: ['*/page.mts'],
        exclude: [],
      }),
    )
    run(process.execPath, 'node_modules/typescript-7/bin/tsc', '-p', 'build/guide')
  }, 120_000)

  const shells = pages.flatMap((page) =>
    blocks(page, /^sh run$/).map(({ code }) => [page, code] as const),
  )

  test.each(shells)('%s: %s', (page, code) => {
    const main = join(root, 'dist/cli/main.js')
    const npx = `set -e; npx() { shift; '${process.execPath}' '${main}' "$@"; }\n`
    // Who traces a busy machine prints megabytes.
    const maxBuffer = 2 ** 28
    const options = {
      cwd: join(built, page),
      encoding: 'utf8',
      timeout: 60_000,
      maxBuffer,
    } as const
    const { status, stdout, stderr } = spawnSync('sh', ['-c', npx + code], options)
    expect({ status, stdout, stderr }).toMatchObject({ status: 0 })
  })

  test.each(pairs)('$heading', ({ refused, lines, loads }) => {
    const what = complaint(refused)
    if (!lines.some((line) => what.includes(line))) expect(what).toContain(lines[0])
    expect(complaint(loads)).toBe('')
  })

  const tools = pages.flatMap((page) =>
    blocks(page, /^c \w+\.c$/).map(({ title, code }) => [page, title.slice(2), code] as const),
  )

  test.each(tools)('%s: %s', async (page, name, code) => {
    const cwd = join(built, page)
    writeFileSync(join(cwd, name), code)
    const libbpf =
      '$(sh scripts/find-libbpf.sh --cflags) "$0" -o "$0.out" $(sh scripts/find-libbpf.sh --libs)'
    run('sh', '-c', `cc -Wall -Werror ${libbpf}`, join(cwd, name))
    const tool = new Example(join(cwd, `${name}.out`), [], { cwd })
    // Attached some time after its start: until then execs are not seen.
    while (!/ true \/bin\/true$/m.test(tool.stdout) && tool.child.exitCode === null) {
      spawnSync('/bin/true')
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await tool.stop()).toMatchObject({ signal: 'SIGINT', stderr: '' })
  })

  const scripts = pages.flatMap((page) =>
    blocks(page, /^js \w+\.mjs$/).map(({ title, code }) => {
      return { page, name: title.slice(3), code }
    }),
  )

  test.each(scripts)('$page: $name', async ({ page, name, code }) => {
    writeFileSync(join(built, page, name), code)
    const { stdout } = await runToEnd(page, name)
    expect(stdout).toMatch(/^\d+ \d+ true$/m)
  })

  test.each(pages)('%s', async (page) => {
    await runToEnd(page, 'page.mjs')
  })

  async function runToEnd(page: string, script: string): Promise<{ stdout: string }> {
    const cwd = join(built, page)
    const mounts = 'mount -t bpf bpf /sys/fs/bpf && '
    const cgroups = page === 'restart' ? 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && ' : ''
    const command = ['sh', '-c', `${mounts}${cgroups}exec "$0" "$1"`, process.execPath, script]
    const example = new Example('unshare', ['--mount', ...command], { cwd })
    const timer = setTimeout(() => example.child.kill(), 50_000)
    const ended = await example.ended
    clearTimeout(timer)
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' })
    return example
  }
})
