// Checks a struct that was declared by hand against the BTF of the object that
// writes the records.
import type { BtfReader as Btf } from '../btf/reader.js'
import type { BtfMember, BtfStruct, BtfType } from '../btf/types.js'
import { BpfError } from '../errors/errors.js'
import { type Field, Struct, type Type } from './struct.js'

/** What a layout is checked against: an object, by its identity. */
export interface Described {
  readonly name: string
  readonly btf: Btf | undefined
}

/** Of each object the structs that were said to be unchecked. */
const warned = new WeakMap<Described, Set<string>>()

/**
 * Compares a type with the struct of the same name in the object's BTF, field
 * by field: name, offset, size, and sign of integers. Fields may be left out
 * where offsets stay right; types that BTF does not name pass. Of several
 * structs with the name, it must match one.
 *
 * A struct that BTF does not have is a warning, once for each object, unless it
 * was declared as `unchecked`. Types that are no structs have no name to look
 * for.
 *
 * @throws {BpfError} `ERR_LAYOUT`, naming the first field that does not match.
 */
export function checkLayout(type: Type, object: Described): void {
  const inArray = type.shape.kind === 'array'
  while (type.shape.kind === 'array') type = type.shape.element
  const struct = type.shape.kind === 'view' ? type.shape.struct : type
  if (struct instanceof Struct && !struct.shape.unchecked) checkNamed(struct, object, inArray)
}

/** @param inArray Whether elements follow it, so that its size counts. */
function checkNamed(struct: Struct, object: Described, inArray: boolean): void {
  const { btf } = object
  const candidates = struct.name === '' ? [] : (btf?.structs(struct.name) ?? [])
  if (btf === undefined || candidates.length === 0) {
    warnUnchecked(struct.name, object)
    return
  }
  const mismatches: Mismatch[] = []
  for (const declared of candidates) {
    const mismatch = inArray
      ? compareElement(struct.name, struct, declared, btf)
      : compareStruct(struct.name, struct, declared, btf)
    if (mismatch === undefined) return
    mismatches.push(mismatch)
  }
  const [first] = mismatches as [Mismatch]
  const several = mismatches.map(
    ({ target, problem }, i) => `(${String(i + 1)}) ${target}: ${problem}`,
  )
  const [target, problem] =
    mismatches.length === 1
      ? [first.target, first.problem]
      : [
          `struct "${struct.name}"`,
          `BTF has ${String(several.length)} structs of this name and it is none of them: ${several.join('; ')}`,
        ]
  throw new BpfError('ERR_LAYOUT', problem, {
    operation: 'decode',
    target,
    hint: 'Declare the struct as the BPF program does',
  })
}

function warnUnchecked(name: string, object: Described): void {
  const known = warned.get(object) ?? new Set()
  warned.set(object, known)
  if (known.has(name)) return
  known.add(name)
  const [missing, hint] =
    object.btf === undefined
      ? ['BTF', 'Compile it with clang -g']
      : [
          'struct of this name in its BTF',
          'Is the name right? clang leaves out what only local variables use, unless a global ' +
            'refers to it: struct NAME *unused __attribute__((unused))',
        ]
  process.emitWarning(
    `The layout of struct "${name}" is not checked: object "${object.name}" has no ${missing}`,
    {
      code: 'BPF_RINGBUF_UNCHECKED_LAYOUT',
      detail: `${hint}. To go without the check: struct(name, fields, { unchecked: true }).`,
    },
  )
}

/** The first field that is not as BTF has it. */
interface Mismatch {
  target: string
  problem: string
}

function mismatch(path: string, problem: string): Mismatch {
  return { target: `field "${path}"`, problem }
}

function compareStruct(
  path: string,
  struct: Type,
  declared: BtfStruct,
  btf: Btf,
): Mismatch | undefined {
  const members = membersOf(declared, btf)
  const fields = struct.shape.kind === 'struct' ? struct.shape.fields : []
  for (const field of fields) {
    const found = compareField(`${path}.${field.name}`, field, members, btf)
    if (found !== undefined) return found
  }
  return undefined
}

/** As `compareStruct()`, for one that another follows. */
function compareElement(
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

function compareField(
  target: string,
  field: Field,
  members: readonly BtfMember[],
  btf: Btf,
): Mismatch | undefined {
  const member = members.find(({ name }) => name === field.name)
  if (member === undefined) {
    const names = members.map(({ name }) => name)
    return mismatch(target, `BTF has no such field; it has ${names.join(', ')}`)
  }
  if (member.bitSize !== 0) {
    return mismatch(target, `it is a bit-field of ${String(member.bitSize)} bits in BTF`)
  }
  const offset = member.bitOffset / 8
  if (offset !== field.offset) {
    return mismatch(
      target,
      `its offset is ${String(field.offset)} here and ${String(offset)} in BTF`,
    )
  }
  const next = members.find(({ bitOffset }) => bitOffset > member.bitOffset)
  if (field.type.size === 0 && next !== undefined) {
    return mismatch(target, `it takes the rest of the record, and in BTF ${next.name} follows it`)
  }
  return compareType(target, field.type, member.type, btf, false)
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
  switch (shape.kind) {
    case 'int': {
      const isSigned = signsOf(declared, id, btf).includes(shape.signed)
      const matches = isSigned && sizeOfNumber(declared) === type.size
      return matches ? undefined : differs()
    }
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
      if (declared.kind !== 'array' || declared.count !== shape.length) return differs()
      return compareType(`${target}[]`, shape.element, declared.element, btf, true)
    case 'struct': {
      if (declared.kind !== 'struct' && declared.kind !== 'union') {
        return mismatch(target, `it is struct ${type.name} here and ${inBtf} in BTF`)
      }
      if (inArray) return compareElement(target, type, declared, btf)
      // Its last fields and padding may be left out; what follows has an offset of its own.
      if (type.size > declared.size) return mismatch(target, sizeProblem(type, declared.size))
      return compareStruct(target, type, declared, btf)
    }
    case 'view':
      return undefined
  }
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
