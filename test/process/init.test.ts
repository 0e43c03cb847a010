// `bpf-ringbuf init`: the agent that it lays out, installed from the package's tarball
// and npm's registry, builds, passes its own test and receives a record.
import { spawnSync, type SpawnSyncOptions } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeBpf } from '../require-bpf.js'
import { Example, killRunning } from './example.js'

const root = join(__dirname, '../..')
const main = join(root, 'dist/cli/main.js')

let folder: string

function run(command: string, args: string[], options: SpawnSyncOptions = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: folder,
    ...options,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

function init(args: string[], cwd = folder) {
  return run(process.execPath, [main, 'init', ...args], { cwd })
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bpf ringbuf '))
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

describeBpf('the agent that is laid out', () => {
  let agent: string
  const environment = (): NodeJS.ProcessEnv => ({
    ...process.env,
    XDG_CACHE_HOME: join(folder, 'cache'),
    NO_COLOR: '1',
  })

  function inAgent(command: string, ...args: string[]) {
    return run(command, args, { cwd: agent, env: environment() })
  }

  /** A command that has to work. */
  function npm(...args: string[]): string {
    const { status, stdout, stderr } = inAgent('npm', ...args)
    if (status !== 0) throw new Error(`npm ${args.join(' ')}\n${stdout}${stderr}`)
    return stdout
  }

  beforeAll(() => {
    const packed = run(
      'npm',
      ['pack', '--ignore-scripts', '--json', '--pack-destination', folder],
      {
        cwd: root,
      },
    )
    const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }]
    agent = join(folder, 'my-agent')
    expect(init(['my-agent'])).toMatchObject({ status: 0, stderr: '' })
    const manifest = join(agent, 'package.json')
    const text = readFileSync(manifest, 'utf8')
    const { version } = jest.requireActual('../../package.json') satisfies { version: string }
    expect(text).toContain(`"bpf-ringbuf": "^${version}"`)
    // This package instead of the released one, with the addon that is built already.
    writeFileSync(manifest, text.replace(`^${version}`, `file:../${filename}`))
    npm('install', '--ignore-scripts', '--no-audit', '--no-fund')
    const installed = join(agent, 'node_modules/bpf-ringbuf/build/Release')
    mkdirSync(installed, { recursive: true })
    cpSync(join(root, 'build/Release/bpf_ringbuf.node'), join(installed, 'bpf_ringbuf.node'))
    npm('run', 'build')
  }, 300_000)

  afterEach(killRunning)

  test('has what git should have, and what it should leave alone', () => {
    expect(readdirSync(agent).sort()).toEqual([
      '.dockerignore',
      '.gitignore',
      'Containerfile',
      'README.md',
      'dist',
      'node_modules',
      'package-lock.json',
      'package.json',
      'src',
      'tsconfig.json',
    ])
    inAgent('git', 'init', '-q')
    const { stdout } = inAgent('git', 'status', '--porcelain', '--untracked-files=all')
    expect(stdout.match(/(?<= src\/).*/g)).toEqual([
      'agent.bpf.c',
      'agent.test.ts',
      'line.ts',
      'main.ts',
    ])
    expect(stdout).not.toMatch(/dist|node_modules/)
  })

  test('passes its own test, in which a record is received', () => {
    const report = npm('test')
    expect(report).toMatch(/a program that is executed is an event/)
    expect(report).toMatch(/pass 2\n/)
    expect(report).toMatch(/skipped 0\n/)
  }, 60_000)

  test('passes its own test without privileges, and says what is left out', () => {
    const user = ['--reuid', '65534', '--regid', '65534', '--clear-groups']
    run('chmod', ['755', folder])
    const { stdout } = inAgent('setpriv', ...user, process.execPath, '--test', 'dist/agent.test.js')
    expect(stdout).toMatch(/it needs root/)
    expect(stdout).toMatch(/fail 0\n/)
  }, 60_000)

  test('prints what is executed, until Ctrl-C', async () => {
    const { scripts } = JSON.parse(readFileSync(join(agent, 'package.json'), 'utf8')) as {
      scripts: { start: string }
    }
    expect(scripts.start).toBe('node dist/main.js')
    const started = new Example(process.execPath, ['dist/main.js'], { cwd: agent })
    await started.until('stderr', /Ctrl-C ends it\n/)
    const { pid } = spawnSync('true')
    await started.until(
      'stdout',
      new RegExp(`^pid ${pid}, parent ${process.pid}, uid 0: true .*/true$`, 'm'),
    )
    expect(await started.stop('SIGINT')).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/\n0 events lost\n$/) as string,
    })
  }, 60_000)

  test('a name that the program does not have does not compile', () => {
    const source = join(agent, 'src/line.ts')
    const text = readFileSync(source, 'utf8')
    writeFileSync(source, text.replaceAll('parent_pid', 'parent_pit'))
    const { status, stdout } = inAgent('npx', 'tsc', '--noEmit')
    writeFileSync(source, text)
    expect(stdout).toMatch(/src\/line\.ts.*'parent_pit' does not exist/)
    expect(status).not.toBe(0)
  }, 180_000)
})

describe('bpf-ringbuf init', () => {
  test('refuses a folder that is not empty, and leaves it alone', () => {
    mkdirSync(join(folder, 'full'))
    writeFileSync(join(folder, 'full/notes'), 'mine')
    const { status, stderr } = init(['full'])
    expect(stderr).toMatch(
      /^bpf-ringbuf init: Cannot lay out .*\/full: it is not empty: it has "notes"/,
    )
    expect(status).toBe(1)
    expect(readdirSync(join(folder, 'full'))).toEqual(['notes'])
  })

  test('lays out in this folder, also a repository that is empty, by another name', () => {
    const here = join(folder, 'Here')
    mkdirSync(join(here, '.git'), { recursive: true })
    expect(init(['--here'], here)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/no packages called "Here": it has capital letters/) as string,
    })
    const laidOut = init(['--here', '@scope/agent'], here)
    expect(laidOut).toMatchObject({ status: 0, stderr: '' })
    expect(laidOut.stdout).not.toMatch(/cd /)
    const manifest = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8')) as object
    expect(manifest).toMatchObject({ name: '@scope/agent', private: true })
  })

  test.each([
    [[], /Expected a folder, or --here/],
    [[''], /Expected a folder, or --here/],
    [['one', 'two'], /Unexpected argument 'two'/],
    [['http'], /no packages called "http"/],
    [['a b'], /no packages called "a b"/],
  ])('refuses %j', (args, message) => {
    const { status, stderr } = init(args)
    expect(stderr).toMatch(message)
    expect(status).toBe(2)
  })
})
