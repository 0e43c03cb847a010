// Texts come from processes that nobody trusts: a terminal must not obey what is in them.

// Controls, invisible format characters (such as those that reverse the text), line
// separators and halves of surrogate pairs.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
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

/** As JSON that is safe for a terminal too. */
export function printableJson(text: string): string {
  const json = JSON.stringify(text)
  if (plain.test(json)) return json
  return json.replace(unprintable, (character) =>
    character.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  )
}

/** How many columns a terminal takes for it; characters that may be wide count as wide. */
export function widthOf(text: string): number {
  if (plain.test(text)) return text.length
  let width = 0
  for (const character of text) width += columnsOf(character)
  return width
}

/** Ideographs, and what may be as wide; not the signs of Latin scripts, such as an ellipsis. */
function columnsOf(character: string): number {
  const code = character.codePointAt(0) ?? 0
  return code < 0x1100 || (code >= 0x2000 && code < 0x2e80) ? 1 : 2
}

/** Cuts a text to so many columns, with an ellipsis at its end. */
export function fit(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  if (plain.test(text)) return `${text.slice(0, Math.max(0, columns - 1))}…`
  let used = 0
  let end = 0
  for (const character of text) {
    used += columnsOf(character)
    if (used >= columns) break
    end += character.length
  }
  return `${text.slice(0, end)}…`
}
