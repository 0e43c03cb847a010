// docs/libbpf.md and docs/tools.md against libbpf's headers and against what the
// package exports.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'

const root = join(__dirname, '../..')

/** The functions that libbpf's headers declare, on this machine. */
function declaredFunctions(): Map<string, string> {
  const flags = execFileSync('sh', ['scripts/find-libbpf.sh', '--cflags'], {
    cwd: root,
    encoding: 'utf8',
  })
  const directory = /-I(\S+)/.exec(flags)?.[1] ?? '/usr/include'
  const functions = new Map<string, string>()
  for (const header of ['libbpf.h', 'libbpf_legacy.h', 'bpf.h', 'btf.h']) {
    const text = readFileSync(join(directory, 'bpf', header), 'utf8').replace(
      /\/\*[^]*?\*\/|^#.*(\\\n.*)*/gm,
      '',
    )
    const declarations = /(?:LIBBPF_API|static inline)\s([^;{(]*?)\b(\w+)\s*\(/g
    for (const [, , name = ''] of text.matchAll(declarations)) functions.set(name, header)
  }
  return functions
}

interface Page {
  text: string
  /** What stands in backquotes, without the functions of libbpf. */
  names: string[]
}

function readPage(name: string): Page {
  const text = readFileSync(join(root, 'docs', name), 'utf8')
  const names = [...text.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span.replaceAll('\\', ''))
  return { text, names: names.filter((span) => !/^\w+\(\)$/.test(span) || !span.includes('_')) }
}

/** Which class the pages mean by a variable's name. */
const classOf: Record<string, string> = {
  object: 'BpfObject',
  program: 'BpfProgram',
  map: 'BpfMap',
  link: 'BpfLink',
  ring: 'RingBuffer',
  perf: 'PerfBuffer',
  user: 'UserRingBuffer',
  reservation: 'UserRingReservation',
  btf: 'Btf',
  error: 'VerifierError',
}

/** What the package exports, as its declarations have it. */
class Package {
  readonly #checker: ts.TypeChecker
  readonly #exports: Map<string, ts.Symbol>

  constructor() {
    const path = join(root, 'lib/index.ts')
    const options: ts.CompilerOptions = {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.Node16,
      lib: ['lib.es5.d.ts'],
      types: [],
      strict: true,
    }
    // Those of Node and of other packages do not matter here, and take seconds.
    const host = ts.createCompilerHost(options)
    host.resolveModuleNameLiterals = (literals, file) =>
      literals.map(({ text }) => {
        if (!text.startsWith('.')) return { resolvedModule: undefined }
        const resolvedFileName = join(dirname(file), text.replace(/\.js$/, '.ts'))
        return { resolvedModule: { resolvedFileName, extension: ts.Extension.Ts } }
      })
    const program = ts.createProgram([path], options, host)
    this.#checker = program.getTypeChecker()
    const source = program.getSourceFile(path)
    const module = source && this.#checker.getSymbolAtLocation(source)
    if (module === undefined) throw new Error(`${path} exports nothing`)
    this.#exports = new Map(
      this.#checker.getExportsOfModule(module).map((symbol) => [symbol.name, this.#target(symbol)]),
    )
  }

  /** Whether a name such as `map.get()`, `BpfMap.create()` or `features()` exists. */
  has(name: string): boolean {
    const [, owner = '', member, rest = ''] = /^(\w+)(?:\.(\w+))?(.*)$/.exec(name) ?? []
    if (member === undefined) return this.#exports.has(owner)
    const symbol = this.#exports.get(classOf[owner] ?? owner)
    if (symbol === undefined) return false
    const type =
      owner in classOf
        ? this.#checker.getDeclaredTypeOfSymbol(symbol)
        : this.#checker.getTypeOfSymbol(symbol)
    const property = type.getProperty(member)
    if (property === undefined) return false
    const [, option] = /^\(\{ (\w+)/.exec(rest) ?? []
    return option === undefined || this.#takes(property, option)
  }

  /** Whether the first argument of a method may have a property of this name. */
  #takes(method: ts.Symbol, option: string): boolean {
    return this.#checker
      .getTypeOfSymbol(method)
      .getCallSignatures()
      .flatMap(({ parameters: [first] }) =>
        first === undefined ? [] : this.#constituents(this.#checker.getTypeOfSymbol(first)),
      )
      .some((type) => type.getProperty(option) !== undefined)
  }

  #constituents(type: ts.Type): ts.Type[] {
    return type.isUnion() ? type.types : [type]
  }

  #target(symbol: ts.Symbol): ts.Symbol {
    return symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol
  }
}

const isOurs = (span: string): boolean =>
  /^[A-Z][A-Za-z]*[a-z](\.\w+(\(.*\))?)?$/.test(span) ||
  /^[a-z]\w*\(\)$/.test(span) ||
  (/^(\w+)\.\w+/.exec(span)?.[1] ?? '') in classOf

test('docs/libbpf.md names each function of the installed headers', () => {
  const functions = declaredFunctions()
  expect(functions.size).toBeGreaterThan(300)
  const { text } = readPage('libbpf.md')
  const absent = [...functions].filter(([name]) => !text.includes(`\`${name}()\``))
  expect(absent).toEqual([])
})

test('what docs/libbpf.md and docs/tools.md say is here is exported', () => {
  const exported = new Package()
  for (const page of ['libbpf.md', 'tools.md']) {
    const ours = [...new Set(readPage(page).names.filter(isOurs))]
    expect(ours.length).toBeGreaterThan(20)
    expect([page, ours.filter((name) => !exported.has(name))]).toEqual([page, []])
  }
  expect(exported.has('map.nothing()')).toBe(false)
  expect(exported.has('program.attach({ nothing })')).toBe(false)
}, 30_000)

test('each row of docs/libbpf.md says what is here', () => {
  const { text } = readPage('libbpf.md')
  const rows = text.split('\n').filter((line) => /^\| `/.test(line))
  expect(rows.length).toBeGreaterThan(100)
  const without = rows.filter((row) => {
    const [, , here = ''] = row.split(/(?<!\\)\|/)
    return ![...here.matchAll(/`([^`]+)`/g)].some(([, span = '']) => isOurs(span))
  })
  expect(without).toEqual([])
})
