import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Example } from '../process/example.js'
import { describeTool, printed, testInTerminal, Tool } from './tool.js'

const typed = ['echo one', ': ünï "two"  three', `: ${'x'.repeat(300)}`, 'exit 0']

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bash-readline-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

/** A bash in a terminal, in which is typed; it has a history of its own. */
async function type(lines: readonly string[]): Promise<string[]> {
  const history = join(directory, 'history')
  // Without the settings of whoever runs this.
  const env = { ...process.env, HISTFILE: history, INPUTRC: '/dev/null', LC_ALL: 'C.UTF-8' }
  const shell: ChildProcess = spawn('script', ['-qec', 'bash --norc --noprofile -i', '/dev/null'], {
    env,
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  shell.stdin?.write(lines.map((line) => `${line}\n`).join(''))
  await once(shell, 'exit')
  return readFileSync(history, 'utf8').split('\n').slice(0, -1)
}

describeTool('bash-readline', () => {
  test('prints what is in the history of bash', async () => {
    const [tool, others] = await Promise.all([
      Tool.start('bash-readline', ['--uid', '0']),
      Tool.start('bash-readline', ['--pid', String(process.pid)]),
    ])
    const history = await type(typed)
    const { rows, stderr } = await tool.stop()
    expect(history).toStrictEqual(typed)
    const pid = rows.find(({ line }) => line === typed[1])?.['pid']
    const own = rows.filter((row) => row['pid'] === pid)
    expect(own.map(({ line }) => line)).toStrictEqual(history)
    expect(stderr).toMatch(/^\d+ events, 0 lost, /m)
    expect((await others.stop()).rows).toStrictEqual([])
  })

  test('prints lines for people, and says where there is no readline()', async () => {
    const { stdout } = await printed('bash-readline', [], () => type(typed))
    expect(stdout).toMatch(/^TIME +PID +UID LINE\n/)
    expect(stdout).toMatch(/^[\d:.]{12} +\d+ +0 : ünï "two" {2}three$/m)
    const ended = await Example.start('bash-readline', ['--path', process.execPath]).ended
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^bash-readline: .*readline.*\n$/)
  })

  testInTerminal('bash-readline', {
    happens: () => type(typed),
    shows: /exit 0/,
  })
})
