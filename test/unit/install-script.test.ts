// The script that npm runs at the install, with a package manager's programs that
// only say what they are asked.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const original = join(__dirname, '../../scripts/install.cjs')
const { installCommand } = jest.requireActual<{
  installCommand: (lacks: string[], osRelease: string) => string
}>('../../scripts/install.cjs')

test.each([
  ['Debian', 'ID=debian\n', 'apt-get install g++ libbpf-dev'],
  ['Linux Mint', 'ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'apt-get install g++ libbpf-dev'],
  ['Rocky Linux', 'ID="rocky"\nID_LIKE="rhel centos fedora"', 'dnf install gcc-c++ libbpf-devel'],
  ['Alpine', 'NAME="Alpine Linux"\nID=alpine\n', 'apk add g++ libbpf-dev'],
  ['Arch', 'ID=arch\n', 'pacman -S gcc libbpf'],
  [
    'openSUSE',
    'ID="opensuse-leap"\nID_LIKE="suse opensuse"',
    'zypper install gcc-c++ libbpf-devel',
  ],
])('names the packages of %s', (_, osRelease, command) => {
  expect(installCommand(['a C++ compiler', "libbpf's headers"], osRelease)).toBe(`run "${command}"`)
})

test('names what is missing where it does not know the packages', () => {
  expect(installCommand(['make', "libbpf's headers"], 'ID=void\n')).toBe(
    "install make, libbpf's headers",
  )
})

describe('the install script', () => {
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bpf ringbuf '))
    for (const name of ['bin', 'scripts', 'dist']) {
      mkdirSync(join(folder, name), { recursive: true })
    }
    cpSync(original, join(folder, 'scripts/install.cjs'))
  })

  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  const program = (name: string, script = '') =>
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })

  /** Everything that compiling needs, with this version of libbpf. */
  function prepare(version: string) {
    for (const name of ['g++', 'make', 'python3']) program(name)
    program('pkg-config', `echo ${version}`)
    program('node-gyp', 'echo "$1"; echo gyp ERR! "$PWD" >&2; exit ${STATUS-0}')
  }

  function prebuilt(loads: boolean) {
    const source = `exports.loadsPrebuilt = () => ${String(loads)}`
    writeFileSync(join(folder, 'dist/prebuilt.js'), source)
  }

  function install(environment: NodeJS.ProcessEnv = {}) {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/install.cjs'], {
      cwd: folder,
      env: { PATH: join(folder, 'bin'), ...environment },
      encoding: 'utf8',
    })
    return { status, lines: `${stdout}${stderr}`.trim().split('\n') }
  }

  test('compiles nothing where a prebuilt addon loads, unless it is asked to', () => {
    prebuilt(true)
    expect(install()).toEqual({ status: 0, lines: [''] })
    expect(install({ npm_config_build_from_source: 'false' })).toMatchObject({ status: 0 })
    for (const wish of ['true', '', 'sqlite3,bpf-ringbuf']) {
      expect(install({ npm_config_build_from_source: wish })).toEqual({
        status: 1,
        lines: [
          expect.stringMatching(/^bpf-ringbuf: it cannot be compiled: (run|install) /) as string,
        ],
      })
    }
  })

  test('says in one line what it lacks', () => {
    prebuilt(false)
    expect(install()).toEqual({
      status: 1,
      lines: [
        expect.stringMatching(
          /^bpf-ringbuf: no prebuilt addon loads .*cannot be compiled: (run|install) .*make.*python/i,
        ) as string,
      ],
    })
  })

  test('refuses a libbpf that is too old', () => {
    prepare('0.5.0')
    expect(install()).toEqual({
      status: 1,
      lines: [expect.stringMatching(/libbpf has to be 1\.0 or newer, it is 0\.5\.0$/) as string],
    })
  })

  test('runs node-gyp, which is seen only when it fails', () => {
    prepare('1.1.2')
    prebuilt(false)
    expect(install()).toEqual({ status: 0, lines: [''] })
    const { status, lines } = install({ STATUS: '1' })
    expect(status).toBe(1)
    expect(lines).toEqual([
      'rebuild',
      `gyp ERR! ${folder}`,
      '',
      expect.stringMatching(/cannot be compiled: node-gyp says above why$/) as string,
    ])
  })
})
