// What BTF says of a type, as the reader gives it.

/** An integer. */
export interface BtfInt {
  /** Which of the {@link BtfType | types} it is. */
  kind: 'int'
  /** Its name in C, such as `unsigned int`. */
  name: string
  /** In bytes. */
  size: number
  /** Whether it has a sign. */
  signed: boolean
  /** Whether it is C's `_Bool`. */
  bool: boolean
}

/** A name for a value. */
export interface BtfEnumerator {
  /** The name of the value. */
  name: string
  /** `bigint` in an enum of 64 bits that was declared as one of those. */
  value: number | bigint
}

/** An enum. */
export interface BtfEnum {
  /** Which of the {@link BtfType | types} it is. */
  kind: 'enum'
  /** Its name in C, empty when it has none. */
  name: string
  /** In bytes. */
  size: number
  /**
   * clang before 15 does not say it. A value whose highest bit is set then counts as a
   * negative one, unless another enum of the object shows that its compiler does.
   */
  signed: boolean
  /** Its names, in the order of their declaration. */
  values: readonly BtfEnumerator[]
}

/** A floating-point number. */
export interface BtfFloat {
  /** Which of the {@link BtfType | types} it is. */
  kind: 'float'
  /** Its name in C. */
  name: string
  /** In bytes. */
  size: number
}

/** A pointer. */
export interface BtfPointer {
  /** Which of the {@link BtfType | types} it is. */
  kind: 'pointer'
  /** In bytes. */
  size: number
  /** The id of the type that it points to, 0 for void. */
  to: number
}

/** An array. */
export interface BtfArray {
  /** Which of the {@link BtfType | types} it is. */
  kind: 'array'
  /** The id of the type of its elements. */
  element: number
  /** 0 of a flexible array. */
  count: number
}

/** A struct or union. */
export interface BtfStruct {
  /** Which of the {@link BtfType | types} it is. */
  kind: 'struct' | 'union'
  /** Its name in C, empty when it has none. */
  name: string
  /** In bytes. */
  size: number
  /** Its members, in the order of their declaration. */
  members: readonly BtfMember[]
}

/** A member of a struct or union. */
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
  /** Which of the {@link BtfType | types} it is. */
  kind: 'forward'
  /** Its name in C. */
  name: string
  /** Whether it is a union. */
  union: boolean
}

/** How a name is linked in C. */
export type BtfLinkage = 'static' | 'global' | 'extern'

/** A parameter of a function. */
export interface BtfParameter {
  /** Its name in C, empty where the declaration has none. */
  name: string
  /** The id of its type. The last one has the id 0 when there may be more. */
  type: number
}

/** What a pointer to a function points to. */
export interface BtfPrototype {
  /** Which of the {@link BtfType | types} it is. */
  kind: 'prototype'
  /** The id of the type that it returns, 0 for void. */
  returns: number
  /** What it takes, in order. */
  parameters: readonly BtfParameter[]
}

/** A function, which in the kernel's BTF is one that can be probed. */
export interface BtfFunction {
  /** Which of the {@link BtfType | types} it is. */
  kind: 'function'
  /** Its name in C. */
  name: string
  /** How its name is linked. */
  linkage: BtfLinkage
  /** The id of the type that it returns, 0 for void. */
  returns: number
  /** The last one has no type, and the id 0, when there may be more. */
  parameters: readonly BtfParameter[]
}

/** A variable as it is declared: {@link BtfVariable} says where it lies. */
export interface BtfVariableDeclaration {
  /** Which of the {@link BtfType | types} it is. */
  kind: 'variable'
  /** Its name in C. */
  name: string
  /** How its name is linked. */
  linkage: BtfLinkage
  /** The id of its type. */
  type: number
}

/** A section of the object, such as `.bss`. */
export interface BtfSection {
  /** Which of the {@link BtfType | types} it is. */
  kind: 'section'
  /** Its name in the ELF file. */
  name: string
  /** In bytes. */
  size: number
  /** Its variables and, of what is declared elsewhere, functions, by their ids. */
  contents: readonly { type: number; offset: number; size: number }[]
}

/** `__attribute__((btf_decl_tag("…")))` */
export interface BtfDeclarationTag {
  /** Which of the {@link BtfType | types} it is. */
  kind: 'declaration tag'
  /** The text of the tag. */
  name: string
  /** The id of the struct, typedef, variable or function that it is on. */
  type: number
  /** Of that the member or parameter, counted from 0, unless it is on the whole. */
  part: number | undefined
}

/** C's `void`, which has the id 0. */
export interface BtfVoid {
  /** Which of the {@link BtfType | types} it is. */
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
  /** Which of the declarations it is. */
  kind: 'typedef'
  /** Its name in C. */
  name: string
  /** The id of the type that it names. */
  to: number
}

/** A type that is `const`, `volatile` or `restrict`. */
export interface BtfQualifier {
  /** Which of the qualifiers it is. */
  kind: 'const' | 'volatile' | 'restrict'
  /** The id of the type that it qualifies. */
  to: number
}

/** `__attribute__((btf_type_tag("…")))`, on what a pointer points to. */
export interface BtfTypeTag {
  /** Which of the declarations it is. */
  kind: 'type tag'
  /** The text of the tag. */
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
  /** Its name in C. */
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
  /** The text of the tag. */
  name: string
  /** The member or parameter that it is on, counted from 0, unless it is on the whole. */
  part: number | undefined
}
