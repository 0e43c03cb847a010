// The addon's declarations in lib/addon against those in native/binding: the
// comment above each method, and the arguments that it reads.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

const root = join(__dirname, '../..')

interface Declared {
  /** As TypeScript has it, without the names' prefix "Native". */
  signature: string
  parameterCount: number
}

/** A class's methods by their names; its constructor is `new`. */
type Members = Map<string, Declared>

function parse(text: string): ts.SourceFile {
  return ts.createSourceFile('declarations.ts', text, ts.ScriptTarget.Latest, true)
}

function declared(node: ts.SignatureDeclarationBase): Declared {
  const parameters = node.parameters.map((parameter) => parameter.getText())
  const signature = `(${parameters.join(', ')}): ${node.type?.getText() ?? ''}`
  return {
    signature: signature.replace(/\bNative(?=[A-Z])/g, ''),
    parameterCount: parameters.length,
  }
}

function membersOf(node: ts.InterfaceDeclaration): Members {
  return new Map(
    node.members
      .filter(ts.isMethodSignature)
      .map((method) => [method.name.getText(), declared(method)]),
  )
}

/** What lib/addon declares: classes, and the functions as a class "Addon". */
function declaredInTypeScript(): Map<string, Members> {
  const classes = new Map<string, Members>()
  const interfaces = readdirSync(join(root, 'lib/addon'))
    .map((file) => parse(readFileSync(join(root, 'lib/addon', file), 'utf8')))
    .flatMap(({ statements }) => statements.filter(ts.isInterfaceDeclaration))
    // The others are of how it is found.
    .filter(({ name }) => /^(Native|Addon$)/.test(name.text))
  for (const node of interfaces) {
    classes.set(node.name.text.replace(/^Native/, ''), membersOf(node))
  }
  const addon = interfaces.find(({ name }) => name.text === 'Addon')
  for (const member of addon?.members ?? []) {
    if (!ts.isPropertySignature(member) || member.type === undefined) continue
    if (!ts.isConstructorTypeNode(member.type)) continue
    classes.get(member.name.getText())?.set('new', declared(member.type))
  }
  return classes
}

/** The declaration in the comment above a function, which begins with `start`. */
function declarationAbove(source: string, at: number, start: string): string {
  const lines = source.slice(0, at).trimEnd().split('\n')
  const comment: string[] = []
  while (lines.at(-1)?.startsWith('//') === true) {
    comment.unshift((lines.pop() ?? '').replace(/^\/\/ ?/, ''))
  }
  const first = comment.findIndex((line) => line.startsWith(start))
  if (first < 0) return ''
  let text = ''
  for (const line of comment.slice(first)) {
    text += `${text === '' ? '' : ' '}${line.trim()}`
    if (start.startsWith('new') ? text.endsWith(')') : text.includes('): ')) break
  }
  return text
}

/** How many arguments a function reads, judging by its body. */
function argumentsRead(body: string): number {
  if (body.includes('ReadLent(info)')) return 1
  const [, list = ''] = /ReadArguments\(info,([^;]*?)\)\)/.exec(body) ?? []
  return list.split(',').filter((argument) => argument.trim() !== '').length
}

function declaredInCpp(): Map<string, Members> {
  const classes = new Map<string, Members>([['Addon', new Map()]])
  const add = (name: string, member: string, cpp: string, source: string): void => {
    const at = source.search(new RegExp(`^${cpp}\\(const Napi::CallbackInfo& info\\)`, 'm'))
    const start = member === 'new' ? `new ${name}(` : `${member}(`
    const text = declarationAbove(source, at, start)
    const type = text.replace(/^new \w+(.*)/, `new$1: ${name}`)
    const [node] = parse(`interface Declared { ${type} }`).statements
    const [signature] = node !== undefined && ts.isInterfaceDeclaration(node) ? node.members : []
    if (signature === undefined) throw new Error(`${cpp} has no declaration above it`)
    const result = declared(signature as unknown as ts.SignatureDeclarationBase)
    const body = source.slice(at, source.indexOf('\n}\n', at))
    expect([cpp, argumentsRead(body)]).toEqual([cpp, result.parameterCount])
    const members = classes.get(name) ?? new Map<string, Declared>()
    classes.set(name, members.set(member, result))
  }
  const directory = join(root, 'native/binding')
  // A class may have its methods in several files.
  const source = readdirSync(directory)
    .filter((name) => name.endsWith('.cc'))
    .map((file) => readFileSync(join(directory, file), 'utf8'))
    .join('\n')
  for (const [, name = '', method = '', member = ''] of source.matchAll(
    /InstanceMethod<&(\w+)::(\w+)>\(\s*"(\w+)"\)/g,
  )) {
    add(name, member, `Napi::Value ${name}::${method}`, source)
  }
  for (const [, name = ''] of source.matchAll(/exports\.Set\(\s*"(\w+)",\s*DefineClass/g)) {
    add(name, 'new', `${name}::${name}`, source)
  }
  for (const [, cpp = '', member = ''] of source.matchAll(
    /Napi::Function::New<(\w+)>\(\s*env, "(\w+)"/g,
  )) {
    add('Addon', member, `Napi::Value ${cpp}`, source)
  }
  return classes
}

test('the addon is declared alike in TypeScript and in C++', () => {
  const cpp = declaredInCpp()
  const typescript = declaredInTypeScript()
  expect([...cpp.keys()].sort()).toEqual([
    'Addon',
    'Descriptor',
    'FlightRecorder',
    'Link',
    'Map',
    'MapHandle',
    'Object',
    'Program',
    'Reader',
    'UserRingBuffer',
  ])
  const sorted = (classes: Map<string, Members>) =>
    Object.fromEntries(
      [...classes].map(([name, members]) => [
        name,
        Object.fromEntries(
          [...members].map(([member, { signature }]) => [member, signature]).sort(),
        ),
      ]),
    )
  expect(sorted(typescript)).toEqual(sorted(cpp))
})
