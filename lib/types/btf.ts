// BTF, and the decoders that are made of it.
import { endianness } from 'node:os'
import { leftOutHint } from '../btf/left-out.js'
import { BtfReader } from '../btf/reader.js'
import type { BtfKind } from '../btf/types.js'
import { BpfError, checkOptions, invalidType } from '../errors/errors.js'
import { didYouMean } from '../errors/near.js'
import { Enumeration } from './enumeration.js'
import {
  type BtfDecoderOptions,
  type FromBtfOptions,
  typeFromBtf,
  unsupportedInBtf,
} from './from-btf.js'
import type { Struct } from './struct.js'
import type { Type } from './type.js'
import type { Union } from './union.js'

const choices: Readonly<Record<keyof BtfDecoderOptions, readonly string[]>> = {
  enums: ['name', 'number'],
  chars: ['string', 'bytes'],
  integers: ['bigint', 'number', 'string'],
}

/** Kinds that a type may be asked for by name as. */
const named: readonly BtfKind[] = ['struct', 'union', 'enum', 'typedef', 'int', 'float', 'variable']

/**
 * The types of one object, or of the kernel, and decoders of them. Each type has an id,
 * from 1 on; the id 0 is void.
 *
 * A decoder is like one that was declared by hand: integers up to 32 bits and bit-fields up
 * to that are `number`, larger ones `bigint`, and so are pointers; `__be16`, `__be32` and
 * `__be64` have their highest byte first; enums are their names;
 * `char[n]` is a `string` and `unsigned char[n]` a `Uint8Array`; a flexible array at the
 * end takes the rest of the record; members of anonymous structs and unions are fields of
 * what they are in, as in C. To write, one member of an anonymous union is enough: where
 * that is a struct itself, all of its fields. Several that are given, as what was read has
 * all of them, must have the same bytes.
 */
export class Btf extends BtfReader {
  /**
   * A decoder of the struct of this name, or that a typedef of the name stands for; of
   * several the first.
   *
   * @typeParam T What its values are, where the compiler should know: nothing checks it.
   * @throws {BpfError} `ERR_NOT_FOUND` when there is none, naming the nearest;
   *   `ERR_UNSUPPORTED` when a member has no type in JavaScript, such as `long double`, and
   *   for the types of another byte order.
   * @example
   * ```ts
   * const Event = object.btf.struct<{ pid: number; comm: string }>('event')
   * new RingBuffer(object.map('events'), Event, ({ pid, comm }) => console.log(pid, comm))
   * ```
   */
  struct<T extends object = Record<string, unknown>>(
    name: string,
    options: BtfDecoderOptions = {},
  ): Struct<T> {
    const type: unknown = this.#make(this.#composite('struct', name), `struct "${name}"`, options)
    return type as Struct<T>
  }

  /** A decoder of the union of this name, as {@link struct}. */
  union<T extends object = Record<string, unknown>>(
    name: string,
    options: BtfDecoderOptions = {},
  ): Union<T> {
    const type: unknown = this.#make(this.#composite('union', name), `union "${name}"`, options)
    return type as Union<T>
  }

  /**
   * A decoder of the enum of this name, or that a typedef of the name stands for: the names
   * of its values, `enum('color').number` their numbers.
   *
   * @throws {BpfError} `ERR_NOT_FOUND` when there is none, naming the nearest.
   */
  enum<T = string | number>(name: string): Enumeration<T> {
    const ids = [...this.findAll(name, 'enum'), ...this.findAll(name, 'typedef')]
    const id = ids.find((each) => this.type(each).kind === 'enum')
    if (id === undefined) throw this.#notFound('enum', name, ['enum', 'typedef'])
    const type = this.#make(id, `enum "${name}"`, {})
    if (type instanceof Enumeration) return type as Enumeration<T>
    throw new BpfError('ERR_UNSUPPORTED', 'it has no names', {
      operation: 'decode',
      target: `enum "${name}"`,
    })
  }

  /**
   * A decoder of the type of this id, or of the first one of this name: of a struct, union,
   * enum, typedef, integer, or of a global variable.
   *
   * @throws {BpfError} as {@link struct}.
   */
  typeOf<T = unknown>(type: string | number, options: BtfDecoderOptions = {}): Type<T> {
    if (typeof type !== 'string') {
      return this.#make(type, this.describe(type), options) as Type<T>
    }
    for (const kind of named) {
      const id = this.find(type, kind)
      if (id !== undefined) return this.#make(id, `type "${type}"`, options) as Type<T>
    }
    throw this.#notFound('type', type, named)
  }

  #composite(kind: 'struct' | 'union', name: string): number {
    const ids = this.structIds(name)
    const id = ids.find((each) => this.kind(each) === kind)
    if (id !== undefined) return id
    throw this.#notFound(kind, name, [kind, 'typedef'])
  }

  #notFound(what: string, name: string, kinds: readonly BtfKind[]): BpfError {
    const details = { operation: 'find', target: `${what} "${name}"` }
    // Of a typedef the kind of what it stands for.
    const [composite] = this.structIds(name)
    const other =
      composite === undefined
        ? named.find((kind) => this.find(name, kind) !== undefined)
        : this.kind(composite)
    if (other !== undefined) {
      const isComposite = other === 'struct' || other === 'union'
      const article = other === 'int' || other === 'enum' ? 'an' : 'a'
      const hint = `Use btf.${isComposite ? other : 'typeOf'}()`
      return new BpfError('ERR_NOT_FOUND', `it is ${article} ${other}`, { ...details, hint })
    }
    const near = didYouMean(name, this.names(...kinds))
    const problem = `BTF has no ${what} of this name${near}`
    return new BpfError('ERR_NOT_FOUND', problem, { ...details, hint: leftOutHint() })
  }

  #make(id: number, target: string, given: BtfDecoderOptions): Type {
    const options: FromBtfOptions = { ...checked(given), tail: true }
    const details = { operation: 'decode', target }
    if (this.byteOrder !== (endianness() === 'LE' ? 'little' : 'big')) {
      throw new BpfError('ERR_UNSUPPORTED', "its byte order is not this machine's", details)
    }
    const type = typeFromBtf(this, id, options)
    if (type !== undefined) return type
    const { path, problem } = unsupportedInBtf(this, id, options) ?? {
      path: '',
      problem: 'unknown',
    }
    const which = path === '' ? 'it' : `its member ${path.replace(/^\./, '')}`
    throw new BpfError('ERR_UNSUPPORTED', `${which} is ${problem}`, details)
  }
}

function checked(options: BtfDecoderOptions): BtfDecoderOptions {
  checkOptions(options, Object.keys(choices))
  for (const [name, allowed] of Object.entries(choices)) {
    const value = options[name as keyof BtfDecoderOptions]
    if (value === undefined || allowed.includes(value)) continue
    throw invalidType(`one of ${allowed.join(', ')}`, name, value)
  }
  return options
}
