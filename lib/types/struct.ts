// Structs.
import { invalidType } from '../errors/errors.js'
import {
  checkSize,
  checkStructOptions,
  type Fields,
  placeFields,
  type StructOptions,
  type StructValue,
} from './fields.js'
import {
  type Alternatives,
  make,
  roundUp,
  type StructShape,
  type Type,
  type value,
} from './type.js'

export { at, type Fields, type Placed, type StructOptions, type StructValue } from './fields.js'
export * from './integer.js'
export * from './scalar.js'
export * from './sequence.js'
export type { Type, Value } from './type.js'
/** @internal */
export {
  checkType,
  type Field,
  fieldCount,
  maxBytes,
  maxFields,
  requiredBytes,
  type Shape,
} from './type.js'

/** What only BTF and this library say of a struct. */
interface Declared {
  /** In bytes, where fields and alignment do not say it. */
  size?: number | undefined
  isAnonymous?: boolean
  alternatives?: Alternatives | undefined
}

/**
 * A C struct. Fields follow each other with C's natural alignment; `at()` places
 * one elsewhere.
 */
export class Struct<T = unknown> implements Type<T> {
  readonly name: string
  readonly size: number
  readonly align: number
  /** @internal */
  readonly shape: StructShape
  /** For the compiler: the type of the values. Nothing is there at run time. */
  declare readonly [value]?: T

  /** @internal */
  constructor(name: string, fields: Fields, options: StructOptions, declared: Declared = {}) {
    const { packed, size: given, ...compared } = checkStructOptions(options)
    const { fields: placed, end, align } = placeFields('struct', name, fields, packed)
    const larger = checkSize(given, end, `struct "${name}"`) ?? roundUp(end, align)
    const { size = larger, isAnonymous = false, alternatives } = declared
    this.name = name
    this.size = size
    this.align = align
    this.shape = { kind: 'struct', fields: placed, isAnonymous, alternatives, ...compared }
    make(this)
  }

  /**
   * A decoder that lends one accessor instead of making an object for each
   * record: its properties are read from the record when they are used. The
   * accessor is valid only inside the callback and only for this record; keep
   * what you need by reading it. For callbacks, not for iterators.
   */
  view(): Type<Readonly<T>> {
    return make({
      name: this.name,
      size: this.size,
      align: this.align,
      shape: { kind: 'view', struct: this },
    })
  }
}

/**
 * Declares a C struct.
 *
 * @param name Its name in C. A reader checks offsets and sizes against the
 *   struct of this name in the object's BTF. When there is none it emits a process
 *   warning, `BPF_RINGBUF_UNCHECKED_LAYOUT`; with `checked` that is `ERR_LAYOUT`, and
 *   with `unchecked` nothing.
 * @throws {TypeError} {RangeError} for what makes no struct.
 * @example
 * ```ts
 * const ExecEvent = struct('event', { pid: u32, comm: cstring(16) }, { checked: true })
 * type ExecEvent = Value<typeof ExecEvent> // { pid: number; comm: string }
 * ```
 */
export function struct<const F extends Fields>(
  name: string,
  fields: F,
  options: StructOptions = {},
): Struct<StructValue<F>> {
  if (typeof name !== 'string') throw invalidType('a string', 'the name of struct()', name)
  return new Struct(name, fields, options)
}
