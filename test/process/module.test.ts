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
  'setAddonFile',
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
function run(file: string, source: string, environment: NodeJS.ProcessEnv = {}): unknown {
  writeFileSync(join(consumer, file), source)
  const { stdout, stderr } = spawnSync(process.execPath, [file], {
    cwd: consumer,
    env: { ...process.env, ...environment },
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

  test('has classes of their own names, although they name themselves', () => {
    const found = run(
      'names.cjs',
      `const library = require('bpf-ringbuf')
       const classes = Object.entries(library).filter(([, value]) => /^class/.test(String(value)))
       console.log(JSON.stringify(classes.map(([name, { name: own }]) => [name, own])))`,
    ) as [string, string][]
    expect(found.length).toBeGreaterThan(9)
    for (const [name, own] of found) expect(own).toBe(name)
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

  test('loads nothing of Node that takes long, before it is needed', () => {
    const found = run(
      'main.cjs',
      `const before = new Set(process.moduleLoadList)
       require('bpf-ringbuf')
       const loaded = process.moduleLoadList.filter((each) => !before.has(each))
       console.log(JSON.stringify(loaded))`,
    )
    const dear = expect.stringMatching(/^NativeModule (crypto|net|perf_hooks|stream)$/) as string
    expect(found).not.toContainEqual(dear)
  })

  test('has no entry but its own', () => {
    const found = run(
      'main.cjs',
      `try { require('bpf-ringbuf/dist/addon/addon.js') } catch ({ code }) { console.log(JSON.stringify(code)) }`,
    )
    expect(found).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })
})

describe('the addon of the package', () => {
  const built = join(root, 'build/Release/bpf_ringbuf.node')
  const prebuilds = `prebuilds/linux-${process.arch}`
  const wrong = join(root, 'package.json')

  // Opens an object; gives the error's message and hint, or what was mapped.
  const use = `
    const { readFileSync } = require('node:fs')
    const { BpfObject, setAddonFile, struct, u32 } = require('bpf-ringbuf')
    const { named } = process.env
    if (named !== undefined) setAddonFile(named)
    const found = [struct('event', { pid: u32 }).size]
    try {
      BpfObject.open(readFileSync(${JSON.stringify(join(root, 'dist/bpf/doctor.bpf.o'))}))
      found.push(/\\S*bpf_ringbuf\\.node$/m.exec(readFileSync('/proc/self/maps', 'utf8'))[0])
    } catch ({ name, code, message, hint }) {
      found.push({ name, code, message, hint })
    }
    console.log(JSON.stringify(found))`

  function place(folder: string, file: string, ...parents: string[]): string {
    const directory = join(consumer, ...parents, folder)
    mkdirSync(directory, { recursive: true })
    cpSync(file, join(directory, 'bpf_ringbuf.node'))
    return join(directory, 'bpf_ringbuf.node')
  }
  const placeInPackage = (folder: string, file: string) =>
    place(folder, file, 'node_modules/bpf-ringbuf')

  /** What using it gives, with these variables in the environment. */
  function outcome(environment: NodeJS.ProcessEnv = {}): unknown {
    const [size, found] = run('main.cjs', use, environment) as [number, unknown]
    expect(size).toBe(4)
    return found
  }

  const failure = (message: RegExp, hint: RegExp) => ({
    name: 'BpfError',
    code: 'ERR_ADDON',
    message: expect.stringMatching(message) as string,
    hint: expect.stringMatching(hint) as string,
  })

  beforeEach(() => {
    for (const part of ['package.json', 'dist']) {
      cpSync(join(root, part), installed('bpf-ringbuf', part), { recursive: true })
    }
    for (const dependency of ['bindings', 'file-uri-to-path']) {
      symlinkSync(join(root, 'node_modules', dependency), installed(dependency))
    }
  })

  test('is missed at its first use, which says what to do', () => {
    expect(outcome()).toEqual(
      failure(
        /native addon of bpf-ringbuf.*build\/Release\/bpf_ringbuf\.node \(no such file\), prebuilds/,
        /npm rebuild bpf-ringbuf.*pnpm approve-builds/,
      ),
    )
  })

  test('is the one in prebuilds, but rather the one that was compiled here', () => {
    const prebuilt = placeInPackage(prebuilds, built)
    expect(outcome()).toBe(prebuilt)
    expect(outcome()).not.toBe(placeInPackage('build/Release', wrong))
    expect(outcome()).toBe(prebuilt)
    expect(placeInPackage('build/Release', built)).toBe(outcome())
  })

  test('is not loaded when no file is one; each is named', () => {
    placeInPackage('build/Release', wrong)
    placeInPackage(prebuilds, wrong)
    expect(outcome()).toEqual(
      failure(
        /Release\/bpf_ringbuf\.node \([^)]+\), prebuilds\/\S+\/bpf_ringbuf\.node \([^)]+\)\. /,
        /npm rebuild bpf-ringbuf/,
      ),
    )
  })

  test('is not looked for in the working directory, nor by the variables of bindings', () => {
    for (const folder of ['build', 'build/Release', prebuilds, 'compiled', 'Release', '.']) {
      place(folder, built)
    }
    const elsewhere = {
      NODE_BINDINGS_COMPILED_DIR: consumer,
      NODE_PATH: consumer,
      INIT_CWD: consumer,
    }
    expect(outcome(elsewhere)).toEqual(failure(/prebuilds\S+ \(no such file\)/, /npm rebuild/))
  })

  test('is the file that the environment names, and no other', () => {
    placeInPackage('build/Release', built)
    const other = place('other', built)
    expect(outcome({ BPF_RINGBUF_ADDON: other })).toBe(other)
    expect(outcome({ BPF_RINGBUF_ADDON: 'other/bpf_ringbuf.node' })).toEqual(
      failure(/BPF_RINGBUF_ADDON names "other\/bpf_ringbuf\.node"/, /^Give it an absolute path$/),
    )
    expect(outcome({ BPF_RINGBUF_ADDON: join(consumer, 'absent.node') })).toEqual(
      failure(/absent\.node does not load: /, /^It is the file that BPF_RINGBUF_ADDON names$/),
    )
  })

  test('is the file that the program names, whatever the environment says', () => {
    const other = place('other', built)
    expect(outcome({ named: other, BPF_RINGBUF_ADDON: wrong })).toBe(other)
    expect(outcome({ named: wrong, BPF_RINGBUF_ADDON: other })).toEqual(
      failure(/package\.json does not load: /, /^It is the file that setAddonFile\(\) names$/),
    )
  })
})
