// The BPF Type Format as it lies in memory: Documentation/bpf/btf.rst and
// linux/btf.h of the kernel.

export const MAGIC = 0xeb9f
export const HEADER_BYTES = 24
/** The words that each type begins with: its name, its kind and more, its size or a type. */
export const COMMON_WORDS = 3
export const POINTER_BYTES = 8 // of the BPF target, on every host
/** BTF_MAX_STR_OFFSET of libbpf. */
export const MAX_STRING_OFFSET = 0x7fffffff

/** BTF_KIND_* */
export const KIND = {
  INT: 1,
  PTR: 2,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  FWD: 7,
  TYPEDEF: 8,
  VOLATILE: 9,
  CONST: 10,
  RESTRICT: 11,
  FUNC: 12,
  FUNC_PROTO: 13,
  VAR: 14,
  DATASEC: 15,
  FLOAT: 16,
  DECL_TAG: 17,
  TYPE_TAG: 18,
  ENUM64: 19,
} as const

/** What a kind that is not known has for its words. */
export const UNKNOWN = 255

/** By kind: the words between the common ones and its parts. */
export const ownWordsOf = byKind(UNKNOWN, {
  INT: 1,
  PTR: 0,
  ARRAY: 3,
  STRUCT: 0,
  UNION: 0,
  ENUM: 0,
  FWD: 0,
  TYPEDEF: 0,
  VOLATILE: 0,
  CONST: 0,
  RESTRICT: 0,
  FUNC: 0,
  FUNC_PROTO: 0,
  VAR: 1,
  DATASEC: 0,
  FLOAT: 0,
  DECL_TAG: 1,
  TYPE_TAG: 0,
  ENUM64: 0,
})

/** By kind: the words of each of its parts, such as members. */
export const partWordsOf = byKind(0, {
  STRUCT: 3,
  UNION: 3,
  ENUM: 2,
  FUNC_PROTO: 2,
  DATASEC: 3,
  ENUM64: 3,
})

/** By kind: 1 of what stands for another type, a typedef or a qualifier. */
export const isReference = byKind(0, {
  TYPEDEF: 1,
  VOLATILE: 1,
  CONST: 1,
  RESTRICT: 1,
  TYPE_TAG: 1,
})

/** As numbers: what walks a million types looks nothing else up. */
function byKind(others: number, values: Partial<Record<keyof typeof KIND, number>>): Uint8Array {
  const all = new Uint8Array(32).fill(others)
  for (const [name, value] of Object.entries(values)) all[KIND[name as keyof typeof KIND]] = value
  return all
}

/** Of the word with the kind, the number of parts and a flag. */
export function kindOf(info: number): number {
  return (info >>> 24) & 0x1f
}

export function partsOf(info: number): number {
  return info & 0xffff
}

export function flagOf(info: number): boolean {
  return info >>> 31 === 1
}
