// Where a type is read or written, in source that is compiled for it.

const arrays = ['view', 'u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'u64', 'i64'] as const

/**
 * The statement that names what a source uses of `memory`: nothing else, as V8 inlines only
 * so much code in one function, and each name takes of that.
 */
export function memoryNames(source: string): string {
  const words = new Set(source.match(/\w+/g))
  const used = arrays.filter((name) => words.has(name))
  return used.length === 0 ? '' : `const { ${used.join(', ')} } = memory`
}

/** What a type's source uses besides memory, by names that the source declares. */
export class Names {
  /** `values` of the source. */
  readonly values: unknown[] = []
  #cstrings = 0

  /** The name of a `ReadCstring` of its own. */
  cstring(): string {
    return `cstring${String(this.#cstrings++)}`
  }

  /** The name of a value, such as a function. */
  value(value: unknown): string {
    return `value${String(this.values.push(value) - 1)}`
  }

  /** Statements that declare them all: from `values`, and `cstrings`, which makes a `ReadCstring`. */
  get source(): string {
    const cstrings = Array.from(
      { length: this.#cstrings },
      (_, i) => `const cstring${String(i)} = cstrings()`,
    )
    const values = this.values.map((_, i) => `value${String(i)}`)
    return [...cstrings, `const [${values.join(', ')}] = values`].join('\n')
  }
}

/** Whether what lies at `offset` from the place's base is aligned. */
export function isAligned(
  { baseAlign }: { readonly baseAlign: number },
  offset: number,
  size: number,
): boolean {
  return baseAlign % size === 0 && offset % size === 0
}

/** The power of two that the places of all elements are multiples of. */
export function alignOfElements(baseAlign: number, offset: number, stride: number): number {
  let align = baseAlign
  while (align > 1 && (offset % align !== 0 || stride % align !== 0)) align /= 2
  return align
}
