// Integers and enums of BTF.
import type { BtfReader } from '../btf/reader.js'
import type { BtfDeclaration, BtfEnum } from '../btf/types.js'
import { ipv4, ipv6, mac } from './addresses.js'
import { Enumeration } from './enumeration.js'
import { i128, i16, i32, i64, i8, type Int, u128, u16, u32, u64, u8 } from './integer.js'
import { isIdentifier, type Type } from './type.js'

const bySize = (types: readonly Type[]): Map<number, Type> =>
  new Map(types.map((type) => [type.size, type]))
const unsigned = bySize([u8, u16, u32, u64, u128])
const signed = bySize([i8, i16, i32, i64, i128])

/** @internal */
export function integerOf(declared: { size: number; signed: boolean }): Type | undefined {
  return (declared.signed ? signed : unsigned).get(declared.size)
}

/** Those of linux/types.h for what has its highest byte first. */
const bigEndian = new Map<string, Type>([
  ['__be16', u16.be],
  ['__be32', u32.be],
  ['__be64', u64.be],
])

/**
 * The integer that a typedef of linux/types.h in front of it makes big-endian, such as
 * `__be32`, which its own typedefs may be of.
 *
 * @internal
 */
export function bigEndianOf(btf: BtfReader, id: number): Type | undefined {
  const { names, declared } = behindTypedefs(btf, id)
  const found = names.map((name) => bigEndian.get(name)).find((type) => type !== undefined)
  const fits = declared.kind === 'int' && !declared.signed && declared.size === found?.size
  return fits ? found : undefined
}

/** By declaration tags on members. */
const addresses = new Map<string, Type>([
  ['ipv4', ipv4],
  ['ipv6', ipv6],
  ['mac', mac],
])

/**
 * What members of a struct or union are by their tags, such as
 * `__attribute__((btf_decl_tag("ipv4")))`, by their indexes.
 *
 * @internal
 */
export function taggedMembers(btf: BtfReader, structId: number): ReadonlyMap<number, Type> {
  const { id, declared } = behindTypedefs(btf, structId)
  const found = new Map<number, Type>()
  if (declared.kind !== 'struct' && declared.kind !== 'union') return found
  for (const { name, part } of btf.tags(id)) {
    const type = addresses.get(name)
    const member = part === undefined ? undefined : declared.members[part]
    if (type === undefined || part === undefined || member?.bitSize !== 0) continue
    // An IPv4 address is an integer, the others are bytes of whatever kind.
    const isInteger = btf.type(member.type).kind === 'int'
    const fits = btf.sizeOf(member.type) === type.size && isInteger === (type === ipv4)
    if (fits) found.set(part, type)
  }
  return found
}

function behindTypedefs(
  btf: BtfReader,
  id: number,
): { id: number; names: string[]; declared: BtfDeclaration } {
  const names: string[] = []
  let declared = btf.declaration(id)
  while ('to' in declared && declared.kind !== 'pointer') {
    if (declared.kind === 'typedef') names.push(declared.name)
    id = declared.to
    declared = btf.declaration(id)
  }
  return { id, names, declared }
}

/**
 * The enum with its names; a number, when it has none.
 *
 * @internal
 */
export function enumFromBtf(declared: BtfEnum): Type | undefined {
  const unit = declared.size > 8 ? undefined : integerOf(declared)
  if (unit === undefined) return undefined
  const names = namesOf(declared)
  if (names.length === 0) return unit
  return new Enumeration(
    declared.name === '' ? 'enum' : `enum ${declared.name}`,
    unit as Int,
    names,
  )
}

/**
 * Its names and values, each name once.
 *
 * @internal
 */
export function namesOf({ size, signed: isSigned, values }: BtfEnum): [string, bigint][] {
  const bits = 8 * size
  const cut = (value: bigint): bigint =>
    isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)
  const all = new Map<string, bigint>()
  for (const { name, value } of values) {
    if (isIdentifier(name) && !all.has(name)) all.set(name, cut(BigInt(value)))
  }
  return [...all]
}
