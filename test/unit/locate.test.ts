// Which of the prebuilt addons is this process's, and which module opens an object.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runInThisContext } from 'node:vm'
import { packageRoot, placesOfAddon, prebuiltName } from '../../lib/addon/locate.js'
import { callingModule } from '../../lib/skeleton/locate.js'

const path = process.execPath
const name = `${process.platform}-${process.arch}`

/** prebuiltName() of a process of this program. */
function nameFor(execPath: string): string {
  process.execPath = execPath
  try {
    return prebuiltName()
  } finally {
    process.execPath = path
  }
}

test('musl is told from glibc by the linker that the program names', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bpf-ringbuf-'))
  const nameWith = (linker: string) => {
    const program = join(folder, 'program')
    writeFileSync(program, `\x7fELF\x02\x01\x01\0/usr/bin\0\0${linker}\0\x04\0`)
    return nameFor(program)
  }
  try {
    expect(nameWith('/lib/ld-musl-x86_64.so.1')).toBe(`${name}-musl`)
    expect(nameWith('/lib64/ld-linux-x86-64.so.2')).toBe(name)
    expect(nameWith('/nix/store/abc-musl-1.2.5/lib/ld-linux-aarch64.so.1')).toBe(name)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('by the report of the process when that cannot be read', () => {
  const report = jest.spyOn(process.report, 'getReport')
  expect(nameFor('/proc/absent')).toBe(name)
  report.mockReturnValue({ header: {} })
  expect(nameFor('/proc/absent')).toBe(`${name}-musl`)
  report.mockClear()
  expect(nameFor(path)).toBe(name)
  expect(report).not.toHaveBeenCalled()
})

test('the root is that of the package', () => {
  expect(placesOfAddon()).toMatchObject({ root: join(__dirname, '../..') })
})

test('a bundle in a dist/ of its own is not taken for the package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bpf-ringbuf-'))
  try {
    const manifest = (text: string) => writeFileSync(join(folder, 'package.json'), text)
    const directory = join(folder, 'dist')
    mkdirSync(directory)
    expect(packageRoot(directory)).toBeUndefined()
    for (const text of ['{ "name": "agent" }', 'null', '{']) {
      manifest(text)
      expect(packageRoot(directory)).toBeUndefined()
    }
    manifest('{ "name": "bpf-ringbuf" }')
    for (const inside of ['dist', 'dist/addon', 'dist/cli', 'lib/addon']) {
      expect(packageRoot(join(folder, inside))).toBe(folder)
    }
    expect(packageRoot(join(folder, 'bundle'))).toBeUndefined()
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.each(['[source:3]', 'node:internal/modules', 'evalmachine.<anonymous>'])(
  'a frame of the runtime, %s, is not taken for the module that opens an object',
  (filename) => {
    const call = runInThisContext('(use) => use()', { filename }) as (use: () => unknown) => unknown
    expect(call(callingModule)).toBe(__filename)
  },
)
