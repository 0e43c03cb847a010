// Checks a struct that was declared by hand against the BTF of the object that
// writes the records.
import { leftOutHint } from '../btf/left-out.js'
import type { BtfReader as Btf } from '../btf/reader.js'
import { BpfError } from '../errors/errors.js'
import { didYouMean } from '../errors/near.js'
import { compareElement, compareStruct, type Mismatch } from './compare.js'
import type { StructShape, Type, UnionShape } from './type.js'

/** What a layout is checked against: an object, by its identity. */
export interface Described {
  readonly name: string
  readonly btf: Btf | undefined
  /** Unless it is an object. */
  readonly kind?: 'map'
}

/** Of each object the structs that were said to be unchecked. */
const warned = new WeakMap<Described, Set<string>>()

/** Of BTF the types that are as it has them, in all that they say. */
const same = new WeakMap<Btf, WeakSet<Type>>()

/** Says that a type was compared with BTF already, and whole: it is not looked at again. */
export function markSame(type: Type, btf: Btf): void {
  const types = same.get(btf) ?? new WeakSet()
  same.set(btf, types.add(type))
}

/**
 * Compares a type with the struct or union of the same name in the object's BTF, field
 * by field: name, offset, size, and sign of integers; of bit-fields their bits, of enums
 * their names and values. Fields may be left out where offsets stay right; types that BTF
 * does not name pass. Of several structs with the name, it must match one.
 *
 * A struct that BTF does not have is a warning, once for each object, unless it was
 * declared as `unchecked`, and an error when it was as `checked`. Types that are no
 * structs have no name to look for.
 *
 * @param object Nothing where no object says what is in a map.
 * @throws {BpfError} `ERR_LAYOUT`, naming the first field that does not match, or names
 *   that are near; `ERR_NO_BTF`.
 */
export function checkLayout(type: Type, object: Described | undefined): void {
  let inArray = false
  for (;;) {
    const { shape } = type
    if (shape.kind === 'array') {
      inArray = true
      type = shape.element
    } else if (shape.kind === 'map') type = shape.type
    else if (shape.kind === 'view') type = shape.struct
    else break
  }
  if (type.shape.kind === 'tagged') {
    for (const each of type.shape.cases) checkLayout(each.type, object)
  } else if (isCompared(type) && !isSame(type, object)) checkNamed(type, object, inArray)
}

type Compared = Type & { readonly shape: StructShape | UnionShape }

function isCompared(type: Type): type is Compared {
  const { shape } = type
  return (shape.kind === 'struct' || shape.kind === 'union') && !shape.unchecked
}

function isSame(type: Type, object: Described | undefined): boolean {
  return object?.btf !== undefined && same.get(object.btf)?.has(type) === true
}

/** @param inArray Whether elements follow it, so that its size counts. */
function checkNamed(type: Compared, object: Described | undefined, inArray: boolean): void {
  const { name, shape } = type
  const btf = object?.btf
  const candidates = name === '' ? [] : (btf?.structs(name) ?? [])
  if (btf === undefined || candidates.length === 0) {
    if (shape.checked) throw uncheckedError(type, object)
    if (object !== undefined) warnUnchecked(type, object)
    return
  }
  const mismatches: Mismatch[] = []
  for (const declared of candidates) {
    const mismatch = inArray
      ? compareElement(name, type, declared, btf)
      : compareStruct(name, type, declared, btf)
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
          `${shape.kind} "${name}"`,
          `BTF has ${String(several.length)} structs of this name and it is none of them: ${several.join('; ')}`,
        ]
  throw new BpfError('ERR_LAYOUT', problem, {
    operation: 'decode',
    target,
    hint: 'Declare the struct as the BPF program does',
  })
}

function called({ kind, name }: Described): string {
  return `${kind ?? 'object'} "${name}"`
}

const compileHint = 'Compile it with clang -g'

function uncheckedError({ name, shape }: Compared, object: Described | undefined): BpfError {
  const details = { operation: 'check', target: `the layout of ${shape.kind} "${name}"` }
  if (object === undefined) {
    return new BpfError('ERR_NO_BTF', 'the map is of no object, whose BTF would say it', details)
  }
  if (object.btf === undefined) {
    const problem = `${called(object)} has no BTF`
    return new BpfError('ERR_NO_BTF', problem, { ...details, hint: compileHint })
  }
  const near = didYouMean(name, structNames(object.btf))
  const problem = `${called(object)} has no ${shape.kind} of this name in its BTF${near}`
  return new BpfError('ERR_LAYOUT', problem, { ...details, hint: leftOutHint() })
}

function warnUnchecked({ name, shape }: Compared, object: Described): void {
  const known = warned.get(object) ?? new Set()
  warned.set(object, known)
  if (known.has(name)) return
  known.add(name)
  const { btf } = object
  const [missing, hint] =
    btf === undefined
      ? ['BTF', compileHint]
      : [
          `struct of this name in its BTF${didYouMean(name, structNames(btf))}`,
          `Is the name right? ${leftOutHint()}`,
        ]
  process.emitWarning(
    `The layout of ${shape.kind} "${name}" is not checked: ${called(object)} has no ${missing}`,
    {
      code: 'BPF_RINGBUF_UNCHECKED_LAYOUT',
      detail: `${hint}. To go without the check: ${shape.kind}(name, fields, { unchecked: true }).`,
    },
  )
}

/** Those by which structs and unions are found. */
function structNames(btf: Btf): string[] {
  const names: string[] = []
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    if (/^(struct|union|typedef)$/.test(btf.kind(id))) names.push(btf.name(id))
  }
  return names
}
