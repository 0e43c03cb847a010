// Types as the library's users write them: what makes them, and what they are in TypeScript.
import type { Struct, Type } from '../types/struct.js'
import { call, lines, object, type Piece } from './layout.js'
import { propertyKey, quoted } from './names.js'

/** What structs are called, and which names of the library are used. */
export interface Scope {
  nameOf(type: Type): string
  /** Marks a value of the library as used, and gives its name. */
  use(name: string): string
}

/** The type of the values in TypeScript. */
export function valueType(type: Type, scope: Pick<Scope, 'nameOf'>): string {
  const { shape } = type
  switch (shape.kind) {
    case 'int':
      return shape.size === 8 && shape.exact ? 'bigint' : 'number'
    case 'float':
      return 'number'
    case 'bool':
      return 'boolean'
    case 'cstring':
      return 'string'
    case 'bytes':
      return 'Uint8Array'
    case 'array': {
      const element = valueType(shape.element, scope)
      return /[|&]/.test(element) ? `(${element})[]` : `${element}[]`
    }
    case 'struct':
      return scope.nameOf(type)
    case 'view':
      return `Readonly<${valueType(shape.struct, scope)}>`
  }
}

/** The expression that makes the type; of a struct its name. */
export function expression(type: Type, scope: Scope): Piece {
  const { shape } = type
  switch (shape.kind) {
    case 'cstring':
    case 'bytes': {
      const { length } = shape
      return call(scope.use(shape.kind), ...(length === undefined ? [] : [String(length)]))
    }
    case 'array': {
      return call(scope.use('array'), expression(shape.element, scope), String(shape.length))
    }
    case 'struct':
      return scope.nameOf(type)
    case 'view':
      return [expression(shape.struct, scope), '.view()']
    default:
      return scope.use(type.name)
  }
}

/**
 * The call that makes a struct, as prettier breaks it.
 *
 * @param cName Its name in C; of an anonymous one nothing.
 */
export function structCall(struct: Struct, cName: string, scope: Scope): Piece {
  const { fields, isPacked } = placed(struct)
  const entries = fields.map(({ name, offset, type, isPlaced }) => {
    const made = expression(type, scope)
    const place = isPlaced ? call(scope.use('at'), String(offset), made) : made
    return [`${propertyKey(name)}: `, place] as Piece
  })
  const options = [
    ...(isPacked ? ['packed: true'] : []),
    ...(cName === '' ? ['unchecked: true'] : []),
  ]
  const members = lines(...entries)
  const name = scope.use('struct')
  if (options.length === 0) return [`${name}(${quoted(cName)}, `, members, ')']
  return call(name, quoted(cName), members, object(...options))
}

interface PlacedField {
  readonly name: string
  readonly offset: number
  readonly type: Type
  /** It is not where C puts it behind the one before. */
  readonly isPlaced: boolean
}

/** What has to be said of where the fields are. */
function placed({ shape, size }: Struct): { fields: PlacedField[]; isPacked: boolean } {
  const isPacked = shape.fields.some(
    ({ offset, type }) => offset % type.align !== 0 || size % type.align !== 0,
  )
  let end = 0
  const fields = shape.fields.map((field) => {
    const align = isPacked ? 1 : field.type.align
    const isPlaced = field.offset !== Math.ceil(end / align) * align
    end = Math.max(end, field.offset + field.type.size)
    return { ...field, isPlaced }
  })
  return { fields, isPacked }
}
