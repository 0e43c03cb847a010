// `bpf-ringbuf gen` as a process, and what compilers and Node make of its modules.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { generateModule } from '../../lib/gen/module.js'
import { BpfObject } from '../../lib/index.js'
import { compileBpf } from '../unit/compilers.js'

const root = join(__dirname, '../..')
const main = join(root, 'dist/cli/main.js')
const objects = ['build/bpf', 'build/bpf/test'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.bpf.o') && !name.includes('nobtf'))
    .map((name) => join(root, folder, name)),
)
const snoop = join(root, 'build/bpf/exec-snoop.bpf.o')
const taggedObject = join(root, 'build/bpf/test/tagged.bpf.o')

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bpf-ringbuf-gen-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/bpf-ringbuf'))
  for (const name of ['typescript', '@types', 'undici-types', 'node-addon-api']) {
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  }
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text)
}

function run(command: string, ...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

function gen(...args: string[]): { status: number | null; output: string } {
  return run(process.execPath, main, 'gen', ...args)
}

/** As the command does it, in this process: there are many objects. */
function writeModule(path: string): string {
  using object = BpfObject.open(path)
  const text = generateModule(object, {
    types: [],
    rings: new Map(),
    specifier: 'bpf-ringbuf',
    fileName: basename(path),
    file: basename(path),
    command: `npx bpf-ringbuf gen ${basename(path)}`,
    embedded: undefined,
  })
  write(`${basename(path, '.o')}.ts`, text)
  return text
}

function compile(options: object = {}, compiler: string = compilers[0][1]): string {
  // The library's declarations are checked by test/types.
  const common = { target: 'es2022', strict: true, types: ['node'], skipLibCheck: true }
  const strict = { noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true }
  const resolution = { module: 'node16', moduleResolution: 'node16' }
  const compilerOptions = { ...common, ...strict, ...resolution, ...options }
  write('tsconfig.json', JSON.stringify({ compilerOptions, include: ['*.ts', '*.mts'] }))
  return run(process.execPath, join(root, compiler, 'bin/tsc'), '-p', folder).output
}

test('every object here makes a module that compiles, formatted, the same each time', () => {
  for (const object of objects) expect(writeModule(object)).toBe(writeModule(object))
  // Newer compilers have their turn below.
  expect(compile({ noEmit: true, lib: ['es2022'] }, compilers[2][1])).toBe('')

  const prettier = join(root, 'node_modules/.bin/prettier')
  const config = join(root, '.prettierrc.json')
  const names = objects.map((object) => `${basename(object, '.o')}.ts`)
  expect(run(prettier, '--config', config, '--list-different', ...names)).toEqual({
    status: 0,
    output: '',
  })
}, 600_000)

test('every module opens its object, and has what BTF says', () => {
  // Without a kernel: nothing is loaded.
  const script = objects.map((object) => {
    const name = basename(object, '.o')
    writeModule(object)
    cpSync(object, join(folder, `${name}.o`))
    return `import * as m${String(objects.indexOf(object))} from './${name}.js'`
  })
  const opens = objects.map((_, index) => `m${String(index)}.open().close()`)
  write('all.ts', [...script, ...opens, "console.log('opened')"].join('\n'))
  expect(compile({ module: 'commonjs', moduleResolution: 'bundler' })).toBe('')
  expect(run(process.execPath, 'all.js')).toEqual({ status: 0, output: 'opened\n' })
}, 600_000)

test('what the object declares and the module does not have is said', () => {
  const source = `
struct weird { int __proto__; };
struct { int (*type)[27]; int (*max_entries)[4096]; } odd __attribute__((section(".maps"), used));
struct weird *const volatile odd__record = 0;`
  writeFileSync(join(folder, 'odd.bpf.o'), compileBpf(source))
  expect(gen('odd.bpf.o', '-o', 'odd.ts')).toEqual({
    status: 0,
    output:
      'bpf-ringbuf gen: the records of "odd" are bytes in the module, as __proto__ of struct weird is no name in JavaScript\n',
  })
})

const uses = `
import { Event, open, type ExecSnoop } from './snoop.js'
using snoop: ExecSnoop = open()
snoop.globals.only_pid = 5
snoop.programs.on_exit.autoload = false
snoop.maps.events.maxEntries = 1 << 16
const wrap: Event['comm'] = 'text'
console.log(snoop.object.name, snoop.globals.only_pid, Event.size, wrap, snoop.phase)
`

/** The newest, the one before, and the oldest that is supported. */
const compilers = [
  ['TypeScript 7', 'node_modules/typescript-7'],
  ['TypeScript 6', 'node_modules/typescript'],
  ['TypeScript 5.2', 'node_modules/typescript-5.2'],
] as const

describe('a module', () => {
  const printed = { status: 0, output: 'exec-snoop 5 64 text open\n' }

  test('works as a CommonJS module and as one of ECMAScript, from its source and from a build', () => {
    for (const type of ['commonjs', 'module']) {
      write('package.json', JSON.stringify({ type }))
      cpSync(snoop, join(folder, 'snoop.bpf.o'))
      gen('snoop.bpf.o', '-o', 'snoop.ts')
      write('use.ts', uses.replaceAll('ExecSnoop', 'Snoop'))
      expect(compile({ outDir: `dist/${type}` })).toBe('')
      expect(run(process.execPath, `dist/${type}/use.js`)).toEqual({
        ...printed,
        output: printed.output.replace('exec-snoop', 'snoop'),
      })
    }
  })

  test('has the object in it with --embed', () => {
    write('package.json', '{}')
    gen(snoop, '-o', 'snoop.ts', '--embed')
    write('use.ts', uses)
    expect(compile()).toBe('')
    expect(run(process.execPath, 'use.js')).toEqual(printed)
  })

  test.each([
    ['cjs', ''],
    ['mjs', 'const __dirname = import.meta.dirname;'],
  ])('in a bundle with the library finds the object beside that alone: .%s', (ending, banner) => {
    write('package.json', '{}')
    mkdirSync(join(folder, 'src'))
    cpSync(snoop, join(folder, 'src/snoop.bpf.o'))
    gen('src/snoop.bpf.o', '-o', 'snoop.ts')
    write('use.ts', "import { open } from './snoop.js'\nconsole.log(open().object.name)")
    mkdirSync(join(folder, 'bundle'))
    const bundle = join(folder, `bundle/use.${ending}`)
    const require =
      'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);'
    const esm = ['--format=esm', `--banner:js=${require} ${banner}`]
    const options = ['--bundle', '--platform=node', '--log-level=error', `--outfile=${bundle}`]
    const esbuild = join(root, 'node_modules/.bin/esbuild')
    const bundled = run(esbuild, 'use.ts', ...options, ...(ending === 'mjs' ? esm : []))
    expect(bundled).toEqual({ status: 0, output: '' })
    rmSync(join(folder, 'package.json'))
    // In the working directory there is one as well: src/snoop.bpf.o.
    const { status, output } = run(process.execPath, bundle)
    expect(status).toBe(1)
    expect(output).toContain(`it is not at ${join(folder, 'bundle/snoop.bpf.o')}`)
    cpSync(snoop, join(folder, 'bundle/snoop.bpf.o'))
    expect(run(process.execPath, bundle).output).toContain('copy its prebuilds/ beside that')
    cpSync(join(root, 'build/Release/bpf_ringbuf.node'), join(folder, 'bundle/bpf_ringbuf.node'))
    expect(run(process.execPath, bundle)).toEqual({ status: 0, output: 'snoop\n' })
  })

  test.each(compilers)('%s refuses a wrong name or type, and says the right one', (_, compiler) => {
    gen(snoop, '-o', 'snoop.ts')
    gen(taggedObject, '-o', 'tagged.ts')
    write(
      'use.ts',
      `import { RingBuffer, tagged as byTag } from 'bpf-ringbuf'
      import { open } from './snoop.js'
      import { Ended, open as openTagged, Started } from './tagged.js'
      const [snoop, tagged] = [open(), openTagged()]
      snoop.maps.evnets
      snoop.rings.event
      snoop.programs.on_exce
      snoop.globals.onlypid
      snoop.links.on_exits
      snoop.globals.only_pid = 'five'
      snoop.maps.ended.get(5)
      snoop.maps.events.get(5)
      snoop.maps.ended.set({ start_time: 1n, pid: 1n }, true)
      snoop.rings.events.read((event) => event.timens)
      snoop.rings.events.read((event) => event.kind === 'EVENT_EXCE' ? event.pid.length : 0)
      tagged.rings.evnts
      const Event = byTag('kind', { KIND_STARTED: Started, KIND_ENDED: Ended })
      new RingBuffer(tagged.rings.events.map, Event, { KIND_STARTED() {}, KIND_ENDED() {} })
      new RingBuffer(tagged.rings.events.map, Event, { KIND_STARTED() {} })
      new RingBuffer(tagged.rings.events.map, Event, { KIND_STARTED({ cod }) {}, KIND_ENDED() {} })
      byTag('kind', { KIND_STRATED: Started })`,
    )
    const printed = compile({ noEmit: true, lib: ['es2022'] }, compiler)
    const messages = printed.match(/error TS\d+: .*/g) ?? []
    expect(messages.map((message) => message.replace(/error TS\d+: /, ''))).toEqual([
      "Property 'evnets' does not exist on type 'Readonly<Maps>'. Did you mean 'events'?",
      "Property 'event' does not exist on type 'Readonly<Rings>'. Did you mean 'events'?",
      "Property 'on_exce' does not exist on type 'Readonly<Programs>'. Did you mean 'on_exec'?",
      "Property 'onlypid' does not exist on type 'Globals'. Did you mean 'only_pid'?",
      expect.stringMatching(/^Property 'on_exits' does not exist.*Did you mean 'on_exit'\?$/),
      "Type 'string' is not assignable to type 'number'.",
      "Argument of type 'number' is not assignable to parameter of type 'Process'.",
      expect.stringMatching(/^Argument of type '(5|number)' is not assignable .* type 'never'/),
      "Argument of type 'boolean' is not assignable to parameter of type 'number'.",
      "Property 'timens' does not exist on type 'Event'. Did you mean 'time_ns'?",
      expect.stringMatching(/^This comparison appears.*'EventKind' and '"EVENT_EXCE"'/),
      "Property 'length' does not exist on type 'number'.",
      "Property 'evnts' does not exist on type 'Readonly<Rings>'. Did you mean 'events'?",
      'No overload matches this call.',
      expect.stringMatching(/^Property 'cod' does not exist on type .*"KIND_STARTED"/),
      expect.stringMatching(/'its tag has to be one of': ("KIND_\w+"( \| )?){3};/),
    ])
    // TypeScript 7 explains the last overload alone, which is that of a reader without callbacks.
    if (compiler !== compilers[0][1])
      expect(printed).toMatch(/Property 'KIND_ENDED' is missing in type '{ KIND_STARTED\(\)/)
  })
})

describe('--check', () => {
  test('says where a module differs, and exits with status 1', () => {
    write('package.json', '{}')
    expect(gen(snoop, '-o', 'snoop.ts', '--check').status).toBe(1)
    gen(snoop, '-o', 'snoop.ts')
    const text = readFileSync(join(folder, 'snoop.ts'), 'utf8')
    write('snoop.ts', text.replace('ppid: u32', 'ppid: u16'))
    const { status, output } = gen(snoop, '-o', 'snoop.ts', '--check')
    expect(status).toBe(1)
    expect(output).toMatch(
      /^snoop\.ts is not what the object makes:\n@@ line \d+\n- {3}ppid: u16,\n\+ {3}ppid: u32,\nMake it again: npx bpf-ringbuf gen .* -o snoop\.ts\n$/,
    )
    expect(readFileSync(join(folder, 'snoop.ts'), 'utf8')).toContain('u16')
  })
})

test.each([
  [[], 2, /Expected an object file/],
  [['a.o', 'b.o'], 2, /Unexpected argument 'b\.o'/],
  [['a.o', '--check'], 2, /'--check' needs '--output FILE'/],
  [['a.o', '--ring', 'x'], 2, /Expected RING=NAME for '--ring' but received 'x'/],
  [
    ['a.o', '--ring', 'x=a', '--ring', 'y=b', '--ring', 'x=c'],
    2,
    /--ring says both 'a' and 'c' of 'x'/,
  ],
  [['a.o', '-o', 'agent.bpf.mjs'], 2, /The module is TypeScript: .* not 'agent\.bpf\.mjs'/],
  [['a.o'], 1, /Cannot open a\.o: there is no such file/],
  [
    [join(root, 'build/bpf/test/globals.nobtf.bpf.o')],
    1,
    /has no types\. Compile it with clang -g/,
  ],
  [[snoop, '--type', 'evnt'], 1, /type "evnt": .* no such type; did you mean "event"\?/],
  [[snoop, '--ring', 'evnts=event'], 1, /ring "evnts": .* it has events; did you mean "events"\?/],
  [[snoop, '-o', 'no/such/folder.ts'], 1, /there is no folder/],
])('%j is refused', (args, status, message) => {
  const ran = gen(...args)
  expect(ran.output).toMatch(message)
  expect(ran.status).toBe(status)
})

test('an object is not written over by its own module, nor a folder', () => {
  writeFileSync(join(folder, 'own.bpf.o'), readFileSync(snoop))
  symlinkSync('own.bpf.o', join(folder, 'link.ts'))
  for (const output of ['own.bpf.o', './own.bpf.o', 'link.ts']) {
    const { status, output: said } = gen('own.bpf.o', '-o', output)
    expect(said).toBe(
      `bpf-ringbuf gen: Cannot write ${output}: it is what is read. Give the output another name\n`,
    )
    expect(status).toBe(1)
  }
  expect(readFileSync(join(folder, 'own.bpf.o'))).toEqual(readFileSync(snoop))
  expect(gen('own.bpf.o', '-o', 'node_modules').output).toBe(
    'bpf-ringbuf gen: Cannot write node_modules: EISDIR (illegal operation on a directory)\n',
  )
  symlinkSync('loop.ts', join(folder, 'loop.ts'))
  expect(gen('own.bpf.o', '-o', 'loop.ts').output).toMatch(/: Cannot write loop\.ts: ELOOP \(/)
})

test('an object of the other byte order is refused, and where to make its module is said', () => {
  const object = readFileSync(snoop)
  object[5] = 3 - (object[5] ?? 0)
  for (const at of [16, 18]) object.subarray(at, at + 2).reverse()
  writeFileSync(join(folder, 'other.bpf.o'), object)
  expect(gen('other.bpf.o', '-o', 'other.ts')).toEqual({
    status: 1,
    output:
      "bpf-ringbuf gen: Cannot open other.bpf.o: its byte order is not this machine's. " +
      'Compile it with -target bpf on this machine, or use it on one of that byte order\n',
  })
})
