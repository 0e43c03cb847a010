// Writes C values: the source of a function for their type.
import { createAgreement } from './agreement.js'
import { alternativesOf } from './alternatives.js'
import { gapsOf, interpretWrite, ownBytes } from './interpret-write.js'
import { littleEndian } from './memory.js'
import { alignOfElements, isAligned, memoryNames, type Names } from './place.js'
import {
  type Alternative,
  type EnumShape,
  type IntShape,
  isOpen,
  type StructShape,
  type Type,
} from './type.js'
import {
  booleanIn,
  encoded,
  fieldsOf,
  floatIn,
  listIn,
  narrow,
  numberOf,
  unknownField,
  wide,
  writeBytes,
  writeText,
} from './written.js'

/**
 * What the source calls.
 *
 * @internal
 */
export const runtime = {
  encoded,
  numberOf,
  fieldsOf,
  unknownField,
  listIn,
  writeText,
  writeBytes,
  booleanIn,
  floatIn,
  narrow,
  wide,
}

/** Where a value is written, in source. */
interface Target {
  /** An expression: the position in memory that offsets count from. */
  base: string
  /** What `base` is a multiple of. */
  baseAlign: number
  /** An expression: the value. */
  value: string
  /** How messages call it, within a template literal. */
  what: string
  /** The bytes between fields are zeros already. */
  zeroed: boolean
}

/** The source of a `Write`. */
export class WriteSource {
  readonly #baseAlign: number
  readonly #values: Names
  readonly #constants: string[] = []
  #names = 0

  /** @param values Takes what the source uses. */
  constructor(baseAlign: number, values: Names) {
    this.#baseAlign = baseAlign
    this.#values = values
  }

  of(type: Type): string {
    const target = { base: 'at', baseAlign: this.#baseAlign, what: '${what}', zeroed: false }
    const body = this.#write(type, { ...target, value: 'value' }, 0)
    return `const { ${Object.keys(runtime).join(', ')} } = runtime
${this.#values.source}
${this.#constants.join('\n')}
return function write(memory, at, value, what) {
  ${memoryNames(body)}
  ${body}
}`
  }

  #write(type: Type, target: Target, offset: number): string {
    const { shape } = type
    const start = offset === 0 ? target.base : `${target.base} + ${String(offset)}`
    const value = target.value
    const what = `\`${target.what}\``
    switch (shape.kind) {
      case 'int':
        return shape.size === 16 || (shape.size === 8 && isUnusual(shape))
          ? this.#interpreted(type, target, start, what)
          : this.#integer(shape, target, offset, start, what)
      case 'bits':
      case 'union':
        return this.#interpreted(type, target, start, what)
      case 'enum': {
        const number = this.#name()
        const numbers = this.#values.value(numbersOf(shape))
        const described = this.#values.value(shape)
        const inner = { ...target, value: number }
        const refused = `numberOf(${described}, ${value}, ${what})`
        return `const ${number} = typeof ${value} === 'string' ? (${numbers}.get(${value}) ?? ${refused}) : ${value}
${this.#write(shape.unit, inner, offset)}`
      }
      case 'map': {
        const given = this.#name()
        const described = this.#values.value(shape)
        const inner = { ...target, value: given }
        return `const ${given} = encoded(${described}, ${value}, ${what})
${this.#write(shape.type, inner, offset)}`
      }
      case 'float': {
        const bits = String(8 * shape.size)
        return `view.setFloat${bits}(${start}, floatIn(${value}, ${what}), ${String(littleEndian)})`
      }
      case 'bool':
        return `u8[${start}] = booleanIn(${value}, ${what}) ? 1 : 0`
      case 'cstring':
        return `writeText(memory, ${start}, ${String(shape.length)}, ${value}, ${what})`
      case 'bytes':
        return `writeBytes(memory, ${start}, ${String(shape.length)}, ${value}, ${what})`
      case 'array':
        return this.#array(shape.element, shape.length, target, offset, start, what)
      case 'struct':
        return this.#struct(type, shape, target, offset, start, what)
      case 'view':
      case 'tagged':
        throw new TypeError('it cannot be nested')
    }
  }

  /** By a function that is not compiled. */
  #interpreted(type: Type, target: Target, start: string, what: string): string {
    const write = this.#values.value(interpretWrite(type, target.zeroed))
    return `${write}(memory, ${start}, ${target.value}, ${what})`
  }

  /** What fits is stored at once; the rest goes through a function that takes or refuses it. */
  #integer(shape: IntShape, target: Target, offset: number, start: string, what: string): string {
    const { size, signed } = shape
    const { value } = target
    const bits = 8 * size
    const isDirect = isAligned(target, offset, size) && !shape.isBigEndian
    if (size === 8) return wideSource(signed, isDirect, start, value, what)
    const unused = String(32 - bits)
    const cut = `(${value} << ${unused} ${signed ? '>>' : '>>>'} ${unused})`
    const fits = `typeof ${value} === 'number' && ${value} === ${cut}`
    const refused = `narrow(${value}, ${String(bits)}, ${String(signed)}, ${what})`
    const little = littleEndian && !shape.isBigEndian
    return storeSource(bits, signed, isDirect, start, `${fits} ? ${value} : ${refused}`, little)
  }

  #array(
    element: Type,
    length: number | undefined,
    target: Target,
    offset: number,
    start: string,
    what: string,
  ): string {
    const list = this.#name()
    const index = this.#name()
    const base = this.#name()
    const item = this.#name()
    const inner = {
      ...target,
      base,
      baseAlign: alignOfElements(target.baseAlign, offset, element.size),
      value: item,
      what: `${target.what}[\${${index}}]`,
    }
    const count = length === undefined ? `${list}.length` : String(length)
    return `const ${list} = listIn(${target.value}, ${String(length)}, ${what})
for (let ${index} = 0, ${base} = ${start}; ${index} < ${count}; ${index}++, ${base} += ${String(element.size)}) {
const ${item} = ${list}[${index}]
${this.#write(element, inner, 0)}
}`
  }

  #struct(
    struct: Type,
    shape: StructShape,
    target: Target,
    offset: number,
    start: string,
    what: string,
  ): string {
    const { fields } = shape
    const names = this.#name()
    const known = this.#name()
    const count = this.#name()
    const name = this.#name()
    this.#constants.push(
      `const ${names} = ${JSON.stringify(fields.map((field) => field.name))}`,
      `const ${known} = new Set(${names})`,
    )
    const { value } = target
    const lines = [
      `if (typeof ${value} !== 'object' || ${value} === null) fieldsOf(${value}, ${what})`,
      // Most objects have the fields in the order of the type.
      `let ${count} = 0`,
      `for (const ${name} in ${value}) {
if (${name} === ${names}[${count}]) ${count}++
else if (!${known}.has(${name})) unknownField(${value}, ${name}, ${names}, ${what})
}`,
    ]
    const between = gapsOf(shape, struct.size)
    const gaps = target.zeroed ? [] : between
    if (gaps === undefined) {
      lines.push(`u8.fill(0, ${start}, ${start} + ${String(ownBytes(struct, fields))})`)
    } else {
      for (const [from, to] of gaps) {
        lines.push(...zeroSource(target, offset + from, offset + to))
      }
    }
    const alternatives = between === undefined ? alternativesOf(shape) : undefined
    const unions = new Set([...(alternatives?.values() ?? [])].flat().map(({ all }) => all))
    /** Of each member of a union, whether it is given, and an expression: whether another is. */
    const isReplaced = new Map<Alternative, string>()
    /** Expressions: whether several members of a union are given. */
    const areSeveral: string[] = []
    for (const all of unions) {
      const given = all.map((own) => {
        const tests = own.fields.map((field) => `${value}.${field} !== undefined`)
        const name = this.#name()
        lines.push(`const ${name} = ${tests.length === 0 ? 'false' : tests.join(' || ')}`)
        return name
      })
      const count = this.#name()
      lines.push(`const ${count} = ${given.map((one) => `Number(${one})`).join(' + ')}`)
      areSeveral.push(`${count} > 1`)
      all.forEach((own, i) => isReplaced.set(own, `${count} > Number(${String(given[i])})`))
    }
    for (const field of fields) {
      const inner = this.#name()
      lines.push(`const ${inner} = ${value}.${field.name}`)
      // What takes the rest of the record is none of the struct's own bytes.
      const zeroed = target.zeroed || (gaps === undefined && !isOpen(field.type))
      const place = { ...target, value: inner, what: `${target.what}.${field.name}`, zeroed }
      const written = this.#write(field.type, place, offset + field.offset)
      const path = alternatives?.get(field.name) ?? []
      const replaced = path.map((own) => isReplaced.get(own)).join(' || ')
      lines.push(
        replaced === ''
          ? written
          : `if (${inner} !== undefined || !(${replaced})) {\n${written}\n}`,
      )
    }
    if (alternatives !== undefined && areSeveral.length > 0) {
      const check = this.#values.value(
        createAgreement(fields, alternatives, (type) => interpretWrite(type, true)),
      )
      lines.push(`if (${areSeveral.join(' || ')}) ${check}(memory, ${start}, ${value}, ${what})`)
    }
    return lines.join('\n')
  }

  /** A name that the source has not used. */
  #name(): string {
    return `_${String(this.#names++)}`
  }
}

/** By their names, as what is stored at once. */
function numbersOf({ names, unit }: EnumShape): Map<string, number | bigint> {
  return new Map(names.map(([name, value]) => [name, unit.size < 8 ? Number(value) : value]))
}

/** One that is not stored as most are. */
function isUnusual({ form, isBigEndian }: IntShape): boolean {
  return isBigEndian || form === 'string'
}

function storeSource(
  bits: number,
  signed: boolean,
  aligned: boolean,
  start: string,
  value: string,
  little = littleEndian,
): string {
  const sign = signed ? 'i' : 'u'
  if (bits === 8) return `${sign}8[${start}] = ${value}`
  if (aligned) {
    return `${sign}${String(bits)}[(${start}) >>> ${String(Math.log2(bits / 8))}] = ${value}`
  }
  const method = `set${bits === 64 ? 'Big' : ''}${signed ? 'Int' : 'Uint'}${String(bits)}`
  return `view.${method}(${start}, ${value}, ${String(little)})`
}

/** A number is stored as two words, which makes no bigint. */
function wideSource(
  signed: boolean,
  aligned: boolean,
  start: string,
  value: string,
  what: string,
): string {
  const [low, high] = littleEndian ? [0, 4] : [4, 0]
  const word = (at: number, half: string): string =>
    storeSource(32, false, aligned, `${start} + ${String(at)}`, half)
  // Times 2^-32, which is exact.
  const upper = `${value} * ${String(2 ** -32)}`
  const cut = `BigInt.as${signed ? 'Int' : 'Uint'}N(64, ${value})`
  const fits = `typeof ${value} === 'bigint' && ${cut} === ${value}`
  const refused = `wide(${value}, ${String(signed)}, ${what})`
  const big = storeSource(64, signed, aligned, start, `${fits} ? ${value} : ${refused}`)
  return `if (typeof ${value} === 'number' && Number.isSafeInteger(${value})${signed ? '' : ` && ${value} >= 0`}) {
${word(low, value)}
${word(high, signed ? `Math.floor(${upper})` : upper)}
} else ${big}`
}

/** Zeros from one offset to another, in as few steps as their alignment allows. */
function zeroSource(target: Target, from: number, to: number): string[] {
  const place = (offset: number): string => `${target.base} + ${String(offset)}`
  if (to - from > 32) return [`u8.fill(0, ${place(from)}, ${place(to)})`]
  const lines: string[] = []
  for (let at = from; at < to;) {
    const size = [4, 2].find((bytes) => at + bytes <= to && isAligned(target, at, bytes)) ?? 1
    lines.push(storeSource(8 * size, false, true, place(at), '0'))
    at += size
  }
  return lines
}
