// Checks a struct that was declared by hand against the BTF of the object that
// writes the records.
import type { Btf, BtfMember, BtfStruct, BtfType } from '../btf/btf.js'
import { BpfError } from '../errors/errors.js'
import type { Field, Type } from './struct.js'

/**
 * Compares a type with the struct of the same name in the object's BTF, field
 * by field: name, offset, size, and sign of integers. Fields may be left out
 * where offsets stay right; types that BTF does not name pass.
 *
 * @throws {BpfError} `ERR_LAYOUT`, naming the first field that does not match.
 */
export function checkLayout(type: Type, btf: Btf): void {
  const struct = type.shape.kind === 'view' ? type.shape.struct : type
  if (struct.shape.kind !== 'struct') return
  const declared = btf.struct(struct.name)
  if (declared === undefined) return
  checkStruct(struct.name, struct.shape.fields, declared, btf)
}

function checkStruct(path: string, fields: readonly Field[], declared: BtfStruct, btf: Btf): void {
  for (const field of fields) {
    const target = `${path}.${field.name}`
    const members = membersOf(declared, btf)
    const member = members.find(({ name }) => name === field.name)
    if (member === undefined) {
      const names = members.map(({ name }) => name)
      throw mismatch(target, `BTF has no such field; it has ${names.join(', ')}`)
    }
    if (member.bitSize !== 0) {
      throw mismatch(target, `it is a bit-field of ${String(member.bitSize)} bits in BTF`)
    }
    const offset = member.bitOffset / 8
    if (offset !== field.offset) {
      throw mismatch(
        target,
        `its offset is ${String(field.offset)} here and ${String(offset)} in BTF`,
      )
    }
    checkField(target, field.type, member.type, btf)
  }
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

function checkField(target: string, type: Type, id: number, btf: Btf): void {
  const declared = btf.type(id)
  const inBtf = btf.describe(id)
  const { shape } = type
  switch (shape.kind) {
    case 'int':
    case 'bool': {
      const signed = signOf(declared)
      const sizeMatches = type.size === btf.sizeOf(id)
      const signMatches =
        shape.kind === 'bool' || signed === undefined || type.size === 1 || signed === shape.signed
      if (declared.kind === 'array' || !('size' in declared) || !sizeMatches || !signMatches) {
        throw mismatch(target, `it is ${type.name} here and ${inBtf} in BTF`)
      }
      return
    }
    case 'cstring':
    case 'bytes': {
      const declaredSize = btf.sizeOf(id)
      if (shape.kind === 'cstring' && !isByteArray(declared, btf)) {
        throw mismatch(target, `it is ${type.name} here and ${inBtf} in BTF`)
      }
      if (shape.length !== undefined && declaredSize !== shape.length) {
        throw mismatch(
          target,
          `it has ${String(shape.length)} bytes here and ${String(declaredSize)} (${inBtf}) in BTF`,
        )
      }
      return
    }
    case 'array':
      if (declared.kind !== 'array' || declared.count !== shape.length) {
        throw mismatch(target, `it is ${type.name} here and ${inBtf} in BTF`)
      }
      checkField(`${target}[]`, shape.element, declared.element, btf)
      return
    case 'struct':
      if (declared.kind !== 'struct' && declared.kind !== 'union') {
        throw mismatch(target, `it is struct ${type.name} here and ${inBtf} in BTF`)
      }
      if (declared.size !== type.size) {
        throw mismatch(
          target,
          `it has ${String(type.size)} bytes here and ${String(declared.size)} in BTF`,
        )
      }
      checkStruct(target, shape.fields, declared, btf)
      return
    case 'view':
      return
  }
}

/** Nothing for what has no sign: pointers, booleans, floats. */
function signOf(type: BtfType): boolean | undefined {
  if (type.kind === 'enum') return undefined
  return type.kind === 'int' && !type.bool ? type.signed : undefined
}

function isByteArray(type: BtfType, btf: Btf): boolean {
  return type.kind === 'array' && btf.sizeOf(type.element) === 1
}

function mismatch(target: string, problem: string): BpfError {
  return new BpfError('ERR_LAYOUT', problem, {
    operation: 'decode',
    target: `field "${target}"`,
    hint: 'Declare the struct as the BPF program does',
  })
}
