// Types as the library's users write them: what makes them, and what they are in TypeScript.
import type { IntShape, Type } from '../types/type.js'
import { ipv4, ipv6, mac } from '../types/addresses.js'
import { asBits } from '../types/btf-bits.js'
import { placeBits, type PlacedField, placeFields } from './fields.js'
import { call, lines, object, type Piece, width } from './layout.js'
import { propertyKey, quoted } from './names.js'

/** What declared types are called, and which names of the library are used. */
export interface Scope {
  nameOf(type: Type): string
  /** Marks a value of the library as used, and gives its name. */
  use(name: string): string
}

/** Whether a module declares it, by a name. */
export function isDeclared({ shape }: Type): boolean {
  return shape.kind === 'struct' || shape.kind === 'union' || shape.kind === 'enum'
}

/** The type of the values in TypeScript. */
export function valueType(declared: Type, scope: Pick<Scope, 'nameOf'>): string {
  const type = asBits(declared)
  const { shape } = type
  switch (shape.kind) {
    case 'int':
      return shape.size < 8 ? 'number' : shape.form
    case 'bits':
      return shape.width <= 32 ? 'number' : shape.form
    case 'float':
      return 'number'
    case 'bool':
      return 'boolean'
    case 'cstring':
      return 'string'
    case 'bytes':
      return 'Uint8Array'
    case 'array':
      return `${valueType(shape.element, scope)}[]`
    case 'enum':
      return shape.asNumber ? 'number' : scope.nameOf(type)
    case 'struct':
    case 'union':
      return scope.nameOf(type)
    case 'map':
      return addressName(type) === undefined ? notOfBtf(type) : 'string'
    case 'tagged':
    case 'view':
      return notOfBtf(type)
  }
}

/** The expression that makes the type; of one that the module declares its name. */
export function expression(type: Type, scope: Scope): Piece {
  const { shape } = type
  switch (shape.kind) {
    case 'int':
      return integer(type.name, shape, scope)
    case 'bits': {
      const { unit, shift } = placeBits({ name: '', offset: 0, type }, Infinity)
      return call(scope.use('bits'), scope.use(unit), String(shape.width), String(shift))
    }
    case 'float':
    case 'bool':
      return scope.use(type.name)
    case 'cstring':
    case 'bytes':
      return call(scope.use(shape.kind), ...lengthOf(shape.length))
    case 'array': {
      const element = expression(shape.element, scope)
      return call(scope.use('array'), element, ...lengthOf(shape.length))
    }
    case 'enum':
      return shape.asNumber ? `${scope.nameOf(type)}.number` : scope.nameOf(type)
    case 'struct':
    case 'union':
      return scope.nameOf(type)
    case 'map':
      return scope.use(addressName(type) ?? notOfBtf(type))
    case 'tagged': {
      const cases = shape.cases.map(({ key, type: each }): Piece => [
        `${propertyKey(key)}: `,
        expression(each, scope),
      ])
      return [`${scope.use('tagged')}(${quoted(shape.tag.name)}, `, object(...cases), ')']
    }
    case 'view':
      return notOfBtf(type)
  }
}

/** Of what a declaration tag made an address. */
function addressName(type: Type): string | undefined {
  return Object.entries({ ipv4, ipv6, mac }).find(([, address]) => address === type)?.[0]
}

function notOfBtf({ name }: Type): never {
  throw new Error(`${name} is not of BTF`)
}

function lengthOf(length: number | undefined): string[] {
  return length === undefined ? [] : [String(length)]
}

function integer(name: string, shape: IntShape, scope: Scope): string {
  if (name === 'pointer') return scope.use(name)
  const { size, signed, form, isBigEndian } = shape
  const base = scope.use(`${signed ? 'i' : 'u'}${String(8 * size)}`)
  const order = isBigEndian ? '.be' : ''
  return `${base}${order}${size < 8 || form === 'bigint' ? '' : `.${form}`}`
}

/**
 * The call that makes a struct, a union or an enum.
 *
 * @param cName Its name in C; of an anonymous one nothing.
 * @param before What stands before it on its line.
 */
export function declaringCall(type: Type, cName: string, scope: Scope, before: string): Piece {
  const { shape } = type
  if (shape.kind === 'enum') return enumCall(type, scope, before)
  if (shape.kind !== 'struct' && shape.kind !== 'union') throw new Error(`${type.name} has no name`)
  const { fields, isPacked, size } = placeFields(type, shape)
  const options = [
    ...(isPacked ? ['packed: true'] : []),
    ...(size === undefined ? [] : [`size: ${String(size)}`]),
    ...(cName === '' ? ['unchecked: true'] : []),
  ]
  const members = lines(...fields.map((field) => member(field, scope)))
  const name = scope.use(shape.kind)
  if (options.length > 0) return call(name, quoted(cName), members, object(...options))
  return withLast(before, name, quoted(cName), members)
}

function member({ name, place, type, bits }: PlacedField, scope: Scope): Piece {
  const made =
    bits === undefined
      ? expression(type, scope)
      : call(scope.use('bits'), scope.use(bits.unit), String(bits.width), String(bits.shift))
  const entry = place === undefined ? made : call(scope.use('at'), String(place), made)
  return [`${propertyKey(name)}: `, entry]
}

function enumCall({ shape }: Type, scope: Scope, before: string): Piece {
  if (shape.kind !== 'enum') throw new Error('it is no enum')
  const { unit, names } = shape
  const values = names.map(
    ([name, value]) => `${propertyKey(name)}: ${numberLiteral(value, unit.size)}`,
  )
  const made = integer(unit.name, unit.shape, scope)
  return withLast(before, scope.use('enumeration'), made, lines(...values))
}

/** A call whose last argument is an object, which begins on its first line where that fits. */
function withLast(before: string, name: string, first: string, last: Piece): Piece {
  const head = `${name}(${first}, `
  return before.length + head.length < width ? [head, last, ')'] : call(name, first, last)
}

function numberLiteral(value: bigint, sizeBytes: number): string {
  const isExact = value >= -(2n ** 53n) && value <= 2n ** 53n
  return sizeBytes < 8 || isExact ? String(value) : `${String(value)}n`
}
