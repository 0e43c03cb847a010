// Unions.
import {
  checkSize,
  checkStructOptions,
  type Fields,
  placeFields,
  type StructOptions,
  type StructValue,
} from './fields.js'
import { compileRead } from './read.js'
import { type Alternatives, make, roundUp, type Type, type UnionShape, type value } from './type.js'
import { createUnionValue } from './union-value.js'
import { encode } from './write.js'

/** An object with one of the members. */
export type OneOf<T> = {
  [K in keyof T]: Pick<T, K> & { [O in Exclude<keyof T, K>]?: never }
}[keyof T]

interface Declared {
  /** In bytes, where members and alignment do not say it. */
  size?: number | undefined
  alternatives?: Alternatives | undefined
}

/** A C union: all members begin at its start, unless `at()` places one elsewhere. */
export class Union<T = unknown> implements Type<T> {
  readonly name: string
  readonly size: number
  readonly align: number
  /** @internal */
  readonly shape: UnionShape
  /** For the compiler: the type of the values. Nothing is there at run time. */
  declare readonly [value]?: T

  /**
   * @internal
   * @param declared What only BTF and this library say of it.
   */
  constructor(name: string, members: Fields, options: StructOptions, declared: Declared = {}) {
    const { packed, size, ...compared } = checkStructOptions(options)
    const { fields, end, align } = placeFields('union', name, members, packed)
    this.name = name
    const larger = checkSize(size, end, `union "${name}"`) ?? roundUp(end, align)
    this.size = declared.size ?? larger
    this.align = align
    this.shape = { kind: 'union', fields, alternatives: declared.alternatives, ...compared }
    make(this)
  }

  /**
   * The value with this member, in which all bytes that are not the member's are zeros.
   *
   * @throws {TypeError} {RangeError} for what is no value of the member.
   * @example
   * ```ts
   * const Address = union({ v4: ipv4, v6: ipv6 })
   * map.set(1, { address: Address.of({ v4: '192.0.2.1' }) })
   * ```
   */
  of(member: OneOf<T>): T {
    const bytes = encode(this, member, this.name === '' ? 'union' : `union ${this.name}`)
    return createUnionValue(this, this.shape, compileRead)(bytes) as T
  }
}

/**
 * Declares a C union. Its value owns a copy of the bytes, and its members are accessors
 * that read them when they are used, so that those which do not apply cost nothing; to
 * set one changes the bytes. `console.log()` and `JSON.stringify()` show them all; a
 * spread copies none of them: they are not the value's own.
 *
 * What was read can be written, as can an object with exactly one member, such as
 * {@link Union.of} makes a value of: its other bytes become zeros.
 *
 * @throws {TypeError} {RangeError} for what makes no union.
 * @example
 * ```ts
 * const Event = struct('event', {
 *   family: u16,
 *   address: union({ v4: ipv4, v6: ipv6 }),
 * })
 * ({ family, address }) => console.log(family === 2 ? address.v4 : address.v6)
 * ```
 */
export function union<const F extends Fields>(
  members: F,
  options?: StructOptions,
): Union<StructValue<F>>
/**
 * The same of a union that has a name in C.
 *
 * @param name That of the union in the object's BTF which it is compared with.
 */
export function union<const F extends Fields>(
  name: string,
  members: F,
  options?: StructOptions,
): Union<StructValue<F>>
export function union(
  first: string | Fields,
  second?: Fields | StructOptions,
  third?: StructOptions,
): Union {
  if (typeof first === 'string') return new Union(first, second as Fields, third ?? {})
  const options = (second as StructOptions | undefined) ?? {}
  return new Union('', first, options)
}
