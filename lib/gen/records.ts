// The structs that a module declares: those that are reached, each once.
import type { Btf } from '../btf/btf.js'
import { differenceOf } from '../types/difference.js'
import { typeFromBtf } from '../types/from-btf.js'
import { Struct, type Type } from '../types/struct.js'
import { membersOf } from './c-declarations.js'
import { assignNames, pascalCase } from './names.js'

/** A struct of the object that the module declares. */
export interface RecordType {
  readonly type: Struct
  /** Its id in the object's BTF. */
  readonly id: number
  /** Nothing of one that is anonymous. */
  readonly cName: string
  /** What it should be called in TypeScript. */
  readonly wish: string
}

/** Collects types, and then knows what they are called in TypeScript. */
export class Records {
  readonly #btf: Btf
  readonly #found: RecordType[] = []
  #names: Map<RecordType, string> | undefined

  constructor(btf: Btf) {
    this.#btf = btf
  }

  /** All structs, those that others contain first. */
  get all(): readonly RecordType[] {
    return this.#found
  }

  /**
   * Adds the type of this id, and all structs in it.
   *
   * @param where What an anonymous struct is named by: where it is.
   * @returns Nothing when there is no such type in TypeScript.
   */
  add(id: number, where: string): Type | undefined {
    const type = typeFromBtf(this.#btf, id)
    if (type !== undefined) this.addType(type, id, where)
    return type
  }

  has(type: Type): boolean {
    return this.#find(type) !== undefined
  }

  addType(type: Type, id: number, where: string): void {
    const { shape } = type
    if (shape.kind === 'array') {
      const declared = this.#btf.type(id)
      if (declared.kind === 'array') this.addType(shape.element, declared.element, where)
    } else if (type instanceof Struct && this.#find(type) === undefined) {
      const wish = pascalCase(type.name === '' ? where : type.name)
      const members = membersOf(this.#btf, id)
      for (const field of type.shape.fields) {
        const member = members.get(field.name)
        if (member !== undefined) {
          this.addType(field.type, member.type, `${wish}_${pascalCase(field.name)}`)
        }
      }
      this.#found.push({ type, id, cName: type.name, wish })
      this.#names = undefined
    }
  }

  /**
   * What a struct is called.
   *
   * @param reserved Names that none of them gets.
   */
  nameOf(type: Type, reserved: ReadonlySet<string>): string {
    this.#names ??= this.#assign(reserved)
    const found = this.#find(type)
    const name = found && this.#names.get(found)
    if (name === undefined) throw new Error(`struct ${type.name} was not added`)
    return name
  }

  #assign(reserved: ReadonlySet<string>): Map<RecordType, string> {
    const wishes = this.#found.map(({ cName, wish }) => ({ cName, name: wish, suffix: 'Struct' }))
    const names = assignNames(wishes, reserved)
    return new Map(this.#found.map((record, index) => [record, names[index] ?? record.wish]))
  }

  /** The same one, or one that is the same in all but its identity. */
  #find(type: Type): RecordType | undefined {
    return this.#found.find(
      (known) =>
        known.type === type ||
        (known.cName === type.name &&
          known.cName !== '' &&
          differenceOf(known.type, type) === undefined),
    )
  }
}
