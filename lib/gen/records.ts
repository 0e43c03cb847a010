// The structs, unions and enums that a module declares: those that are reached, each once.
import type { BtfReader } from '../btf/reader.js'
import { differenceOf } from '../types/difference.js'
import { type FromBtfOptions, typeFromBtf } from '../types/from-btf.js'
import type { Type } from '../types/type.js'
import { membersOf } from './c-declarations.js'
import { isDeclared } from './expressions.js'
import { assignNames, pascalCase } from './names.js'

/** A type of the object that the module declares. */
export interface RecordType {
  readonly type: Type
  /** Its id in the object's BTF. */
  readonly id: number
  /** Nothing of one that is anonymous. */
  readonly cName: string
  /** What it should be called in TypeScript. */
  readonly wish: string
}

const suffixes = { struct: 'Struct', union: 'Union', enum: 'Enum' }

/** Collects types, and then knows what they are called in TypeScript. */
export class Records {
  readonly #btf: BtfReader
  readonly #found: RecordType[] = []
  readonly #byType = new Map<Type, RecordType>()
  #names: Map<RecordType, string> | undefined

  constructor(btf: BtfReader) {
    this.#btf = btf
  }

  /** All of them, those that others contain first. */
  get all(): readonly RecordType[] {
    return this.#found
  }

  /**
   * Adds the type of this id, and all that are in it.
   *
   * @param where What an anonymous one is named by: where it is.
   * @returns Nothing when there is no such type in TypeScript.
   */
  add(id: number, where: string, options: FromBtfOptions = {}): Type | undefined {
    const type = typeFromBtf(this.#btf, id, options)
    if (type !== undefined) this.addType(type, id, where)
    return type
  }

  /** Whether it and all that is in it was added. */
  has(type: Type): boolean {
    if (type.shape.kind === 'array') return this.has(type.shape.element)
    return !isDeclared(type) || this.#byType.has(type)
  }

  addType(type: Type, id: number, where: string): void {
    const { shape } = type
    if (shape.kind === 'array') {
      const declared = this.#btf.type(id)
      if (declared.kind === 'array') this.addType(shape.element, declared.element, where)
      return
    }
    if (!isDeclared(type) || this.#byType.has(type)) return
    const cName = nameInC(this.#btf, id)
    const same = this.#found.find((known) => isSame(known, { type, id, cName }))
    const wish = pascalCase(cName === '' ? where : cName)
    // Its members are types of their own, which may be named by this one.
    if (shape.kind === 'struct' || shape.kind === 'union') {
      const members = membersOf(this.#btf, id)
      for (const field of shape.fields) {
        const member = members.get(field.name)
        if (member !== undefined) this.addType(field.type, member.type, `${wish}_${field.name}`)
      }
    }
    const record = same ?? { type, id, cName, wish }
    this.#byType.set(type, record)
    if (same === undefined) this.#found.push(record)
    this.#names = undefined
  }

  /**
   * What a type is called.
   *
   * @param reserved Names that none of them gets.
   */
  nameOf(type: Type, reserved: ReadonlySet<string>): string {
    this.#names ??= this.#assign(reserved)
    const record = this.#byType.get(type)
    const name = record && this.#names.get(record)
    if (name === undefined) throw new Error(`${type.name} was not added`)
    return name
  }

  #assign(reserved: ReadonlySet<string>): Map<RecordType, string> {
    const wishes = this.#found.map(({ type, cName, wish }) => ({
      cName: cName === '' ? wish : cName,
      name: wish,
      suffix: suffixes[type.shape.kind as keyof typeof suffixes],
    }))
    const names = assignNames(wishes, reserved)
    return new Map(this.#found.map((record, index) => [record, names[index] ?? record.wish]))
  }
}

/** Another one of the same name or id that is the same in all but its identity. */
function isSame(known: RecordType, { type, id, cName }: Omit<RecordType, 'wish'>): boolean {
  const isNamed = cName === '' ? known.id === id : known.cName === cName
  const { kind } = known.type.shape
  return isNamed && kind === type.shape.kind && differenceOf(known.type, type) === undefined
}

/** Its own, else that of the typedef that it is used by. */
function nameInC(btf: BtfReader, id: number): string {
  for (let depth = 0; depth < maxDepth; depth++) {
    const declared = btf.declaration(id)
    if ('name' in declared && declared.name !== '' && declared.kind !== 'type tag') {
      const behind = btf.type(id)
      const own = 'name' in behind ? behind.name : ''
      return own === '' ? declared.name : own
    }
    if (!('to' in declared) || declared.kind === 'pointer') return ''
    id = declared.to
  }
  return ''
}

const maxDepth = 64
