import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { runCommandLine } from '../command-line.js'
import { Example, killRunning } from '../process/example.js'
import { describeBpf } from '../require-bpf.js'

const root = join(__dirname, '../..')
const program = join(root, 'dist/cli/main.js')

/** Of examples/, those that say that they are tools. */
const tools = readdirSync(join(root, 'examples'))
  .filter((name) => name.endsWith('.ts'))
  .filter((name) =>
    readFileSync(join(root, 'examples', name), 'utf8').includes('\nexport const tool ='),
  )
  .map((name) => name.slice(0, -'.ts'.length))
  .sort()

test('list shows each tool, what it does and needs', async () => {
  const { status, out } = await runCommandLine(['list', '--json'])
  expect(status).toBe(0)
  const listed = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>)
  expect(listed.map(({ name }) => name)).toEqual(tools)
  for (const { about, needs } of listed) {
    expect(about).toMatch(/^[A-Z].*\.$/)
    expect(needs).toMatch(/CAP_|root/)
  }
  const text = await runCommandLine(['list'])
  expect(
    text.out
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ', 1)[0]),
  ).toEqual(tools)
})

test('the page of the tools has each, with what it needs and a picture', async () => {
  const page = readFileSync(join(root, 'docs/gallery.md'), 'utf8').replaceAll(/\s+/g, ' ')
  const { out } = await runCommandLine(['list', '--json'])
  for (const line of out.trimEnd().split('\n')) {
    const { name = '', about, needs } = JSON.parse(line) as Record<string, string>
    expect(page).toContain(`### ${name} ${about} Needs: ${needs}.`)
    expect(page).toContain(`| [${name}](#${name}) `)
    expect(page).toContain(`![What ${name} shows](${name}.svg)`)
    expect(readFileSync(join(root, `docs/${name}.svg`), 'utf8')).toContain(`run ${name}`)
  }
})

test('the page of open-snoop four times has the program as it is', () => {
  const page = readFileSync(join(root, 'docs/open-snoop.md'), 'utf8')
  const source = readFileSync(join(root, 'examples/open-snoop.ts'), 'utf8')
  expect(page).toContain(`\`\`\`ts\n${source}\`\`\`\n`)
})

test('run passes --help on, and its own explains it', async () => {
  const own = await runCommandLine(['run', '--help'])
  expect(own).toMatchObject({ status: 0, err: '' })
  expect(own.out).toMatch(/^Usage: bpf-ringbuf run NAME /)
  const ended = await new Example(process.execPath, [program, 'run', 'exec-snoop', '--help']).ended
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  expect(ended.stdout).toMatch(/^Usage: exec-snoop /)
})

test.each([
  [['run'], /name of a tool/],
  [['run', 'exec-snop'], /"exec-snop": did you mean "exec-snoop"\?/],
  [['run', '../exec-snoop'], /there is no tool/],
  [['list', 'word'], /'word'/],
])('%j is refused', async (args, message) => {
  const { status, out, err } = await runCommandLine(args)
  expect({ status, out }).toEqual({ status: 2, out: '' })
  expect(err).toMatch(message)
})

test('the objects that are shipped are small together', () => {
  const directory = join(root, 'dist/tools')
  const sizes = tools.map((name) => statSync(join(directory, `${name}.bpf.o`)).size)
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(400 * 1024)
})

describeBpf('bpf-ringbuf run', () => {
  afterEach(killRunning)

  test('traces with what is shipped, from any directory', async () => {
    const args = [program, 'run', 'exec-snoop', '--json']
    const tool = new Example(process.execPath, args, { cwd: '/' })
    await tool.until('stderr', /^Tracing execs/)
    const { pid } = new Example('/bin/true', []).child
    await tool.until('stdout', new RegExp(`"pid":${String(pid)},`))
    expect(await tool.stop()).toMatchObject({ code: 0, signal: null })
  })
})
