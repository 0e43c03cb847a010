// Compares types with those of BTF.
import type { BtfReader as Btf } from '../btf/reader.js'
import type { BtfEnum, BtfMember, BtfStruct, BtfType } from '../btf/types.js'
import { nearestName } from '../errors/near.js'
import { type BitsShape, type EnumShape, type Field, isOpen, madeFrom, type Type } from './type.js'

/** The first field that is not as BTF has it. */
export interface Mismatch {
  target: string
  problem: string
}

function mismatch(path: string, problem: string): Mismatch {
  return { target: `field "${path}"`, problem }
}

export function compareStruct(
  path: string,
  struct: Type,
  declared: BtfStruct,
  btf: Btf,
): Mismatch | undefined {
  const members = membersOf(declared, btf)
  for (const field of fieldsOf(struct)) {
    const found = compareField(`${path}.${field.name}`, field, members, btf)
    if (found !== undefined) return found
  }
  return undefined
}

/** As `compareStruct()`, for one that another follows. */
export function compareElement(
  path: string,
  struct: Type,
  declared: BtfStruct,
  btf: Btf,
): Mismatch | undefined {
  if (struct.size === declared.size) return compareStruct(path, struct, declared, btf)
  return mismatch(path, sizeProblem(struct, declared.size))
}

function sizeProblem({ size }: Type, declaredSize: number): string {
  return `it has ${String(size)} bytes here and ${String(declaredSize)} in BTF`
}

/** Those of a struct or union. */
function fieldsOf({ shape }: Type): readonly Field[] {
  return shape.kind === 'struct' || shape.kind === 'union' ? shape.fields : []
}

/** Whether in C its fields may be members of what it lies in. */
function isAnonymous({ name, shape }: Type): boolean {
  return shape.kind === 'struct' ? shape.isAnonymous : shape.kind === 'union' && name === ''
}

function compareField(
  target: string,
  field: Field,
  members: readonly BtfMember[],
  btf: Btf,
): Mismatch | undefined {
  const type = madeFrom(field.type)
  const member = members.find(({ name }) => name === field.name)
  if (member === undefined) {
    if (isAnonymous(type)) {
      for (const inner of fieldsOf(type)) {
        const placed = { ...inner, offset: field.offset + inner.offset }
        const found = compareField(`${target}.${inner.name}`, placed, members, btf)
        if (found !== undefined) return found
      }
      return undefined
    }
    const names = members.map(({ name }) => name)
    return mismatch(target, `BTF has no such field; it has ${names.join(', ')}`)
  }
  if (member.bitSize !== 0) {
    return type.shape.kind === 'bits'
      ? compareBits(target, field.offset, type.shape, member, btf)
      : mismatch(target, `it is a bit-field of ${String(member.bitSize)} bits in BTF`)
  }
  const offset = member.bitOffset / 8
  if (offset !== field.offset) {
    return mismatch(
      target,
      `its offset is ${String(field.offset)} here and ${String(offset)} in BTF`,
    )
  }
  const next = members.find(({ bitOffset }) => bitOffset > member.bitOffset)
  if (isOpen(type) && next !== undefined) {
    return mismatch(target, `it takes the rest of the record, and in BTF ${next.name} follows it`)
  }
  return compareType(target, type, member.type, btf, false)
}

function compareBits(
  target: string,
  offset: number,
  { bitOffset, width, signed }: BitsShape,
  member: BtfMember,
  btf: Btf,
): Mismatch | undefined {
  const differs = (here: number, inBtf: number, of: string): Mismatch =>
    mismatch(target, `its ${of} is ${String(here)} here and ${String(inBtf)} in BTF`)
  if (member.bitSize !== width) return differs(width, member.bitSize, 'width in bits')
  const first = 8 * offset + bitOffset
  if (member.bitOffset !== first) return differs(first, member.bitOffset, 'offset in bits')
  const declared = btf.type(member.type)
  if (declared.kind === 'int' && declared.bool && !signed) return undefined
  if (signsOf(declared, member.type, btf).includes(signed)) return undefined
  const sign = (isSigned: boolean): string => (isSigned ? 'signed' : 'unsigned')
  return mismatch(target, `it is ${sign(signed)} here and ${sign(!signed)} in BTF`)
}

/** Those of anonymous structs and unions too, as in C. */
function membersOf(declared: BtfStruct, btf: Btf): BtfMember[] {
  // Once each: damaged BTF may have some that contain themselves.
  const seen = new Set<number>()
  const collect = ({ members }: BtfStruct, bitOffset: number): BtfMember[] =>
    members.flatMap((member) => {
      const placed = { ...member, bitOffset: bitOffset + member.bitOffset }
      if (member.name !== '') return [placed]
      const inner = btf.type(member.type)
      if ((inner.kind !== 'struct' && inner.kind !== 'union') || seen.has(member.type)) return []
      seen.add(member.type)
      return collect(inner, placed.bitOffset)
    })
  return collect(declared, 0)
}

function compareType(
  target: string,
  type: Type,
  id: number,
  btf: Btf,
  inArray: boolean,
): Mismatch | undefined {
  const declared = btf.type(id)
  const inBtf = btf.describe(id)
  const { shape } = type
  const differs = (): Mismatch => mismatch(target, `it is ${type.name} here and ${inBtf} in BTF`)
  const isNumber = (signed: boolean): boolean =>
    sizeOfNumber(declared) === type.size && signsOf(declared, id, btf).includes(signed)
  switch (shape.kind) {
    case 'int':
    case 'bits':
      return isNumber(shape.signed) ? undefined : differs()
    case 'enum':
      if (!isNumber(shape.unit.shape.signed)) return differs()
      return declared.kind === 'enum' ? compareNames(target, shape, declared) : undefined
    case 'map':
      return compareType(target, shape.type, id, btf, inArray)
    case 'float':
      return declared.kind === 'float' && declared.size === type.size ? undefined : differs()
    case 'bool':
      // Every byte but 0 is true, whatever the program calls it.
      return sizeOfNumber(declared) === 1 ? undefined : differs()
    case 'cstring':
    case 'bytes': {
      if (shape.kind === 'cstring' && !isCharacters(declared, btf)) return differs()
      const declaredSize = btf.sizeOf(id)
      if (shape.length === undefined || declaredSize === shape.length) return undefined
      const length = String(shape.length)
      return mismatch(
        target,
        `it has ${length} bytes here and ${String(declaredSize)} (${inBtf}) in BTF`,
      )
    }
    case 'array':
      if (declared.kind !== 'array') return differs()
      if (shape.length !== undefined && declared.count !== shape.length) return differs()
      return compareType(`${target}[]`, shape.element, declared.element, btf, true)
    case 'struct':
    case 'union': {
      if (declared.kind !== 'struct' && declared.kind !== 'union') {
        // Bits of an integer that nobody in C has declared as bit-fields.
        const isCut = isAnonymous(type) && shape.kind === 'struct'
        if (isCut && declared.kind === 'int' && declared.size === type.size) return undefined
        const name = type.name === '' ? '(anonymous)' : type.name
        return mismatch(target, `it is ${shape.kind} ${name} here and ${inBtf} in BTF`)
      }
      if (inArray) return compareElement(target, type, declared, btf)
      // Its last fields and padding may be left out; what follows has an offset of its own.
      if (type.size > declared.size) return mismatch(target, sizeProblem(type, declared.size))
      return compareStruct(target, type, declared, btf)
    }
    case 'view':
    case 'tagged':
      return undefined
  }
}

/** Of the names of an enum. */
const mostListed = 20

/** All names of the type must be there, with their values. */
function compareNames(
  target: string,
  { names }: EnumShape,
  { values }: BtfEnum,
): Mismatch | undefined {
  const inBtf = new Map(values.map(({ name, value }) => [name, BigInt(value)]))
  for (const [name, value] of names) {
    const found = inBtf.get(name)
    if (found === undefined) {
      const near = nearestName(name, inBtf.keys())
      const known = near ?? [...inBtf.keys()].slice(0, mostListed).join(', ')
      return mismatch(target, `its enum has no ${name} in BTF; it has ${known}`)
    }
    if (found !== value) {
      return mismatch(target, `${name} is ${String(value)} here and ${String(found)} in BTF`)
    }
  }
  return undefined
}

/** In bytes, of what a number can be read from. */
function sizeOfNumber(type: BtfType): number | undefined {
  return ['int', 'enum', 'pointer', 'struct', 'union'].includes(type.kind)
    ? (type as { size: number }).size
    : undefined
}

/** Whether numbers of it are signed or not; both, where that is as one likes. */
function signsOf(type: BtfType, id: number, btf: Btf): boolean[] {
  switch (type.kind) {
    case 'int':
      if (type.bool) return []
      // Whether a plain char has a sign is the compiler's choice.
      return type.size === 1 && type.name === 'char' ? [true, false] : [type.signed]
    case 'enum':
      return type.signed || btf.hasTopBit(id) ? [true] : [true, false]
    case 'pointer':
      return [false]
    default:
      return [true, false]
  }
}

function isCharacters(type: BtfType, btf: Btf): boolean {
  if (type.kind !== 'array') return false
  const element = btf.type(type.element)
  return element.kind === 'int' && element.size === 1 && !element.bool
}
