// Names and arguments come from processes that nobody trusts: a terminal must
// not obey what is in them.

// Controls, invisible format characters (such as those that reverse the text),
// line separators and halves of surrogate pairs.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** Most texts have nothing else, which is found out sooner. */
const plain = /^[\x20-\x7e]*$/

/** The text with all that is no visible character escaped, as in bash's $'…'. */
export function printable(text: string): string {
  if (plain.test(text)) return text
  return text.replace(unprintable, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16)
    if (character < '\x80') return `\\x${code.padStart(2, '0')}`
    return code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\U${code.padStart(8, '0')}`
  })
}

function stringify(value: object): string {
  try {
    return JSON.stringify(value)
  } catch {
    // Few rows have a bigint, and asking for each value of all of them is slow.
    return JSON.stringify(value, withoutBigint)
  }
}

function withoutBigint(_: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
}

/**
 * As JSON in one line that is safe for a terminal too; what a number cannot hold is
 * a text.
 */
export function printableJson(value: object): string {
  const text = stringify(value)
  if (plain.test(text)) return text
  return text.replace(unprintable, (character) =>
    character.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  )
}

/** Cuts a line to so many columns. */
export function fit(line: string, columns: number): string {
  if (plain.test(line)) return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`
  let used = 0
  let end = 0 // of what fits together with an ellipsis
  for (const character of line) {
    // Counts characters that may be wide, such as Chinese ones, as wide.
    used += (character.codePointAt(0) ?? 0) < 0x1100 ? 1 : 2
    if (used > columns) return `${line.slice(0, end)}…`
    if (used < columns) end += character.length
  }
  return line
}
