// What BTF says of a type, as the reader gives it.

/** An integer. */
export interface BtfInt {
  kind: 'int'
  name: string
  /** In bytes. */
  size: number
  signed: boolean
  bool: boolean
}

/** A name for a value. */
export interface BtfEnumerator {
  name: string
  /** `bigint` in an enum of 64 bits that was declared as one of those. */
  value: number | bigint
}

export interface BtfEnum {
  kind: 'enum'
  name: string
  /** In bytes. */
  size: number
  /**
   * clang before 15 does not say it. A value whose highest bit is set then counts as a
   * negative one, unless another enum of the object shows that its compiler does.
   */
  signed: boolean
  values: readonly BtfEnumerator[]
}

export interface BtfFloat {
  kind: 'float'
  name: string
  /** In bytes. */
  size: number
}

export interface BtfPointer {
  kind: 'pointer'
  /** In bytes. */
  size: number
  /** The id of the type that it points to, 0 for void. */
  to: number
}

export interface BtfArray {
  kind: 'array'
  /** The id of the type of its elements. */
  element: number
  /** 0 of a flexible array. */
  count: number
}

/** A struct or union. */
export interface BtfStruct {
  kind: 'struct' | 'union'
  name: string
  /** In bytes. */
  size: number
  members: readonly BtfMember[]
}

export interface BtfMember {
  /** Empty for an anonymous struct or union. */
  name: string
  /**
   * From the start of the struct, in bits. Where the highest byte comes first, the
   * bits of a byte are counted from the highest, too.
   */
  bitOffset: number
  /** Zero unless it is a bit-field. */
  bitSize: number
  /** The id of its type. */
  type: number
}

/** A struct or union that is declared and not defined. */
export interface BtfForward {
  kind: 'forward'
  name: string
  union: boolean
}

/** How a name is linked in C. */
export type BtfLinkage = 'static' | 'global' | 'extern'

export interface BtfParameter {
  name: string
  /** The id of its type. The last one has the id 0 when there may be more. */
  type: number
}

/** What a pointer to a function points to. */
export interface BtfPrototype {
  kind: 'prototype'
  /** The id of the type that it returns, 0 for void. */
  returns: number
  parameters: readonly BtfParameter[]
}

/** A function, which in the kernel's BTF is one that can be probed. */
export interface BtfFunction {
  kind: 'function'
  name: string
  linkage: BtfLinkage
  /** The id of the type that it returns, 0 for void. */
  returns: number
  /** The last one has no type, and the id 0, when there may be more. */
  parameters: readonly BtfParameter[]
}

/** A variable as it is declared: {@link BtfVariable} says where it lies. */
export interface BtfVariableDeclaration {
  kind: 'variable'
  name: string
  linkage: BtfLinkage
  /** The id of its type. */
  type: number
}

/** A section of the object, such as `.bss`. */
export interface BtfSection {
  kind: 'section'
  name: string
  /** In bytes. */
  size: number
  /** Its variables and, of what is declared elsewhere, functions, by their ids. */
  contents: readonly { type: number; offset: number; size: number }[]
}

/** `__attribute__((btf_decl_tag("…")))` */
export interface BtfDeclarationTag {
  kind: 'declaration tag'
  name: string
  /** The id of the struct, typedef, variable or function that it is on. */
  type: number
  /** Of that the member or parameter, counted from 0, unless it is on the whole. */
  part: number | undefined
}

export interface BtfVoid {
  kind: 'void'
}

/** A type after typedefs and qualifiers were resolved. */
export type BtfType =
  | BtfInt
  | BtfEnum
  | BtfFloat
  | BtfPointer
  | BtfArray
  | BtfStruct
  | BtfForward
  | BtfPrototype
  | BtfFunction
  | BtfVariableDeclaration
  | BtfSection
  | BtfDeclarationTag
  | BtfVoid

/** Another name for a type. */
export interface BtfTypedef {
  kind: 'typedef'
  name: string
  /** The id of the type that it names. */
  to: number
}

export interface BtfQualifier {
  kind: 'const' | 'volatile' | 'restrict'
  /** The id of the type that it qualifies. */
  to: number
}

/** `__attribute__((btf_type_tag("…")))`, on what a pointer points to. */
export interface BtfTypeTag {
  kind: 'type tag'
  name: string
  /** The id of the type that it is on. */
  to: number
}

/** A type as it stands in BTF. */
export type BtfDeclaration = BtfType | BtfTypedef | BtfQualifier | BtfTypeTag

/** What a type may be. */
export type BtfKind = BtfDeclaration['kind']

/** A global variable of the object. */
export interface BtfVariable {
  name: string
  /** Its ELF section, such as `.rodata`. */
  section: string
  /** In its section, in bytes. */
  offset: number
  /** In bytes. */
  size: number
  /** The id of its type. */
  type: number
}

/** A tag that was put on a declaration. */
export interface BtfTag {
  name: string
  /** The member or parameter that it is on, counted from 0, unless it is on the whole. */
  part: number | undefined
}
