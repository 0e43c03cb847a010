// What C calls things, from BTF.
import type { BtfReader } from '../btf/reader.js'
import type { BtfMember } from '../btf/types.js'

/** Of a member, such as `__u32 pid`, `char comm[16]` and `__u32 ready : 1`. */
export function declaration(
  btf: BtfReader,
  { type: id, bitSize = 0 }: { type: number; bitSize?: number },
  name: string,
): string {
  return `${btf.describe(id, name)}${bitSize === 0 ? '' : ` : ${String(bitSize)}`}`
}

/** The members of a struct or union, those of anonymous ones in it included, by their names. */
export function membersOf(btf: BtfReader, id: number): Map<string, BtfMember> {
  const found = new Map<string, BtfMember>()
  const visit = (of: number, depth: number): void => {
    const type = btf.type(of)
    if ((type.kind !== 'struct' && type.kind !== 'union') || depth > maxDepth) return
    for (const member of type.members) {
      if (member.name === '') visit(member.type, depth + 1)
      else if (!found.has(member.name)) found.set(member.name, member)
    }
  }
  visit(id, 0)
  return found
}

const maxDepth = 64
