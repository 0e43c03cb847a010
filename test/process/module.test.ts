// The package as a user's program finds it.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(__dirname, '../..')

const names = [
  'BpfError',
  'BpfLink',
  'BpfMap',
  'BpfObject',
  'BpfProgram',
  'Btf',
  'FlightRecorder',
  'RecordTooShortError',
  'RingBuffer',
  'VerifierError',
  'array',
  'at',
  'bool',
  'bytes',
  'cstring',
  'features',
  'i16',
  'i32',
  'i64',
  'i8',
  'struct',
  'u16',
  'u32',
  'u64',
  'u8',
]

let consumer: string

beforeEach(() => {
  consumer = mkdtempSync(join(tmpdir(), 'bpf-ringbuf-'))
  mkdirSync(join(consumer, 'node_modules'))
})

afterEach(() => {
  rmSync(consumer, { recursive: true })
})

function installed(...path: string[]): string {
  return join(consumer, 'node_modules', ...path)
}

/** Runs a program in the consumer's directory, and gives what it prints as JSON. */
function run(file: string, source: string): unknown {
  writeFileSync(join(consumer, file), source)
  const { stdout, stderr } = spawnSync(process.execPath, [file], {
    cwd: consumer,
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

describe('the package', () => {
  beforeEach(() => {
    symlinkSync(root, installed('bpf-ringbuf'))
  })

  test('can be required', () => {
    const found = run(
      'main.cjs',
      `const library = require('bpf-ringbuf')
       const { version } = require('bpf-ringbuf/package.json')
       console.log(JSON.stringify([Object.keys(library), version]))`,
    )
    expect(found).toEqual([
      expect.arrayContaining(names),
      (jest.requireActual('../../package.json') satisfies { version: string }).version,
    ])
  })

  test('can be imported by names', () => {
    const found = run(
      'main.mjs',
      `import * as library from 'bpf-ringbuf'
       import { ${names.join(', ')} } from 'bpf-ringbuf'
       console.log(JSON.stringify([
         ${names.map((name) => `library.${name} === ${name} && ${name} !== undefined`).join()},
         struct('event', { pid: u32, comm: cstring(16) }).size === 20,
       ]))`,
    )
    expect(found).toEqual([...names, 'size'].map(() => true))
  })

  test('has no entry but its own', () => {
    const found = run(
      'main.cjs',
      `try { require('bpf-ringbuf/dist/addon/addon.js') } catch ({ code }) { console.log(JSON.stringify(code)) }`,
    )
    expect(found).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })
})

describe('the package without its addon', () => {
  const use = `
    const { BpfObject, struct, u32 } = require('bpf-ringbuf')
    const found = [struct('event', { pid: u32 }).size]
    try {
      BpfObject.open(${JSON.stringify(join(root, 'build/bpf/exec-snoop.bpf.o'))})
    } catch ({ name, code, message, hint }) {
      found.push({ name, code, message, hint })
    }
    console.log(JSON.stringify(found))`

  beforeEach(() => {
    for (const part of ['package.json', 'dist']) {
      cpSync(join(root, part), installed('bpf-ringbuf', part), { recursive: true })
    }
    for (const dependency of ['bindings', 'file-uri-to-path']) {
      symlinkSync(join(root, 'node_modules', dependency), installed(dependency))
    }
  })

  test('can be imported; its first use says what to do', () => {
    expect(run('main.cjs', use)).toEqual([
      4,
      {
        name: 'BpfError',
        code: 'ERR_ADDON',
        message: expect.stringMatching(/native addon of bpf-ringbuf.*not built/) as string,
        hint: expect.stringMatching(/libbpf-dev.*npm rebuild bpf-ringbuf/) as string,
      },
    ])
  })

  test('says so too when what is there is no addon', () => {
    mkdirSync(installed('bpf-ringbuf', 'build/Release'), { recursive: true })
    writeFileSync(installed('bpf-ringbuf', 'build/Release/bpf_ringbuf.node'), 'not an addon')
    expect(run('main.cjs', use)).toEqual([
      4,
      expect.objectContaining({
        code: 'ERR_ADDON',
        hint: expect.stringContaining('npm rebuild bpf-ringbuf') as string,
      }),
    ])
  })
})
