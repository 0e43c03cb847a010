// The module of an object: TypeScript with the names and types that it has.
import type { BtfReader } from '../btf/reader.js'
import { BpfError } from '../errors/errors.js'
import { isPerCpu } from '../map/kinds.js'
import type { BpfMap } from '../map/map.js'
import type { BpfObject } from '../object/object.js'
import type { Type } from '../types/struct.js'
import { declaration, membersOf } from './c-declarations.js'
import { Contents, type ContentsOptions, hasDeclaredEntries } from './contents.js'
import { declaringCall, expression, type Scope, valueType } from './expressions.js'
import {
  flat,
  generic,
  labelled,
  lines,
  object as literal,
  type Piece,
  render,
  tuple,
  width,
} from './layout.js'
import { assignNames, commented, pascalCase, propertyKey, quoted } from './names.js'
import type { RecordType } from './records.js'
import { reservedNames } from './reserved.js'

export interface ModuleOptions extends ContentsOptions {
  /** What `bpf-ringbuf` is imported as. */
  specifier: string
  /** The name of the object's file. */
  fileName: string
  /** The object's file, from the folder of the package that the module is in. */
  file: string
  /** The command that makes the module again. */
  command: string
  /** The object's bytes, when they are to be in the module. */
  embedded: Uint8Array | undefined
}

/**
 * The module's text: the same for the same object and options, in the format of
 * prettier.
 *
 * @throws {BpfError} `ERR_NO_BTF` when the object has no types, `ERR_NOT_FOUND` when it does
 *   not have a type or ring that is asked for, `ERR_UNSUPPORTED` for one that has no
 *   counterpart in TypeScript.
 */
export function generateModule(object: BpfObject, options: ModuleOptions): string {
  if (object.btf === undefined) {
    throw new BpfError('ERR_NO_BTF', 'the object has no types', {
      operation: 'generate a module of',
      target: options.fileName,
      hint: 'Compile it with clang -g',
    })
  }
  return new ModuleWriter(object, object.btf, options).write()
}

class ModuleWriter {
  readonly #object: BpfObject
  readonly #btf: BtfReader
  readonly #options: ModuleOptions
  readonly #contents: Contents
  readonly #values = new Set<string>()
  readonly #types = new Set<string>()
  readonly #className: string
  readonly #reserved: ReadonlySet<string>
  /** What the cases of tagged records are called, by their rings. */
  readonly #caseNames = new Map<string, string>()

  constructor(object: BpfObject, btf: BtfReader, options: ModuleOptions) {
    this.#object = object
    this.#btf = btf
    this.#options = options
    this.#contents = new Contents(object, btf, options)
    const className = pascalCase(options.fileName.replace(/(\.bpf)?\.o$/, ''))
    this.#className = reservedNames.has(className) ? `${className}Object` : className
    const reserved = new Set([...reservedNames, this.#className])
    for (const { ring, type } of this.#contents.rings) {
      if (type?.shape.kind !== 'tagged') continue
      const { name } = ring.map
      const [wish = ''] = assignNames(
        [{ cName: name, name: pascalCase(`${name}_cases`), suffix: 'Ring' }],
        reserved,
      )
      reserved.add(wish)
      this.#caseNames.set(name, wish)
    }
    this.#reserved = reserved
  }

  write(): string {
    const records = this.#contents.records.all.map((record) => this.#record(record))
    const tables = [
      this.#interface('Maps', 'Its maps.', this.#mapProperties()),
      this.#interface('Rings', 'Its rings: records are read from them.', this.#ringProperties()),
      this.#interface('Programs', 'Its programs.', this.#programProperties()),
      this.#interface('Globals', 'Its global variables.', this.#globalProperties()),
    ]
    const parts = this.#parts()
    const body = [...records, ...this.#cases(), ...tables, this.#class(), parts].join('\n\n')
    return `${this.#head()}\n\n${body}\n`
  }

  readonly #scope: Scope = {
    nameOf: (type) => this.#contents.records.nameOf(type, this.#reserved),
    use: (name) => {
      this.#values.add(name)
      return name
    },
  }

  #type(name: string): string {
    this.#types.add(name)
    return name
  }

  #head(): string {
    const { specifier, fileName, command } = this.#options
    const from = quoted(specifier)
    const list = (keyword: string, names: ReadonlySet<string>): string[] =>
      names.size === 0
        ? []
        : [render([`${keyword} `, literal(...[...names].sort()), ` from ${from}`])]
    return [
      `// Made of ${commented(fileName)} by bpf-ringbuf: to change it, make it again.`,
      `// ${commented(command)}`,
      ...list('import', this.#values),
      ...list('import type', this.#types),
    ].join('\n')
  }

  #record(record: RecordType): string {
    const { type, id, cName } = record
    const name = this.#scope.nameOf(type)
    const { kind } = type.shape
    const what =
      cName === '' ? `${article(kind)} ${kind} without a name` : `\`${kind} ${commented(cName)}\``
    const classes = { struct: 'Struct', union: 'Union', enum: 'Enumeration' }
    const maker = this.#type(classes[kind as keyof typeof classes])
    const head = `export const ${name}: ${maker}<${name}> = `
    const made = declaringCall(type, cName, this.#scope, head)
    return [
      `/** ${what}, ${count(type.size, 'byte')}. */`,
      ...(kind === 'enum' ? this.#enumType(name, type) : this.#structType(name, type, id)),
      '',
      render([head, made]),
    ].join('\n')
  }

  #structType(name: string, { shape }: Type, id: number): string[] {
    const members = membersOf(this.#btf, id)
    const fields = shape.kind === 'struct' || shape.kind === 'union' ? shape.fields : []
    return [
      `export interface ${name} {`,
      ...fields.flatMap((field) => {
        const member = members.get(field.name)
        return [
          ...(member === undefined
            ? []
            : [this.#comment(declaration(this.#btf, member, field.name))]),
          `  ${propertyKey(field.name)}: ${valueType(field.type, this.#scope)}`,
        ]
      }),
      '}',
    ]
  }

  /** A name, or a number that has none; of 64 bits perhaps a bigint. */
  #enumType(name: string, { shape, size }: Type): string[] {
    const names = shape.kind === 'enum' ? shape.names.map(([each]) => quoted(each)) : []
    const all = [...new Set(names), 'number', ...(size === 8 ? ['bigint'] : [])]
    const union = all.join(' | ')
    const line = `export type ${name} = ${union}`
    if (line.length <= width) return [line]
    const below = `  ${union}`.length <= width ? [`  ${union}`] : all.map((each) => `  | ${each}`)
    return [`export type ${name} =`, ...below]
  }

  #comment(code: string): string {
    return `  /** \`${commented(code).replaceAll('`', "'")}\` */`
  }

  /** Of each ring with tagged records an interface with what they are, by their tag. */
  #cases(): string[] {
    return this.#contents.rings.flatMap(({ ring, type }) => {
      const name = this.#caseNames.get(ring.map.name)
      if (name === undefined || type?.shape.kind !== 'tagged') return []
      const { tag, cases } = type.shape
      const properties = cases.map(({ key, type: each }) => {
        const isNumber = /^\d+$/.test(key)
        const value = [quoted(tag.name), isNumber ? key : quoted(key), valueType(each, this.#scope)]
        return render([`${propertyKey(key)}: `, generic(this.#type('CaseValue'), ...value)], '  ')
      })
      const comment = `What the records of \`${ring.map.name}\` are, by their \`${tag.name}\`.`
      return [this.#interface(name, comment, properties)]
    })
  }

  #interface(name: string, comment: string, properties: readonly string[]): string {
    if (properties.length === 0) {
      return `/** ${comment} There are none. */\nexport type ${name} = object`
    }
    return [`/** ${comment} */`, `export interface ${name} {`, ...properties, '}'].join('\n')
  }

  #mapProperties(): string[] {
    return this.#contents.maps.flatMap(({ map, key, value }) => {
      const type = `BPF_MAP_TYPE_${map.type.toUpperCase()}`
      return [
        `  /** ${commented(type)} */`,
        render([`readonly ${propertyKey(map.name)}: `, this.#mapType(map, key, value)], '  '),
      ]
    })
  }

  #mapType(map: BpfMap, key: Type | undefined, value: Type | undefined): Piece {
    const name = this.#type('BpfMap')
    const of = (type: Type): string => valueType(type, this.#scope)
    if (!hasDeclaredEntries(map)) return `${name}<never, never>`
    if (value === undefined) {
      const keyType = key === undefined ? 'never' : of(key)
      return generic(name, keyType, 'number', this.#type('Descriptor'))
    }
    const each = of(value)
    if (key === undefined) return generic(name, each, each)
    if (!isPerCpu(map.type)) return generic(name, of(key), each)
    return generic(name, of(key), `${each}[]`, `${each} | readonly ${each}[]`)
  }

  #ringProperties(): string[] {
    return this.#contents.rings.map(({ ring, type }) => {
      const cases = this.#caseNames.get(ring.map.name)
      const of =
        cases !== undefined
          ? [`${cases}[keyof ${cases}]`, cases]
          : [type === undefined ? 'Uint8Array' : valueType(type, this.#scope)]
      const kind = generic(this.#type(ring.kind), ...of)
      return render([`readonly ${propertyKey(ring.map.name)}: `, kind], '  ')
    })
  }

  #programProperties(): string[] {
    return [...this.#object.programs.values()].flatMap(({ name, section }) => [
      this.#comment(`SEC("${section}")`),
      `  readonly ${propertyKey(name)}: ${this.#type('BpfProgram')}`,
    ])
  }

  #globalProperties(): string[] {
    return this.#contents.globals.flatMap(({ variable, type }) => [
      `${this.#comment(declaration(this.#btf, variable, variable.name)).slice(0, -3)}${inSection(variable.section)} */`,
      `  ${propertyKey(variable.name)}: ${valueType(type, this.#scope)}`,
    ])
  }

  #class(): string {
    const base = generic(this.#scope.use('BpfSkeleton'), 'Maps', 'Rings', 'Programs', 'Globals')
    const name = this.#className
    const options = this.#type('SkeletonOptions')
    return [
      `/** The object: \`open().load().attach()\`. */`,
      `export class ${name} extends ${flat(base)} {}`,
      '',
      '/**',
      ' * Opens the object, which is ' +
        (this.#options.embedded === undefined
          ? 'found beside this module or beside its source.'
          : 'in this module.'),
      ' *',
      ' * @throws {BpfError} `ERR_LAYOUT` when it is another one than this module was made of.',
      ' */',
      `export function open(options?: ${options}): ${name} {`,
      `  return new ${name}(parts, options)`,
      '}',
    ].join('\n')
  }

  #parts(): string {
    const { command, file, fileName, embedded } = this.#options
    const scope = this.#scope
    const maps = this.#contents.maps.map(({ map, key, value }) => [
      `${propertyKey(map.name)}: `,
      literal(
        `type: ${quoted(map.type)}`,
        ...(key === undefined ? [] : [['key: ', expression(key, scope)]]),
        ...(value === undefined ? [] : [['value: ', expression(value, scope)]]),
        ...(isPerCpu(map.type) ? ['perCpu: true'] : []),
      ),
    ])
    const rings = this.#contents.rings.map(({ ring, type }) => [
      `${propertyKey(ring.map.name)}: `,
      type === undefined ? 'undefined' : expression(type, scope),
    ])
    const programs = [...this.#object.programs.keys()].map(quoted)
    const globals = this.#contents.globals.map(({ variable, type }) => [
      `${propertyKey(variable.name)}: `,
      expression(type, scope),
    ])
    const entries: Piece[] = [
      labelled('name', quoted(fileName.replace(/(\.bpf)?\.o$/, ''))),
      labelled('command', quoted(command)),
      labelled('file', quoted(file)),
      ['types: ', tuple(...this.#contents.compared.map((type) => scope.nameOf(type)))],
      ['maps: ', table(maps)],
      ['rings: ', table(rings)],
      ['programs: ', tuple(...programs)],
      ['globals: ', table(globals)],
    ]
    if (embedded !== undefined) {
      entries.push(labelled('embedded', quoted(Buffer.from(embedded).toString('base64'))))
    }
    const type = this.#type('SkeletonParts')
    return render([`const parts: ${type} = `, lines(...entries)])
  }
}

function table(entries: readonly Piece[]): Piece {
  return entries.length === 0 ? '{}' : lines(...entries)
}

function inSection(section: string): string {
  return section.startsWith('.rodata') ? ', until load()' : ''
}

function article(kind: string): string {
  return kind === 'struct' ? 'A' : 'An'
}

function count(number: number, unit: string): string {
  return `${String(number)} ${unit}${number === 1 ? '' : 's'}`
}
