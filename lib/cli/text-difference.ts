// Where two texts differ, in a few lines.

/** Of each of them. */
const mostLines = 12

/**
 * The lines from the first to the last that differ, with `-` those that are there and with
 * `+` those that should be; nothing when the texts are the same.
 */
export function differenceOfTexts(is: string, should: string): string | undefined {
  if (is === should) return undefined
  const [before, after] = [is.split('\n'), should.split('\n')]
  let start = 0
  while (start < before.length && before[start] === after[start]) start++
  let end = 0
  const shorter = Math.min(before.length, after.length) - start
  while (end < shorter && before.at(-1 - end) === after.at(-1 - end)) end++
  const shown = (sign: string, lines: readonly string[]): string[] => {
    const part = lines.slice(start, lines.length - end)
    const left = part.length - mostLines
    const rest = left > 0 ? [`${sign} … ${String(left)} more`] : []
    return [...part.slice(0, mostLines).map((line) => `${sign} ${cut(line)}`), ...rest]
  }
  return [`@@ line ${String(start + 1)}`, ...shown('-', before), ...shown('+', after)].join('\n')
}

/** An embedded object is one line. */
function cut(line: string): string {
  return line.length > 120 ? `${line.slice(0, 119)}…` : line
}
