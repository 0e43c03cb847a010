// Names of C in TypeScript.

/**
 * The name of a type: `exec_event` becomes `ExecEvent`. What is no letter or digit of
 * ASCII separates words.
 */
export function pascalCase(name: string): string {
  const isShouted = !/[a-z]/.test(name)
  const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  const joined = words
    .map((word) => word.charAt(0).toUpperCase() + shouted(word.slice(1), isShouted))
    .join('')
  return /^[A-Z]/.test(joined) ? joined : `T${joined}`
}

function shouted(rest: string, isShouted: boolean): string {
  return isShouted ? rest.toLowerCase() : rest
}

/** A name to be given: what it should be, and what it is called where that is taken. */
export interface Wish {
  /** Its name in C, by which wishes for one name are ordered. */
  readonly cName: string
  readonly name: string
  /** Of the kind of thing, such as `Struct`: for names that are reserved. */
  readonly suffix: string
}

/**
 * Gives each wish a name of its own: of those for the same one the first by its name in
 * C gets it, the others are numbered. Reserved ones get their suffix. The order of the
 * wishes counts only among those with the same name in C.
 */
export function assignNames(wishes: readonly Wish[], reserved: ReadonlySet<string>): string[] {
  const order = wishes.map((_, index) => index)
  const cName = (index: number): string => wishes[index]?.cName ?? ''
  order.sort((a, b) => compare(cName(a), cName(b)) || a - b)
  const taken = new Set(reserved)
  const names: string[] = []
  const others: [index: number, base: string][] = []
  for (const index of order) {
    const { name: wished, suffix } = wishes[index] as Wish
    const base = reserved.has(wished) ? `${wished}${suffix}` : wished
    if (taken.has(base)) {
      others.push([index, base])
    } else {
      taken.add(base)
      names[index] = base
    }
  }
  for (const [index, base] of others) {
    let number = 2
    while (taken.has(`${base}${String(number)}`)) number++
    const name = `${base}${String(number)}`
    taken.add(name)
    names[index] = name
  }
  return names
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** As the key of an object or the name of a property. */
export function propertyKey(name: string): string {
  // As a literal's plain key it would be the prototype.
  if (name === '__proto__') return "['__proto__']"
  return /^([A-Za-z_$][\w$]*|\d|[1-9]\d+)$/.test(name) ? name : quoted(name)
}

/** A string literal, with the quotes that need fewer escapes. */
export function quoted(text: string): string {
  const count = (quote: string): number => text.split(quote).length - 1
  const quote = count("'") > count('"') ? '"' : "'"
  const escaped = text.replace(unsafe, (character) => {
    if (character === quote || character === '\\') return `\\${character}`
    if (character === '"' || character === "'") return character
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  return quote + escaped + quote
}

// Quotes, backslashes, controls, line separators, invisible ones, halves of pairs.
const unsafe = /['"\\]|[\p{Cc}\p{Zl}\p{Zp}]|[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffd]/gu

/** As a comment may have it: on one line, and not ending it. */
export function commented(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').replaceAll('*/', '* /')
}
